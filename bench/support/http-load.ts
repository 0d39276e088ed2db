import { connect, type Socket } from 'node:net'

/*
 * The load generator of every benchmark: closed loop, one request in flight a connection, keep-alive, written straight
 * to sockets so that the two cores measure the server and not its client. Bodies are made ahead of the write that sends
 * them; an answer is checked by its status line and kept only when somebody wants it.
 */
export interface LoadRequest {
  readonly path: string
  readonly body: Buffer
  /** Called with the status and the body once answered. */
  answered(status: number, body: Buffer): void
}

export interface LoadOptions {
  readonly host: string
  /** Of several, connections take one after the other. */
  readonly port: number | readonly number[]
  readonly connections: number
  /** Next request of a connection; `undefined` ends it. */
  next(connection: number): LoadRequest | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export interface LoadResult {
  readonly requests: number
  readonly seconds: number
  /** Milliseconds, in order of arrival. */
  readonly latencies: Float64Array
  /** CPU seconds of the generator itself. */
  readonly generatorCpuSeconds: number
}

const headEnd = Buffer.from('\r\n\r\n')

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = []
  const cpu = process.cpuUsage()
  const started = performance.now()
  const all = Array.from({ length: options.connections }, (_, index) => runConnection(options, index, latencies))
  await Promise.all(all)
  const seconds = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  return {
    requests: latencies.length,
    seconds,
    latencies: Float64Array.from(latencies),
    generatorCpuSeconds: (used.user + used.system) / 1e6,
  }
}

function runConnection(options: LoadOptions, index: number, latencies: number[]): Promise<void> {
  return new Promise((done, failed) => {
    const { host } = options
    const socket = connect({ host, port: portOf(options, index), noDelay: true })
    const parser = createParser()
    let current: LoadRequest | undefined
    let sentAt = 0
    const send = (): void => {
      current = options.next(index)
      if (current === undefined) {
        socket.end()
        done()
        return
      }
      sentAt = performance.now()
      writeRequest(socket, options, current)
    }
    socket.on('connect', send)
    socket.on('error', failed)
    socket.on('close', () => (current === undefined ? done() : failed(new Error('the server closed a connection'))))
    socket.on('data', (chunk: Buffer) => {
      const answer = parser(chunk)
      if (answer === undefined) return
      latencies.push(performance.now() - sentAt)
      current?.answered(answer.status, answer.body)
      send()
    })
  })
}

function portOf({ port }: LoadOptions, connection: number): number {
  return typeof port === 'number' ? port : (port[connection % port.length] ?? 0)
}

function writeRequest(socket: Socket, options: LoadOptions, request: LoadRequest): void {
  const extra = Object.entries(options.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST ${request.path} HTTP/1.1\r\nHost: ${options.host}\r\nContent-Type: application/json\r\n${extra.join('')}Content-Length: ${request.body.length}\r\n\r\n`
  socket.cork()
  socket.write(head, 'latin1')
  socket.write(request.body)
  socket.uncork()
}

interface Answer {
  readonly status: number
  readonly body: Buffer
}

/** One answer at a time, with a Content-Length (the server always sends one for JSON); joined once it is whole. */
function createParser(): (chunk: Buffer) => Answer | undefined {
  let chunks: Buffer[] = []
  let received = 0
  let head: { readonly status: number; readonly length: number; readonly end: number } | undefined
  return (chunk) => {
    chunks.push(chunk)
    received += chunk.length
    if (head === undefined) {
      chunks = [joined(chunks)]
      head = parseHead(chunks[0] ?? chunk)
    }
    if (head === undefined || received < head.end) return undefined
    const { status, length, end } = head
    const all = joined(chunks)
    const rest = all.subarray(end)
    chunks = rest.length === 0 ? [] : [rest]
    received = rest.length
    head = undefined
    return { status, body: all.subarray(end - length, end) }
  }
}

function joined(chunks: readonly Buffer[]): Buffer {
  const [only] = chunks
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks)
}

function parseHead(bytes: Buffer): { status: number; length: number; end: number } | undefined {
  const headLength = bytes.indexOf(headEnd) + headEnd.length
  if (headLength < headEnd.length) return undefined
  const head = bytes.toString('latin1', 0, headLength)
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
  if (Number.isNaN(length)) throw new Error(`an answer without Content-Length: ${head.slice(0, 200)}`)
  return { status: Number(head.slice(9, 12)), length, end: headLength + length }
}
