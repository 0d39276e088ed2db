import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import {
  activeDates,
  assignment,
  type ContractServer,
  course,
  courseEvents,
  onEveryBackend,
  response,
  startMemoryServer,
  time,
} from './contract-server.ts'

/* api.md §2 and §9: what is refused, what is accepted beyond the declared limits, and the strict mode. */
let server: ContractServer
let strict: ContractServer
before(async () => {
  strict = await startMemoryServer({ strict: true })
})
after(() => strict.stop())
const contractTest = onEveryBackend((started) => {
  server = started
})

async function recordOne(changes: object, target: ContractServer = server) {
  return target.post('record_responses', { responses: [response(randomUUID(), 1, changes)] })
}

contractTest('[M4] missing or ill-typed fields are 400 and named by their JSON path', async () => {
  const cases: [object, RegExp][] = [
    [{ response_uuid: undefined }, /^\$\.responses\[0\] .*response_uuid/],
    [{ course_uuid: 3 }, /^\$\.responses\[0\]\.course_uuid /],
    [{ is_correct: 'true' }, /^\$\.responses\[0\]\.is_correct /],
    [{ is_correct: null }, /^\$\.responses\[0\]\.is_correct /],
    [{ sequence_number: '1' }, /^\$\.responses\[0\]\.sequence_number /],
    [{ responded_at: 5 }, /^\$\.responses\[0\]\.responded_at /],
  ]
  for (const [changes, path] of cases) {
    const answer = await recordOne(changes)
    assert.equal(answer.status, 400, JSON.stringify(changes))
    assert.match(answer.json.errors[0], path)
    assert.equal(answer.headers.get('biglearn-error-code'), 'body_invalid')
  }
  for (const body of [{}, { responses: null }, { responses: {} }, { responses: [null] }, { responses: [[]] }]) {
    assert.equal((await server.post('record_responses', body)).status, 400, JSON.stringify(body))
  }
})

contractTest('a request with one bad item is refused whole', async () => {
  const uuid = randomUUID()
  const answer = await server.post('record_responses', {
    responses: [response(uuid, 0), response(uuid, 1, { trial_uuid: 'x' })],
  })
  assert.equal(answer.status, 400)
  assert.deepEqual((await courseEvents(server, uuid)).events, [])
})

contractTest('[M5] uuids: any version, variant and case; malformed is 400', async () => {
  for (const good of ['00000000-0000-0000-0000-000000000000', 'ABCDEF01-2345-7777-FFFF-0123456789aB']) {
    assert.equal((await recordOne({ trial_uuid: good })).status, 200, good)
  }
  for (const bad of [
    '',
    'x',
    '0000000-0000-0000-0000-0000000000000',
    '00000000000000000000000000000000',
    '{00000000-0000-0000-0000-000000000000}',
    '00000000-0000-0000-0000-00000000000g',
    '00000000-0000-0000-0000-000000000000\n',
    ' 00000000-0000-0000-0000-000000000000',
  ]) {
    assert.equal((await recordOne({ trial_uuid: bad })).status, 400, JSON.stringify(bad))
  }
})

contractTest('[M5] two spellings of one course in one request are one stream', async () => {
  const uuid = randomUUID()
  const answer = await server.post('record_responses', {
    responses: [response(uuid.toUpperCase(), 0), response(uuid, 1)],
  })
  assert.equal(answer.status, 200)
  const { events } = await courseEvents(server, uuid)
  assert.deepEqual(
    events.map((event: { event_data: { course_uuid: string } }) => event.event_data.course_uuid),
    [uuid.toUpperCase(), uuid],
  )
})

