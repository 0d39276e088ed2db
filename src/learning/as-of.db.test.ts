import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import type { EventData, StoredEvent } from '#domain/events.ts'
import type { Log } from '#log/log.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { readStudentAsOf } from './as-of.ts'
import { openLearningReader } from './reader.ts'
import { at, entryOf, foldEntries, TestStream, uuidOf } from './test-course.ts'

let database: TestDatabase
let pool: pg.Pool
before(async () => {
  database = await createMigratedDatabase()
  pool = openPool(database.url, { name: 'learning test', connectionsMax: 2 })
})
after(async () => {
  await pool.end()
  await database.drop()
})

const book = uuidOf(2, 1)
const [ann, bob, period] = [uuidOf(3, 1), uuidOf(3, 2), uuidOf(10, 1)]

function roster(...students: string[]): EventData {
  return {
    course_containers: [{ container_uuid: period, parent_container_uuid: uuidOf(1, 1) }],
    students: students.map((student_uuid) => ({ student_uuid, container_uuid: period })),
  }
}

/** A term of a small class, with everything that can change about a student, and a second copy. */
function term(): StoredEvent[] {
  const course = new TestStream(uuidOf(1, 1)).create(book)
  const answer = (student: string, n: number): EventData => ({
    ...{ student_uuid: student, exercise_uuid: uuidOf(4, n), trial_uuid: uuidOf(7, n), ecosystem_uuid: book },
    response_uuid: uuidOf(50, n),
  })
  const assignment = (student: string, type: string): EventData => ({
    ...{ assignment_uuid: uuidOf(5, 1), ecosystem_uuid: book, student_uuid: student, assignment_type: type },
    ...{ created_at: at(0), assigned_exercises: [{ trial_uuid: uuidOf(7, 1), exercise_uuid: uuidOf(4, 1) }] },
  })
  course.write('update_roster', roster(ann, bob))
  course.write('create_update_assignment', assignment(ann, 'reading'), uuidOf(98, 1))
  course.answer(answer(ann, 1)).answer(answer(bob, 2))
  course.write('prepare_course_ecosystem', { preparation_uuid: uuidOf(8, 1), ecosystem_uuid: uuidOf(2, 2) })
  course.write('update_course_ecosystem', { preparation_uuid: uuidOf(8, 1) })
  course.write('create_update_assignment', assignment(ann, 'homework'))
  course.write('create_update_assignment', assignment(ann, 'reading'), uuidOf(98, 1))
  course.write('update_globally_excluded_exercises', { exclusions: [{ exercise_uuid: uuidOf(4, 9) }] })
  course.answer(answer(ann, 3)).write('update_roster', roster(bob)).answer(answer(ann, 4))
  return course.take()
}

function logOf(events: readonly StoredEvent[]): Pick<Log, 'readStream'> {
  return {
    readStream: (_kind, _stream, { from, eventsMax }) => Promise.resolve(events.slice(from, from + eventsMax)),
  }
}

test('at every moment the state folded from the log is what the read models held then', async () => {
  const events = term()
  const reader = openLearningReader(pool)
  const key = { uuid: ann, course: uuidOf(1, 1) }
  for (const event of events) {
    await foldEntries(pool, [entryOf([event])])
    const asOf = await readStudentAsOf(logOf(events), key, event.recordedAt.getTime(), { eventsPerRead: 4 })
    const { uuid: _, version, ...course } = (await reader.course(key.course))!
    const answers = await reader.answersOf(key)
    const assignments = await reader.assignmentsOf(key)
    const student = await reader.student(ann)
    assert.deepEqual(asOf, { course, student, assignments, answers, number: version.applied })
  }
  assert.equal((await reader.assignment(uuidOf(5, 1)))?.type, 'homework')
})

test('before the first event there is nothing', async () => {
  const events = term()
  const key = { uuid: ann, course: uuidOf(1, 1) }
  assert.equal(await readStudentAsOf(logOf(events), key, events[0]!.recordedAt.getTime() - 1), undefined)
})
