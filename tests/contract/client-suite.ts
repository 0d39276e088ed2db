import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { Client } from '#client/client.ts'
import { RequestRefused } from '#client/errors.ts'
import type { AssignmentUpdate, ResponseRecord } from '#client/wire.ts'
import type { CourseEventType } from '#client/wire-reads.ts'

/*
 * The wire contract as the published client sees it. The same tests run against the client's in-memory fake and against
 * the server, so that a program tested with the fake meets no surprise. Every test uses uuids of its own.
 */
const time = '2026-03-01T08:00:00Z'
const uuid = (): string => randomUUID()

/** Results under this name are uploaded, never computed. */
const algorithm_name = 'contract_suite'

const course = (course_uuid: string, ecosystem_uuid = uuid()) => ({
  course_uuid,
  ecosystem_uuid,
  is_real_course: true,
  starts_at: time,
  ends_at: time,
  created_at: time,
})
const dates = (course_uuid: string, sequence_number: number, request_uuid = uuid()) => ({
  request_uuid,
  course_uuid,
  sequence_number,
  starts_at: time,
  ends_at: time,
  updated_at: time,
})
const response = (course_uuid: string, sequence_number: number, response_uuid = uuid()): ResponseRecord => ({
  response_uuid,
  course_uuid,
  sequence_number,
  ecosystem_uuid: uuid(),
  trial_uuid: uuid(),
  student_uuid: uuid(),
  exercise_uuid: uuid(),
  is_correct: true,
  is_real_response: true,
  responded_at: time,
})
const assignment = (course_uuid: string, sequence_number: number, assignment_uuid: string): AssignmentUpdate => ({
  request_uuid: uuid(),
  course_uuid,
  sequence_number,
  assignment_uuid,
  ecosystem_uuid: uuid(),
  student_uuid: uuid(),
  is_deleted: false,
  assignment_type: 'reading',
  assigned_book_container_uuids: [uuid()],
  spes_are_assigned: false,
  pes_are_assigned: false,
  assigned_exercises: [],
  created_at: time,
  updated_at: time,
})
const ecosystem = (ecosystem_uuid: string, page: string) => ({
  ecosystem_uuid,
  book: {
    cnx_identity: `${uuid()}@1`,
    contents: [{ container_uuid: page, container_parent_uuid: ecosystem_uuid, pools: [] }],
  },
  exercises: [],
  imported_at: time,
})

interface Asked {
  readonly offset?: number
  readonly types?: readonly CourseEventType[]
  readonly max?: number
}

async function events(client: Client, course_uuid: string, { offset = 0, types, max = 1000 }: Asked = {}) {
  const line = { request_uuid: uuid(), course_uuid, sequence_number_offset: offset }
  const { course_event_responses } = await client.fetchCourseEvents({
    course_event_requests: [types === undefined ? line : { ...line, event_types: types }],
    max_num_events: max,
  })
  const { events: found, is_gap, is_end } = course_event_responses[0]!
  return { numbers: found.map((event) => event.sequence_number), is_gap, is_end, found }
}

async function refusal(call: Promise<unknown>): Promise<RequestRefused> {
  try {
    await call
  } catch (error) {
    if (error instanceof RequestRefused) return error
    throw error
  }
  throw new assert.AssertionError({ message: 'the call was not refused' })
}

export function clientContract(connect: () => Client): void {
  streamContract(connect)
  readContract(connect)
  repairContract(connect)
  moveContract(connect)
  resultContract(connect)
}

