import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { runLoad } from './http-load.ts'
import { runOpenLoop } from './open-loop.ts'
import { cpuSecondsOf } from './product.ts'

/*
 * Fastify echoing the same bodies without a database, sent by the same generator over as many connections: what HTTP
 * and JSON alone allow on this machine.
 */
export interface EchoFigures {
  readonly requestsPerSecond: number
  readonly cpuMicrosPerRequest: number
}

const warmUpSeconds = 3

export function measureEcho(bodies: readonly Buffer[], connections: number, seconds: number): Promise<EchoFigures> {
  return withEcho(async (port, cpuSeconds) => {
    await runFor(warmUpSeconds, { port, bodies, connections })
    const cpu = await cpuSeconds()
    const result = await runFor(seconds, { port, bodies, connections })
    return {
      requestsPerSecond: result.requests / result.seconds,
      cpuMicrosPerRequest: (((await cpuSeconds()) - cpu) * 1e6) / result.requests,
    }
  })
}

/** What a request costs the echo, in microseconds of CPU, when so many come a second. */
export function measureEchoAtRate(bodies: readonly Buffer[], perSecond: number, seconds: number): Promise<number> {
  return withEcho(async (port, cpuSeconds) => {
    await runFor(warmUpSeconds, { port, bodies, connections: 20 })
    const cpu = await cpuSeconds()
    const count = Math.round(perSecond * seconds)
    const make = (index: number) => requestOf(bodies[index % bodies.length] ?? Buffer.alloc(0))
    await runOpenLoop({ port, perSecond, count, make })
    return (((await cpuSeconds()) - cpu) * 1e6) / count
  })
}

async function withEcho<Result>(
  work: (port: number, cpuSeconds: () => Promise<number>) => Promise<Result>,
): Promise<Result> {
  const child = fork(fileURLToPath(new URL('./echo-server.ts', import.meta.url)))
  try {
    const [port] = await once(child, 'message')
    return await work(port, () => cpuSecondsOf(child.pid ?? 0))
  } finally {
    child.disconnect()
  }
}

interface EchoLoad {
  readonly port: number
  readonly bodies: readonly Buffer[]
  readonly connections: number
}

function runFor(seconds: number, { port, bodies, connections }: EchoLoad) {
  const until = performance.now() + seconds * 1000
  let sent = 0
  return runLoad({
    host: '127.0.0.1',
    port,
    connections,
    next: () => {
      const body = bodies[sent++ % bodies.length]
      return body === undefined || performance.now() >= until ? undefined : requestOf(body)
    },
  })
}

function requestOf(body: Buffer) {
  return {
    path: '/record_responses',
    body,
    answered: (status: number, echo: Buffer) => check(status, echo, body),
  }
}

function check(status: number, echo: Buffer, body: Buffer): void {
  if (status !== 200 || echo.length !== body.length)
    throw new Error(`the echo answered ${status}, ${echo.length} bytes`)
}
