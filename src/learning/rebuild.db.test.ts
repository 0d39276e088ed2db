import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { type SubscriptionRunner, startSubscription } from '#crew/run-subscription.ts'
import type { EventData } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partsDefault } from '#domain/parts.ts'
import type { LaneEntry } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { compactAnswers } from './compaction.ts'
import { forgetSecondAnswer } from './forget-answer.ts'
import { openPastReader } from './past-reader.ts'
import { type LearningReader, openLearningReader } from './reader.ts'
import { type RebuildOptions, rebuildLearning } from './rebuild.ts'
import { SecondCopyFinder } from './second-copies.ts'
import { learningSubscription } from './subscription.ts'
import { at, TestStream, uuidOf } from './test-course.ts'

let database: TestDatabase
let pool: pg.Pool
let log: Awaited<ReturnType<typeof openLog>>
let runner: SubscriptionRunner
let reader: LearningReader
let finder: SecondCopyFinder
const keptCopies: [number, number][] = []
before(async () => {
  database = await createMigratedDatabase()
  pool = openPool(database.url, { name: 'learning test', connectionsMax: 8 })
  log = await openLog(pool)
  reader = openLearningReader(pool)
  finder = new SecondCopyFinder({
    log,
    forget: (copy) => forgetSecondAnswer(pool, copy, partsDefault),
    onKept: ({ number }, first) => keptCopies.push([number, first]),
  })
  const learning = learningSubscription({ onSecondCopy: (copy) => finder.suspect(copy) })
  const subscription = { ...learning, committed: (entries: readonly LaneEntry[]) => finder.note(entries) }
  runner = await startSubscription({ subscription, source: log, pool, heartbeatPool: pool })
  await recordTerm()
})
after(async () => {
  await runner.stop()
  await finder.close()
  await log.close()
  await pool.end()
  await database.drop()
})

const book = uuidOf(2, 1)
const courses = [1, 2, 3, 4, 5, 6].map((n) => new TestStream(uuidOf(1, n)))

function answerOf(student: Uuid, n: number): EventData {
  return {
    ...{ student_uuid: student, exercise_uuid: uuidOf(4, n % 3), trial_uuid: uuidOf(7, n), ecosystem_uuid: book },
    is_real_response: n % 4 > 0,
  }
}

async function append(stream: TestStream): Promise<void> {
  const result = await log.append(stream.take())
  assert.equal(result.kind, 'stored')
}

async function recordTerm(): Promise<void> {
  const contents = [{ container_uuid: uuidOf(6, 1), container_parent_uuid: null, pools: [] }]
  const exercises = [0, 1, 2].map((n) => ({ exercise_uuid: uuidOf(4, n), group_uuid: uuidOf(9, n), version: 1 }))
  await append(new TestStream(book, 'ecosystem').write('create_ecosystem', { book: { contents }, exercises }, book))
  for (const [index, course] of courses.entries()) {
    const students = [1, 2, 3].map((n) => uuidOf(3, 10 * index + n))
    const listed = students.map((student_uuid) => ({ student_uuid, container_uuid: uuidOf(10, index) }))
    const containers = [{ container_uuid: uuidOf(10, index), parent_container_uuid: course.stream }]
    course.create(book).write('update_roster', { course_containers: containers, students: listed })
    for (const [n, student] of students.entries()) {
      const assigned = [{ trial_uuid: uuidOf(7, n), exercise_uuid: uuidOf(4, n) }]
      const assignment = { assignment_uuid: uuidOf(5, 10 * index + n), assigned_exercises: assigned, created_at: at(n) }
      course.write('create_update_assignment', { ...assignment, student_uuid: student, ecosystem_uuid: book })
    }
    course.write('update_course_excluded_exercises', { exclusions: [{ exercise_uuid: uuidOf(4, 2) }] })
    const map = { from_ecosystem_uuid: book, to_ecosystem_uuid: uuidOf(2, 2), book_container_mappings: [] }
    course.write('prepare_course_ecosystem', {
      ...{ preparation_uuid: uuidOf(8, index), ecosystem_uuid: uuidOf(2, 2), ecosystem_map: map },
    })
    await append(course)
    // Requests of one answer: the live rows are cut into many, the rebuilt ones are not.
    const answers = index === 1 ? 66 : 16
    for (let n = 0; n < answers; n += 1) {
      course.answer(answerOf(students[n % 2]!, n))
      if (index === 1) await append(course)
    }
    if (index !== 1) await append(course)
  }
  await caughtUp()
}

