import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import { inHandOverOrder, partsWithHandOvers } from './hand-over.ts'
import { endsOf, type SlotBatch } from './pass.ts'
import { newStream } from './test-lanes.ts'

const token = toUuid('00000000-0000-4000-8000-000000000000')

function entryOf(lane: number, position: bigint, stream: Uuid, number: number, waitsFor?: LaneEntry): LaneEntry {
  const event = { kind: 'course', stream, number, eventUuid: token, type: 'no_op', data: {} } as const
  const events = [{ ...event, recordedAt: new Date(0) }]
  const waits = waitsFor === undefined ? {} : { waitsFor: { lane: waitsFor.lane, position: waitsFor.position } }
  return { part: 3, lane, position, events, ...waits }
}

function batchOf(from: bigint, ...entries: LaneEntry[]): SlotBatch {
  return { grant: { part: 3, lane: entries[0]?.lane ?? 0, token, epoch: 1n, position: from, shares: 1 }, from, entries }
}

test('what a run waits for may be among what is in hand, and then comes first', () => {
  const hot = newStream()
  const shared = entryOf(0, 1n, hot, 0)
  const own = entryOf(1, 1n, hot, 1, shared)
  const back = entryOf(0, 2n, hot, 2, own)
  const { entries, early } = inHandOverOrder([batchOf(0n, own), batchOf(0n, shared, back)], new Map())
  assert.deepEqual(
    entries.map(({ events }) => events[0]?.number),
    [0, 1, 2],
  )
  assert.deepEqual(early, [])
})

test('a lane of its own stops where the other lane is not as far; the shared one goes on past it', () => {
  const [hot, good] = [newStream(), newStream()]
  const elsewhere = entryOf(2, 5n, hot, 0)
  const own = batchOf(0n, entryOf(1, 1n, good, 0), entryOf(1, 2n, hot, 1, elsewhere), entryOf(1, 3n, good, 1))
  const shared = batchOf(0n, entryOf(0, 1n, hot, 1, elsewhere), entryOf(0, 2n, good, 0))
  const stopped = inHandOverOrder([own], new Map([['3/2', 4n]]))
  assert.deepEqual([stopped.batches[0]?.entries.length, stopped.early], [1, []])
  assert.equal(inHandOverOrder([own], new Map([['3/2', 5n]])).batches[0]?.entries.length, 3)
  const passed = inHandOverOrder([shared], new Map())
  assert.deepEqual([passed.batches[0]?.entries.length, passed.early], [2, shared.entries.slice(0, 1)])
  assert.deepEqual(partsWithHandOvers(shared.entries), [3])
})

test('what several lanes pass over of a stream is owed to its highest number, whichever lane is looked at last', () => {
  const hot = newStream()
  assert.deepEqual(endsOf([entryOf(0, 9n, hot, 23), entryOf(1, 4n, hot, 14)]), [
    { part: 3, stream: hot, untilNumber: 24 },
  ])
})
