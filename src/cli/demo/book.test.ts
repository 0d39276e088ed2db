import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enrol, rosterOf } from './enrolment.ts'
import { namingOf } from './identity.ts'
import { smallStudy, smallWorld } from './test-study.ts'

const { book, naming, term } = smallWorld()
const contents = book.creation.book.contents
const containerOf = (uuid: string) => contents.find((container) => container.container_uuid === uuid)!

test('the tree is a book of chapters of pages, its root below the ecosystem', () => {
  const roots = contents.filter((container) => container.container_parent_uuid === book.ecosystem)
  assert.equal(roots.length, 1)
  assert.deepEqual(
    book.chapters.map(({ pages }) => pages),
    [[0, 1], [2, 3], [4]],
  )
  for (const chapter of book.chapters) {
    assert.equal(containerOf(chapter.uuid).container_parent_uuid, roots[0]!.container_uuid)
    for (const page of chapter.pages) assert.equal(containerOf(book.pages[page]!).container_parent_uuid, chapter.uuid)
  }
  assert.equal(contents.length, 1 + 3 + 5)
})

test('every chapter and page has one CLUE pool, and a chapter holds each exercise of its pages once', () => {
  const clueExercises = (uuid: string) => {
    const pools = containerOf(uuid).pools.filter((pool) => pool.use_for_clue)
    assert.equal(pools.length, 1)
    return pools[0]!.exercise_uuids
  }
  assert.deepEqual(clueExercises(book.pages[1]!), [book.exercises[1], book.exercises[5]])
  assert.deepEqual(clueExercises(book.pages[4]!), [book.exercises[4], book.exercises[5]])
  for (const chapter of book.chapters) {
    const ofPages = chapter.pages.flatMap((page) => clueExercises(book.pages[page]!))
    assert.deepEqual([...clueExercises(chapter.uuid)].sort(), [...new Set(ofPages)].sort())
  }
})

test('pages have pools for reading, homework and practice that feed no CLUE', () => {
  for (const page of book.pages) {
    const pools = containerOf(page).pools.filter((pool) => !pool.use_for_clue)
    const types = pools.flatMap((pool) => pool.use_for_personalized_for_assignment_types)
    assert.deepEqual(types, ['reading', 'homework', 'practice'])
    for (const pool of pools) assert.ok(pool.exercise_uuids.length > 0)
  }
})

test('the excluded exercises are in the book and in nobody’s answers', () => {
  const listed = new Map(book.creation.exercises.map((exercise) => [exercise.exercise_uuid, exercise.group_uuid]))
  assert.ok(listed.has(book.excluded.byAdministrator))
  assert.ok([...listed.values()].includes(book.excluded.groupByTeacher))
  assert.ok(!book.exercises.includes(book.excluded.byAdministrator))
  assert.equal(listed.size, smallStudy.questions.length + 2)
})

test('learners sit in courses and periods of limited size, each exactly once', () => {
  const courses = enrol(smallStudy, naming)
  assert.deepEqual(
    courses.map(({ students }) => students.length),
    [10, 10, 5],
  )
  assert.deepEqual(
    courses.map(({ periods }) => periods.length),
    [3, 3, 2],
  )
  assert.deepEqual(
    courses.flatMap(({ students }) => students.map(({ learner }) => learner)),
    [...smallStudy.learners.keys()],
  )
  const roster = rosterOf(courses[0]!, naming, { term, number: 3 })
  const periods = new Set(roster.course_containers.map((container) => container.container_uuid))
  assert.ok(roster.students.every((student) => periods.has(student.container_uuid)))
  assert.equal(new Set(roster.students.map((student) => student.student_uuid)).size, 10)
})

test('uuids depend on the data, the seed and the name alone', () => {
  assert.equal(namingOf('data', 1)('page/0'), namingOf('data', 1)('page/0'))
  const names = [
    namingOf('data', 1)('page/0'),
    namingOf('data', 2)('page/0'),
    namingOf('other', 1)('page/0'),
    namingOf('data', 1)('page/1'),
  ]
  assert.equal(new Set(names).size, 4)
})
