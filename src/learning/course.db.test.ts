import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid } from '#domain/ids.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import type { SkippedEvent } from './fold.ts'
import { openLearningReader } from './reader.ts'
import { at, entryOf, fold, foldEntries, noon, TestStream, uuidOf } from './test-course.ts'

const { pool } = await openTestDatabase()
const reader = openLearningReader(pool, { editionsAgeMsMax: 0 })

const book = uuidOf(2, 1)
const nextBook = uuidOf(2, 2)
const [period, group, otherPeriod] = [uuidOf(10, 1), uuidOf(10, 2), uuidOf(10, 3)]
const [ann, bob, cid] = [uuidOf(3, 1), uuidOf(3, 2), uuidOf(3, 3)]

function container(uuid: string, parent: string | null, archivedAt?: string) {
  return { container_uuid: uuid, parent_container_uuid: parent, created_at: at(0), archived_at: archivedAt }
}
function enrolled(student: string, into: string, droppedAt?: string | null) {
  const stamps = { enrolled_at: at(0), last_course_container_change_at: at(0), dropped_at: droppedAt }
  return { student_uuid: student, container_uuid: into, ...stamps }
}

test('a course has the ecosystem, dates and kind it was created with; later dates replace them', async () => {
  const course = new TestStream(uuidOf(1, 1)).create(book, { is_real_course: false, ends_at: 'never' })
  await fold(pool, [course])
  assert.deepEqual(await reader.course(course.stream), {
    uuid: course.stream,
    ecosystem: book,
    isReal: false,
    startsAt: noon,
    endsAt: undefined,
    exclusions: { exercises: new Set(), groups: new Set() },
    version: { applied: 0, changed: 0 },
  })
  await fold(pool, [course.write('update_course_active_dates', { starts_at: at(5), ends_at: '9999-12-31T23:59:59Z' })])
  const changed = await reader.course(course.stream)
  assert.equal(changed?.startsAt, noon + 5 * 60_000)
  assert.equal(changed?.endsAt, Date.UTC(9999, 11, 31, 23, 59, 59))
  assert.equal(await reader.course(uuidOf(1, 999)), undefined)
})

test('each exclusion list is replaced as a whole and the union counts (worked example 19)', async () => {
  const course = new TestStream(uuidOf(1, 2)).create(book)
  const [exercise, other, excludedGroup] = [uuidOf(4, 1), uuidOf(4, 2), uuidOf(9, 2)]
  const listed = { exclusions: [{ exercise_uuid: exercise }, { exercise_group_uuid: excludedGroup.toUpperCase() }] }
  course.write('update_globally_excluded_exercises', listed)
  course.write('update_course_excluded_exercises', { exclusions: [{ exercise_uuid: other }] })
  await fold(pool, [course])
  const both = await reader.course(course.stream)
  assert.deepEqual(both?.exclusions, { exercises: new Set([exercise, other]), groups: new Set([excludedGroup]) })
  await fold(pool, [course.write('update_globally_excluded_exercises', { exclusions: [] })])
  const left = await reader.course(course.stream)
  assert.deepEqual(left?.exclusions, { exercises: new Set([other]), groups: new Set() })
  assert.deepEqual(left?.version, { applied: 3, changed: 3 })
})

test('a course moves to a prepared ecosystem, in one pass or in two (worked example 7)', async () => {
  const prepare = { preparation_uuid: uuidOf(8, 1), ecosystem_uuid: nextBook }
  const update = { preparation_uuid: uuidOf(8, 1).toUpperCase() }
  const together = new TestStream(uuidOf(1, 3)).create(book)
  await fold(pool, [together.write('prepare_course_ecosystem', prepare).write('update_course_ecosystem', update)])
  assert.equal((await reader.course(together.stream))?.ecosystem, nextBook)
  const apart = new TestStream(uuidOf(1, 4)).create(book)
  await fold(pool, [apart.write('prepare_course_ecosystem', prepare)])
  assert.equal((await reader.course(apart.stream))?.ecosystem, book)
  await fold(pool, [apart.write('update_course_ecosystem', update)])
  assert.equal((await reader.course(apart.stream))?.ecosystem, nextBook)
})

test('a preparation of another course moves nothing: skipped with a warning, the lane goes on', async () => {
  const owner = new TestStream(uuidOf(1, 5)).create(book)
  owner.write('prepare_course_ecosystem', { preparation_uuid: uuidOf(8, 5), ecosystem_uuid: nextBook })
  const thief = new TestStream(uuidOf(1, 6)).create(book)
  thief.write('update_course_ecosystem', { preparation_uuid: uuidOf(8, 5) })
  thief.write('update_course_ecosystem', {})
  thief.write('update_course_active_dates', { starts_at: at(9), ends_at: at(10) })
  const skipped: SkippedEvent[] = []
  await fold(pool, [owner, thief], { onSkipped: (event) => skipped.push(event) })
  const course = await reader.course(thief.stream)
  assert.equal(course?.ecosystem, book)
  assert.equal(course?.startsAt, noon + 9 * 60_000)
  assert.deepEqual(course?.version, { applied: 3, changed: 3 })
  assert.deepEqual(
    skipped.map(({ stream, number }) => [stream, number]),
    [
      [thief.stream, 1],
      [thief.stream, 2],
    ],
  )
})