function streamContract(connect: () => Client): void {
  test('creations answer with their uuid, every time, and the first one counts', async () => {
    const client = connect()
    const [first, second] = [uuid(), uuid()]
    const id = uuid()
    assert.deepEqual(await client.createCourse(course(id, first)), { created_course_uuid: id })
    assert.deepEqual(await client.createCourse(course(id, second)), { created_course_uuid: id })
    const { found } = await events(client, id)
    assert.equal(found.length, 1)
    assert.deepEqual(found[0]!.event_data, { ...course(id, first), sequence_number: 0 })
    const book = uuid()
    assert.deepEqual(await client.createEcosystem(ecosystem(book, uuid())), { created_ecosystem_uuid: book })
  })

  test('events may arrive in any order and twice', async () => {
    const client = connect()
    const id = uuid()
    const [one, two, three] = [1, 2, 3].map((number) => response(id, number)) as [
      ResponseRecord,
      ResponseRecord,
      ResponseRecord,
    ]
    assert.deepEqual(await client.recordResponses([three, one, one]), [three.response_uuid, one.response_uuid])
    await client.createCourse(course(id))
    assert.deepEqual(await client.recordResponses([two, one]), [two.response_uuid, one.response_uuid])
    const { numbers, found } = await events(client, id)
    assert.deepEqual(numbers, [0, 1, 2, 3])
    assert.deepEqual(found[2]!.event_data, two)
  })

  test('a repeat with another body changes nothing', async () => {
    const client = connect()
    const id = uuid()
    await client.createCourse(course(id))
    const first = dates(id, 1)
    await client.updateCourseActiveDates(first)
    assert.deepEqual(await client.updateCourseActiveDates({ ...first, ends_at: '2027-01-01T00:00:00Z' }), {
      updated_course_uuid: id,
    })
    assert.deepEqual((await events(client, id)).found[1]!.event_data, first)
  })

  test('a number that is taken is refused, names the holder, and nothing of the request is stored', async () => {
    const client = connect()
    const id = uuid()
    await client.createCourse(course(id))
    const holder = dates(id, 1)
    await client.updateCourseActiveDates(holder)
    const intruder = response(id, 1)
    const { status, code, reply } = await refusal(client.recordResponses([response(id, 2), intruder]))
    assert.deepEqual([status, code], [422, 'sequence_number_taken'])
    const [conflict] = reply['conflicts'] as { [key: string]: unknown }[]
    assert.equal(conflict!['sequence_number'], 1)
    assert.equal(conflict!['event_uuid'], intruder.response_uuid)
    assert.equal(conflict!['existing_event_uuid'], holder.request_uuid)
    assert.deepEqual((await events(client, id)).numbers, [0, 1])
    assert.equal((await statusOf(client, id)).next_sequence_number, 2)
  })

  test('the same event under another number leaves no hole', async () => {
    const client = connect()
    const id = uuid()
    await client.createCourse(course(id))
    const request = uuid()
    await client.updateCourseActiveDates(dates(id, 1, request))
    await client.updateCourseActiveDates(dates(id, 2, request))
    await client.updateCourseActiveDates(dates(id, 2, request))
    await client.updateCourseActiveDates(dates(id, 3))
    const types: CourseEventType[] = ['update_course_active_dates']
    assert.equal((await statusOf(client, id)).contiguous_sequence_number, 4)
    const { found } = await events(client, id, { types })
    assert.deepEqual(new Set(found.map((event) => event.event_uuid)).size, 2)
  })

  test('uuids compare without case and come back as they were spelt', async () => {
    const client = connect()
    const id = uuid()
    await client.createCourse(course(id.toUpperCase()))
    const spelt = response(id, 1, uuid().toUpperCase())
    assert.deepEqual(await client.recordResponses([spelt]), [spelt.response_uuid])
    assert.deepEqual((await events(client, id.toUpperCase())).numbers, [0, 1])
    assert.equal((await events(client, id)).found[1]!.event_data['response_uuid'], spelt.response_uuid)
  })

  test('a request without a required field is refused with its place', async () => {
    const client = connect()
    const { course_uuid: _, ...broken } = response(uuid(), 1)
    const { status, code, reply } = await refusal(client.recordResponses([broken as ResponseRecord]))
    assert.deepEqual([status, code], [400, 'body_invalid'])
    assert.match(String((reply['errors'] as string[])[0]), /^\$\.responses\[0\].*course_uuid/)
  })

  test('an empty list is answered with an empty list', async () => {
    const { transport } = connect()
    const body = '{"responses":[]}'
    const reply = await transport.send({ method: 'POST', endpoint: 'record_responses', audience: 'api', body })
    assert.deepEqual(reply, { recorded_response_uuids: [] })
  })
}

async function statusOf(client: Client, course_uuid: string) {
  const [status] = await client.fetchStreamStatuses([{ request_uuid: uuid(), course_uuid }])
  return status!
}

/** A course whose numbers are exactly these; number 0 is its creation, the others have the types given. */
async function courseWith(client: Client, numbers: readonly number[]): Promise<string> {
  const id = uuid()
  for (const number of numbers) {
    if (number === 0) await client.createCourse(course(id))
    else if (number % 2 === 0) await client.updateCourseActiveDates(dates(id, number))
    else await client.recordResponses([response(id, number)])
  }
  return id
}

