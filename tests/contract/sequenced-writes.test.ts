import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { toUuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import {
  activeDates,
  assignment,
  type ContractServer,
  course,
  courseEvents,
  numbersOf,
  onEveryBackend,
  response,
} from './contract-server.ts'

/* api.md §3: what each request appends, duplicates, conflicts. */
let server: ContractServer
const contractTest = onEveryBackend((started) => {
  server = started
})

contractTest('create_course takes number 0 and stores exactly the listed fields', async () => {
  const uuid = randomUUID()
  const body = course(uuid)
  const answer = await server.post('create_course', { ...body, unknown: 1, sequence_number: 5 })
  assert.deepEqual(answer.json, { created_course_uuid: uuid })
  const { events } = await courseEvents(server, uuid)
  assert.deepEqual(events, [
    { sequence_number: 0, event_uuid: uuid, event_type: 'create_course', event_data: { ...body, sequence_number: 0 } },
  ])
})

contractTest('[M14] a repeated create changes nothing', async () => {
  const uuid = randomUUID()
  const first = course(uuid)
  await server.post('create_course', first)
  const again = await server.post('create_course', course(uuid, { is_real_course: false }))
  assert.equal(again.status, 200)
  const { events } = await courseEvents(server, uuid)
  assert.deepEqual(events[0].event_data, { ...first, sequence_number: 0 })
})

contractTest('record_responses returns each uuid once, in first-seen order, spelt as it came', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const one = response(uuid, 1, { response_uuid: randomUUID().toUpperCase() })
  const two = response(uuid, 2)
  const answer = await server.post('record_responses', { responses: [two, one, two] })
  assert.deepEqual(answer.json, { recorded_response_uuids: [two.response_uuid, one.response_uuid] })
  const { events } = await courseEvents(server, uuid, { offset: 1 })
  assert.deepEqual(
    events.map((event: { event_data: object }) => event.event_data),
    [one, two],
  )
  assert.equal(events[0].event_uuid, one.response_uuid.toLowerCase())
})

contractTest('a response without is_real_response is stored without it, null counts as absent', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const { is_real_response: _, ...old } = response(uuid, 1)
  const answer = await server.post('record_responses', {
    responses: [old, response(uuid, 2, { is_real_response: null })],
  })
  assert.equal(answer.status, 200)
  const { events } = await courseEvents(server, uuid, { offset: 1 })
  assert.deepEqual(events[0].event_data, old)
  assert.equal('is_real_response' in events[1].event_data, false)
})

contractTest('the same event again is 200, whatever its body says, and the first body stays', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const first = activeDates(uuid, 1)
  await server.post('update_course_active_dates', first)
  const again = await server.post('update_course_active_dates', { ...first, starts_at: '2027-01-01T00:00:00Z' })
  assert.deepEqual(again.json, { updated_course_uuid: uuid })
  const { events } = await courseEvents(server, uuid, { offset: 1 })
  assert.deepEqual(events[0].event_data, first)
})

contractTest('[M12] the same event under another free number fills it, so that it is no gap', async (backend) => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const first = activeDates(uuid, 1)
  await server.post('update_course_active_dates', first)
  const again = await server.post('update_course_active_dates', { ...first, sequence_number: 2 })
  assert.equal(again.status, 200)
  const { events, is_end: isEnd } = await courseEvents(server, uuid)
  assert.deepEqual([numbersOf({ events }), isEnd], [[0, 1, 2], true])
  // Consumers know the second copy by its uuid until who folds it has told the log (design D4, D5).
  if (backend === 'postgres') return
  const typeOfSecond = async () => (await courseEvents(server, uuid, { offset: 2 })).events[0].event_type
  const deadline = performance.now() + 10_000
  while ((await typeOfSecond()) !== 'no_op') {
    assert.ok(performance.now() < deadline, 'no no_op within ten seconds')
    await sleep(20)
  }
})

