import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type ContractServer, course, courseEvents, onEveryBackend, time } from './contract-server.ts'

/* api.md §6.9, 6.10, 6.15, 8.1–8.3. */
let server: ContractServer
const contractTest = onEveryBackend((started) => {
  server = started
})

function preparation(courseUuid: string, number: number, changes: object = {}) {
  const next = randomUUID()
  return {
    preparation_uuid: randomUUID(),
    course_uuid: courseUuid,
    sequence_number: number,
    next_ecosystem_uuid: next,
    ecosystem_map: {
      from_ecosystem_uuid: randomUUID(),
      to_ecosystem_uuid: next,
      book_container_mappings: [],
      exercise_mappings: [],
    },
    prepared_at: time,
    ...changes,
  }
}

function update(courseUuid: string, number: number, preparationUuid: string) {
  return {
    request_uuid: randomUUID(),
    course_uuid: courseUuid,
    sequence_number: number,
    preparation_uuid: preparationUuid,
    updated_at: time,
  }
}

async function statusesOf(lines: object[]) {
  const { json } = await server.post('update_course_ecosystems', { update_requests: lines })
  return json.update_responses.map((line: { update_status: string }) => line.update_status)
}

contractTest('[M11] the prepare event names its ecosystem as consumers read it', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const { next_ecosystem_uuid: next, ...rest } = preparation(uuid, 1)
  const answer = await server.post('prepare_course_ecosystem', { ...rest, next_ecosystem_uuid: next })
  assert.deepEqual(answer.json, { status: 'accepted' })
  const { events } = await courseEvents(server, uuid, { offset: 1 })
  assert.deepEqual(events[0].event_data, { ...rest, ecosystem_uuid: next })
  assert.equal(events[0].event_uuid, rest.preparation_uuid)
})

contractTest('an update of an unknown preparation appends nothing; a mixed batch appends the known ones', async () => {
  const uuid = randomUUID()
  const other = randomUUID()
  await server.post('create_course', course(uuid))
  await server.post('create_course', course(other))
  const known = preparation(uuid, 1)
  await server.post('prepare_course_ecosystem', known)
  const id = known.preparation_uuid
  const late = update(uuid, 3, randomUUID())
  assert.deepEqual(await statusesOf([late, update(uuid, 2, id.toUpperCase()), update(other, 1, id)]), [
    'preparation_unknown',
    'updated_but_unready',
    'preparation_unknown',
  ])
  const { events } = await courseEvents(server, uuid, { offset: 2 })
  assert.deepEqual(
    events.map((event: { event_type: string }) => event.event_type),
    ['update_course_ecosystem'],
  )
  assert.deepEqual((await courseEvents(server, other, { offset: 1 })).events, [])
})

contractTest('a preparation behind a gap is known at once', async () => {
  const uuid = randomUUID()
  const known = preparation(uuid, 5)
  await server.post('prepare_course_ecosystem', known)
  assert.deepEqual(await statusesOf([update(uuid, 7, known.preparation_uuid)]), ['updated_but_unready'])
})

contractTest('[M23] [M30] an older preparation is never called obsolete, and lines hold two keys', async () => {
  const uuid = randomUUID()
  const [older, newer] = [preparation(uuid, 1), preparation(uuid, 2)]
  for (const body of [older, newer]) await server.post('prepare_course_ecosystem', body)
  await statusesOf([update(uuid, 3, newer.preparation_uuid)])
  const line = update(uuid, 4, older.preparation_uuid)
  const { json } = await server.post('update_course_ecosystems', { update_requests: [line] })
  assert.deepEqual(json, {
    update_responses: [{ request_uuid: line.request_uuid, update_status: 'updated_but_unready' }],
  })
})

contractTest('[M24] the readiness marker shows at once, also to a repeat', async () => {
  const uuid = randomUUID()
  const known = preparation(uuid, 1)
  await server.post('prepare_course_ecosystem', known)
  const line = update(uuid, 2, known.preparation_uuid)
  assert.deepEqual(await statusesOf([line]), ['updated_but_unready'])
  const spelling = known.preparation_uuid.toUpperCase()
  const marked = await server.post('record_ecosystem_preparations_ready', { preparation_uuids: [spelling] })
  assert.deepEqual(marked.json, { recorded_preparation_uuids: [spelling] })
  assert.deepEqual(await statusesOf([line]), ['updated_and_ready'])
})

