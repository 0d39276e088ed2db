import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LaneEntry } from '#log/log.ts'
import { chunkBatches } from './batches.ts'
import type { SlotBatch } from './pass.ts'
import { newStream, TestLanes } from './test-lanes.ts'

function batchOf(part: number, from: bigint, sizes: readonly number[]): SlotBatch {
  const template = new TestLanes(1).add(newStream(), 1)
  const entries = sizes.map((size, index): LaneEntry => {
    const events = Array.from({ length: size }, () => template.events).flat()
    return { part, lane: 0, position: from + BigInt(index + 1), events }
  })
  const token = newStream()
  return { grant: { part, lane: 0, token, shares: 1, epoch: 1n, position: from }, from, entries }
}

test('chunks hold every entry once, in order, each chunk starting where the one before ended', () => {
  const lanes = fc.array(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 }), { maxLength: 8 })
  fc.assert(
    fc.property(lanes, fc.integer({ min: 1, max: 30 }), (sizes, eventsMax) => {
      const batches = sizes.map((lane, part) => batchOf(part, BigInt(part), lane))
      const position = new Map(batches.map((batch) => [batch.grant.part, batch.from]))
      for (const chunk of chunkBatches(batches, eventsMax)) {
        const events = chunk.flatMap((batch) => batch.entries).reduce((sum, entry) => sum + entry.events.length, 0)
        const entries = chunk.reduce((sum, batch) => sum + batch.entries.length, 0)
        assert.ok(events <= eventsMax || entries === 1)
        for (const batch of chunk) {
          assert.equal(batch.from, position.get(batch.grant.part))
          assert.equal(batch.entries[0]?.position, batch.from + 1n)
          position.set(batch.grant.part, batch.entries.at(-1)?.position ?? batch.from)
        }
      }
      for (const batch of batches) {
        assert.equal(position.get(batch.grant.part), batch.entries.at(-1)?.position ?? batch.from)
      }
    }),
  )
})

test('lanes with little come before a lane with a long backlog', () => {
  const chunks = chunkBatches([batchOf(0, 0n, Array(50).fill(10)), batchOf(1, 0n, [1]), batchOf(2, 0n, [2])], 100)
  assert.deepEqual(
    chunks[0]?.map((batch) => batch.grant.part),
    [1, 2, 0],
  )
})