contractTest('[M12] the same event twice within a request is a no_op at once', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const first = response(uuid, 1)
  // The second time the no_op stands there, and is this very event.
  for (const _ of ['at first', 'repeated']) {
    const answer = await server.post('record_responses', { responses: [first, { ...first, sequence_number: 2 }] })
    assert.deepEqual([answer.status, answer.json], [200, { recorded_response_uuids: [first.response_uuid] }])
  }
  const { events } = await courseEvents(server, uuid, { offset: 1 })
  assert.deepEqual(
    events.map((event: { event_type: string }) => event.event_type),
    ['record_response', 'no_op'],
  )
})

contractTest('[M3] [M13] a taken number is 422 and nothing of the request is stored', async () => {
  const uuid = randomUUID()
  const other = randomUUID().toUpperCase()
  await server.post('create_course', course(uuid))
  const stored = response(uuid, 1)
  await server.post('record_responses', { responses: [stored] })
  const late = response(uuid, 1, { course_uuid: uuid.toUpperCase() })
  const answer = await server.post('record_responses', { responses: [response(other, 0), late, response(uuid, 2)] })
  assert.equal(answer.status, 422)
  assert.equal(answer.headers.get('biglearn-error-code'), 'sequence_number_taken')
  assert.equal(typeof answer.json.exception, 'string')
  assert.ok(Array.isArray(answer.json.errors))
  assert.deepEqual(answer.json.conflicts, [
    {
      course_uuid: uuid.toUpperCase(),
      sequence_number: 1,
      event_uuid: late.response_uuid,
      existing_event_uuid: stored.response_uuid,
      existing_event_type: 'record_response',
    },
  ])
  assert.deepEqual(numbersOf(await courseEvents(server, uuid)), [0, 1])
  const status = await server.post('fetch_stream_statuses', {
    stream_requests: [{ request_uuid: randomUUID(), course_uuid: other }],
  })
  assert.equal(status.json.stream_responses[0].is_known, false)
})

contractTest('[M15] create_course when number 0 is taken is 422 at once', async () => {
  const uuid = randomUUID()
  await server.post('record_responses', { responses: [response(uuid, 0)] })
  const answer = await server.post('create_course', course(uuid))
  assert.equal(answer.status, 422)
  assert.equal(answer.json.conflicts[0].existing_event_type, 'record_response')
})

contractTest('a real event that finds a no_op is told so', async () => {
  const uuid = randomUUID()
  const noOp = { request_uuid: randomUUID(), course_uuid: uuid, sequence_number: 3, reason: 'lost' }
  const filled = await server.post('record_no_ops', { no_ops: [noOp] })
  assert.deepEqual(filled.json, { no_op_responses: [{ request_uuid: noOp.request_uuid, status: 'accepted' }] })
  const answer = await server.post('record_responses', { responses: [response(uuid, 3)] })
  assert.equal(answer.status, 422)
  assert.equal(answer.json.conflicts[0].existing_event_type, 'no_op')
})

contractTest('[M36] events of a course that was never created are stored', async () => {
  const uuid = randomUUID()
  const answer = await server.post('create_update_assignments', { assignments: [assignment(uuid, 4)] })
  assert.equal(answer.status, 200)
  await server.post('create_course', course(uuid))
  const status = await server.post('fetch_stream_statuses', {
    stream_requests: [{ request_uuid: randomUUID(), course_uuid: uuid }],
  })
  const { gaps, next_sequence_number: next, contiguous_sequence_number: contiguous } = status.json.stream_responses[0]
  assert.deepEqual({ gaps, next, contiguous }, { gaps: [{ from: 1, to: 3 }], next: 5, contiguous: 1 })
})

