import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Audience } from '#choose/visible-answers.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import { openCourseReplay, openPastReader } from '#learning/past-reader.ts'
import { openLearningReader } from '#learning/reader.ts'
import { entryOf, fold, foldEntries, noon, TestStream, uuidOf } from '#learning/test-course.ts'
import { openLog } from '#log/open.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import type { Edition } from './editions.ts'
import { createLearnerKeeper } from './learners.ts'
import { openStudentRecords, type StudentRecord, type StudentRecords } from './student-records.ts'

const { pool } = await openTestDatabase()
const log = await openLog(pool)
after(() => log.close())

const book = uuidOf(2, 1)
const period = uuidOf(10, 1)

/** Records as somebody has them who never looked before. */
const unkept = (): StudentRecords => openStudentRecords(openLearningReader(pool), { recordsMax: 0 })
const kept = (): StudentRecords => openStudentRecords(openLearningReader(pool), { recordsMax: 100 })

function contentsOf(record: StudentRecord | undefined) {
  if (record === undefined) return undefined
  const { history: _, ...contents } = record
  return { ...contents, course: { ...contents.course, version: contents.course.version.changed } }
}

interface Made {
  readonly course: TestStream
  readonly students: readonly Uuid[]
}

function classOf(n: number): Made {
  const students = [1, 2, 3].map((one) => uuidOf(3, 10 * n + one))
  const course = new TestStream(uuidOf(1, n)).create(book)
  return { course: roster(course, students), students }
}

/** Appends what the course has written; the answer is to fold it afterwards. */
async function append(course: TestStream): Promise<{ fold(): Promise<unknown> }> {
  const events = course.take()
  await log.append(events)
  return { fold: () => foldEntries(pool, [entryOf(events)]) }
}

function roster(course: TestStream, students: readonly Uuid[], container = period): TestStream {
  return course.write('update_roster', {
    course_containers: [{ container_uuid: container }],
    students: students.map((student) => ({ student_uuid: student, container_uuid: container })),
  })
}

function assign(course: TestStream, student: Uuid, n: number, data = {}): TestStream {
  return course.write('create_update_assignment', {
    assignment_uuid: uuidOf(5, n),
    student_uuid: student,
    ecosystem_uuid: book,
    assignment_type: 'homework',
    created_at: new Date(noon).toISOString(),
    assigned_exercises: [{ trial_uuid: uuidOf(7, n), exercise_uuid: uuidOf(4, n % 5), is_pe: false, is_spe: false }],
    ...data,
  })
}

function answer(course: TestStream, student: Uuid, n: number, isCorrect = true): TestStream {
  const given = { trial_uuid: uuidOf(7, n), exercise_uuid: uuidOf(4, n % 5), is_correct: isCorrect }
  return course.answer({ student_uuid: student, ecosystem_uuid: book, ...given })
}

test('a kept record shows what was folded since, whoever folded it', async () => {
  const { course, students } = classOf(1)
  const [ann, bob] = students as [Uuid, Uuid]
  const records = kept()
  const seen = async () => (await records.load([ann])).get(ann)
  await fold(pool, [answer(assign(assign(course, ann, 11), bob, 12), ann, 11)])
  const first = await seen()
  assert.equal(await seen(), first, 'nothing happened: the same record')
  await fold(pool, [answer(course, bob, 12)])
  assert.equal(await seen(), first, 'a classmate answered: the same record')
  await fold(pool, [answer(course, ann, 11, false)])
  assert.deepEqual(
    (await seen())?.answers.map(({ isCorrect }) => isCorrect),
    [true, false],
  )
  await fold(pool, [assign(course, ann, 11, { is_deleted: true })])
  assert.equal((await seen())?.assignments[0]?.isDeleted, true)
  await fold(pool, [roster(course, students, uuidOf(10, 2))])
  assert.deepEqual((await seen())?.student.containers, [uuidOf(10, 2)])
  await fold(pool, [roster(course, [bob])])
  assert.equal((await seen())?.student.isActive, false)
  await fold(pool, [
    course.write('update_course_excluded_exercises', { exclusions: [{ exercise_uuid: uuidOf(4, 1) }] }),
  ])
  assert.ok((await seen())?.course.exclusions.exercises.has(uuidOf(4, 1)))
  assert.deepEqual(records.counters, { current: 2, continued: 5, read: 1 })
})

