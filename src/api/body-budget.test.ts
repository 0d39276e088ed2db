import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { countedBody, countedFromBytes, createBodyBudget, NoRoomForBody } from './body-budget.ts'

test('bodies beyond the budget wait outside until others are done', () => {
  const bodies = createBodyBudget(100)
  assert.equal(bodies.reserve(60), true)
  assert.equal(bodies.reserve(60), false)
  assert.equal(bodies.reserve(40), true)
  bodies.release(60)
  assert.equal(bodies.reserve(60), true)
})

test('one body is always let in', () => {
  const bodies = createBodyBudget(100)
  assert.equal(bodies.reserve(500), true)
  assert.equal(bodies.reserve(1), false)
  bodies.release(500)
  assert.equal(bodies.reserve(500), true)
})

test('a body of unknown length is counted as it comes, and fails where the room ends', async () => {
  const budget = createBodyBudget(3 * countedFromBytes)
  const [first, second] = [new PassThrough(), new PassThrough()]
  const [one, other] = [countedBody(first, budget), countedBody(second, budget)]
  const piece = Buffer.alloc(countedFromBytes)
  let bytes = 0
  one.body.on('data', (read: Buffer) => {
    bytes += read.length
  })
  first.write(piece)
  first.end(piece)
  await once(one.body, 'end')
  assert.equal(bytes, 2 * piece.length, 'what there is room for comes through whole')
  const failed = once(other.body.resume(), 'error')
  second.write(piece)
  second.write(piece)
  assert.ok((await failed)[0] instanceof NoRoomForBody)
  other.release()
  one.release()
  assert.deepEqual([budget.reserve(1), budget.reserve(3 * countedFromBytes - 1)], [true, true])
})
