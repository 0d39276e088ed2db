import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createClient } from './client.ts'
import { createDelivery } from './delivery.ts'
import { createFakeServer } from './fake/server.ts'
import { adoptServerNumber, missingRanges, repairGaps } from './incidents.ts'
import type { OutboxEvent } from './outbox.ts'
import { createMemoryOutbox } from './outbox-memory.ts'
import { createCourse, instantClock, recordResponse, unexpected, updateDates } from './test-outbox.ts'

async function setUp(...events: OutboxEvent[]) {
  const fake = createFakeServer()
  const clock = instantClock()
  const store = createMemoryOutbox(clock)
  const client = createClient({ url: 'http://biglearn.test', fetch: fake.fetch, clock, random: () => 1 })
  const delivery = createDelivery({ store, transport: client.transport, clock, ...unexpected })
  const enqueue = (...more: OutboxEvent[]) =>
    store.transaction(async (transaction) => await store.enqueue(transaction, more))
  await enqueue(...events)
  await delivery.drain()
  const repair = () => repairGaps({ store, client, now: () => new Date(clock.now()), streamsPerRequest: 2 })
  return { fake, clock, store, client, delivery, enqueue, repair }
}

const minutes = (count: number) => count * 60_000

test('nothing is done where nothing is missing', async () => {
  const courses = Array.from({ length: 5 }, () => randomUUID())
  const { clock, repair, fake } = await setUp(...courses.map(createCourse))
  clock.advance(minutes(5))
  assert.deepEqual(await repair(), { streams: 5, resent: [], filled: [], unexplained: [], ahead: [] })
  assert.equal(fake.requests.filter(({ endpoint }) => endpoint === 'record_no_ops').length, 0)
})

test('events that the server lost are sent again, at its end as well as in the middle', async () => {
  const course = randomUUID()
  const events = [createCourse(course), ...Array.from({ length: 6 }, () => recordResponse(course))]
  const { fake, clock, client, delivery, repair } = await setUp(...events)
  const before = fake.requests.find(({ endpoint }) => endpoint === 'record_responses')!
  const original = JSON.parse(before.text).responses
  fake.loseFrom('course', course, 3)
  // Number 5 arrives again by another way, so that 3 and 4 are a gap and 6 is a lost end.
  await client.recordResponses([original[4]])
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2, 5])
  clock.advance(minutes(5))
  const { resent, unexplained } = await repair()
  assert.deepEqual(
    resent.map(({ number }) => number),
    [3, 4, 6],
  )
  assert.deepEqual(unexplained, [])
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2, 3, 4, 5, 6])
})

test('what was acknowledged a moment ago is left alone', async () => {
  const course = randomUUID()
  const { fake, clock, repair } = await setUp(createCourse(course), recordResponse(course))
  fake.loseFrom('course', course, 1)
  clock.advance(1000)
  assert.deepEqual((await repair()).resent, [])
  clock.advance(minutes(2))
  assert.deepEqual(
    (await repair()).resent.map(({ number }) => number),
    [1],
  )
})

test('numbers that will never be sent become no_ops', async () => {
  const course = randomUUID()
  const { fake, store, enqueue, delivery, repair } = await setUp(createCourse(course))
  await enqueue(updateDates(course), recordResponse(course))
  const [abandoned] = await store.readWaiting({ entriesMax: 1, exceptStreams: [] })
  await store.abandon(abandoned!.id)
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', course), [0, 2])
  const { filled } = await repair()
  assert.deepEqual(
    filled.map(({ number }) => number),
    [1],
  )
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2])
  assert.deepEqual((await repair()).filled, [])
})

test('waiting events are not taken for lost ones', async () => {
  const course = randomUUID()
  const { enqueue, repair } = await setUp(createCourse(course))
  await enqueue(recordResponse(course), recordResponse(course))
  assert.deepEqual(await repair(), { streams: 1, resent: [], filled: [], unexplained: [], ahead: [] })
})

test('missing events that were forgotten here are reported, not invented', async () => {
  const course = randomUUID()
  const { fake, clock, store, repair } = await setUp(createCourse(course), recordResponse(course))
  clock.advance(minutes(5))
  await store.forgetSent(new Date(clock.now()))
  fake.loseFrom('course', course, 1)
  const report = await repair()
  assert.deepEqual(report.unexplained, [{ stream: course, number: 1 }])
  assert.deepEqual(report.filled, [])
  assert.deepEqual(fake.storedNumbers('course', course), [0])
})

test('a producer restored from a backup learns that the server is ahead, and can go on from there', async () => {
  const course = randomUUID()
  const { fake, client, store, enqueue, delivery, repair } = await setUp(createCourse(course))
  const lost = { request_uuid: randomUUID(), course_uuid: course, starts_at: time, ends_at: time, updated_at: time }
  await client.updateCourseActiveDates({ ...lost, sequence_number: 1 })
  const { ahead } = await repair()
  assert.deepEqual(ahead, [{ stream: { kind: 'course', stream: course, nextNumber: 1 }, serverNextNumber: 2 }])
  await adoptServerNumber(store, course, 2)
  await enqueue(recordResponse(course))
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2])
  assert.deepEqual((await repair()).ahead, [])
})

test('an event that was enqueued and sent between two looks made the server seem ahead', async () => {
  const course = randomUUID()
  const setup = await setUp(createCourse(course))
  const { enqueue, delivery, store, clock } = setup
  const client = createClient({
    url: 'http://biglearn.test',
    async fetch(input, init) {
      if (String(input).endsWith('/fetch_stream_statuses')) {
        await enqueue(recordResponse(course))
        await delivery.drain()
      }
      return await setup.fake.fetch(input, init)
    },
  })
  const report = await repairGaps({ store, client, now: () => new Date(clock.now()) })
  assert.deepEqual(report, { streams: 1, resent: [], filled: [], unexplained: [], ahead: [] })
})

const time = '2026-03-01T08:00:00Z'

test('missing ranges are the gaps and the end, never beyond what this side has given', () => {
  const gaps = [
    { from: 2, to: 3 },
    { from: 7, to: 20 },
  ]
  assert.deepEqual(missingRanges({ nextNumber: 10 }, { gaps, next_sequence_number: 22 }), [
    { from: 2, to: 3 },
    { from: 7, to: 9 },
  ])
  assert.deepEqual(missingRanges({ nextNumber: 10 }, { gaps: [], next_sequence_number: 8 }), [{ from: 8, to: 9 }])
  assert.deepEqual(missingRanges({ nextNumber: 10 }, { gaps: [], next_sequence_number: 10 }), [])
  assert.deepEqual(missingRanges({ nextNumber: 5000 }, { gaps: [], next_sequence_number: 0 }), [{ from: 0, to: 999 }])
})
