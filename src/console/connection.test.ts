import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { ConnectionState, keepToken, readToken } from './connection.ts'

/** The browser's storage of one tab, which Node does not have. */
before(() => {
  const kept = new Map<string, string>()
  const sessionStorage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
  }
  Object.assign(globalThis, { sessionStorage })
})

const answerOf = (instance: string, date = new Date()): Response =>
  new Response('{}', { headers: { 'biglearn-instance': instance, date: date.toUTCString() } })

test('a line that was lost comes back to the same server or to a restarted one', () => {
  const line = new ConnectionState()
  assert.equal(line.current.state, 'connecting')
  line.answered(answerOf('a'))
  assert.deepEqual([line.current.state, line.current.cameBack], ['live', undefined])
  line.lost()
  assert.equal(line.current.state, 'lost')
  line.answered(answerOf('a'))
  assert.deepEqual([line.current.state, line.current.cameBack], ['live', 'same'])
  line.lost()
  line.answered(answerOf('b'))
  assert.equal(line.current.cameBack, 'restarted')
})

test('another process behind a load balancer is no restart', () => {
  const line = new ConnectionState()
  line.answered(answerOf('a'))
  line.answered(answerOf('b'))
  assert.deepEqual([line.current.state, line.current.cameBack], ['live', undefined])
})

test('a server that was never reached did not restart', () => {
  const line = new ConnectionState()
  line.lost()
  line.answered(answerOf('a'))
  assert.deepEqual([line.current.state, line.current.cameBack], ['live', undefined])
})

test('listeners hear changes of state and nothing in between', () => {
  const line = new ConnectionState()
  let heard = 0
  const stop = line.subscribe(() => heard++)
  line.answered(answerOf('a'))
  line.answered(answerOf('a'))
  line.lost()
  line.lost()
  assert.equal(heard, 2)
  stop()
  line.answered(answerOf('a'))
  assert.equal(heard, 2)
})

test('a refused request locks; a token that was given and refused is told apart from none', () => {
  const line = new ConnectionState()
  line.locked()
  assert.deepEqual([line.current.state, line.current.isRefused], ['locked', false])
  keepToken('wrong')
  assert.equal(readToken(), 'wrong')
  line.unlock()
  assert.equal(line.current.state, 'connecting')
  line.locked()
  assert.equal(line.current.isRefused, true)
})

test('ages follow the server’s clock once it differs by more than its header can say', () => {
  const line = new ConnectionState()
  line.answered(answerOf('a', new Date(Date.now() + 500)))
  assert.ok(Math.abs(line.serverNow() - Date.now()) < 50)
  line.answered(answerOf('a', new Date(Date.now() + 3_600_000)))
  assert.ok(Math.abs(line.serverNow() - Date.now() - 3_600_000) < 1_500)
})