function readContract(connect: () => Client): void {
  const odd: CourseEventType[] = ['record_response']
  const table: [string, number[], Asked, number[], boolean, boolean][] = [
    ['everything from the start', [0, 1, 2, 3, 4, 5], {}, [0, 1, 2, 3, 4, 5], false, true],
    ['an offset at the end', [0, 1, 2], { offset: 3 }, [], false, true],
    ['an offset far beyond the end', [0, 1, 2], { offset: 99 }, [], false, true],
    ['a hole', [0, 2], {}, [0], true, false],
    ['a limit before a hole', [0, 2], { max: 1 }, [0], false, false],
    ['an offset behind a hole', [0, 2], { offset: 2 }, [], true, false],
    ['an offset further behind a hole', [0, 2, 3], { offset: 3 }, [], true, false],
    ['a type filter over a hole', [0, 1, 3], { types: odd }, [1], true, false],
    ['a type filter with nothing behind the hole', [0, 1, 4], { types: odd }, [1], false, true],
    ['a limit', [0, 1, 2], { max: 2 }, [0, 1], false, false],
    ['a limit that is exactly enough', [0, 1, 2], { max: 3 }, [0, 1, 2], false, true],
  ]
  for (const [name, have, asked, expected, isGap, isEnd] of table) {
    test(`reading: ${name}`, async () => {
      const client = connect()
      const { numbers, is_gap, is_end } = await events(client, await courseWith(client, have), asked)
      assert.deepEqual({ numbers, is_gap, is_end }, { numbers: expected, is_gap: isGap, is_end: isEnd })
    })
  }

  test('reading: an unknown course is at its end', async () => {
    const { numbers, is_gap, is_end } = await events(connect(), uuid())
    assert.deepEqual({ numbers, is_gap, is_end }, { numbers: [], is_gap: false, is_end: true })
  })

  test('reading: the limit of a request is shared in turns', async () => {
    const client = connect()
    const long = await courseWith(client, [0, 1, 2, 3, 4, 5])
    const short = await courseWith(client, [0, 1, 2])
    const read = async (max_num_events: number) => {
      const lines = [long, short].map((id) => ({ request_uuid: uuid(), course_uuid: id, sequence_number_offset: 0 }))
      const reply = await client.fetchCourseEvents({ course_event_requests: lines, max_num_events })
      return reply.course_event_responses.map((line) => [line.events.length, line.is_gap, line.is_end])
    }
    assert.deepEqual(await read(4), [
      [2, false, false],
      [2, false, false],
    ])
    assert.deepEqual(await read(6), [
      [3, false, false],
      [3, false, true],
    ])
  })

  test('reading: created streams are listed in order of creation, the others are not', async () => {
    const client = connect()
    const [first, second, uncreated] = [uuid(), uuid(), uuid()]
    const book = uuid()
    await client.createCourse(course(first, book))
    await client.updateCourseActiveDates(dates(uncreated, 1))
    await client.createCourse(course(second, book))
    const rows: { uuid: string; initial_ecosystem_uuid: string; metadata_sequence_number: number }[] = []
    for (let offset = 0; ; offset = rows.at(-1)!.metadata_sequence_number + 1) {
      const page = await client.fetchCourseMetadatas({ metadata_sequence_number_offset: offset, max_num_metadatas: 50 })
      rows.push(...page.course_responses)
      if (page.course_responses.length < 50) break
    }
    const own = rows.filter((row) => [first, second, uncreated].includes(row.uuid))
    assert.deepEqual(
      own.map((row) => [row.uuid, row.initial_ecosystem_uuid]),
      [
        [first, book],
        [second, book],
      ],
    )
    assert.deepEqual(
      rows.map((row) => row.metadata_sequence_number),
      rows.map((_, index) => index),
    )
  })
}

function repairContract(connect: () => Client): void {
  test('stream statuses tell what is missing', async () => {
    const client = connect()
    const id = await courseWith(client, [0, 1, 4, 6])
    const status = await statusOf(client, id)
    assert.deepEqual(
      { ...status, request_uuid: '', oldest_blocked_at: typeof status.oldest_blocked_at },
      {
        request_uuid: '',
        is_known: true,
        is_created: true,
        next_sequence_number: 7,
        contiguous_sequence_number: 2,
        gaps: [
          { from: 2, to: 3 },
          { from: 5, to: 5 },
        ],
        oldest_blocked_at: 'string',
      },
    )
    const unknown = await statusOf(client, uuid())
    assert.deepEqual(
      [unknown.is_known, unknown.is_created, unknown.next_sequence_number, unknown.contiguous_sequence_number],
      [false, false, 0, 0],
    )
    assert.deepEqual([unknown.gaps, unknown.oldest_blocked_at], [[], null])
  })

  test('no_ops close a gap, leave other events alone, and may be repeated', async () => {
    const client = connect()
    const id = await courseWith(client, [0, 1, 3])
    const noOp = (sequence_number: number) => ({
      request_uuid: uuid(),
      course_uuid: id,
      sequence_number,
      reason: 'test',
    })
    const filling = [noOp(2), noOp(1)]
    const expected = [
      { request_uuid: filling[0]!.request_uuid, status: 'accepted' },
      { request_uuid: filling[1]!.request_uuid, status: 'already_filled' },
    ]
    assert.deepEqual(await client.recordNoOps(filling), expected)
    assert.deepEqual(await client.recordNoOps(filling), expected)
    assert.equal((await statusOf(client, id)).contiguous_sequence_number, 4)
    const late = await refusal(client.updateCourseActiveDates(dates(id, 2)))
    const [conflict] = late.reply['conflicts'] as { [key: string]: unknown }[]
    assert.equal(conflict!['existing_event_type'], 'no_op')
    assert.equal((await refusal(client.recordNoOps([noOp(0)]))).status, 400)
  })
}