test('announced maps lead forwards, backwards and across two steps', async () => {
  const [a, b, c] = [uuidOf(6, 1), uuidOf(6, 2), uuidOf(6, 3)]
  const [first, second, third] = [uuidOf(2, 11), uuidOf(2, 12), uuidOf(2, 13)]
  const mapOf = (from: string, to: string, pair: [string, string]) => ({
    ecosystem_map: {
      from_ecosystem_uuid: from,
      to_ecosystem_uuid: to,
      book_container_mappings: [
        { from_book_container_uuid: pair[0].toUpperCase(), to_book_container_uuid: pair[1] },
        { from_book_container_uuid: null, to_book_container_uuid: pair[1] },
      ],
      exercise_mappings: [],
    },
  })
  const prepare = (ecosystem: string, n: number) => ({ ecosystem_uuid: ecosystem, preparation_uuid: uuidOf(8, n) })
  const course = new TestStream(uuidOf(1, 7)).create(first)
  course.write('prepare_course_ecosystem', { ...prepare(second, 71), ...mapOf(first, second, [a, b]) })
  const other = new TestStream(uuidOf(1, 8)).create(second)
  other.write('prepare_course_ecosystem', { ...prepare(third, 72), ...mapOf(second, third, [b, c]) })
  other.write('prepare_course_ecosystem', { ...prepare(third, 73), ...mapOf(second, third, [b, c]) })
  await fold(pool, [course, other])
  const mapping = await reader.mapping()
  assert.equal(mapping.image(a, first, second), b)
  assert.equal(mapping.image(a, first, third), c)
  assert.equal(mapping.image(c, third, first), a)
})

test('a roster gives chains, teacher subjects and counts (worked examples 8 and 9)', async () => {
  const course = new TestStream(uuidOf(1, 9)).create(book)
  course.write('update_roster', {
    course_containers: [container(period, course.stream), container(group, period), container(otherPeriod, null)],
    students: [
      enrolled(ann, group.toUpperCase()),
      enrolled(bob.toUpperCase(), period, null),
      enrolled(cid, otherPeriod),
    ],
  })
  await fold(pool, [course])
  const students = await reader.students([ann, bob, cid])
  assert.deepEqual(students.get(ann), { uuid: ann, course: course.stream, containers: [group, period], isActive: true })
  assert.deepEqual(students.get(bob)?.containers, [period])
  assert.deepEqual(
    (await reader.courseContainer(period))?.students.map(({ uuid }) => uuid),
    [ann, bob],
  )
  assert.deepEqual(
    (await reader.courseContainer(group))?.students.map(({ uuid }) => uuid),
    [ann],
  )
  assert.equal((await reader.courseContainer(period))?.container.course, course.stream)
  assert.equal(await reader.courseContainer(uuidOf(10, 99)), undefined)
  assert.equal((await reader.coursePage({ startsWith: course.stream, after: undefined, max: 5 })).lines[0]?.enrolled, 3)
})

test('the next roster replaces it: moved, dropped and missing students, archived and missing containers', async () => {
  const course = new TestStream(uuidOf(1, 10)).create(book)
  const [one, two, three] = [uuidOf(10, 11), uuidOf(10, 12), uuidOf(10, 13)]
  const [moved, dropped, missing, late] = [uuidOf(3, 11), uuidOf(3, 12), uuidOf(3, 13), uuidOf(3, 14)]
  course.write('update_roster', {
    course_containers: [one, two, three].map((uuid) => container(uuid, course.stream)),
    students: [enrolled(moved, one), enrolled(dropped, one), enrolled(missing, one)],
  })
  await fold(pool, [course])
  course.write('update_roster', {
    course_containers: [container(one, course.stream), container(two, course.stream, at(20))],
    students: [enrolled(moved, two), enrolled(dropped, one, at(20)), enrolled(late, two, at(21))],
  })
  await fold(pool, [course])
  const students = await reader.students([moved, dropped, missing, late])
  const seen = [moved, dropped, missing, late].map((uuid) => [
    students.get(uuid)?.containers,
    students.get(uuid)?.isActive,
  ])
  assert.deepEqual(seen, [
    [[two], true],
    [[one], false],
    [[one], false],
    [[two], false],
  ])
  const containers = await reader.containersOf(course.stream)
  assert.deepEqual(
    containers.map(({ uuid, parent, isArchived, isActive }) => [uuid, parent, isArchived, isActive]),
    [
      [one, undefined, false, true],
      [two, undefined, true, false],
      [three, undefined, false, false],
    ],
  )
  assert.deepEqual(await reader.studentsOf(course.stream), [students.get(moved)])
  const page = await reader.studentPage({
    course: course.stream,
    container: one,
    startsWith: '',
    after: undefined,
    max: 1,
  })
  assert.equal(page.total, 2)
  assert.deepEqual(page.lines, [students.get(dropped)])
})

