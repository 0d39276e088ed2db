import type { FastifyInstance } from 'fastify'
import type { VersionInfo } from './config.ts'
import type { ApiMetrics } from './metrics.ts'
import type { Readiness } from './ports.ts'
import { jsonType } from './replies.ts'

/*
 * The four paths a supervisor asks (OP-P1). They need no token, hold no secrets, and `/livez` touches nothing but the
 * event loop.
 */
export interface OperationalSetup {
  readonly readiness: Readiness
  readonly version: VersionInfo
  readonly metrics: ApiMetrics
}

const turnAgeMaxMs = 10_000

export function registerOperational(server: FastifyInstance, { readiness, version, metrics }: OperationalSetup): void {
  const loop = watchEventLoop()
  server.addHook('onClose', async () => loop.stop())

  server.get('/livez', async (_request, reply) => {
    const ok = loop.ageMs() < turnAgeMaxMs
    return reply
      .code(ok ? 200 : 503)
      .header('content-type', jsonType)
      .send(JSON.stringify({ ok }))
  })
  server.get<{ Querystring: Record<string, unknown> }>('/readyz', async (request, reply) => {
    const { ready, checks } = await readiness.check()
    const failing = Object.entries(checks).flatMap(([name, { ok }]) => (ok ? [] : [name]))
    const body = 'verbose' in request.query ? checks : { ready, failing }
    if (!ready) void reply.header('retry-after', '1')
    return reply
      .code(ready ? 200 : 503)
      .header('content-type', jsonType)
      .send(JSON.stringify(body))
  })
  server.get('/version', async (_request, reply) => {
    return reply.header('content-type', jsonType).send(JSON.stringify(versionBody(version)))
  })
  server.get('/metrics', async (_request, reply) => {
    const text = await metrics.registry.metrics()
    return reply.header('content-type', metrics.registry.contentType).send(text)
  })
}

function versionBody(version: VersionInfo): object {
  return {
    build: version.build,
    commit: version.commit,
    started_at: version.startedAt.toISOString(),
    schema_min: version.schemaMin,
    schema_max: version.schemaMax,
    schema_seen: version.schemaSeen ?? null,
    group: version.group,
  }
}

/** The age of the last turn of the event loop, seen from a timer. */
function watchEventLoop(): { ageMs(): number; stop(): void } {
  let lastTurn = performance.now()
  const timer = setInterval(() => {
    lastTurn = performance.now()
  }, 1000)
  timer.unref()
  return { ageMs: () => performance.now() - lastTurn, stop: () => clearInterval(timer) }
}