function moveContract(connect: () => Client): void {
  test('a course moves to a prepared ecosystem, and only to that', async () => {
    const client = connect()
    const [id, from, to, preparation] = [uuid(), uuid(), uuid(), uuid()]
    await client.createEcosystem(ecosystem(to, uuid()))
    await client.createCourse(course(id, from))
    const move = {
      request_uuid: uuid(),
      course_uuid: id,
      sequence_number: 2,
      preparation_uuid: preparation,
      updated_at: time,
    }
    const unknown = await client.updateCourseEcosystems([move])
    assert.deepEqual(unknown, [{ request_uuid: move.request_uuid, update_status: 'preparation_unknown' }])
    assert.equal((await statusOf(client, id)).next_sequence_number, 1)
    const prepared = await client.prepareCourseEcosystem({
      preparation_uuid: preparation,
      course_uuid: id,
      sequence_number: 1,
      next_ecosystem_uuid: to,
      ecosystem_map: {
        from_ecosystem_uuid: from,
        to_ecosystem_uuid: to,
        book_container_mappings: [],
        exercise_mappings: [],
      },
      prepared_at: time,
    })
    assert.deepEqual(prepared, { status: 'accepted' })
    const status = async () => {
      const { course_statuses } = await client.fetchCourseEcosystemStatuses({
        request_uuid: uuid(),
        course_uuids: [id],
      })
      return course_statuses[0]!
    }
    const pending = await status()
    assert.equal(pending.current_ecosystem_preparation_uuid, preparation)
    assert.deepEqual(
      [pending.current_ecosystem_status.ecosystem_uuid, pending.next_ecosystem_status.ecosystem_uuid],
      [from, to],
    )
    assert.deepEqual(await client.recordEcosystemPreparationsReady([preparation]), [preparation])
    const [moved] = await client.updateCourseEcosystems([move])
    assert.equal(moved!.update_status, 'updated_and_ready')
    const arrived = await status()
    assert.equal(arrived.current_ecosystem_preparation_uuid, null)
    assert.deepEqual(arrived.current_ecosystem_status, {
      ecosystem_uuid: to,
      ecosystem_is_known: true,
      ecosystem_is_prepared: true,
      precompute_is_complete: true,
    })
    assert.equal(arrived.next_ecosystem_status.ecosystem_uuid, null)
  })

  test('an unknown course has a status of nothing', async () => {
    const id = uuid()
    const { course_statuses } = await connect().fetchCourseEcosystemStatuses({
      request_uuid: uuid(),
      course_uuids: [id],
    })
    const nothing = {
      ecosystem_uuid: null,
      ecosystem_is_known: false,
      ecosystem_is_prepared: false,
      precompute_is_complete: false,
    }
    assert.deepEqual(course_statuses, [
      {
        course_uuid: id,
        course_is_known: false,
        current_ecosystem_preparation_uuid: null,
        current_ecosystem_status: nothing,
        next_ecosystem_status: nothing,
      },
    ])
  })
}

