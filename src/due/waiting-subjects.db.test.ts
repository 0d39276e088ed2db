import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { StoredEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { inTransaction } from '#platform/postgres.ts'
import { createWaitingSubjects, forgetWaiting, subjectsOf } from './waiting-subjects.ts'

const { pool } = await openTestDatabase()

const uuid = (): Uuid => toUuid(randomUUID())
const placeOf = (subject: Uuid): number => partOf('course', subject)

function event(type: StoredEvent['type'], data: StoredEvent['data']): StoredEvent {
  return { kind: 'course', stream: uuid(), number: 1, eventUuid: uuid(), type, data, recordedAt: new Date() }
}

test('subjects wait until an event that announces them is folded', async () => {
  const waiting = createWaitingSubjects(pool, placeOf)
  const [student, period, assignment, other] = [uuid(), uuid(), uuid(), uuid()]
  await waiting.put([student, period, assignment, student])
  await waiting.put([student])
  assert.deepEqual(await waiting.read([student, other, period]), new Set([student, period]))
  const roster = event('update_roster', {
    course_containers: [{ container_uuid: period.toUpperCase() }],
    students: [{ student_uuid: student }],
  })
  const entries = [{ part: 1, lane: 0, position: 1n, events: [roster, event('record_response', {})] }]
  await inTransaction(pool, (client) => forgetWaiting(client, entries, placeOf))
  assert.deepEqual(await waiting.read([student, period, assignment]), new Set([assignment]))
})

test('concurrent announcements of the same subjects in opposite order do not deadlock', async () => {
  const waiting = createWaitingSubjects(pool, placeOf)
  const subjects = Array.from({ length: 300 }, uuid)
  await Promise.all([subjects, subjects.toReversed(), subjects, subjects.toReversed()].map((all) => waiting.put(all)))
  assert.equal((await waiting.read(subjects)).size, 300)
})

test('what an event announces', () => {
  const assignment = uuid()
  assert.deepEqual(subjectsOf(event('create_update_assignment', { assignment_uuid: assignment })), [assignment])
  assert.deepEqual(subjectsOf(event('update_roster', { students: [null, {}, { student_uuid: 'x' }] })), [])
  assert.deepEqual(subjectsOf(event('record_response', { assignment_uuid: assignment })), [])
})