contractTest('[M6] datetimes: any RFC 3339 offset, stored as received; others are 400', async () => {
  for (const good of [
    '2026-09-01T08:00:00Z',
    '2026-09-01t08:00:00.123z',
    '2026-09-01T08:00:60.123456Z',
    '2026-09-01T08:00:00.1+05:30',
    '2026-09-01T08:00:00-00:00',
  ]) {
    const uuid = randomUUID()
    const answer = await server.post('record_responses', { responses: [response(uuid, 0, { responded_at: good })] })
    assert.equal(answer.status, 200, good)
    assert.equal((await courseEvents(server, uuid)).events[0].event_data.responded_at, good)
  }
  for (const bad of [
    '2026-09-01',
    '2026-09-01 08:00:00Z',
    '2026-13-01T08:00:00Z',
    '2026-09-00T08:00:00Z',
    '2026-09-01T24:00:00Z',
    '2026-09-01T08:61:00Z',
    '2026-09-01T08:00:61Z',
    '2026-09-01T08:00:00',
    '2026-09-01T08:00:00.Z',
    '2026-09-01T08:00:00+24:00',
    'yesterday',
  ]) {
    assert.equal((await recordOne({ responded_at: bad })).status, 400, bad)
  }
})

contractTest('[M7] sequence numbers: integers from 0 to 2^31-1', async () => {
  for (const good of [0, 2 ** 31 - 1]) {
    const { status, json } = await recordOne({ sequence_number: good })
    assert.ok(status === 200 || (status === 503 && good > 0), JSON.stringify(json))
  }
  for (const bad of [-1, 1.5, 2 ** 31, 1e300, '1', null, true]) {
    assert.equal((await recordOne({ sequence_number: bad })).status, 400, String(bad))
  }
})

const container = (changes: object = {}) => ({
  container_uuid: randomUUID(),
  container_parent_uuid: randomUUID(),
  container_cnx_identity: null,
  pools: [],
  ...changes,
})
const ecosystem = (contents: object[], changes: object = {}) => ({
  ecosystem_uuid: randomUUID(),
  book: { cnx_identity: `${randomUUID()}@100`, contents },
  exercises: [],
  imported_at: time,
  ...changes,
})

contractTest('[M8] [M22] books: identities are opaque up to 200 characters, contents are checked', async () => {
  for (const identity of [null, randomUUID(), `${randomUUID()}@10.0`, 'x'.repeat(200)]) {
    const answer = await server.post('create_ecosystem', ecosystem([container({ container_cnx_identity: identity })]))
    assert.equal(answer.status, 200, String(identity))
  }
  const bad = [
    ecosystem([container({ container_cnx_identity: 'x'.repeat(201) })]),
    ecosystem([container({ container_uuid: 'x' })]),
    ecosystem([container({ pools: [{}] })]),
    ecosystem([], { book: {} }),
    ecosystem([], { exercises: [{ exercise_uuid: randomUUID() }] }),
  ]
  for (const body of bad) assert.equal((await server.post('create_ecosystem', body)).status, 400)
})

contractTest('[M35] a pool may hold thousands of exercises; nulls inside are dropped', async () => {
  const exercises = Array.from({ length: 3000 }, () => randomUUID())
  const pool = {
    use_for_clue: true,
    use_for_personalized_for_assignment_types: ['reading'],
    exercise_uuids: [null, ...exercises],
    extra: 1,
  }
  const body = ecosystem([container({ pools: [pool], extra: { kept: true } })])
  assert.equal((await server.post('create_ecosystem', { ...body, surplus: 1 })).status, 200)
  const line = { request_uuid: randomUUID(), ecosystem_uuid: body.ecosystem_uuid, sequence_number_offset: 0 }
  const { json } = await server.post('fetch_ecosystem_events', { ecosystem_event_requests: [line], max_num_events: 1 })
  const [first] = body.book.contents
  const contents = [{ ...first, pools: [{ ...pool, exercise_uuids: exercises }] }]
  assert.deepEqual(json.ecosystem_event_responses[0].events[0].event_data, {
    ...body,
    sequence_number: 0,
    book: { ...body.book, contents },
  })
})

