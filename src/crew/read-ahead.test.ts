import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LaneCursor } from '#log/log.ts'
import { ReadAhead } from './read-ahead.ts'
import { newStream, TestLanes } from './test-lanes.ts'

function lanesOf(entries: number): TestLanes {
  const lanes = new TestLanes(1)
  const stream = newStream()
  for (let index = 0; index < entries; index += 1) lanes.add(stream)
  return lanes
}

const at = (after: bigint): LaneCursor => ({ part: 0, lane: 0, after })

async function positions(reader: ReadAhead, after: bigint, runsMax: number): Promise<bigint[]> {
  return ((await reader.read([at(after)], runsMax)).entries.get('0/0') ?? []).map((entry) => entry.position)
}

test('a full answer is followed by what comes after it, without asking again', async () => {
  const lanes = lanesOf(5)
  const reader = new ReadAhead(lanes)
  assert.deepEqual(await positions(reader, 0n, 2), [1n, 2n])
  assert.equal(lanes.reads, 2, 'the second one is under way already')
  assert.deepEqual(await positions(reader, 2n, 2), [3n, 4n])
  assert.equal(lanes.reads, 3)
  assert.deepEqual(await positions(reader, 4n, 2), [5n])
  assert.equal(lanes.reads, 3, 'the last answer was not full')
})

test('what was read ahead of another position is not used, nor what was forgotten', async () => {
  const reader = new ReadAhead(lanesOf(6))
  await positions(reader, 0n, 2)
  assert.deepEqual(await positions(reader, 1n, 2), [2n, 3n], 'reset to 1 meanwhile')
  reader.forget()
  assert.deepEqual(await positions(reader, 3n, 2), [4n, 5n])
})

test('a failure of what was read ahead is the failure of the read that needs it', async () => {
  const lanes = lanesOf(4)
  let isDown = false
  const reader = new ReadAhead({
    readLanes: (cursors, runsMax) => (isDown ? Promise.reject(new Error('down')) : lanes.readLanes(cursors, runsMax)),
  })
  const first = reader.read([at(0n)], 2)
  isDown = true
  await first
  await assert.rejects(reader.read([at(2n)], 2), /down/)
  isDown = false
  assert.deepEqual(await positions(reader, 2n, 2), [3n, 4n])
})

test('an answer is full by what was asked for when it was read', async () => {
  const reader = new ReadAhead(lanesOf(6))
  await reader.read([at(0n)], 2)
  assert.deepEqual([...(await reader.read([at(2n)], 100)).full], ['0/0'])
  assert.deepEqual([...(await reader.read([at(4n)], 100)).full], [])
})
