/**
 * Text in UTF-8 that is written once, from its beginning, into a buffer of known size: an answer of a thousand events
 * is put together without a string of each, and goes to the socket as it is. What does not fit is a `RangeError`.
 */
export class TextBuffer {
  readonly bytes: Buffer
  readonly view: DataView
  /** Written so far. */
  end = 0

  constructor(bytesMax: number) {
    this.bytes = Buffer.allocUnsafe(bytesMax)
    this.view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength)
  }

  ascii(text: string): void {
    this.#advance(this.bytes.write(text, this.end, 'latin1'), text.length)
  }

  utf8(text: string): void {
    this.#advance(this.bytes.write(text, this.end, 'utf8'), Buffer.byteLength(text))
  }

  /** UTF-8 given by its hexadecimal digits. */
  hex(digits: string): void {
    this.#advance(this.bytes.write(digits, this.end, 'hex'), digits.length / 2)
  }

  /** What was written, without a copy. */
  written(): Buffer {
    return this.bytes.subarray(0, this.end)
  }

  /** `write` stops silently at the end of the buffer. */
  #advance(written: number, wanted: number): void {
    if (written !== wanted) throw new RangeError(`${wanted} bytes do not fit into the last ${written}`)
    this.end += written
  }
}
