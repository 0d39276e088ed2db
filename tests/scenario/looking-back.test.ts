import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { toUuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import { startTestApplication, type TestApplication, untilMatrix } from '../support/application.ts'
import { Classroom, type ClassroomStudent } from '../support/classroom.ts'

/*
 * `explain=1` and `as_of`: an answer that was given can be asked for again, byte for byte, whatever happened since:
 * more answers, another matrix, a moved student, changed exclusions and dates.
 */
interface Explained {
  readonly clue_status: string
  readonly clue_data: { readonly most_likely: number }
  readonly explanation?: {
    readonly as_of: string
    readonly ecosystem_matrix_uuid: string
    readonly sequence_number: number
    readonly counted_answers: number
    readonly answers: readonly {
      readonly response_uuid: string
      readonly verdict: string
      readonly visible_at?: string
    }[]
  }
}

let application: TestApplication
const classroom = new Classroom({ seed: 11, pages: 3, exercisesPerPage: 30, courses: 2, studentsPerCourse: 5 })
let state = 12345
let firstMatrix: string

before(async () => {
  application = await startTestApplication()
  await classroom.create((path, body) => application.post(path, body))
  firstMatrix = await untilMatrix(application)
})
after(() => application.stop())

function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 0x100000000) * below)
}

function student(index: number): ClassroomStudent {
  const found = classroom.students[index]
  assert.ok(found !== undefined)
  return found
}

function studentQuestion(who: ClassroomStudent, page: number) {
  const line = { request_uuid: who.student, student_uuid: who.student, book_container_uuid: classroom.pages[page] }
  return { student_clue_requests: [{ ...line, algorithm_name: 'biglearn_sparfa' }] }
}

function teacherQuestion(course: string, page: number) {
  const container = classroom.period(course)
  const line = { request_uuid: container, course_container_uuid: container, book_container_uuid: classroom.pages[page] }
  return { teacher_clue_requests: [{ ...line, algorithm_name: 'biglearn_sparfa' }] }
}

async function somethingHappens(turn: number): Promise<void> {
  const who = student(random(10))
  const page = random(3)
  if (turn % 10 === 3) {
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
    const assignment = classroom.assignmentOf(who, page, classroom.uuid())
    const dates = { opens_at: '2026-09-01T08:00:00Z', due_at: tomorrow, feedback_at: tomorrow }
    await application.ask('/create_update_assignments', { assignments: [{ ...assignment, exclusion_info: dates }] })
  } else if (turn % 10 === 7) {
    await application.ask('/update_course_excluded_exercises', {
      request_uuid: classroom.uuid(),
      course_uuid: who.course,
      sequence_number: classroom.number(who.course),
      exclusions: [{ exercise_uuid: classroom.exercises[page]?.[random(30)] }],
      updated_at: '2026-09-02T08:00:00Z',
    })
  } else {
    const responses = Array.from({ length: 3 }, () => classroom.response(who, page, random(30), random(3) > 0))
    await application.ask('/record_responses', { responses })
  }
}

test('200 answers are given again byte for byte, after everything that came later', async () => {
  const given: { readonly path: string; readonly body: unknown; readonly text: string }[] = []
  for (let turn = 0; given.length < 200; turn += 1) {
    await somethingHappens(turn)
    const who = student(random(10))
    const isTeacher = turn % 4 === 0
    const path = isTeacher ? '/fetch_teacher_clues?explain=1' : '/fetch_student_clues?explain=1'
    const body = isTeacher ? teacherQuestion(who.course, random(3)) : studentQuestion(who, random(3))
    const text = await application.ask(path, body)
    const line = (Object.values(JSON.parse(text))[0] as Explained[])[0]
    if (line?.explanation === undefined) continue
    given.push({ path: `${path}&as_of=${encodeURIComponent(line.explanation.as_of)}`, body, text })
    // A recorded time has milliseconds; what comes next must not fall into the same one.
    await sleep(2)
  }
  await application.pool.query(`update training set fitted_at = now() - interval '2 minutes'`)
  await untilMatrix(application, (matrix) => matrix !== firstMatrix)
  for (const { path, body, text } of given) assert.equal(await application.ask(path, body), text)
  const changed = await Promise.all(
    given.map(async ({ path, body, text }) => (await application.ask(path.replace(/&as_of=.*/, ''), body)) !== text),
  )
  assert.ok(changed.filter(Boolean).length > 150, 'without as_of most answers are others by now')
})

