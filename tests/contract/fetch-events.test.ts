import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  activeDates,
  assignment,
  type ContractServer,
  courseEvents,
  numbersOf,
  onEveryBackend,
  response,
} from './contract-server.ts'

/* api.md §4: the truth table, and the rules it does not show. */
let server: ContractServer
const contractTest = onEveryBackend((started) => {
  server = started
})

type Letter = 'A' | 'B'
const typeA = 'record_response'

/** A course that holds these numbers; A is a response, B an update of its dates. */
async function courseWith(have: Readonly<Record<number, Letter>>): Promise<string> {
  const uuid = randomUUID()
  for (const [number, letter] of Object.entries(have)) {
    if (letter === 'A') await server.post('record_responses', { responses: [response(uuid, Number(number))] })
    else await server.post('update_course_active_dates', activeDates(uuid, Number(number)))
  }
  return uuid
}

const upTo = (last: number): Record<number, Letter> =>
  Object.fromEntries(Array.from({ length: last + 1 }, (_, number) => [number, 'A' as const]))

/** Rows marked as such show that a gap is one of the whole stream: neither a filter nor an offset jumps it. */
const table = [
  { have: upTo(5), ask: {}, events: [0, 1, 2, 3, 4, 5], gap: false, end: true },
  { have: upTo(5), ask: { offset: 6 }, events: [], gap: false, end: true },
  { have: upTo(5), ask: { offset: 99 }, events: [], gap: false, end: true },
  { have: { 0: 'A', 2: 'A' }, ask: {}, events: [0], gap: true, end: false },
  { have: { 0: 'A', 2: 'A' }, ask: { max: 1 }, events: [0], gap: false, end: false },
  { have: { 0: 'A', 2: 'A' }, ask: { offset: 2 }, events: [], gap: true, end: false },
  { have: { 0: 'A', 2: 'A', 3: 'A' }, ask: { offset: 3 }, events: [], gap: true, end: false, mark: '[M18] ' },
  { have: { 0: 'A', 2: 'B', 3: 'A' }, ask: { types: [typeA] }, events: [0], gap: true, end: false, mark: '[M18] ' },
  { have: { 0: 'A', 2: 'B' }, ask: { types: [typeA] }, events: [0], gap: false, end: true },
  { have: { 0: 'A', 1: 'B', 2: 'A', 3: 'B' }, ask: { types: [typeA] }, events: [0, 2], gap: false, end: true },
  { have: { 0: 'A', 1: 'B', 2: 'A' }, ask: { types: [typeA], max: 1 }, events: [0], gap: false, end: false },
  { have: { 0: 'A', 1: 'B' }, ask: { types: [typeA], max: 1 }, events: [0], gap: false, end: true },
  { have: {}, ask: {}, events: [], gap: false, end: true },
] as const

for (const row of table) {
  const mark = 'mark' in row ? row.mark : ''
  contractTest(`${mark}have ${JSON.stringify(row.have)}, ask ${JSON.stringify(row.ask)}`, async () => {
    const line = await courseEvents(server, await courseWith(row.have), row.ask)
    assert.deepEqual(
      { events: numbersOf(line), gap: line.is_gap, end: line.is_end },
      { events: row.events, gap: row.gap, end: row.end },
    )
  })
}

async function fetchTwo(a: string, b: string, max: number) {
  const line = (uuid: string) => ({ request_uuid: randomUUID(), course_uuid: uuid, sequence_number_offset: 0 })
  const { json } = await server.post('fetch_course_events', {
    course_event_requests: [line(a), line(b)],
    max_num_events: max,
  })
  return json.course_event_responses
}

contractTest('the budget of events is spent breadth first over the streams', async () => {
  const a = await courseWith(upTo(5))
  const b = await courseWith(upTo(2))
  const four = await fetchTwo(a, b, 4)
  assert.deepEqual(four.map(numbersOf), [
    [0, 1],
    [0, 1],
  ])
  assert.deepEqual(
    four.map((line: { is_end: boolean }) => line.is_end),
    [false, false],
  )
  const six = await fetchTwo(a, b, 6)
  assert.deepEqual(six.map(numbersOf), [
    [0, 1, 2],
    [0, 1, 2],
  ])
  assert.deepEqual(
    six.map((line: { is_end: boolean }) => line.is_end),
    [false, true],
  )
  const eight = await fetchTwo(a, b, 8)
  assert.deepEqual(eight.map(numbersOf), [
    [0, 1, 2, 3, 4],
    [0, 1, 2],
  ])
})

