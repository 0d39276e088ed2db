import Fastify from 'fastify'

/* The yardstick for small requests: Fastify reads the same JSON and sends it back, without checks and a database. */
const server = Fastify({ logger: false, keepAliveTimeout: 72_000 })
server.post('/record_responses', async (request) => request.body)
await server.listen({ port: 0, host: '127.0.0.1' })
const address = server.server.address()
process.send?.(typeof address === 'object' ? address?.port : undefined)
process.on('disconnect', () => process.exit(0))
