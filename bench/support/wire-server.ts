import Fastify, { type FastifyInstance } from 'fastify'
import Type from 'typebox'
import { wireEndpoints } from '#api/endpoints.ts'
import { createMetrics } from '#api/metrics.ts'
import { createMemoryPorts, testConfig } from '#api/testing/memory-ports.ts'
import { registerWire } from '#api/wire.ts'
import { responseRecorded } from '#api/wire-events.ts'

/*
 * One process for bench/http.ts: the wire over streams in memory. `record_responses` is the product's own route
 * (checked), the same with a schema that takes anything (unchecked), or what one would write with Fastify (plain).
 */
const variant = process.argv[2] ?? ''
const ports = createMemoryPorts()
const server = Fastify({ logger: false, keepAliveTimeout: 72_000 })
server.decorateRequest('arrivedAt', 0)

if (variant === 'plain') {
  server.post<{ Body: { responses: Parameters<typeof responseRecorded>[0][] } }>(
    '/record_responses',
    async ({ body: { responses } }) => {
      await ports.log.append(responses.map(responseRecorded))
      return { recorded_response_uuids: responses.map(({ response_uuid: uuid }) => uuid) }
    },
  )
}
await server.register(async (scope: FastifyInstance) => {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  const endpoints = wireEndpoints.flatMap((endpoint) => {
    if (endpoint.name !== 'record_responses' || variant === 'checked') return [endpoint]
    return variant === 'unchecked' ? [{ ...endpoint, request: Type.Any() }] : []
  })
  registerWire(scope, { endpoints, ports, config: testConfig(), metrics: createMetrics() })
})
await server.listen({ port: 0, host: '127.0.0.1' })
const address = server.server.address()
process.send?.(typeof address === 'object' ? address?.port : undefined)
process.on('disconnect', () => process.exit(0))
