import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/**
 * Closes a server without failing anybody (OP-P2): idle connections go at once, requests in flight are answered with
 * `Connection: close`, so that a client which keeps its connection does not hold up the end. Call before `listen`.
 */
export function prepareDrain(server: FastifyInstance): () => Promise<void> {
  // The last response of each connection. Browsers and connection pools open connections ahead, which have none, and
  // which Node takes for requests that are about to come.
  const connections = new Map<Socket, ServerResponse | undefined>()
  let isDraining = false
  server.server.on('connection', (socket: Socket) => {
    connections.set(socket, undefined)
    socket.once('close', () => connections.delete(socket))
    if (isDraining) setTimeout(() => closeUnused([socket]), lateRequestMs).unref()
  })
  server.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    connections.set(request.socket, response)
  })
  const closeUnused = (sockets: Iterable<Socket>): void => {
    for (const socket of sockets) {
      if (connections.get(socket) === undefined && socket.bytesRead === 0) socket.destroy()
    }
  }
  return async () => {
    isDraining = true
    for (const response of connections.values()) {
      if (response?.headersSent === false) response.setHeader('connection', 'close')
    }
    closeUnused(connections.keys())
    await server.close()
  }
}

/** For a request on a connection that was accepted while the server was closing. */
const lateRequestMs = 1000
