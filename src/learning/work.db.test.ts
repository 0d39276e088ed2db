import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventData } from '#domain/events.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { openLearningReader } from './reader.ts'
import { at, entryOf, fold, foldEntries, noon, TestStream, uuidOf } from './test-course.ts'

const { pool } = await openTestDatabase()
const reader = openLearningReader(pool)

const book = uuidOf(2, 1)

function answerTo(student: string, exercise: string, n: number, data: EventData = {}): EventData {
  return { student_uuid: student, exercise_uuid: exercise, trial_uuid: uuidOf(7, n), ecosystem_uuid: book, ...data }
}

test('answers of several passes are one list in order of recording', async () => {
  const course = new TestStream(uuidOf(1, 1)).create(book)
  const [ann, bob] = [uuidOf(3, 1), uuidOf(3, 2)]
  course.answer(answerTo(ann, uuidOf(4, 1), 1, { response_uuid: uuidOf(50, 101), is_correct: false }))
  course.answer(answerTo(bob, uuidOf(4, 1), 2))
  course.answer(answerTo(ann.toUpperCase(), uuidOf(4, 2), 3, { is_real_response: false }))
  await fold(pool, [course])
  await fold(pool, [course.answer(answerTo(ann, uuidOf(4, 1), 1, { responded_at: at(-5) }))])
  const answers = await reader.answersOf({ uuid: ann, course: course.stream })
  assert.deepEqual(answers[0], {
    number: 1,
    response: uuidOf(50, 101),
    trial: uuidOf(7, 1),
    exercise: uuidOf(4, 1),
    ecosystem: book,
    isCorrect: false,
    isReal: true,
    respondedAt: noon + 60_000,
    recordedAt: noon + 1000,
  })
  assert.deepEqual(
    answers.map(({ number, isReal, isCorrect }) => [number, isReal, isCorrect]),
    [
      [1, true, false],
      [3, false, true],
      [4, true, true],
    ],
  )
  assert.equal(answers[2]?.respondedAt, noon - 5 * 60_000)
  const many = await reader.answersOfMany([
    { uuid: bob, course: course.stream },
    { uuid: uuidOf(3, 99), course: course.stream },
  ])
  assert.deepEqual([many.get(bob)?.length, many.get(uuidOf(3, 99))], [1, []])
})

test('a pass writes one row a student, cut at 90 answers, and the view shows the same answers', async () => {
  const course = new TestStream(uuidOf(1, 2)).create(book)
  const student = uuidOf(3, 5)
  for (let n = 0; n < 200; n += 1) course.answer(answerTo(student, uuidOf(4, n), n, { is_correct: n % 3 === 0 }))
  await fold(pool, [course])
  const rows = await pool.query('select n from learning_answer where student = $1 order by last_number', [student])
  assert.deepEqual(rows.rows, [{ n: 90 }, { n: 90 }, { n: 20 }])
  const answers = await reader.answersOf({ uuid: student, course: course.stream })
  const view = await pool.query(
    `select number, response, trial, exercise, ecosystem, is_correct as "isCorrect", is_real as "isReal",
       responded_at as "respondedAt", recorded_at as "recordedAt"
     from learning_answer_unpacked where student = $1 order by number`,
    [student],
  )
  const seen = view.rows.map((row) => ({
    ...row,
    respondedAt: row.respondedAt.getTime(),
    recordedAt: row.recordedAt.getTime(),
  }))
  assert.deepEqual(seen, answers)
})

test('a second copy of a response under another number is ignored, the first one counts (design D5)', async () => {
  const course = new TestStream(uuidOf(1, 3)).create(book)
  const student = uuidOf(3, 7)
  const copy = { response_uuid: uuidOf(50, 777) }
  course.answer(answerTo(student, uuidOf(4, 1), 1, { ...copy, is_correct: false }))
  await fold(pool, [course])
  await fold(pool, [course.answer(answerTo(student, uuidOf(4, 1), 1, { ...copy, is_correct: true }))])
  const answers = await reader.answersOf({ uuid: student, course: course.stream })
  assert.deepEqual(
    answers.map(({ number, isCorrect }) => [number, isCorrect]),
    [[1, false]],
  )
})

test('a student uuid used in two courses of one part loses no answer, in one pass or in two', async () => {
  const student = uuidOf(3, 8)
  for (const [n, passes] of [1, 2].entries()) {
    const streams = [new TestStream(uuidOf(1, 40 + 2 * n)), new TestStream(uuidOf(1, 41 + 2 * n))]
    for (const [index, stream] of streams.entries()) {
      stream
        .create(book)
        .answer(answerTo(student, uuidOf(4, 1), 1, { response_uuid: uuidOf(50, 800 + 10 * n + index) }))
    }
    const entries = streams.map((stream) => ({ ...entryOf(stream.take()), part: 9 }))
    if (passes === 1) await foldEntries(pool, entries)
    else for (const entry of entries) await foldEntries(pool, [entry])
  }
  const found = await pool.query('select sum(n)::int as n from learning_answer where student = $1', [student])
  assert.deepEqual(found.rows, [{ n: 4 }])
})

