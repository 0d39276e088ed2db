import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineFlags, readQuota, serve, startServing, takeIn } from './serving-order.ts'

const event = (number: number, bytes = 10) => ({ number, bytes })
const budget = { eventsMax: 100, bytesMax: 1000 }

test('a line must be read when its turn comes, not before', () => {
  const serving = startServing(
    [
      { from: 0, end: 2 },
      { from: 0, end: 1 },
    ],
    budget,
  )
  const [first, second] = serving.lines
  assert.ok(first && second)
  assert.equal(serve(serving), true)
  takeIn(first, [event(0), event(1)])
  assert.equal(serve(serving), true)
  assert.deepEqual([first.served.length, second.served.length], [1, 0])
  takeIn(second, [event(0)])
  assert.equal(serve(serving), false)
  assert.deepEqual([first.served.length, second.served.length], [2, 1])
})

test('events beyond the end, appended after the request arrived, are not served', () => {
  const serving = startServing([{ from: 3, end: 4 }], budget)
  const [line] = serving.lines
  assert.ok(line)
  takeIn(line, [event(3), event(4)])
  assert.equal(serve(serving), false)
  assert.deepEqual(
    line.served.map(({ number }) => number),
    [3],
  )
})

test('the bytes served stay strictly below the budget', () => {
  const serving = startServing([{ from: 0, end: 3 }], { eventsMax: 10, bytesMax: 30 })
  const [line] = serving.lines
  assert.ok(line)
  takeIn(line, [event(0), event(1), event(2)])
  serve(serving)
  assert.equal(line.served.length, 2)
  assert.equal(serving.isSpent, true)
})

test('once an event does not fit, nothing after it is served, however small', () => {
  const serving = startServing(
    [
      { from: 0, end: 2 },
      { from: 0, end: 2 },
    ],
    { eventsMax: 10, bytesMax: 100 },
  )
  const [first, second] = serving.lines
  assert.ok(first && second)
  takeIn(first, [event(0), event(1, 500)])
  takeIn(second, [event(0), event(1, 1)])
  serve(serving)
  assert.deepEqual([first.served.length, second.served.length], [1, 1])
})

test('the quota of a read is an equal share of what is left', () => {
  const serving = startServing(
    [
      { from: 0, end: 9 },
      { from: 0, end: 9 },
      { from: 9, end: 9 },
    ],
    { eventsMax: 5, bytesMax: 100 },
  )
  assert.equal(readQuota(serving), 3)
})

test('no lines are served at once', () => {
  assert.equal(serve(startServing([], budget)), false)
})

test('a gap is reported only when the gap itself stopped the line', () => {
  const gap = { hasMore: false, isAwaited: true, isServedOut: true }
  assert.deepEqual(lineFlags(gap), { isGap: true, isEnd: false })
  assert.deepEqual(lineFlags({ ...gap, isServedOut: false }), { isGap: false, isEnd: false })
  assert.deepEqual(lineFlags({ ...gap, hasMore: true }), { isGap: false, isEnd: false })
  assert.deepEqual(lineFlags({ hasMore: false, isAwaited: false, isServedOut: false }), { isGap: false, isEnd: true })
})
