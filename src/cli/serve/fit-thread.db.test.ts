import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partOf } from '#domain/parts.ts'
import { fold, TestStream, uuidOf } from '#learning/test-course.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { fitInThread } from './fit-thread.ts'

const { url, pool } = await openTestDatabase()

test('bug: a student who answered a question in courses of two parts stopped the fits of the book', async () => {
  const [book, page] = [uuidOf(2, 1), uuidOf(6, 1)]
  const exercises = [1, 2].map((n) => ({ exercise_uuid: uuidOf(4, n), group_uuid: uuidOf(9, n), version: 1, los: [] }))
  const use = { use_for_clue: true, use_for_personalized_for_assignment_types: [] }
  const pools = [{ ...use, exercise_uuids: exercises.map(({ exercise_uuid }) => exercise_uuid) }]
  const contents = [{ container_uuid: page, container_parent_uuid: null, pools }]
  const edition = new TestStream(book, 'ecosystem').write('create_ecosystem', { book: { contents }, exercises })
  const courses = [1, 2].map((n) => new TestStream(uuidOf(1, n)).create(book))
  assert.equal(new Set(courses.map(({ stream }) => partOf('course', stream))).size, 2)
  for (const course of courses) {
    course.answer({
      ...{ student_uuid: uuidOf(3, 1), exercise_uuid: uuidOf(4, 1), trial_uuid: uuidOf(7, 1), ecosystem_uuid: book },
    })
  }
  await fold(pool, [edition, ...courses])
  const order = { databaseUrl: url, readerUrl: undefined, ecosystem: book, threads: 1 }
  const { matrix } = await fitInThread(order, new AbortController().signal)
  assert.deepEqual([matrix.madeBy.learners, matrix.madeBy.responses], [1, 1])
})