function assignmentOf(n: number, student: string, data: EventData = {}): EventData {
  return {
    assignment_uuid: uuidOf(5, n),
    ecosystem_uuid: book,
    student_uuid: student,
    is_deleted: false,
    assignment_type: 'reading',
    exclusion_info: { opens_at: at(0), due_at: at(100) },
    assigned_book_container_uuids: [uuidOf(6, 1)],
    spes_are_assigned: false,
    pes_are_assigned: false,
    assigned_exercises: [{ trial_uuid: uuidOf(7, n), exercise_uuid: uuidOf(4, n), is_spe: false, is_pe: false }],
    created_at: at(n),
    updated_at: at(n),
    ...data,
  }
}

test('an assignment is replaced as a whole, its trials too, and keeps the number of its first event', async () => {
  const course = new TestStream(uuidOf(1, 6)).create(book)
  const student = { uuid: uuidOf(3, 10), course: course.stream }
  course.write('create_update_assignment', assignmentOf(1, student.uuid))
  course.write('create_update_assignment', assignmentOf(2, student.uuid.toUpperCase()))
  await fold(pool, [course])
  const later = { assigned_exercises: [{ trial_uuid: uuidOf(7, 90), exercise_uuid: uuidOf(4, 90), is_spe: true }] }
  course.write('create_update_assignment', assignmentOf(1, student.uuid, { goal_num_tutor_assigned_pes: 2 }))
  course.write('create_update_assignment', assignmentOf(1, student.uuid, { ...later, exclusion_info: null }))
  await fold(pool, [course])
  const assignment = await reader.assignment(uuidOf(5, 1))
  assert.deepEqual([assignment?.firstNumber, assignment?.lastNumber], [1, 4])
  assert.deepEqual(
    [assignment?.goalPes, assignment?.dueAt, assignment?.createdAt],
    [undefined, undefined, noon + 60_000],
  )
  const trial = { trial: uuidOf(7, 90), exercise: uuidOf(4, 90), isSpe: true, isPe: false }
  assert.deepEqual(assignment?.exercises, [trial])
  const all = await reader.assignmentsOf(student)
  assert.deepEqual(
    all.map(({ uuid }) => uuid),
    [uuidOf(5, 2), uuidOf(5, 1)],
  )
  assert.equal(all[0]?.dueAt, noon + 100 * 60_000)
})

test('a deleted assignment stays known and says that it is deleted', async () => {
  const course = new TestStream(uuidOf(1, 7)).create(book)
  course.write('create_update_assignment', assignmentOf(11, uuidOf(3, 11)))
  course.write('create_update_assignment', assignmentOf(11, uuidOf(3, 11), { is_deleted: true }))
  await fold(pool, [course])
  assert.equal((await reader.assignment(uuidOf(5, 11)))?.isDeleted, true)
  assert.equal(await reader.assignment(uuidOf(5, 999)), undefined)
})

test('student versions grow with answers and assignments and with nothing else', async () => {
  const course = new TestStream(uuidOf(1, 8)).create(book)
  const student = { uuid: uuidOf(3, 12), course: course.stream }
  const version = async () => (await reader.studentVersions([student])).get(student.uuid)
  await fold(pool, [course])
  assert.deepEqual(await version(), { answer: -1, assignment: -1 })
  course.answer(answerTo(student.uuid, uuidOf(4, 1), 1))
  course.write('create_update_assignment', assignmentOf(12, student.uuid))
  await fold(pool, [course])
  assert.deepEqual(await version(), { answer: 1, assignment: 2 })
  await fold(pool, [
    course
      .write('create_update_assignment', assignmentOf(12, student.uuid))
      .answer(answerTo(uuidOf(3, 13), uuidOf(4, 1), 2)),
  ])
  assert.deepEqual(await version(), { answer: 1, assignment: 3 })
})

test('a pass that fails leaves nothing of itself', async () => {
  const course = new TestStream(uuidOf(1, 9)).create(book).answer(answerTo(uuidOf(3, 14), uuidOf(4, 1), 1))
  const holed = new TestStream(uuidOf(1, 10)).create(book).write('no_op', {}).write('no_op', {})
  const entries = [entryOf(course.take()), entryOf(holed.take().slice(1))]
  await assert.rejects(foldEntries(pool, entries), /has a hole/)
  assert.equal(await reader.course(course.stream), undefined)
  assert.deepEqual(await reader.answersOf({ uuid: uuidOf(3, 14), course: course.stream }), [])
})

test('matrices that assignments name are remembered once', async () => {
  const course = new TestStream(uuidOf(1, 77)).create(book)
  const [pes, spes] = [uuidOf(30, 1), uuidOf(30, 2)]
  const assignment = { assignment_uuid: uuidOf(5, 77), student_uuid: uuidOf(3, 77), ecosystem_uuid: book }
  const named = { pes: { ecosystem_matrix_uuid: pes }, spes: { ecosystem_matrix_uuid: spes.toUpperCase() } }
  for (const data of [assignment, { ...assignment, ...named }, { ...assignment, pes: { ecosystem_matrix_uuid: 7 } }]) {
    course.write('create_update_assignment', { ...data, created_at: at(0) })
  }
  await fold(pool, [course])
  await fold(pool, [course.write('create_update_assignment', { ...assignment, ...named, created_at: at(0) })])
  const rows = await pool.query('select matrix from learning_named_matrix order by matrix')
  assert.deepEqual(
    rows.rows.map(({ matrix }) => matrix),
    [pes, spes],
  )
})
