import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EventData, eventWith } from '#domain/events.ts'
import { partOf } from '#domain/parts.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { openLearningReader } from './reader.ts'
import { at, entryOf, fold, foldEntries, noon, TestStream, uuidOf } from './test-course.ts'

const { pool } = await openTestDatabase()
const reader = openLearningReader(pool)

const exercise = (n: number, version = 1) => uuidOf(4, 10 * n + version)
const groupOf = (n: number) => uuidOf(9, n)

/** A book of one page whose exercises are the given versions of groups. */
function bookOf(page: string, exercises: readonly (readonly [group: number, version: number])[]): EventData {
  const pool = { use_for_clue: true, use_for_personalized_for_assignment_types: ['reading'] }
  const listed = exercises.map(([group, version]) => exercise(group, version))
  return {
    book: {
      contents: [{ container_uuid: page, container_parent_uuid: null, pools: [{ ...pool, exercise_uuids: listed }] }],
    },
    exercises: exercises.map(([group, version]) => ({
      exercise_uuid: exercise(group, version).toUpperCase(),
      group_uuid: groupOf(group),
      version,
      los: [],
    })),
  }
}

function createBook(n: number, data: EventData): TestStream {
  return new TestStream(uuidOf(2, n), 'ecosystem').write('create_ecosystem', data, uuidOf(2, n))
}

test('a book is read back as it was sent, and a repeat changes nothing', async () => {
  const page = uuidOf(6, 1)
  const data = bookOf(page, [
    [1, 1],
    [2, 1],
  ])
  await fold(pool, [createBook(1, data)])
  const expected = {
    uuid: uuidOf(2, 1),
    containers: [
      {
        uuid: page,
        parent: undefined,
        pools: [{ useForClue: true, assignmentTypes: ['reading'], exercises: [exercise(1), exercise(2)] }],
      },
    ],
    exercises: [
      { uuid: exercise(1), group: groupOf(1), version: 1 },
      { uuid: exercise(2), group: groupOf(2), version: 1 },
    ],
  }
  assert.deepEqual(await reader.ecosystem(uuidOf(2, 1)), expected)
  await fold(pool, [createBook(1, bookOf(uuidOf(6, 2), [[5, 1]]))])
  assert.deepEqual(await openLearningReader(pool).ecosystem(uuidOf(2, 1)), expected)
  assert.equal(await reader.ecosystem(uuidOf(2, 99)), undefined)
})

test('a container belongs to the first edition that listed it', async () => {
  const shared = uuidOf(6, 10)
  assert.deepEqual(await reader.ecosystemsOfContainers([shared]), new Map())
  await fold(pool, [createBook(12, bookOf(shared, [[20, 1]]))])
  const later = createBook(11, bookOf(shared, [[21, 1]])).take()
  const event = eventWith(later[0]!, { recordedAt: new Date(noon + 60_000) })
  await foldEntries(pool, [entryOf([event])])
  assert.deepEqual(await reader.ecosystemsOfContainers([shared]), new Map([[shared, uuidOf(2, 12)]]))
})

test('an unreadable book is skipped with a warning', async () => {
  const skipped: string[] = []
  await fold(pool, [createBook(13, { exercises: [] })], { onSkipped: ({ reason }) => skipped.push(reason) })
  assert.deepEqual(skipped, ['book is missing or not readable'])
  assert.equal(await reader.ecosystem(uuidOf(2, 13)), undefined)
})

