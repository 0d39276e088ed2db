import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EventType, StoredEvent } from '#domain/events.ts'
import { shareOfStudent } from '#domain/parts.ts'
import type { LaneEntry } from '#log/log.ts'
import { uuidOf } from '#log/sample-events.ts'
import { dutyOf, type StreamException } from './exceptions.ts'
import { laneOf, slotName } from './ownership.ts'
import { isBarrier, isWithinReach, lanePosition, ofShare, shareOf, slotOfShare } from './sub-streams.ts'

const course = uuidOf('course')

function eventAt(number: number, type: EventType, student?: number): StoredEvent {
  const data = student === undefined ? {} : { student_uuid: uuidOf(`student ${student}`).toUpperCase() }
  return { kind: 'course', stream: course, number, eventUuid: uuidOf(`${number}`), type, data, recordedAt: new Date(0) }
}

function entryOf(position: bigint, ...events: StoredEvent[]): LaneEntry {
  return { part: 3, lane: 1, position, events }
}

test('slots of a lane have numbers of their own, and the lane is as far as the last of them', () => {
  const lane = { part: 3, lane: 5 }
  const slots = [0, 1, 2, 3].map((share) => slotOfShare(lane, share))
  assert.deepEqual(slots.map(laneOf), [5, 5, 5, 5])
  assert.deepEqual(slots.map(shareOf), [0, 1, 2, 3])
  assert.deepEqual(
    slots.map((slot) => slotOfShare(slot, 0)),
    [lane, lane, lane, lane],
  )
  assert.equal(new Set(slots.map(slotName)).size, 4)
  const positions = new Map(slots.map((slot, share) => [slotName(slot), BigInt(9 - share)]))
  assert.equal(lanePosition(positions, lane), 6n)
  assert.equal(lanePosition(positions, { part: 3, lane: 6 }), 0n)
})

test('every event of an entry without a barrier belongs to one share, a student always to the same', () => {
  const events = fc.array(
    fc.tuple(fc.constantFrom<EventType>('record_response', 'create_update_assignment'), fc.nat(20)),
  )
  fc.assert(
    fc.property(events, fc.constantFrom(2, 3, 4, 8), (given, shares) => {
      const entry = entryOf(1n, ...given.map(([type, student], number) => eventAt(number, type, student)))
      assert.equal(isBarrier(entry), false)
      const parts = Array.from({ length: shares }, (_, share) => ofShare(entry, share, shares))
      const numbers = parts.flatMap((part) => part.events.map(({ number }) => number))
      assert.deepEqual(
        numbers.toSorted((a, b) => a - b),
        entry.events.map(({ number }) => number),
      )
      for (const [share, part] of parts.entries()) {
        for (const { number } of part.events) {
          assert.equal(shareOfStudent(uuidOf(`student ${given[number]?.[1]}`), shares), share)
        }
      }
    }),
  )
})

test('what concerns no one student is a barrier; what concerns nobody is none', () => {
  const answer = eventAt(0, 'record_response', 1)
  const forAll = ['create_course', 'update_roster', 'update_course_active_dates', 'prepare_course_ecosystem'] as const
  for (const type of forAll) assert.equal(isBarrier(entryOf(1n, answer, eventAt(1, type))), true, type)
  assert.equal(isBarrier(entryOf(1n, answer, eventAt(1, 'no_op'))), false)
  assert.deepEqual(ofShare(entryOf(1n, eventAt(1, 'no_op')), 0, 4).events.length, 1)
  assert.equal(isBarrier(entryOf(1n, eventAt(0, 'record_response'))), true, 'an answer of nobody known')
})

test('a slot is never far ahead of the slowest one of its lane', () => {
  const answer = eventAt(0, 'record_response', 1)
  assert.equal(isWithinReach(entryOf(256n, answer), 0n), true)
  assert.equal(isWithinReach(entryOf(257n, answer), 0n), false)
})

test('a lane waits for an exception that is worked on, and passes over what that owes', () => {
  const entry = entryOf(7n, eventAt(20, 'record_response', 1), eventAt(21, 'record_response', 2))
  const exception: StreamException = {
    ...{ part: 3, lane: 1, stream: course, state: 'retry', nextNumber: 5, untilNumber: 10, attempts: 1 },
    ...{ afterPosition: 0n, afterLanes: [], owedFrom: undefined, isHandedOver: false },
  }
  assert.equal(dutyOf(undefined, entry), 'deliver')
  assert.equal(dutyOf(exception, entry), 'wait')
  assert.equal(dutyOf({ ...exception, state: 'replay' }, entry), 'wait')
  assert.equal(dutyOf({ ...exception, untilNumber: 22 }, entry), 'over', 'it is owed already')
  assert.equal(dutyOf({ ...exception, afterPosition: 7n }, entry), 'over', 'the row stays until the lane has passed it')
  assert.equal(dutyOf({ ...exception, state: 'parked' }, entry), 'over', 'other courses may come behind it')
  const later = { ...exception, state: 'blocked', isHandedOver: true } as const
  assert.equal(dutyOf({ ...later, nextNumber: 22 }, entry), 'deliver', 'it comes before what waits for another lane')
  assert.equal(dutyOf({ ...later, nextNumber: 20 }, entry), 'over')
})
