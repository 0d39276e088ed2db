import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { StoredEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { inTransaction } from '#platform/postgres.ts'
import { recordCourseMoves } from './course-moves.ts'
import { createStoredResults } from './stored-results.ts'

const { pool } = await openTestDatabase()

const uuid = (): Uuid => toUuid(randomUUID())
const placeOf = (course: Uuid): number => partOf('course', course)

test('a replay brings back announced and made moves, and changes nothing where they are', async () => {
  const results = createStoredResults({ pool, parts: 64 })
  const [course, preparation, ecosystem] = [uuid(), uuid(), uuid()]
  const event = (number: number, changes: Partial<StoredEvent>): StoredEvent => ({
    kind: 'course',
    stream: course,
    number,
    eventUuid: uuid(),
    type: 'no_op',
    data: {},
    recordedAt: new Date(),
    ...changes,
  })
  const events = [
    event(1, { type: 'prepare_course_ecosystem', eventUuid: preparation, data: { ecosystem_uuid: ecosystem } }),
    event(2, { type: 'record_response' }),
    event(3, { type: 'prepare_course_ecosystem', data: { next_ecosystem_uuid: ecosystem.toUpperCase() } }),
    event(4, { type: 'prepare_course_ecosystem', data: {} }),
    event(5, { type: 'update_course_ecosystem', data: { preparation_uuid: preparation } }),
  ]
  const entries = [{ part: placeOf(course), lane: 0, position: 1n, events }]
  for (let time = 0; time < 2; time += 1) {
    await inTransaction(pool, (client) => recordCourseMoves(client, entries, placeOf))
  }
  const [newest] = await results.readNewest([course])
  assert.deepEqual([newest?.prepared?.number, newest?.prepared?.ecosystem], [3, ecosystem])
  assert.deepEqual(newest?.updated, { course, preparation, number: 5, ecosystem })
})