test('training data: first real answers of real courses to the groups of an edition, given anywhere', async () => {
  // Edition 31 has version 2 of group 31 and shares nothing else with edition 30.
  await fold(pool, [
    createBook(
      30,
      bookOf(uuidOf(6, 30), [
        [31, 1],
        [32, 1],
      ]),
    ),
    createBook(
      31,
      bookOf(uuidOf(6, 31), [
        [31, 2],
        [33, 1],
      ]),
    ),
    createBook(32, bookOf(uuidOf(6, 32), [[34, 1]])),
  ])
  const answer = (student: number, of: string, ecosystem: number, data: EventData = {}): EventData => ({
    student_uuid: uuidOf(3, student),
    exercise_uuid: of,
    trial_uuid: uuidOf(7, 1),
    ecosystem_uuid: uuidOf(2, ecosystem),
    ...data,
  })
  const real = new TestStream(uuidOf(1, 31)).create(uuidOf(2, 30))
  real.answer(answer(1, exercise(31, 1), 30, { responded_at: at(50), is_correct: true }))
  real.answer(answer(1, exercise(31, 1), 30, { responded_at: at(40), is_correct: false }))
  real.answer(answer(1, exercise(32), 30))
  real.answer(answer(2, exercise(33), 31))
  real.answer(answer(2, exercise(31, 2), 31, { is_real_response: false, responded_at: at(0) }))
  real.answer(answer(2, exercise(31, 2), 31, { is_correct: false }))
  real.answer(answer(3, exercise(34), 32))
  const preview = new TestStream(uuidOf(1, 32)).create(uuidOf(2, 31), { is_real_course: false })
  preview.answer(answer(4, exercise(33), 31))
  await fold(pool, [real, preview])

  const found = await reader.trainingData(uuidOf(2, 31))
  found.sort((a, b) => `${a.learner}${a.group}`.localeCompare(`${b.learner}${b.group}`))
  assert.deepEqual(found, [
    { learner: uuidOf(3, 1), group: groupOf(31), isCorrect: false, respondedAt: noon + 40 * 60_000, number: 2 },
    { learner: uuidOf(3, 2), group: groupOf(31), isCorrect: false, respondedAt: noon + 6 * 60_000, number: 6 },
    { learner: uuidOf(3, 2), group: groupOf(33), isCorrect: true, respondedAt: noon + 4 * 60_000, number: 4 },
  ])
  assert.deepEqual(await reader.ecosystemsSharingGroups(uuidOf(2, 31)), [uuidOf(2, 30), uuidOf(2, 31)])
  const counts = new Map((await reader.trainingCounts()).map(({ ecosystem, realAnswers }) => [ecosystem, realAnswers]))
  assert.deepEqual(
    [30, 31, 32].map((n) => counts.get(uuidOf(2, n))),
    [5, 5, 1],
  )
  const line = (await reader.ecosystemLines()).find(({ uuid }) => uuid === uuidOf(2, 31))
  assert.deepEqual([line?.answers, line?.realAnswers], [4, 2])
  assert.equal((await reader.counts()).answers, 8)
})

test('training data of more learners than one chunk holds each learner once', async () => {
  await fold(pool, [createBook(40, bookOf(uuidOf(6, 40), [[41, 1]]))])
  const course = new TestStream(uuidOf(1, 41)).create(uuidOf(2, 40))
  const learners = Array.from({ length: 1101 }, (_, n) => uuidOf(33, n))
  for (const student_uuid of learners) {
    course.answer({
      student_uuid,
      exercise_uuid: exercise(41),
      trial_uuid: uuidOf(7, 1),
      ecosystem_uuid: uuidOf(2, 40),
    })
  }
  await fold(pool, [course])
  const found = await reader.trainingData(uuidOf(2, 40))
  assert.deepEqual(found.map(({ learner }) => learner).sort(), learners)
})

test('bug: a student in courses of two parts came in two chunks, with two answers to one question', async () => {
  await fold(pool, [createBook(50, bookOf(uuidOf(6, 50), [[51, 1]]))])
  const courses = [51, 52].map((n) => new TestStream(uuidOf(1, n)).create(uuidOf(2, 50)))
  assert.equal(new Set(courses.map(({ stream }) => partOf('course', stream))).size, 2)
  const given = { student_uuid: uuidOf(3, 50), exercise_uuid: exercise(51), ecosystem_uuid: uuidOf(2, 50) }
  // Each of the two courses has the first answer once.
  for (const [turn, first] of [courses, courses.toReversed()].entries()) {
    for (const [place, course] of first.entries()) {
      const [student_uuid, minute] = [uuidOf(3, 50 + turn), 10 * place]
      course.answer({
        ...given,
        student_uuid,
        trial_uuid: uuidOf(7, place),
        responded_at: at(minute),
        is_correct: place === 0,
      })
    }
  }
  await fold(pool, courses)
  const found = await reader.trainingData(uuidOf(2, 50))
  assert.deepEqual(
    found.map(({ learner, isCorrect, respondedAt }) => [learner, isCorrect, respondedAt]).sort(),
    [50, 51].map((n) => [uuidOf(3, n), true, noon]),
  )
})
