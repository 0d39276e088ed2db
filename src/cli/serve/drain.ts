import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Closes a server without failing anybody (OP-P2): idle connections go at once, requests in flight are answered with
 * `Connection: close`, so that a client which keeps its connection does not hold up the end. Call before `listen`.
 */
export function prepareDrain(server: FastifyInstance): () => Promise<void> {
  const inFlight = new Set<ServerResponse>()
  // Browsers and connection pools open connections ahead. Node takes those for requests that are about to come.
  const unused = new Set<Socket>()
  let isDraining = false
  server.server.on('connection', (socket: Socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
    if (isDraining) setTimeout(() => closeUnused([socket]), lateRequestMs).unref()
  })
  server.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    unused.delete(request.socket)
    inFlight.add(response)
    response.once('close', () => inFlight.delete(response))
  })
  const closeUnused = (sockets: Iterable<Socket>): void => {
    for (const socket of sockets) if (unused.has(socket) && socket.bytesRead === 0) socket.destroy()
  }
  return async () => {
    isDraining = true
    for (const response of inFlight) if (!response.headersSent) response.setHeader('connection', 'close')
    closeUnused(unused)
    await server.close()
  }
}

/** For a request on a connection that was accepted while the server was closing. */
const lateRequestMs = 1000
