import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventData } from '#domain/events.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { compactAnswers } from './compaction.ts'
import { openLearningReader } from './reader.ts'
import { learningSubscription } from './subscription.ts'
import { at, entryOf, TestStream, uuidOf } from './test-course.ts'

/** One connection, so that prepared statements and their generic plans are those of the whole test. */
const { pool } = await openTestDatabase({ connectionsMax: 1, statementTimeoutMs: 60_000 })
const reader = openLearningReader(pool)

const book = uuidOf(2, 1)
const course = new TestStream(uuidOf(1, 1))
const student = { uuid: uuidOf(3, 1), course: course.stream }

function answer(n: number): EventData {
  return { student_uuid: student.uuid, exercise_uuid: uuidOf(4, n), trial_uuid: uuidOf(7, n), ecosystem_uuid: book }
}

/** Every read of a request, and a pass with every kind of event. */
async function work(n: number): Promise<void> {
  await reader.student(student.uuid)
  await reader.course(student.course)
  await reader.courseContainer(uuidOf(10, 1))
  await reader.containersOf(student.course)
  await reader.studentsOf(student.course)
  await reader.assignment(uuidOf(5, 1))
  await reader.assignmentsOf(student)
  await reader.answersOf(student)
  await reader.studentVersions([student])
  const looked = { student: student.uuid, course: student.course, changed: n, answer: n, assignment: n }
  await reader.studentNews([student.uuid], () => looked)
  await reader.assignmentNews([uuidOf(5, 1)], () => looked)
  await reader.containerNews(uuidOf(10, 1), [looked])
  await openLearningReader(pool).ecosystem(book)
  await openLearningReader(pool).ecosystemsOfContainers([uuidOf(6, 1)])
  await openLearningReader(pool).ecosystemsSharingGroups(book)
  await reader.courseHeads({ part: 3, course: uuidOf(1, 0) }, 100)
  await reader.ecosystemsOfGroups([uuidOf(6, 1)])
  await compactAnswers(pool, 1, undefined, 10)
  if (n === 0) course.create(book)
  const roster = { students: [{ student_uuid: student.uuid, container_uuid: uuidOf(10, 1) }] }
  course.write('update_roster', { ...roster, course_containers: [{ container_uuid: uuidOf(10, 1) }] })
  const assignment = { assignment_uuid: uuidOf(5, 1), student_uuid: student.uuid, ecosystem_uuid: book }
  course.write('create_update_assignment', { ...assignment, created_at: at(0) })
  course.write('update_course_excluded_exercises', { exclusions: [] })
  const map = { from_ecosystem_uuid: book, to_ecosystem_uuid: uuidOf(2, 2), book_container_mappings: [] }
  course.write('prepare_course_ecosystem', {
    ...{ preparation_uuid: uuidOf(8, n), ecosystem_uuid: book, ecosystem_map: map },
  })
  course.write('update_course_ecosystem', { preparation_uuid: uuidOf(8, Math.max(0, n - 1)) }).answer(answer(n))
  const client = await pool.connect()
  try {
    await learningSubscription().apply(client, [entryOf(course.take())])
  } finally {
    client.release()
  }
}

/** Counting editions and asking for new maps look at small tables as a whole, on purpose. */
const small = ['learning_ecosystem', 'learning_container_map']

async function scannedTables(): Promise<string[]> {
  const found = await pool.query<{ relname: string }>(
    `select relname from pg_stat_xact_user_tables where (relname like 'learning_%' or relname = 'segment') and seq_scan > 0 order by relname`,
  )
  return found.rows.map(({ relname }) => relname).filter((name) => !small.includes(name))
}

test('no read of a request and no pass scans a table, whatever the planner knows about it', async () => {
  // Plans are made on empty tables, which nobody has analysed, and kept: five custom ones, then a generic one.
  for (let n = 0; n < 8; n += 1) {
    await pool.query('begin')
    await work(n)
    assert.deepEqual(await scannedTables(), [], `pass ${n}`)
    await pool.query('commit')
  }
  await fill()
  for (let n = 8; n < 10; n += 1) {
    await pool.query('begin')
    await work(n)
    assert.deepEqual(await scannedTables(), [], 'full tables')
    await pool.query('commit')
    await pool.query('analyze')
  }
})

async function fill(): Promise<void> {
  const rows = 20_000
  const statements = [
    `learning_course select n % 64, gen_random_uuid(), 1, 1, null, true`,
    `learning_student select n % 64, gen_random_uuid(), gen_random_uuid(), '{}', true`,
    `learning_course_container select n % 64, gen_random_uuid(), gen_random_uuid(), null, false, true`,
    `learning_assignment select n % 64, gen_random_uuid(), gen_random_uuid(), 1, 1, ''`,
    `learning_answer select n % 64, gen_random_uuid(), n, 1, ''`,
    `learning_exclusion select n % 64, gen_random_uuid(), 'course', '{}', '{}'`,
    `learning_preparation select n % 64, gen_random_uuid(), gen_random_uuid(), 1, gen_random_uuid()`,
    `learning_applied_event select n % 64, gen_random_uuid(), gen_random_uuid()`,
    `learning_book_container select 64 + n % 64, gen_random_uuid(), gen_random_uuid()`,
    `segment select n, now(), gen_random_uuid(), 1, n % 64, 0, 1, 1, ''`,
    `learning_exercise_group select 64 + n % 64, gen_random_uuid(), gen_random_uuid()`,
  ]
  for (const statement of statements) {
    await pool.query(`insert into ${statement} from generate_series(1, ${rows}) as n`)
  }
}

test('what a read asks first of a student is not planned each time', async () => {
  const text = `
    select name
    from pg_prepared_statements
    where name in ('learning_student_news', 'learning_assignment_news')
      and generic_plans > 0`
  const kept = await pool.query<{ name: string }>(`${text} order by name`)
  assert.deepEqual(
    kept.rows.map(({ name }) => name),
    ['learning_assignment_news', 'learning_student_news'],
  )
})