contractTest('[M26] statuses of courses: initial, pending, moved, unknown', async () => {
  const uuid = randomUUID()
  const initial = randomUUID()
  const ask = async (...uuids: string[]) => {
    const body = { request_uuid: randomUUID(), course_uuids: uuids }
    const { json } = await server.post('fetch_course_ecosystem_statuses', body)
    return json.course_statuses
  }
  const none = {
    ecosystem_uuid: null,
    ecosystem_is_known: false,
    ecosystem_is_prepared: false,
    precompute_is_complete: false,
  }
  const first = { ...none, ecosystem_uuid: initial }
  await server.post('create_course', course(uuid, { ecosystem_uuid: initial }))
  const unknown = randomUUID()
  const shared = { current_ecosystem_preparation_uuid: null, next_ecosystem_status: none }
  assert.deepEqual(await ask(uuid.toUpperCase(), unknown, uuid), [
    { course_uuid: uuid.toUpperCase(), course_is_known: true, current_ecosystem_status: first, ...shared },
    { course_uuid: unknown, course_is_known: false, current_ecosystem_status: none, ...shared },
    { course_uuid: uuid, course_is_known: true, current_ecosystem_status: first, ...shared },
  ])
  const next = preparation(uuid, 1)
  await server.post('prepare_course_ecosystem', next)
  await server.post('create_ecosystem', {
    ecosystem_uuid: next.next_ecosystem_uuid,
    book: { cnx_identity: null, contents: [] },
    exercises: [],
    imported_at: time,
  })
  const prepared = {
    ecosystem_uuid: next.next_ecosystem_uuid,
    ecosystem_is_known: true,
    ecosystem_is_prepared: true,
    precompute_is_complete: false,
  }
  const [pending] = await ask(uuid)
  assert.equal(pending.current_ecosystem_preparation_uuid, next.preparation_uuid)
  assert.deepEqual(pending.current_ecosystem_status, first)
  assert.deepEqual(pending.next_ecosystem_status, prepared)
  await statusesOf([update(uuid, 2, next.preparation_uuid)])
  const [moved] = await ask(uuid)
  assert.equal(moved.current_ecosystem_preparation_uuid, null)
  assert.deepEqual(moved.current_ecosystem_status, prepared)
  assert.deepEqual(moved.next_ecosystem_status, none)
})

contractTest('no-ops fill empty numbers only, never number 0, and never answer 422', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  await server.post('prepare_course_ecosystem', preparation(uuid, 2))
  const line = (number: number, changes: object = {}) => ({
    request_uuid: randomUUID(),
    course_uuid: uuid,
    sequence_number: number,
    ...changes,
  })
  const send = async (...lines: object[]) => {
    const { json } = await server.post('record_no_ops', { no_ops: lines })
    return json.no_op_responses.map((answer: { status: string }) => answer.status)
  }
  const hole = line(1, { reason: 'the task is gone', ecosystem_uuid: null })
  assert.deepEqual(await send(hole, line(2)), ['accepted', 'already_filled'])
  assert.deepEqual(await send(hole, line(1)), ['accepted', 'already_filled'])
  const { events, is_end: isEnd } = await courseEvents(server, uuid, { types: ['no_op'] })
  const { ecosystem_uuid: _, ...stored } = hole as Record<string, unknown>
  assert.deepEqual([events[0].event_data, isEnd], [stored, true])
  const refused = [line(0), line(3, { ecosystem_uuid: randomUUID() }), line(3, { course_uuid: undefined })]
  for (const bad of refused) assert.equal((await server.post('record_no_ops', { no_ops: [bad] })).status, 400)
})

contractTest('stream statuses list what is missing, up to the number of gaps asked for', async () => {
  const uuid = randomUUID()
  for (const number of [1, 3, 7]) await server.post('prepare_course_ecosystem', preparation(uuid, number))
  const ask = async (changes: object) => {
    const line = { request_uuid: randomUUID(), course_uuid: uuid, ...changes }
    const { json } = await server.post('fetch_stream_statuses', { stream_requests: [line] })
    return json.stream_responses[0]
  }
  const all = await ask({})
  assert.deepEqual(all.gaps, [
    { from: 0, to: 0 },
    { from: 2, to: 2 },
    { from: 4, to: 6 },
  ])
  assert.deepEqual([all.is_known, all.is_created, all.next_sequence_number], [true, false, 8])
  assert.equal(all.contiguous_sequence_number, 0)
  assert.ok(Date.parse(all.oldest_blocked_at) > 0)
  assert.equal((await ask({ max_num_gaps: 1 })).gaps.length, 1)
  const unknown = await ask({ course_uuid: null, ecosystem_uuid: randomUUID() })
  assert.deepEqual([unknown.is_known, unknown.gaps, unknown.oldest_blocked_at], [false, [], null])
})