/** Until everything that is in the log has been folded. */
async function caughtUp(): Promise<void> {
  const courseUuids = courses.map(({ stream }) => stream)
  const statuses = await log.statuses(
    courseUuids.map((stream) => ({ kind: 'course', stream })),
    1,
  )
  for (;;) {
    const found = await reader.courses(courseUuids)
    const ends = statuses.map(({ stream, contiguousSequenceNumber }) => [stream, contiguousSequenceNumber - 1] as const)
    if (ends.every(([stream, last]) => found.get(stream)?.version.applied === last)) return
    await new Promise((done) => setTimeout(done, 20))
  }
}

function rebuild(mode: RebuildOptions['mode']): ReturnType<typeof rebuildLearning> {
  return rebuildLearning({ url: database.url, log, mode })
}

async function leftOver(): Promise<boolean> {
  const found = await pool.query(`select to_regnamespace('learning_rebuild') is not null as exists`)
  return found.rows[0].exists
}

test('a rebuild is equal to what was folded live, however answers are cut into rows', async () => {
  for (let part = 0; part < partsDefault; part += 1) await compactAnswers(pool, part, undefined)
  let reports = 0
  const result = await rebuildLearning({ url: database.url, log, mode: 'check', report: () => (reports += 1) })
  assert.deepEqual(result.difference, undefined)
  assert.deepEqual([result.streams, result.isExchanged, result.setAside], [7, false, []])
  assert.equal(result.events, 1 + 6 * (1 + 1 + 3 + 1 + 1) + 66 + 5 * 16)
  assert.equal(reports, 7)
  assert.equal(await leftOver(), false)
})

test('it names the first difference, and leaves the live tables alone', async () => {
  const damage = async (statement: string, values: unknown[]): Promise<void> => {
    await pool.query(statement, values)
  }
  await damage('update learning_course set is_real = false where course = $1', [courses[0]!.stream])
  const inRow = await rebuild('exchange')
  assert.equal(inRow.difference?.table, 'learning_course')
  assert.match(inRow.difference?.live ?? '', /"is_real": false/)
  assert.match(inRow.difference?.rebuilt ?? '', /"is_real": true/)
  assert.equal(inRow.isExchanged, false)
  assert.equal((await reader.course(courses[0]!.stream))?.isReal, false)
  await damage('update learning_course set is_real = true where course = $1', [courses[0]!.stream])

  const lost = await pool.query('delete from learning_answer where student = $1 returning *', [uuidOf(3, 1)])
  const inAnswers = await rebuild('check')
  assert.equal(inAnswers.difference?.table, 'learning_answer')
  assert.equal(inAnswers.difference?.live, undefined)
  assert.match(inAnswers.difference?.rebuilt ?? '', new RegExp(`^student ${uuidOf(3, 1)}: \\{"number":7`))
  for (const row of lost.rows) {
    await damage('insert into learning_answer values ($1, $2, $3, $4, $5)', [
      ...[row.part, row.student, row.last_number, row.n, row.body],
    ])
  }
  await damage('delete from learning_course where course = $1', [courses[1]!.stream])
  assert.match((await rebuild('check')).difference?.rebuilt ?? '', new RegExp(courses[1]!.stream))
})