contractTest('[M10] [M33] [M34] declared limits of nested arrays are soft, and counted', async () => {
  const uuid = randomUUID()
  const student = () => ({
    student_uuid: randomUUID(),
    container_uuid: uuid,
    enrolled_at: time,
    last_course_container_change_at: time,
  })
  const roster = {
    request_uuid: randomUUID(),
    course_uuid: uuid,
    sequence_number: 1,
    course_containers: [],
    students: Array.from({ length: 1001 }, student),
  }
  assert.equal((await server.post('update_rosters', { rosters: [roster] })).status, 200)
  const { text } = await server.send('/metrics', { method: 'GET' })
  assert.match(text, /biglearn_http_soft_limit_exceeded_total\{route="update_rosters"\} 1/)
  const refused = await strict.post('update_rosters', { rosters: [roster] })
  assert.equal(refused.status, 400)
})

contractTest('[M10] outer arrays have hard limits: 1000, rosters 100', async () => {
  const uuid = randomUUID()
  const many = Array.from({ length: 1001 }, (_, number) => response(uuid, number))
  const answer = await server.post('record_responses', { responses: many })
  assert.equal(answer.status, 400)
  assert.match(answer.json.errors[0], /^\$\.responses /)
  assert.equal((await server.post('record_responses', { responses: many.slice(0, 1000) })).status, 200)
  const roster = (number: number) => ({
    request_uuid: randomUUID(),
    course_uuid: uuid,
    sequence_number: 1000 + number,
    course_containers: [],
    students: [],
  })
  const rosters = Array.from({ length: 101 }, (_, number) => roster(number))
  assert.equal((await server.post('update_rosters', { rosters })).status, 400)
  assert.equal((await server.post('update_rosters', { rosters: rosters.slice(0, 100) })).status, 200)
})

contractTest('exclusions: neither form is refused, both are kept; strict wants exactly one', async () => {
  const exclude = (exclusion: object, target: ContractServer) =>
    target.post('update_course_excluded_exercises', {
      request_uuid: randomUUID(),
      course_uuid: randomUUID(),
      sequence_number: 1,
      exclusions: [exclusion],
      updated_at: time,
    })
  const both = { exercise_uuid: randomUUID(), exercise_group_uuid: randomUUID() }
  assert.equal((await exclude({}, server)).status, 400)
  assert.equal((await exclude({ exercise_uuid: null }, server)).status, 400)
  assert.equal((await exclude(both, server)).status, 200)
  assert.equal((await exclude({ exercise_uuid: randomUUID(), exercise_group_uuid: null }, server)).status, 200)
  assert.equal((await exclude(both, strict)).status, 400)
  assert.equal((await exclude({ exercise_uuid: randomUUID() }, strict)).status, 200)
})

contractTest('[M25] [M38] assignments keep unknown keys inside, known ones are checked', async () => {
  const send = (changes: object, target: ContractServer = server) =>
    target.post('create_update_assignments', { assignments: [assignment(randomUUID(), 1, changes)] })
  assert.equal((await send({ exclusion_info: { closes_at: time, other: 1 } })).status, 200)
  assert.equal((await send({ exclusion_info: { opens_at: 'never' } })).status, 400)
  assert.equal((await send({ pes: { calculation_uuid: 'x' } })).status, 400)
  const trial = { trial_uuid: randomUUID(), exercise_uuid: randomUUID(), is_spe: false, is_pe: false }
  assert.equal((await send({ assigned_exercises: [{ ...trial, more: 1 }] })).status, 200)
  assert.equal((await send({ assigned_exercises: [{ ...trial, more: 1 }] }, strict)).status, 400)
  assert.equal((await send({ goal_num_tutor_assigned_pes: -1 })).status, 400)
})

