import { Agent, request } from 'node:http'

/*
 * Requests at a fixed rate, whatever becomes of the ones before: what a server that falls behind does to its clients
 * shows. Latency counts from the moment a request was due, so a late generator makes figures worse, never better.
 */
export interface OpenLoopOptions {
  readonly port: number
  readonly perSecond: number
  readonly count: number
  /** The `index`-th request, made when it is due. */
  make(index: number): OpenLoopRequest
}

export interface OpenLoopRequest {
  readonly path: string
  /** JSON text, or what it is made of. */
  readonly body: unknown
  answered(status: number, body: Buffer): void
}

export interface OpenLoopResult {
  readonly seconds: number
  /** Milliseconds, by index. */
  readonly latencies: Float64Array
  readonly inFlightMax: number
}

export async function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  const { port, perSecond, count } = options
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const latencies = new Float64Array(count)
  const all: Promise<void>[] = []
  const started = performance.now()
  let inFlight = 0
  let inFlightMax = 0
  let failure: { readonly error: unknown } | undefined
  const fail = (error: unknown): void => {
    failure = failure ?? { error }
  }
  async function send(index: number): Promise<void> {
    const { path, body, answered } = options.make(index)
    inFlight += 1
    inFlightMax = Math.max(inFlightMax, inFlight)
    const text = Buffer.isBuffer(body) ? body : JSON.stringify(body)
    const answer = await exchange(agent, { port, path, body: text })
    latencies[index] = performance.now() - (started + (index * 1000) / perSecond)
    inFlight -= 1
    answered(answer.status, answer.body)
  }
  while (all.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - started) * perSecond) / 1000) + 1)
    while (all.length < due) all.push(send(all.length).catch(fail))
    if (failure !== undefined) break
    await new Promise((done) => setTimeout(done, 1))
  }
  await Promise.all(all)
  agent.destroy()
  if (failure !== undefined) throw failure.error
  return { seconds: (performance.now() - started) / 1000, latencies, inFlightMax }
}

export interface Exchange {
  readonly port: number
  readonly path: string
  readonly body: string | Buffer
  /** Silence for so long is an error; for ever when absent. */
  readonly silenceMsMax?: number
}

export function exchange(
  agent: Agent,
  { port, path, body, silenceMsMax }: Exchange,
): Promise<{ status: number; body: Buffer }> {
  return new Promise((done, failed) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const outgoing = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, (incoming) => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', failed)
      incoming.on('end', () => done({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks) }))
    })
    outgoing.on('error', failed)
    if (silenceMsMax !== undefined) outgoing.setTimeout(silenceMsMax, () => outgoing.destroy(new Error('no answer')))
    outgoing.end(body)
  })
}