contractTest('assignments: one line per item, listed fields only, nulls dropped, opaque objects verbatim', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const container = randomUUID()
  const given = assignment(uuid, 1, {
    exclusion_info: { opens_at: '2026-01-01T00:00:00Z', closes_at: null, other: { deep: [1] } },
    pes: {},
    spes: null,
    goal_num_tutor_assigned_pes: 3,
    assigned_book_container_uuids: [null, container, null],
    assigned_exercises: [
      { trial_uuid: randomUUID(), exercise_uuid: randomUUID(), is_spe: false, is_pe: true, extra: 'kept' },
    ],
    surplus: true,
  }) as Record<string, unknown>
  const answer = await server.post('create_update_assignments', { assignments: [given, given] })
  const line = { request_uuid: given['request_uuid'], updated_assignment_uuid: given['assignment_uuid'] }
  assert.deepEqual(answer.json, { updated_assignments: [line, line] })
  const { events } = await courseEvents(server, uuid, { offset: 1 })
  const { surplus: _, spes: __, ...kept } = given
  assert.deepEqual(events[0].event_data, { ...kept, assigned_book_container_uuids: [container] })
})

contractTest('[M31] rosters and both exclusion lists are stored and answered per request', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const roster = {
    request_uuid: randomUUID(),
    course_uuid: uuid,
    sequence_number: 1,
    course_containers: [],
    students: [],
  }
  const rosters = await server.post('update_rosters', { rosters: [roster] })
  assert.deepEqual(rosters.json, {
    updated_rosters: [{ request_uuid: roster.request_uuid, updated_course_uuid: uuid }],
  })
  for (const [index, name] of ['update_globally_excluded_exercises', 'update_course_excluded_exercises'].entries()) {
    const body = {
      request_uuid: randomUUID(),
      course_uuid: uuid,
      sequence_number: index + 2,
      exclusions: [{ exercise_group_uuid: randomUUID() }, { exercise_uuid: randomUUID() }],
      updated_at: '2026-01-01T00:00:00+02:00',
    }
    const answer = await server.post(name, body)
    assert.deepEqual(answer.json, { status: 'success' })
    const { events } = await courseEvents(server, uuid, { offset: index + 2 })
    assert.deepEqual(events[0].event_data, body)
    assert.equal(events[0].event_type, name)
  }
})

contractTest('empty outer arrays are 200 with an empty answer', async () => {
  assert.deepEqual((await server.post('update_rosters', { rosters: [] })).json, { updated_rosters: [] })
  assert.deepEqual((await server.post('create_update_assignments', { assignments: [] })).json, {
    updated_assignments: [],
  })
  assert.deepEqual((await server.post('record_no_ops', { no_ops: [] })).json, { no_op_responses: [] })
})

const heldPart = 3

/** A course whose appends take, or do not take, the held gate (docs/adr/0002). */
function courseWhose(takesHeldGate: boolean): string {
  for (;;) {
    const uuid = randomUUID()
    if ((partOf('course', toUuid(uuid)) === heldPart) === takesHeldGate) return uuid
  }
}

contractTest('[M16] a course whose writes are held up by somebody else holds up no other course', async () => {
  if (server.databaseUrl === undefined) return
  const holder = new pg.Client(server.databaseUrl)
  await holder.connect()
  try {
    const [held, free] = [courseWhose(true), courseWhose(false)]
    await holder.query('begin')
    await holder.query(`select hold_gates('{${heldPart}}')`)
    const order: string[] = []
    const waiting = [0, 1, 2].map(async (number) => {
      const answer = await server.post('record_responses', { responses: [response(held, number)] })
      assert.equal(answer.status, 200)
      order.push(held)
    })
    for (let number = 0; number < 20; number += 1) {
      const answer = await server.post('record_responses', { responses: [response(free, number)] })
      assert.equal(answer.status, 200)
      order.push(free)
    }
    await holder.query('commit')
    await Promise.all(waiting)
    assert.deepEqual(order, [...Array(20).fill(free), held, held, held])
    assert.deepEqual(numbersOf(await courseEvents(server, held)), [0, 1, 2])
  } finally {
    await holder.end()
  }
})