test('rosters of one pass have the effect of as many passes: who was listed only in between is known', async () => {
  const course = new TestStream(uuidOf(1, 11)).create(book)
  const [left, stays, between] = [uuidOf(3, 21), uuidOf(3, 22), uuidOf(3, 23)]
  const roster = (...students: string[]) => ({
    course_containers: [container(uuidOf(10, 21), course.stream)],
    students: students.map((student) => enrolled(student, uuidOf(10, 21))),
  })
  await fold(pool, [course.write('update_roster', roster(left))])
  course.write('update_roster', roster(left, stays, between)).write('update_roster', roster(stays))
  await fold(pool, [course])
  const found = await reader.students([left, stays, between])
  assert.deepEqual(
    [left, stays, between].map((student) => found.get(student)?.isActive),
    [false, true, false],
  )
})

test('entries that were folded before change nothing; a hole is an alarm', async () => {
  const course = new TestStream(uuidOf(1, 12)).create(book)
  course.write('update_course_active_dates', { starts_at: at(1), ends_at: at(2) })
  course.write('update_course_active_dates', { starts_at: at(3), ends_at: at(4) })
  const events = course.take()
  await foldEntries(pool, [entryOf(events)])
  await foldEntries(pool, [entryOf(events.slice(0, 2))])
  assert.equal((await reader.course(course.stream))?.startsAt, noon + 3 * 60_000)
  course.write('no_op', {}).write('no_op', {})
  await assert.rejects(foldEntries(pool, [entryOf(course.take().slice(1))]), /has a hole/)
  assert.deepEqual((await reader.course(course.stream))?.version, { applied: 2, changed: 2 })
})

test('a course whose first event is not its creation is kept, and no_op changes nothing but the number', async () => {
  const course = new TestStream(uuidOf(1, 13)).write('no_op', { reason: 'repair' })
  await fold(pool, [course])
  const state = await reader.course(course.stream)
  assert.deepEqual([state?.ecosystem, state?.isReal, state?.version], [undefined, false, { applied: 0, changed: -1 }])
})

test('course pages: by prefix, in uuid order, with the total', async () => {
  const uuids = ['a0000000', 'a1000000', 'a1f00000'].map((start) => toUuid(`${start}-0000-4000-8000-000000000001`))
  await fold(
    pool,
    uuids.map((uuid) => new TestStream(uuid).create(book)),
  )
  const page = await reader.coursePage({ startsWith: 'a1', after: undefined, max: 1 })
  assert.deepEqual([page.lines.map(({ uuid }) => uuid), page.total], [[uuids[1]], 2])
  const next = await reader.coursePage({ startsWith: 'a1', after: uuids[1], max: 5 })
  assert.deepEqual(
    next.lines.map(({ uuid }) => uuid),
    [uuids[2]],
  )
  assert.equal((await reader.coursePage({ startsWith: 'a1000000-00', after: undefined, max: 5 })).total, 1)
  assert.equal((await reader.coursePage({ startsWith: 'xyz', after: undefined, max: 5 })).total, 0)
})

test('a second copy of an event that replaces state does not bring the old state back (design D5)', async () => {
  const course = new TestStream(uuidOf(1, 14)).create(book)
  const copy = uuidOf(98, 1)
  const dates = { starts_at: at(1), ends_at: at(2) }
  course.write('update_course_active_dates', dates, copy)
  course.write('update_course_active_dates', { starts_at: at(3), ends_at: at(4) })
  await fold(pool, [course])
  course.write('update_course_active_dates', dates, copy).write('update_course_active_dates', dates, uuidOf(98, 2))
  course.write('update_course_active_dates', { starts_at: at(5), ends_at: at(6) })
  course.write('update_course_active_dates', dates, uuidOf(98, 2))
  const events = course.take()
  await foldEntries(pool, [entryOf(events)])
  assert.equal((await reader.course(course.stream))?.startsAt, noon + 5 * 60_000)
  assert.deepEqual((await reader.course(course.stream))?.version, { applied: 6, changed: 5 })
  // A replay of the same events is not a second copy of them.
  await foldEntries(pool, [entryOf(events)])
  assert.equal((await reader.course(course.stream))?.startsAt, noon + 5 * 60_000)
})
