import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * Closes a server without failing anybody (OP-P2): idle connections go at once, requests in flight are answered with
 * `Connection: close`, so that a client which keeps its connection does not hold up the end. Call before `listen`.
 */
export function prepareDrain(server: FastifyInstance): () => Promise<void> {
  const inFlight = new Set<ServerResponse>()
  server.server.on('request', (_request, response: ServerResponse) => {
    inFlight.add(response)
    response.once('close', () => inFlight.delete(response))
  })
  return async () => {
    for (const response of inFlight) if (!response.headersSent) response.setHeader('connection', 'close')
    await server.close()
  }
}
