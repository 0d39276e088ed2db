import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partOf } from '#domain/parts.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import { AnswerCompactor, compactAnswers, startCompaction } from './compaction.ts'
import { openLearningReader } from './reader.ts'
import { fold, TestStream, uuidOf } from './test-course.ts'

const { url, pool } = await openTestDatabase()

const book = uuidOf(2, 1)

async function answerOneByOne(course: TestStream, students: readonly string[], count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    for (const student_uuid of students) {
      course.answer({ student_uuid, exercise_uuid: uuidOf(4, n), trial_uuid: uuidOf(7, n), ecosystem_uuid: book })
    }
    await fold(pool, [course])
  }
}

async function rowsOf(student: string): Promise<number[]> {
  const found = await pool.query('select n from learning_answer where student = $1 order by last_number', [student])
  return found.rows.map((row) => row.n)
}

test('a sweep merges rows of single answers; what readers see does not change', async () => {
  const course = new TestStream(uuidOf(1, 1)).create(book)
  const students = [uuidOf(3, 1), uuidOf(3, 2), uuidOf(3, 3)]
  await answerOneByOne(course, students, 65)
  await answerOneByOne(course, students.slice(0, 1), 5)
  const reader = openLearningReader(pool)
  const keys = students.map((uuid) => ({ uuid, course: course.stream }))
  const before = [await reader.answersOfMany(keys), await reader.studentVersions(keys)]
  const part = partOf('course', course.stream)
  // 100 rows a step: the second student is cut off by the limit and must be merged in the step that sees all of it.
  let removed = 0
  let after: Awaited<ReturnType<typeof compactAnswers>>['after']
  do {
    const step = await compactAnswers(pool, part, after, 100)
    after = step.after
    removed += step.rowsRemoved
  } while (after !== undefined)
  assert.deepEqual([await reader.answersOfMany(keys), await reader.studentVersions(keys)], before)
  assert.deepEqual(
    [await rowsOf(students[0]!), await rowsOf(students[1]!), await rowsOf(students[2]!)],
    [[70], [65], [65]],
  )
  assert.equal(removed, 69 + 64 + 64)
  const merged = await pool.query('select xmin::text from learning_answer where part = $1 order by student', [part])
  await compactAnswers(pool, part, undefined)
  const again = await pool.query('select xmin::text from learning_answer where part = $1 order by student', [part])
  assert.deepEqual(again.rows, merged.rows)
})

test('two compactors and a fold at once lose and double nothing', async () => {
  const course = new TestStream(uuidOf(1, 2)).create(book)
  const students = Array.from({ length: 20 }, (_, n) => uuidOf(3, 100 + n))
  await answerOneByOne(course, students, 62)
  const part = partOf('course', course.stream)
  await Promise.all([
    compactAnswers(pool, part, undefined),
    compactAnswers(pool, part, undefined),
    answerOneByOne(course, students, 3),
  ])
  const found = await openLearningReader(pool).answersOfMany(students.map((uuid) => ({ uuid, course: course.stream })))
  for (const [index, student] of students.entries()) {
    const expected = Array.from({ length: 65 }, (_, n) => 1 + n * 20 + index)
    assert.deepEqual(
      found.get(student)?.map(({ number }) => number),
      expected,
    )
    assert.equal((await rowsOf(student))[0], 62)
  }
})

test('the compactor walks through all parts and begins again', async () => {
  const course = new TestStream(uuidOf(1, 3)).create(book)
  await answerOneByOne(course, [uuidOf(3, 200)], 60)
  const compactor = new AnswerCompactor(pool, 64)
  let removed = 0
  for (let step = 0; step < 64; step += 1) removed += await compactor.step()
  assert.equal(removed, 59)
  await answerOneByOne(course, [uuidOf(3, 201)], 60)
  for (let step = 0; step < 64; step += 1) removed += await compactor.step()
  assert.equal(removed, 118)
})

test('it runs by itself until it is stopped, also when a step failed', async () => {
  const errors: unknown[] = []
  const broken = openPool(url, { name: 'learning test', connectionsMax: 1 })
  await broken.end()
  const failing = startCompaction({ pool: broken, onError: (error) => errors.push(error) })
  const course = new TestStream(uuidOf(1, 4)).create(book)
  await answerOneByOne(course, [uuidOf(3, 300)], 60)
  // Its part comes first, so that the test need not wait for a sweep through all of them.
  await pool.query('update learning_answer set part = 0 where student = $1', [uuidOf(3, 300)])
  const working = startCompaction({ pool })
  while ((await rowsOf(uuidOf(3, 300))).length > 1) await new Promise((done) => setTimeout(done, 10))
  await Promise.all([working.stop(), failing.stop()])
  assert.equal(errors.length, 1)
})
