/** Lines that stay, and on a terminal one line below them that says what is being done now. */
export interface Status {
  line(text: string): void
  now(text: string): void
}

const redrawMs = 100
const clearLine = '\r\u001b[K'

export function terminalStatus(stream: NodeJS.WriteStream): Status {
  let drawnMs = Number.NEGATIVE_INFINITY
  let isDrawn = false
  return {
    line(text) {
      stream.write(`${isDrawn ? clearLine : ''}${text}\n`)
      isDrawn = false
    },
    now(text) {
      if (!stream.isTTY || performance.now() < drawnMs + redrawMs) return
      stream.write(clearLine + text.slice(0, stream.columns - 1))
      drawnMs = performance.now()
      isDrawn = true
    },
  }
}