test('replacing mends what was damaged; folding, reading and the view go on as before', async () => {
  const course = courses[1]!
  assert.equal(await reader.course(course.stream), undefined)
  const settings = `select relname, reloptions from pg_class where relname like 'learning_%' order by relname`
  const before = await pool.query(settings)
  assert.equal((await rebuild('replace')).isExchanged, true)
  assert.equal(await leftOver(), false)
  assert.deepEqual((await pool.query(settings)).rows, before.rows)
  assert.equal((await reader.course(course.stream))?.isReal, true)
  const student = { uuid: uuidOf(3, 11), course: course.stream }
  assert.equal((await reader.answersOf(student)).length, 33)
  await append(course.answer(answerOf(student.uuid, 5)))
  await caughtUp()
  assert.equal((await reader.answersOf(student)).length, 34)
  const view = await pool.query('select count(*)::int as n from learning_answer_unpacked where student = $1', [
    student.uuid,
  ])
  assert.deepEqual(view.rows, [{ n: 34 }])
  assert.equal((await rebuild('exchange')).isExchanged, true)
})

test('a second copy of a response becomes a no_op and leaves nothing in the read models (design D4)', async () => {
  const course = courses[2]!
  const limits = { eventsMax: 1, bytesMax: 100_000 }
  const [first] = await log.readStream('course', course.stream, { from: 20, ...limits })
  const activity = `select sum(answers)::int as answers, sum(real_answers)::int as real_answers from learning_activity`
  const counted = await pool.query(activity)
  await append(course.write('record_response', first!.data, first!.eventUuid).answer(answerOf(uuidOf(3, 21), 1)))
  await caughtUp()
  const copyNumber = 23
  const typeOfCopy = async () =>
    (await log.readStream('course', course.stream, { from: copyNumber, ...limits }))[0]?.type
  while ((await typeOfCopy()) !== 'no_op') await new Promise((done) => setTimeout(done, 10))
  const { response_uuid, student_uuid } = first!.data
  const stored = await pool.query('select number from learning_answer_unpacked where response = $1 and student = $2', [
    response_uuid,
    student_uuid,
  ])
  assert.deepEqual(stored.rows, [{ number: 20 }])
  const now = await pool.query(activity)
  assert.equal(now.rows[0].answers, counted.rows[0].answers + 1)
  assert.equal(now.rows[0].real_answers, counted.rows[0].real_answers + 1)
  assert.equal((await rebuild('check')).difference, undefined)
})

test('bug: one uuid for a response and events of another type, or another student, made a rebuild differ', async () => {
  const course = courses[3]!
  const limits = { eventsMax: 100, bytesMax: 1_000_000 }
  const events = await log.readStream('course', course.stream, { from: 0, ...limits })
  const [listed, response] = [events[1], events[7]]
  assert.deepEqual([listed!.type, response!.type], ['update_roster', 'record_response'])
  const empty = { course_containers: [], students: [] }
  const anotherStudent = { ...response!.data, student_uuid: uuidOf(3, 33) }
  const uuid = response!.eventUuid
  // Within one request the log sees it.
  await append(course.write('record_response', anotherStudent, uuid))
  await append(course.write('update_roster', empty, uuid))
  await append(
    course.write('record_response', { ...response!.data, response_uuid: listed!.eventUuid }, listed!.eventUuid),
  )
  await caughtUp()
  const typesOfLast = async () => {
    const last = await log.readStream('course', course.stream, { from: events.length, ...limits })
    return last.map(({ type }) => type)
  }
  // They are looked at in their order.
  while ((await typesOfLast())[2] !== 'no_op') await new Promise((done) => setTimeout(done, 10))
  assert.deepEqual(await typesOfLast(), ['no_op', 'update_roster', 'no_op'])
  assert.deepEqual(keptCopies, [[events.length + 1, response!.number]])
  assert.equal((await rebuild('check')).difference, undefined)
  const past = openPastReader(reader, log, { instant: Date.now() + 60_000 })
  const read = (from: Pick<LearningReader, 'studentNews'>) => from.studentNews([uuidOf(3, 31)], () => undefined)
  const now = await read(reader)
  assert.equal(now[0]?.roster?.isActive, false)
  assert.deepEqual(await read(past), now)
})