test('an assignment that goes to another student leaves the record of the first, newest or not', async () => {
  const { course, students } = classOf(2)
  const [ann, bob] = students as [Uuid, Uuid]
  const records = kept()
  await fold(pool, [assign(assign(course, ann, 21), ann, 22)])
  assert.equal((await records.ofAssignments([uuidOf(5, 21)])).get(uuidOf(5, 21))?.student.uuid, ann)
  await records.load([bob])
  await fold(pool, [assign(course, bob, 21)])
  const owned = await records.ofAssignments([uuidOf(5, 21)])
  assert.equal(owned.get(uuidOf(5, 21))?.student.uuid, bob)
  assert.deepEqual(
    (await records.load([ann])).get(ann)?.assignments.map(({ uuid }) => uuid),
    [uuidOf(5, 22)],
  )
  assert.equal((await records.ofAssignments([uuidOf(5, 999)])).has(uuidOf(5, 999)), false)
})

test('an answer that is taken out of the read models again leaves the record', async () => {
  const { course, students } = classOf(3)
  const [ann] = students as [Uuid]
  const records = kept()
  await fold(pool, [answer(course, ann, 31)])
  await fold(pool, [answer(course, ann, 32)])
  assert.equal((await records.load([ann])).get(ann)?.answers.length, 2)
  const part = partOf('course', course.stream)
  await pool.query('delete from learning_answer where part = $1 and student = $2 and last_number = 3', [part, ann])
  assert.equal((await records.load([ann])).get(ann)?.answers.length, 1)
})

test('records are kept by their size: one that is too long for its room is read each time', async () => {
  const { course, students } = classOf(11)
  const [ann, bob] = students as [Uuid, Uuid]
  for (let n = 0; n < 400; n += 1) answer(course, ann, n)
  for (let n = 0; n < 700; n += 1) answer(course, bob, n)
  await fold(pool, [course])
  const records = openStudentRecords(openLearningReader(pool), { recordsMax: 1 })
  for (const student of [ann, ann, bob, bob]) await records.load([student])
  assert.deepEqual(records.counters, { current: 1, continued: 0, read: 3 })
})

test('a class is its active students, also after some have gone', async () => {
  const { course, students } = classOf(4)
  const records = kept()
  const container = uuidOf(10, 4)
  const names = async () => (await records.ofContainer(container))?.map(({ student }) => student.uuid)
  assert.equal(await records.ofContainer(container), undefined)
  await fold(pool, [roster(course, students, container)])
  assert.deepEqual(await names(), students)
  await fold(pool, [answer(roster(course, students.slice(1), container), students[2] as Uuid, 41)])
  assert.deepEqual(await names(), students.slice(1))
  assert.equal((await records.ofContainer(container))?.[1]?.answers.length, 1)
  await fold(pool, [roster(course, [], container)])
  assert.deepEqual(await names(), [])
})

test('records wait for events of their course that are readable and not applied', async () => {
  const { course, students } = classOf(5)
  const [ann] = students as [Uuid]
  const waits: string[] = []
  const records = kept()
  const looking = (apply: () => Promise<unknown>) =>
    records.load([ann], {
      untilApplied: async (late) => {
        for (const { part, lane, position } of late) waits.push(`${part}/${lane} ${position > 0n}`)
        await apply()
        return true
      },
      untilAllApplied: async () => {
        waits.push('all')
        await apply()
        return true
      },
      behind: () => waits.push('behind'),
    })
  const announced = await append(course)
  assert.ok((await looking(announced.fold)).has(ann), 'nobody knew the student')
  answer(course, ann, 51)
  const answered = await append(course)
  assert.equal((await looking(answered.fold)).get(ann)?.answers.length, 1)
  await looking(async () => assert.fail('nothing is late'))
  assert.deepEqual(waits, ['all', `${partOf('course', course.stream)}/0 true`])
})

test('a record that lacks what was in the log is told to be behind, also when its course is set aside', async () => {
  const { course, students } = classOf(9)
  const [ann] = students as [Uuid]
  const announced = await append(course)
  const records = kept()
  const isBehind = async (isInTime: boolean, meanwhile = async (): Promise<unknown> => undefined) => {
    const told: string[] = []
    const wait = async () => {
      await meanwhile()
      return isInTime
    }
    await records.load([ann], { untilApplied: wait, untilAllApplied: wait, behind: () => told.push('behind') })
    return told.length > 0
  }
  assert.equal(await isBehind(false), true, 'nobody knows the student, and time was up')
  assert.equal(await isBehind(true), false, 'everything is applied: there is no such student')
  assert.equal(await isBehind(false, announced.fold), false, 'applied just then')
  const answered = await (async () => {
    answer(course, ann, 91)
    return append(course)
  })()
  assert.equal(await isBehind(false), true, 'time was up')
  assert.equal(await isBehind(true), true, 'the slot has passed a course that is set aside')
  const another = { fold: async () => undefined as unknown }
  const whileAnswered = async () => {
    await answered.fold()
    answer(course, ann, 92)
    another.fold = (await append(course)).fold
  }
  assert.equal(await isBehind(false, whileAnswered), false, 'what came after the question is none of it')
  assert.equal(await isBehind(true, another.fold), false)
})

