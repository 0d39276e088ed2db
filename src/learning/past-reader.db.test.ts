import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutSkipped } from '#crew/skips.ts'
import type { EventData, StoredEvent } from '#domain/events.ts'
import { partOf } from '#domain/parts.ts'
import type { Log } from '#log/log.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { openDeliveredLog } from './delivered-log.ts'
import { openCourseReplay, openPastReader, type PastReader, readWhile } from './past-reader.ts'
import { openLearningReader } from './reader.ts'
import { at, entryOf, foldEntries, noon, TestStream, uuidOf } from './test-course.ts'

const { pool } = await openTestDatabase()

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

test('at every moment the past reads as the read models did then, from the beginning and by going on', async () => {
  const events = term()
  const [present, course] = [openLearningReader(pool), uuidOf(1, 1)]
  const replay = openCourseReplay(present, course, events)
  const read = async (reader: PastReader) => ({
    courses: await reader.courses([course]),
    news: await reader.studentNews([ann, bob], () => undefined),
    assignments: await reader.assignmentNews([uuidOf(5, 1)], () => undefined),
    class: await reader.containerNews(period, []),
    container: (await reader.courseContainer(period))?.container,
  })
  for (const event of events) {
    await foldEntries(pool, [entryOf([event])])
    const then = await read(present)
    const instant = event.recordedAt.getTime()
    assert.deepEqual(await read(openPastReader(present, logOf(events), { instant })), then)
    assert.deepEqual(await read(replay.at({ instant, position: event.number })), then)
  }
  assert.equal((await present.assignment(uuidOf(5, 1)))?.type, 'homework')
  const looked = { student: ann, course, changed: 7, answer: 3, assignment: 7 }
  const lookAgain = (reader: PastReader) => reader.studentNews([ann], () => looked)
  const [again] = await lookAgain(replay.at({ instant: noon * 2, position: events.length }))
  assert.deepEqual({ ...again, roster: undefined }, { ...(await lookAgain(present))[0], roster: undefined })
  assert.deepEqual([again?.answers.length, again?.assignments.length], [2, 0])
  assert.throws(() => replay.at({ instant: noon, position: 3 }), /passed already/)
})

test('before the first event there is nothing', async () => {
  const events = term()
  const instant = (events[0]?.recordedAt.getTime() ?? 0) - 1
  const past = openPastReader(openLearningReader(pool), logOf(events), { instant })
  assert.equal((await past.courses([uuidOf(1, 1)])).size, 0)
  assert.deepEqual(await past.studentNews([ann], () => undefined), [])
})

test('bug: the past was folded with events that the read models had been made to skip', async () => {
  const [eve, kim] = [uuidOf(3, 11), uuidOf(3, 12)]
  const course = new TestStream(uuidOf(1, 2)).create(book).write('update_roster', roster(eve, kim))
  course.write('update_roster', roster(kim)).answer({
    ...{ student_uuid: kim, exercise_uuid: uuidOf(4, 1), trial_uuid: uuidOf(7, 1), ecosystem_uuid: book },
  })
  const events = course.take()
  const poisoned = 2
  await pool.query(
    `insert into subscription_skip (part, stream, subscription, number, actor, reason)
     values ($1, $2, 'learning', $3, 'test', 'test'), ($1, $2, 'another', 1, 'test', 'test')`,
    [partOf('course', course.stream), course.stream, poisoned],
  )
  await foldEntries(pool, [withoutSkipped(entryOf(events), new Map([[course.stream, new Set([poisoned])]]))])
  const log = openDeliveredLog(logOf(events), pool)
  const present = openLearningReader(pool)
  const read = (reader: PastReader) => reader.studentNews([eve, kim], () => undefined)
  const then = await read(present)
  assert.deepEqual(
    then.map(({ roster: place }) => place?.isActive),
    [true, true],
  )
  assert.deepEqual(await read(openPastReader(present, log, { instant: noon * 2 })), then)
  const all = await Array.fromAsync(readWhile(log, course.stream, () => true))
  const replay = openCourseReplay(present, course.stream, all)
  assert.deepEqual(await read(replay.at({ instant: noon * 2, position: events.length })), then)
})
