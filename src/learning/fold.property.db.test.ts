import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EventData, EventType, StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Assignment } from '#domain/student.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { CourseFold } from './course-fold.ts'
import { openLearningReader } from './reader.ts'
import { at, entryOf, foldEntries, TestStream, uuidOf } from './test-course.ts'

const { pool } = await openTestDatabase()

type Draft = readonly [EventType, EventData]

/** Few of everything, so that events meet. Students, containers and assignments are the course's own. */
function drafts(run: number): fc.Arbitrary<Draft> {
  const few = (kind: number, count: number) =>
    fc.integer({ min: 0, max: count - 1 }).map((n) => uuidOf(kind, 100 * run + n))
  const [student, container] = [few(3, 3), few(10, 3)]
  const date = fc.oneof(
    fc.integer({ min: 0, max: 99 }).map(at),
    fc.constantFrom(null, 'garbage', undefined, '0000-01-01T00:00:00Z', '9999-12-31T23:59:59-12:00'),
  )
  const event = (type: EventType, data: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Draft> =>
    fc.record(data, { noNullPrototype: true }).map((fields): Draft => [type, fields])
  const exercise = few(4, 4)
  const answer = { student_uuid: student, trial_uuid: few(7, 6), exercise_uuid: exercise, ecosystem_uuid: few(2, 2) }
  const students = fc.array(
    fc.record({
      student_uuid: student,
      container_uuid: container,
      dropped_at: fc.constantFrom(null, undefined, at(1)),
    }),
  )
  const containers = fc.array(fc.record({ container_uuid: container, parent_container_uuid: fc.option(container) }))
  return fc.oneof(
    { weight: 6, arbitrary: event('record_response', { ...answer, is_correct: fc.boolean(), responded_at: date }) },
    {
      weight: 4,
      arbitrary: event('create_update_assignment', {
        ...{ assignment_uuid: few(5, 2), student_uuid: student, ecosystem_uuid: few(2, 2), created_at: date },
        ...{ is_deleted: fc.boolean(), exclusion_info: fc.record({ due_at: date, feedback_at: date }) },
        assigned_exercises: fc.array(fc.record({ trial_uuid: few(7, 6), exercise_uuid: exercise })),
      }),
    },
    { weight: 2, arbitrary: event('update_roster', { students, course_containers: containers }) },
    event('update_course_active_dates', { starts_at: date, ends_at: date }),
    event('update_globally_excluded_exercises', { exclusions: fc.array(fc.record({ exercise_uuid: exercise })) }),
    event('prepare_course_ecosystem', { preparation_uuid: few(8, 2), ecosystem_uuid: few(2, 3) }),
    event('update_course_ecosystem', { preparation_uuid: few(8, 3) }),
    event('record_response', answer),
    event('no_op', {}),
  )
}

/** What the wire promises: a response's event uuid is its own uuid. Some events come a second time. */
function eventsOf(course: Uuid, run: number, given: readonly Draft[], copies: readonly number[]): StoredEvent[] {
  const stream = new TestStream(course).create(uuidOf(2, 100 * run))
  const all = given.map(([type, data], n): [EventType, EventData, Uuid] => {
    const uuid = uuidOf(60 + run, n)
    return [type, type === 'record_response' ? { response_uuid: uuid, ...data } : data, uuid]
  })
  const again = copies.flatMap((n) => (all.length === 0 ? [] : [all[n % all.length]!]))
  for (const event of [...all, ...again]) stream.write(...event)
  return stream.take()
}

function byUuid(assignments: readonly Assignment[]): Assignment[] {
  return [...assignments].sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
}

test('however events are cut into passes and delivered again, the state is that of one after the other', async () => {
  const reader = openLearningReader(pool)
  let run = 0
  const cuts = fc.array(fc.record({ from: fc.nat(3), length: fc.integer({ min: 1, max: 12 }) }), {
    minLength: 60,
    maxLength: 60,
  })
  const copies = fc.array(fc.nat(), { maxLength: 4 })
  // Each run has a course of its own; the uuids inside depend on it, so nothing is left of the run before.
  const term = fc.array(drafts(1), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(term, copies, cuts, async (given, copied, passes) => {
      run += 1
      const course = uuidOf(1, run)
      const own = JSON.parse(JSON.stringify(given).replaceAll('-0000000001', `-${String(run).padStart(10, '0')}`))
      const events = eventsOf(course, run, own, copied)
      let next = 0
      for (const { from, length } of passes) {
        const start = Math.max(0, next - from)
        const entry = events.slice(start, next + length)
        if (next >= events.length || entry.length === 0) break
        await foldEntries(pool, [entryOf(entry)])
        next += length
      }
      await foldEntries(pool, [entryOf(events)])
      const fold = new CourseFold(course)
      for (const event of events) fold.add(event)
      const expected = fold.course()!
      assert.deepEqual(await reader.course(course), expected.details)
      for (const n of [0, 1, 2]) {
        const key = { uuid: uuidOf(3, 100 * run + n), course }
        assert.deepEqual(await reader.student(key.uuid), expected.students.get(key.uuid))
        assert.deepEqual(await reader.answersOf(key), expected.answersOf.get(key.uuid) ?? [])
        const assignments = expected.assignmentsOf.get(key.uuid) ?? []
        assert.deepEqual(byUuid(await reader.assignmentsOf(key)), byUuid(assignments))
      }
    }),
    { numRuns: 40 },
  )
})