/** Small numbers from a seed. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 16) % sides
  }
}

const edition = {
  ecosystem: book,
  groupOf: (exercise: Uuid) => uuidOf(6, Number(exercise.slice(-3)) % 4),
} as unknown as Edition

/** Up to three events of a class, of any kind. */
function happen({ course, students }: Made, container: Uuid, seed: number, roll: (sides: number) => number): void {
  for (let left = roll(3); left >= 0; left -= 1) {
    const [one, n] = [students[roll(3)] as Uuid, 100 * seed + roll(12)]
    const dueAt = new Date(noon + (roll(80) - 10) * 60_000).toISOString()
    const kind = roll(10)
    if (kind < 6) answer(course, one, n, roll(2) === 0)
    else if (kind < 8) assign(course, one, n, { exclusion_info: { due_at: dueAt }, is_deleted: roll(4) === 0 })
    else if (kind === 8) roster(course, students.slice(roll(2)), container)
    else course.write('update_course_excluded_exercises', { exclusions: [{ exercise_uuid: uuidOf(4, roll(5)) }] })
  }
}

test('whatever happens, records and learners that are kept are those that are made from the beginning', async () => {
  for (const seed of [6, 7, 8]) {
    const roll = dice(seed)
    const { course, students } = classOf(seed)
    const container = uuidOf(10, seed)
    const [records, learners] = [kept(), createLearnerKeeper({ withholdUntilDue: true })]
    for (let step = 0; step < 60; step += 1) {
      happen({ course, students }, container, seed, roll)
      await fold(pool, [course])
      if (roll(3) === 0) continue
      const [found, made] = [await records.load(students), await unkept().load(students)]
      for (const student of students) {
        const [record, fresh] = [found.get(student), made.get(student)]
        assert.deepEqual(contentsOf(record), contentsOf(fresh), `seed ${seed}, step ${step}`)
        if (record === undefined || fresh === undefined) continue
        for (const audience of ['student', 'teacher'] satisfies Audience[]) {
          const now = noon + step * 60_000
          const scratch = createLearnerKeeper({ withholdUntilDue: true }).of(fresh, edition, audience, now)
          const learner = learners.of(record, edition, audience, now)
          assert.deepEqual(learner.inputs, scratch.inputs, `seed ${seed}, step ${step}`)
          assert.deepEqual(learner.judged.withheld, scratch.judged.withheld)
          assert.deepEqual(learner.judged.judged, scratch.judged.judged)
        }
      }
      const members = (await records.ofContainer(container))?.map(contentsOf)
      assert.deepEqual(members, (await unkept().ofContainer(container))?.map(contentsOf))
    }
  }
})

test('records kept through a replay are those made from the beginning of the course', async () => {
  const made = classOf(10)
  const { course, students } = made
  const [roll, container] = [dice(10), uuidOf(10, 10)]
  for (let step = 0; step < 60; step += 1) happen(made, container, 10, roll)
  const events = course.take()
  await foldEntries(pool, [entryOf(events)])
  const log = { readStream: async (_k: string, _s: string, { from }: { from: number }) => events.slice(from) }
  const present = openLearningReader(pool)
  const replay = openCourseReplay(present, course.stream, events)
  const records = openStudentRecords(replay.at({ instant: 0, position: -1 }), { recordsMax: 100 })
  for (const { number, recordedAt } of events) {
    const moment = { instant: recordedAt.getTime(), position: number }
    replay.at(moment)
    if (number % 3 === 0) continue
    const past = openStudentRecords(openPastReader(present, log, moment), { recordsMax: 0 })
    const [found, fresh] = [await records.load(students), await past.load(students)]
    for (const student of students) {
      assert.deepEqual(contentsOf(found.get(student)), contentsOf(fresh.get(student)), `event ${number}`)
    }
    const members = (await records.ofContainer(container))?.map(contentsOf)
    assert.deepEqual(members, (await past.ofContainer(container))?.map(contentsOf), `event ${number}`)
  }
  assert.ok(records.counters.continued > records.counters.read, 'most went on from what was kept')
})
