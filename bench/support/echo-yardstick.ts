import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { runLoad } from './http-load.ts'
import { cpuSecondsOf } from './product.ts'

/*
 * Fastify echoing the same bodies without a database, sent by the same generator over as many connections: what HTTP
 * and JSON alone allow on this machine.
 */
export interface EchoFigures {
  readonly requestsPerSecond: number
  readonly cpuMicrosPerRequest: number
}

const warmUpSeconds = 1

export async function measureEcho(
  bodies: readonly Buffer[],
  connections: number,
  seconds: number,
): Promise<EchoFigures> {
  const child = fork(fileURLToPath(new URL('./echo-server.ts', import.meta.url)))
  try {
    const [port] = await once(child, 'message')
    const run = (runSeconds: number) => {
      const until = performance.now() + runSeconds * 1000
      let sent = 0
      return runLoad({
        host: '127.0.0.1',
        port,
        connections,
        next: () => {
          const body = bodies[sent++ % bodies.length]
          if (body === undefined || performance.now() >= until) return undefined
          return { path: '/record_responses', body, answered: (status, echo) => check(status, echo, body) }
        },
      })
    }
    await run(warmUpSeconds)
    const cpu = await cpuSecondsOf(child.pid ?? 0)
    const result = await run(seconds)
    const used = (await cpuSecondsOf(child.pid ?? 0)) - cpu
    return {
      requestsPerSecond: result.requests / result.seconds,
      cpuMicrosPerRequest: (used * 1e6) / result.requests,
    }
  } finally {
    child.disconnect()
  }
}

function check(status: number, echo: Buffer, body: Buffer): void {
  if (status !== 200 || echo.length !== body.length)
    throw new Error(`the echo answered ${status}, ${echo.length} bytes`)
}
