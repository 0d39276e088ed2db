import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseMoves, type MeasuredStream, ownLanesMax, rateAfter, type StreamRate } from './lane-policy.ts'
import { courseOf } from './sample-events.ts'

function measured(name: string, rate: Partial<MeasuredStream> = {}): MeasuredStream {
  const quiet = { eventsPerSecond: 0, busyWindows: 0, quietSeconds: 0 }
  return { part: 1, stream: courseOf(name), lane: 0, policy: 'auto', ...quiet, ...rate }
}

/** The rate after windows of 20 s with so many events a second, in a part with as many more. */
function after(rates: readonly number[], others: number): StreamRate | undefined {
  return rates.reduce<StreamRate | undefined>((before, rate) => {
    return rateAfter(before, { events: rate * 20, partEvents: (rate + others) * 20, seconds: 20 })
  }, undefined)
}

const lanesWanted = (stream: MeasuredStream): string[] => chooseMoves([stream], 9).map(({ to }) => to)

test('a busy stream gets a lane after three windows, not before', () => {
  assert.deepEqual(lanesWanted(measured('a', after([60, 60], 1000))), [])
  assert.deepEqual(lanesWanted(measured('a', after([60, 60, 60], 1000))), ['dedicated'])
  assert.deepEqual(
    lanesWanted(measured('a', after([45, 45, 45, 45, 45], 1000))),
    [],
    'neither much nor much of its part',
  )
  assert.deepEqual(lanesWanted(measured('a', after([15, 15, 15], 30))), ['dedicated'], 'a third of its part')
  assert.deepEqual(lanesWanted(measured('a', after([15, 15, 15], 60))), [], 'a fifth of its part')
  assert.deepEqual(lanesWanted(measured('a', after([9, 9, 9, 9], 0))), [], 'all of its part, but little')
})

test('a burst moves nothing, and a pause gives no lane back', () => {
  assert.deepEqual(lanesWanted(measured('a', after([200, 0, 0, 0, 0, 0, 0, 0], 100))), [])
  assert.deepEqual(
    lanesWanted(measured('a', { lane: 3, ...after([...Array(9).fill(100), ...Array(80).fill(0)], 100) })),
    [],
  )
})

test('after half an hour of quiet the lane is given back; one event a while does not keep it', () => {
  assert.deepEqual(lanesWanted(measured('a', { lane: 3, ...after(Array(90).fill(2), 100) })), ['shared'])
  assert.deepEqual(lanesWanted(measured('a', { lane: 3, ...after([...Array(89).fill(2), 60], 100) })), [])
})

test('what somebody decided stays, whatever the rate', () => {
  const busy = after(Array(9).fill(500), 0)
  assert.deepEqual(lanesWanted(measured('a', { ...busy, policy: 'shared' })), [])
  assert.deepEqual(lanesWanted(measured('a', { ...busy, policy: 'shared', lane: 2 })), ['shared'])
  assert.deepEqual(lanesWanted(measured('a', { policy: 'dedicated' })), ['dedicated'])
  assert.deepEqual(lanesWanted(measured('a', { policy: 'dedicated', lane: 2, quietSeconds: 1e6 })), [])
})

test('moves are limited: decisions first, then the busiest, and never more lanes in a part than may be', () => {
  const busy = (name: string, eventsPerSecond: number) => measured(name, { eventsPerSecond, busyWindows: 9 })
  const wanted = measured('decided', { policy: 'dedicated' })
  const moves = chooseMoves([busy('a', 100), busy('b', 300), wanted, busy('c', 200)], 2)
  assert.deepEqual(
    moves.map(({ stream }) => stream),
    [wanted.stream, courseOf('b')],
  )
  const full = Array.from({ length: ownLanesMax }, (_, index) => measured(`full ${index}`, { lane: index + 1 }))
  assert.deepEqual(chooseMoves([...full, busy('a', 100)], 9), [])
  const leaving = full.map((stream, index) => (index === 0 ? { ...stream, policy: 'shared' as const } : stream))
  assert.deepEqual(
    chooseMoves([...leaving, busy('a', 100)], 9).map(({ to }) => to),
    ['shared', 'dedicated'],
  )
})