contractTest('nested objects have a depth that can be written back', async () => {
  const send = (levels: number) => {
    const body = JSON.stringify({ assignments: [assignment(randomUUID(), 1, { exclusion_info: {} })] })
    const deep = `{"in":${'['.repeat(levels)}${']'.repeat(levels)}}`
    return server.post('create_update_assignments', body.replace('"exclusion_info":{}', `"exclusion_info":${deep}`))
  }
  assert.equal((await send(50)).status, 200)
  assert.equal((await send(5000)).status, 400)
  const bomb = `{"assignments":[],"x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
  assert.equal((await server.post('create_update_assignments', bomb)).status, 400)
})

contractTest('strict mode applies declared patterns: Zulu only, uuid version 0 or 4', async () => {
  const send = (changes: object) => strict.post('update_course_active_dates', activeDates(randomUUID(), 1, changes))
  assert.equal((await send({})).status, 200)
  assert.equal((await send({ starts_at: '2026-09-01T08:00:00+02:00' })).status, 400)
  assert.equal((await send({ request_uuid: '00000000-0000-7000-8000-000000000000' })).status, 400)
  assert.equal((await strict.post('create_course', course(randomUUID()))).status, 200)
})

contractTest('[M32] max_num_exercises and the limits of reads are enforced', async () => {
  const line = { request_uuid: randomUUID(), assignment_uuid: randomUUID(), algorithm_name: 'x' }
  const picks = (max: unknown) =>
    server.post('fetch_assignment_pes', { pe_requests: [{ ...line, max_num_exercises: max }] })
  for (const bad of [-1, 1001, 1.5, '3']) assert.equal((await picks(bad)).status, 400, String(bad))
  for (const good of [0, 1000, null]) assert.equal((await picks(good)).status, 200, String(good))
  const metadatas = (offset: unknown, max: unknown) =>
    server.post('fetch_course_metadatas', { metadata_sequence_number_offset: offset, max_num_metadatas: max })
  for (const [offset, max] of [
    [-1, 10],
    [0, 0],
    [0, 1001],
    [0.5, 1],
  ]) {
    assert.equal((await metadatas(offset, max)).status, 400)
  }
  assert.deepEqual((await metadatas(2 ** 40, 1)).json, { course_responses: [] })
})

contractTest('orders are not read back for a name with NUL, nor for more than 100 uuids in a line', async () => {
  const read = async (changes: object) => {
    const line = { request_uuid: randomUUID(), ...changes }
    return server.post('fetch_algorithm_exercise_calculations', { algorithm_exercise_calculation_requests: [line] })
  }
  const named = await read({ student_uuid: randomUUID(), algorithm_name: 'a\u0000b' })
  assert.equal(named.status, 400)
  assert.match(named.json.errors[0], /algorithm_name must not hold NUL$/)
  const uuids = Array.from({ length: 101 }, () => randomUUID())
  const many = await read({ calculation_uuids: uuids })
  assert.equal(many.status, 400)
  assert.match(many.json.errors[0], /^\$\.algorithm_exercise_calculation_requests\[0\]\.calculation_uuids /)
  assert.equal((await read({ calculation_uuids: uuids.slice(1), student_uuid: null })).status, 200)
})

test('an order of more than 100,000 exercises is 400, and so are orders too long for one answer', async () => {
  const memory = await startMemoryServer()
  try {
    const send = (exercises: number) => {
      const ids = { calculation_uuid: randomUUID(), ecosystem_matrix_uuid: randomUUID(), algorithm_name: 'long' }
      const line = { ...ids, exercise_uuids: new Array(exercises).fill(randomUUID()) }
      return memory.post('update_exercise_calculations', { exercise_calculation_updates: [line] })
    }
    assert.equal((await send(100_000)).status, 200)
    const refused = await send(100_001)
    assert.equal(refused.status, 400)
    assert.match(refused.json.errors[0], /^\$\.exercise_calculation_updates\[0\]\.exercise_uuids /)
    memory.ports.contract.readOrderings = async () => undefined
    const answer = await memory.post('fetch_algorithm_exercise_calculations', {
      algorithm_exercise_calculation_requests: [{ request_uuid: randomUUID(), calculation_uuids: [randomUUID()] }],
    })
    assert.equal(answer.status, 400)
    assert.equal(answer.headers.get('biglearn-error-code'), 'body_invalid')
    assert.match(answer.json.errors[0], /more than 1,000,000 exercises/)
  } finally {
    await memory.stop()
  }
})