test('without the parameters the answer is the original one', async () => {
  const line = JSON.parse(await application.ask('/fetch_student_clues', studentQuestion(student(0), 0)))
  const keys = Object.keys(line.student_clue_responses[0]).sort()
  assert.deepEqual(keys, ['calculation_uuid', 'clue_data', 'clue_status', 'request_uuid'])
})

test('an explanation names each answer of the page and why it counts or not', async () => {
  const who = student(0)
  const page = 1
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
  const assign = async (exercise: number, feedbackAt: string): Promise<string> => {
    const trial = classroom.uuid()
    const given = {
      trial_uuid: trial,
      exercise_uuid: classroom.exercises[page]?.[exercise],
      is_spe: false,
      is_pe: false,
    }
    const dates = { opens_at: '2026-09-01T08:00:00Z', due_at: feedbackAt, feedback_at: feedbackAt }
    const assignment = classroom.assignmentOf(who, page, classroom.uuid())
    await application.ask('/create_update_assignments', {
      assignments: [{ ...assignment, exclusion_info: dates, assigned_exercises: [given] }],
    })
    return trial
  }
  await application.ask('/update_course_excluded_exercises', {
    request_uuid: classroom.uuid(),
    course_uuid: who.course,
    sequence_number: classroom.number(who.course),
    exclusions: [],
    updated_at: '2026-09-02T08:00:00Z',
  })
  const withheld = { ...classroom.response(who, page, 29, true), trial_uuid: await assign(29, tomorrow) }
  const counted = { ...classroom.response(who, page, 28, true), trial_uuid: await assign(28, '2026-09-03T08:00:00Z') }
  await application.ask('/record_responses', { responses: [withheld, counted] })
  const text = await application.ask('/fetch_student_clues?explain=1', studentQuestion(who, page))
  const line = (JSON.parse(text) as { student_clue_responses: Explained[] }).student_clue_responses[0]
  const verdicts = new Map(line?.explanation?.answers.map((answer) => [answer.response_uuid, answer]))
  assert.equal(verdicts.get(counted.response_uuid)?.verdict, 'counted')
  assert.deepEqual(verdicts.get(withheld.response_uuid), {
    response_uuid: withheld.response_uuid,
    student_uuid: who.student,
    verdict: 'withheld',
    visible_at: tomorrow,
  })
})

test('events as of a time end where they ended then', async () => {
  const { course } = student(0)
  const body = {
    course_event_requests: [{ request_uuid: course, course_uuid: course, sequence_number_offset: 0 }],
    max_num_events: 1000,
  }
  const then = new Date().toISOString()
  const text = await application.ask('/fetch_course_events', body)
  await sleep(2)
  await application.ask('/record_responses', { responses: [classroom.response(student(0), 0, 5, true)] })
  assert.notEqual(await application.ask('/fetch_course_events', body), text)
  assert.equal(await application.ask(`/fetch_course_events?as_of=${then}`, body), text)
})

test('bug: what an operator had the read models skip was there when looking back', async () => {
  const who = student(0)
  const response = classroom.response(who, 2, 7, true)
  await application.ask('/record_responses', { responses: [response] })
  const line = async (more: string): Promise<Explained | undefined> => {
    const text = await application.ask(`/fetch_student_clues?explain=1${more}`, studentQuestion(who, 2))
    return (JSON.parse(text) as { student_clue_responses: Explained[] }).student_clue_responses[0]
  }
  const isIn = (one: Explained | undefined): boolean | undefined =>
    one?.explanation?.answers.some(({ response_uuid: uuid }) => uuid === response.response_uuid)
  const now = await line('')
  const then = `&as_of=${now?.explanation?.as_of}`
  assert.deepEqual([isIn(now), isIn(await line(then))], [true, true])
  await application.pool.query(
    `insert into subscription_skip (part, stream, subscription, number, actor, reason)
     values ($1, $2, 'learning', $3, 'test', 'test')`,
    [partOf('course', toUuid(who.course)), who.course, response.sequence_number],
  )
  assert.equal(isIn(await line(then)), false)
})

test('a time that can not be understood is refused by name', async () => {
  const answer = await fetch(`${application.url}/fetch_student_clues?as_of=yesterday`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(studentQuestion(student(0), 0)),
  })
  assert.equal(answer.status, 400)
  assert.match(await answer.text(), /as_of must be one date-time/)
})
