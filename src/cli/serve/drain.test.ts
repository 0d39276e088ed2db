import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import Fastify from 'fastify'
import { prepareDrain } from './drain.ts'

test('a connection that was opened and never used does not hold up the end', { timeout: 20_000 }, async (context) => {
  const server = Fastify({ forceCloseConnections: 'idle' })
  const answer = Promise.withResolvers<string>()
  server.get('/', () => answer.promise)
  const drain = prepareDrain(server)
  const url = new URL(await server.listen({ host: '127.0.0.1', port: 0 }))
  const unused = connect(Number(url.port), url.hostname)
  // So that a failure ends here, and not with the connection.
  context.after(() => server.server.closeAllConnections())
  await once(unused, 'connect')
  const asked = fetch(url)
  await once(server.server, 'request')
  const closed = once(unused, 'close')
  const drained = drain()
  await closed
  answer.resolve('in flight')
  const response = await asked
  assert.equal(await response.text(), 'in flight')
  assert.equal(response.headers.get('connection'), 'close')
  await drained
})