async function courseWithSizes(sizes: readonly number[]): Promise<string> {
  const uuid = randomUUID()
  for (const [number, bytes] of sizes.entries()) {
    const info = { filler: 'x'.repeat(bytes) }
    await server.post('create_update_assignments', {
      assignments: [assignment(uuid, number, { exclusion_info: info })],
    })
  }
  return uuid
}

contractTest('the budget of bytes: two of 2.5 MB and a small one give the first only', async () => {
  const line = await courseEvents(server, await courseWithSizes([2_500_000, 2_500_000, 10]))
  assert.deepEqual(
    { events: numbersOf(line), gap: line.is_gap, end: line.is_end },
    { events: [0], gap: false, end: false },
  )
})

contractTest('the first event is served even alone above the budget', async () => {
  const line = await courseEvents(server, await courseWithSizes([5_000_000, 10]))
  assert.deepEqual(
    { events: numbersOf(line), gap: line.is_gap, end: line.is_end },
    { events: [0], gap: false, end: false },
  )
})

contractTest(
  '[M17] event_types: empty is 400, unknown names are ignored, only unknown ones select nothing',
  async () => {
    const uuid = await courseWith(upTo(1))
    assert.equal((await courseEvents(server, uuid, { types: [] })).status, 400)
    assert.deepEqual(numbersOf(await courseEvents(server, uuid, { types: ['nonsense', typeA] })), [0, 1])
    const none = await courseEvents(server, uuid, { types: ['nonsense', '__proto__', 'create_ecosystem'] })
    assert.deepEqual([none.events, none.is_gap, none.is_end], [[], false, true])
  },
)

contractTest('[M19] streams without candidates take nothing of the budget', async () => {
  const silent = await courseWith({ 0: 'B', 1: 'B' })
  const active = await courseWith(upTo(3))
  const line = (uuid: string) => ({
    request_uuid: randomUUID(),
    course_uuid: uuid,
    sequence_number_offset: 0,
    event_types: [typeA],
  })
  const { json } = await server.post('fetch_course_events', {
    course_event_requests: [line(silent), line(active)],
    max_num_events: 4,
  })
  assert.deepEqual(json.course_event_responses.map(numbersOf), [[], [0, 1, 2, 3]])
  assert.deepEqual(
    json.course_event_responses.map((answer: { is_end: boolean }) => answer.is_end),
    [true, true],
  )
})

contractTest('[M20] lines with one request_uuid, or one course, are independent', async () => {
  const uuid = await courseWith(upTo(3))
  const line = { request_uuid: randomUUID(), course_uuid: uuid, sequence_number_offset: 0 }
  const { json } = await server.post('fetch_course_events', {
    course_event_requests: [line, { ...line, sequence_number_offset: 2 }],
    max_num_events: 100,
  })
  assert.deepEqual(json.course_event_responses.map(numbersOf), [
    [0, 1, 2, 3],
    [2, 3],
  ])
})

contractTest('[M5] case of uuids does not matter, and answers repeat the spelling of the line', async () => {
  const uuid = await courseWith(upTo(1))
  const line = { request_uuid: randomUUID().toUpperCase(), course_uuid: uuid.toUpperCase(), sequence_number_offset: 0 }
  const { json } = await server.post('fetch_course_events', { course_event_requests: [line], max_num_events: 10 })
  const [answer] = json.course_event_responses
  assert.equal(answer.request_uuid, line.request_uuid)
  assert.equal(answer.course_uuid, line.course_uuid)
  assert.deepEqual(numbersOf(answer), [0, 1])
})

contractTest('ecosystem events: unknown stream, no lines, and an offset beyond any number', async () => {
  const none = await server.post('fetch_ecosystem_events', { ecosystem_event_requests: [], max_num_events: 1 })
  assert.deepEqual(none.json, { ecosystem_event_responses: [] })
  const line = { request_uuid: randomUUID(), ecosystem_uuid: randomUUID(), sequence_number_offset: 2 ** 40 }
  const { json } = await server.post('fetch_ecosystem_events', { ecosystem_event_requests: [line], max_num_events: 1 })
  const { request_uuid, ecosystem_uuid } = line
  assert.deepEqual(json.ecosystem_event_responses, [
    { request_uuid, ecosystem_uuid, events: [], is_gap: false, is_end: true },
  ])
})
