import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type ContractServer, courseEvents, onEveryBackend } from './contract-server.ts'

/*
 * The producer as it really is (tutor-client.md): its spellings, its order of sends, its retries and its mistakes.
 * Answers of older servers hold fewer keys, so they are compared as "what was recorded is part of what we say" (M40).
 */
let server: ContractServer
const contractTest = onEveryBackend((started) => {
  server = started
})

const threeDigits = '2020-07-06T12:00:00.000Z'
const sixDigits = '2020-07-06T12:00:00.123456Z'

/** Joined as the Python client does it, headers as the Ruby client sends them. */
async function send(endpoint: string, body: object) {
  const answer = await server.send(`//${endpoint}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: '*/*', 'user-agent': 'Faraday v0.17.3' },
    body: JSON.stringify(body),
  })
  assert.equal(answer.status, 200, `${endpoint}: ${answer.text.slice(0, 300)}`)
  return answer.json
}

/** Everything recorded is in the answer, with the same values; further keys are ours. */
function assertContains(actual: unknown, recorded: unknown, path = '$'): void {
  if (typeof recorded !== 'object' || recorded === null) {
    assert.deepEqual(actual, recorded, path)
    return
  }
  for (const [key, value] of Object.entries(recorded)) {
    assertContains((actual as Record<string, unknown>)[key], value, `${path}.${key}`)
  }
}

/** Numbers of one course, handed out in the order of the calls as the producer's numbering job does. */
function newCourse() {
  let next = 0
  return { uuid: randomUUID(), period: randomUUID(), ecosystem: randomUUID(), number: () => next++ }
}
type Course = ReturnType<typeof newCourse>

function creation(course: Course) {
  assert.equal(course.number(), 0)
  const dates = { starts_at: threeDigits, ends_at: '2020-12-31T23:59:59.999Z', created_at: sixDigits }
  return { course_uuid: course.uuid, ecosystem_uuid: course.ecosystem, is_real_course: true, ...dates }
}

function exclusions(course: Course, list: object[]) {
  const head = { request_uuid: randomUUID(), course_uuid: course.uuid, sequence_number: course.number() }
  return { ...head, exclusions: list, updated_at: sixDigits }
}

function roster(course: Course, students: readonly string[]) {
  return {
    request_uuid: randomUUID(),
    course_uuid: course.uuid,
    sequence_number: course.number(),
    course_containers: [
      { container_uuid: course.period, parent_container_uuid: course.uuid, created_at: sixDigits },
      {
        container_uuid: randomUUID(),
        parent_container_uuid: course.uuid,
        created_at: sixDigits,
        archived_at: sixDigits,
      },
    ],
    students: students.map((uuid) => ({
      student_uuid: uuid,
      container_uuid: course.period,
      enrolled_at: sixDigits,
      last_course_container_change_at: sixDigits,
    })),
  }
}

function task(course: Course, student: string, changes: object = {}) {
  return {
    request_uuid: randomUUID(),
    course_uuid: course.uuid,
    sequence_number: course.number(),
    assignment_uuid: randomUUID(),
    is_deleted: false,
    ecosystem_uuid: course.ecosystem,
    student_uuid: student,
    assignment_type: 'reading',
    exclusion_info: { opens_at: sixDigits, due_at: sixDigits, closes_at: sixDigits },
    assigned_book_container_uuids: [randomUUID()],
    goal_num_tutor_assigned_spes: 3,
    spes_are_assigned: false,
    goal_num_tutor_assigned_pes: 1,
    pes_are_assigned: false,
    assigned_exercises: [
      { trial_uuid: randomUUID(), exercise_uuid: randomUUID(), is_spe: false, is_pe: false },
      { trial_uuid: randomUUID(), exercise_uuid: randomUUID(), is_spe: false, is_pe: false },
    ],
    pes: {},
    spes: {},
    created_at: sixDigits,
    updated_at: sixDigits,
    ...changes,
  }
}

function answer(course: Course, student: string, changes: object = {}) {
  return {
    response_uuid: randomUUID(),
    course_uuid: course.uuid,
    sequence_number: course.number(),
    ecosystem_uuid: course.ecosystem,
    trial_uuid: randomUUID(),
    student_uuid: student,
    exercise_uuid: randomUUID(),
    is_correct: false,
    is_real_response: true,
    responded_at: sixDigits,
    ...changes,
  }
}

contractTest(
  'a book as the 2020 importer sends it: units, pools with the whole book, bare and absent identities',
  async () => {
    const ecosystem = randomUUID()
    const book = randomUUID()
    const chapter = randomUUID()
    const exercises = Array.from({ length: 700 }, () => ({
      exercise_uuid: randomUUID(),
      group_uuid: randomUUID(),
      version: 1,
      los: [`cnxmod:${randomUUID()}`, `lo:stax-phys:${'1-'.repeat(80)}`],
    }))
    const all = {
      use_for_clue: true,
      use_for_personalized_for_assignment_types: [],
      exercise_uuids: exercises.map((exercise) => exercise.exercise_uuid),
    }
    const container = (uuid: string, parent: string, identity: string | null) => ({
      container_uuid: uuid,
      container_parent_uuid: parent,
      container_cnx_identity: identity,
      pools: [all],
    })
    const contents = [
      container(book, ecosystem, `${randomUUID()}@10.100`),
      container(chapter, book, null),
      container(randomUUID(), chapter, randomUUID()),
    ]
    const body = { ecosystem_uuid: ecosystem, book: { cnx_identity: contents[0]?.container_cnx_identity, contents } }
    const created = await send('create_ecosystem', { ...body, exercises, imported_at: sixDigits })
    assertContains(created, { created_ecosystem_uuid: ecosystem })
  },
)

contractTest(
  'a new course: sends arrive in any order, and consumers see them in the order of their numbers',
  async () => {
    const course = newCourse()
    const student = randomUUID()
    const sends: [string, object][] = [
      ['create_course', creation(course)],
      ['update_globally_excluded_exercises', exclusions(course, [{ exercise_group_uuid: randomUUID() }])],
      ['update_course_excluded_exercises', exclusions(course, [{ exercise_uuid: randomUUID() }])],
      ['update_rosters', { rosters: [roster(course, [student])] }],
      ['create_update_assignments', { assignments: [task(course, student), task(course, student)] }],
    ]
    for (const [endpoint, body] of sends.toReversed()) {
      const { is_gap: isGap } = await courseEvents(server, course.uuid, { offset: 3 })
      assert.equal(isGap, endpoint !== 'create_update_assignments', endpoint)
      await send(endpoint, body)
    }
    const { events, is_end: isEnd } = await courseEvents(server, course.uuid)
    assert.equal(isEnd, true)
    assert.deepEqual(
      events.map((event: { event_type: string }) => event.event_type),
      [
        'create_course',
        'update_globally_excluded_exercises',
        'update_course_excluded_exercises',
        'update_roster',
        'create_update_assignment',
        'create_update_assignment',
      ],
    )
  },
)

contractTest(
  'a retry after a lost answer carries newer content under the same uuid: 200, the first stays',
  async () => {
    const course = newCourse()
    await send('create_course', creation(course))
    const first = roster(course, [randomUUID()])
    await send('update_rosters', { rosters: [first] })
    const rebuilt = { ...first, students: [] }
    const recorded = { updated_rosters: [{ request_uuid: first.request_uuid, updated_course_uuid: course.uuid }] }
    assertContains(await send('update_rosters', { rosters: [rebuilt] }), recorded)
    const { events } = await courseEvents(server, course.uuid, { offset: 1 })
    assert.deepEqual(events[0].event_data.students, first.students)
  },
)

contractTest('a slice that failed half way is sent again whole, among other courses', async () => {
  const courses = [newCourse(), newCourse(), newCourse()]
  for (const course of courses) await send('create_course', creation(course))
  const student = randomUUID()
  const lines = courses.flatMap((course) => [answer(course, student), answer(course, student)])
  await send('record_responses', { responses: lines.slice(0, 3) })
  const again = await send('record_responses', { responses: lines })
  assertContains(again, { recorded_response_uuids: lines.map((line) => line.response_uuid) })
  for (const course of courses) {
    const { events, is_end: isEnd } = await courseEvents(server, course.uuid)
    assert.deepEqual([events.length, isEnd], [3, true])
  }
})

contractTest('a number whose send was lost is found by its producer, and repaired', async () => {
  const course = newCourse()
  const student = randomUUID()
  await send('create_course', creation(course))
  const lost = answer(course, student)
  await send('record_responses', { responses: [answer(course, student), answer(course, student)] })
  const line = { request_uuid: randomUUID(), course_uuid: course.uuid }
  const { stream_responses: before } = await send('fetch_stream_statuses', { stream_requests: [line] })
  const gap = { from: lost.sequence_number, to: lost.sequence_number }
  assertContains(before, [{ contiguous_sequence_number: 1, next_sequence_number: 4, gaps: [gap] }])
  const noOp = { request_uuid: randomUUID(), course_uuid: course.uuid, sequence_number: lost.sequence_number }
  await send('record_no_ops', { no_ops: [{ ...noOp, reason: 'the task was deleted before it was sent' }] })
  const { stream_responses: after } = await send('fetch_stream_statuses', { stream_requests: [line] })
  assertContains(after, [{ contiguous_sequence_number: 4, gaps: [], oldest_blocked_at: null }])
})

contractTest('the 2017 client: no algorithm names, no is_real_response, nulls among containers', async () => {
  const course = newCourse()
  const student = randomUUID()
  await send('create_course', creation(course))
  const { is_real_response: _, ...old } = answer(course, student)
  await send('record_responses', { responses: [old] })
  const given = task(course, student, { assigned_book_container_uuids: [null, randomUUID()] })
  await send('create_update_assignments', { assignments: [given] })
  const line = { request_uuid: randomUUID(), assignment_uuid: given.assignment_uuid, max_num_exercises: 3 }
  assertContains(await send('fetch_assignment_pes', { pe_requests: [line] }), {
    pe_responses: [{ request_uuid: line.request_uuid, exercise_uuids: [], assignment_status: 'assignment_unready' }],
  })
  const clue = { request_uuid: randomUUID(), student_uuid: student, book_container_uuid: randomUUID() }
  assertContains(await send('fetch_student_clues', { student_clue_requests: [clue] }), {
    student_clue_responses: [
      {
        request_uuid: clue.request_uuid,
        clue_data: { minimum: 0, most_likely: 0.5, maximum: 1, is_real: false },
        clue_status: 'book_container_unknown',
      },
    ],
  })
})

contractTest('moving a course: the update is repeated until its preparation is known', async () => {
  const course = newCourse()
  await send('create_course', creation(course))
  const preparation = {
    preparation_uuid: randomUUID(),
    course_uuid: course.uuid,
    sequence_number: course.number(),
    next_ecosystem_uuid: randomUUID(),
    ecosystem_map: {
      from_ecosystem_uuid: course.ecosystem,
      to_ecosystem_uuid: randomUUID(),
      book_container_mappings: [{ from_book_container_uuid: randomUUID(), to_book_container_uuid: randomUUID() }],
      exercise_mappings: [{ from_exercise_uuid: randomUUID(), to_book_container_uuid: randomUUID() }],
    },
    prepared_at: sixDigits,
  }
  const update = {
    request_uuid: randomUUID(),
    course_uuid: course.uuid,
    sequence_number: course.number(),
    preparation_uuid: preparation.preparation_uuid,
    updated_at: sixDigits,
  }
  const statusOf = async () => {
    const { update_responses: lines } = await send('update_course_ecosystems', { update_requests: [update] })
    return lines[0].update_status
  }
  assert.equal(await statusOf(), 'preparation_unknown')
  await send('prepare_course_ecosystem', preparation)
  assert.equal(await statusOf(), 'updated_but_unready')
  assert.equal(await statusOf(), 'updated_but_unready')
  const { events } = await courseEvents(server, course.uuid, { offset: 1 })
  assert.equal(events.length, 2)
})