function resultContract(connect: () => Client): void {
  test('picks are unknown, then unready, then ready with what was uploaded', async () => {
    const client = connect()
    const [id, task] = [uuid(), uuid()]
    const ask = async (algorithm = algorithm_name, max?: number) => {
      const line = { request_uuid: uuid(), assignment_uuid: task, algorithm_name: algorithm }
      const [pes] = await client.fetchAssignmentPes([max === undefined ? line : { ...line, max_num_exercises: max }])
      return pes!
    }
    const unknown = await ask()
    assert.deepEqual(
      [unknown.assignment_status, unknown.calculation_uuid, unknown.ecosystem_matrix_uuid, unknown.exercise_uuids],
      ['assignment_unknown', null, null, []],
    )
    await client.createUpdateAssignments([assignment(id, 1, task)])
    assert.equal((await ask()).assignment_status, 'assignment_unready')
    const [one, two, calculation, matrix] = [uuid(), uuid(), uuid(), uuid()]
    const accepted = await client.updateAssignmentPes([
      {
        request_uuid: uuid(),
        assignment_uuid: task,
        algorithm_name,
        calculation_uuid: calculation,
        ecosystem_matrix_uuid: matrix,
        exercise_uuids: [one, two, one],
      },
    ])
    assert.equal(accepted[0]!.update_status, 'accepted')
    const ready = await ask(algorithm_name.toUpperCase())
    assert.deepEqual(
      [
        ready.assignment_status,
        ready.calculation_uuid,
        ready.ecosystem_matrix_uuid,
        ready.exercise_uuids,
        ready.spy_info,
      ],
      ['assignment_ready', calculation, matrix, [one, two], {}],
    )
    assert.equal(ready.assignment_uuid, task)
    assert.deepEqual((await ask(algorithm_name, 1)).exercise_uuids, [one])
    assert.equal((await ask('another')).assignment_status, 'assignment_unready')
    const [spes] = await client.fetchAssignmentSpes([{ request_uuid: uuid(), assignment_uuid: task, algorithm_name }])
    assert.equal(spes!.assignment_status, 'assignment_unready')
  })

  test('CLUEs say what is missing: the container first, then the subject, then the result', async () => {
    const client = connect()
    const [id, book, page, period, student] = [uuid(), uuid(), uuid(), uuid(), uuid()]
    const ask = async () => {
      const line = { book_container_uuid: page, algorithm_name }
      const [ofStudent] = await client.fetchStudentClues([{ ...line, request_uuid: uuid(), student_uuid: student }])
      const [ofClass] = await client.fetchTeacherClues([
        { ...line, request_uuid: uuid(), course_container_uuid: period },
      ])
      return [ofStudent!, ofClass!] as const
    }
    const nothing = { minimum: 0, most_likely: 0.5, maximum: 1, is_real: false }
    for (const clue of await ask()) {
      assert.deepEqual(
        [clue.clue_status, clue.calculation_uuid, clue.clue_data],
        ['book_container_unknown', null, nothing],
      )
    }
    await client.createEcosystem(ecosystem(book, page))
    const [unknownStudent, unknownClass] = await ask()
    assert.deepEqual(
      [unknownStudent.clue_status, unknownClass.clue_status],
      ['student_unknown', 'course_container_unknown'],
    )
    assert.deepEqual(unknownStudent.clue_data, { ...nothing, ecosystem_uuid: book })
    await client.updateRosters([
      {
        request_uuid: uuid(),
        course_uuid: id,
        sequence_number: 1,
        course_containers: [{ container_uuid: period, parent_container_uuid: id, created_at: time }],
        students: [
          { student_uuid: student, container_uuid: period, enrolled_at: time, last_course_container_change_at: time },
        ],
      },
    ])
    for (const clue of await ask()) assert.equal(clue.clue_status, 'clue_unready')
    const clue_data = { minimum: 0.25, most_likely: 0.5, maximum: 0.75, is_real: true }
    const calculation_uuid = uuid()
    const update = { request_uuid: uuid(), book_container_uuid: page, algorithm_name, calculation_uuid, clue_data }
    await client.updateStudentClues([{ ...update, student_uuid: student }])
    await client.updateTeacherClues([{ ...update, course_container_uuid: period }])
    for (const clue of await ask()) {
      assert.deepEqual(
        [clue.clue_status, clue.calculation_uuid, clue.clue_data],
        ['clue_ready', calculation_uuid, clue_data],
      )
    }
  })

  test('worst areas of a student are kept like other picks', async () => {
    const client = connect()
    const student = uuid()
    const ask = () =>
      client.fetchPracticeWorstAreasExercises([{ request_uuid: uuid(), student_uuid: student, algorithm_name }])
    assert.equal((await ask())[0]!.student_status, 'student_unknown')
    const exercise_uuids = [uuid()]
    const uuids = { request_uuid: uuid(), calculation_uuid: uuid(), ecosystem_matrix_uuid: uuid() }
    await client.updatePracticeWorstAreasExercises([
      { ...uuids, student_uuid: student, algorithm_name, exercise_uuids },
    ])
    const [ready] = await ask()
    assert.deepEqual([ready!.student_status, ready!.exercise_uuids], ['student_ready', exercise_uuids])
  })
}
