import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { replaceByNoOp, sendUnderNextNumber } from './incidents.ts'
import type { OutboxEntry, OutboxEvent } from './outbox.ts'
import { dates, sentTo, setUp, unavailable } from './test-delivery.ts'
import { createCourse, recordResponse, updateDates } from './test-outbox.ts'
import type { EcosystemPreparation, EcosystemUpdate } from './wire.ts'

const time = '2026-03-01T08:00:00Z'

const preparation = (course: string, preparation_uuid: string): OutboxEvent => ({
  endpoint: 'prepare_course_ecosystem',
  payload: {
    preparation_uuid,
    course_uuid: course,
    next_ecosystem_uuid: randomUUID(),
    ecosystem_map: {
      from_ecosystem_uuid: randomUUID(),
      to_ecosystem_uuid: randomUUID(),
      book_container_mappings: [],
      exercise_mappings: [],
    },
    prepared_at: time,
  } satisfies Omit<EcosystemPreparation, 'sequence_number'>,
})
const move = (course: string, preparation_uuid: string): OutboxEvent => ({
  endpoint: 'update_course_ecosystems',
  payload: { request_uuid: randomUUID(), course_uuid: course, preparation_uuid, updated_at: time } satisfies Omit<
    EcosystemUpdate,
    'sequence_number'
  >,
})

test('a course moves only after its preparation was acknowledged', async () => {
  let isPrepared = false
  let failures = 0
  const { fake, delivery, enqueue } = setUp({
    async intercept({ endpoint }, next) {
      if (endpoint === 'update_course_ecosystems') assert.ok(isPrepared)
      if (endpoint === 'prepare_course_ecosystem' && failures < 3) {
        failures += 1
        return unavailable()
      }
      if (endpoint === 'prepare_course_ecosystem') isPrepared = true
      return await next()
    },
  })
  const [course, prepared] = [randomUUID(), randomUUID()]
  await enqueue(createCourse(course), preparation(course, prepared), move(course, prepared))
  await delivery.drain()
  assert.equal(failures, 3)
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2])
})

test('a preparation that the server lost is sent again before the move', async () => {
  const { fake, delivery, enqueue, incidents } = setUp()
  const [course, prepared] = [randomUUID(), randomUUID()]
  await enqueue(createCourse(course), preparation(course, prepared))
  await delivery.drain()
  fake.loseFrom('course', course, 1)
  await enqueue(move(course, prepared))
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2])
  assert.deepEqual(incidents, [])
  const prepares = sentTo(fake.requests, 'prepare_course_ecosystem')
  assert.equal(prepares.length, 2)
  assert.equal(prepares[0]!.text, prepares[1]!.text)
})

test('a move without any preparation is an incident', async () => {
  const { fake, delivery, enqueue, incidents } = setUp()
  const course = randomUUID()
  await enqueue(createCourse(course), move(course, randomUUID()), updateDates(course))
  await delivery.drain()
  assert.deepEqual(
    incidents.map(({ entry, incident }) => [entry.number, incident.reason]),
    [[1, 'preparation_unknown']],
  )
  assert.deepEqual(fake.storedNumbers('course', course), [0])
})

test('a server that acknowledges a preparation and does not know it even then is asked once', async () => {
  let prepares = 0
  const { fake, delivery, enqueue, incidents } = setUp({
    async intercept({ endpoint }, next) {
      if (endpoint !== 'prepare_course_ecosystem') return await next()
      prepares += 1
      return prepares < 5 ? Response.json({ status: 'accepted' }) : new Response('{}', { status: 400 })
    },
  })
  const [course, prepared] = [randomUUID(), randomUUID()]
  await enqueue(createCourse(course), preparation(course, prepared), move(course, prepared))
  await delivery.drain()
  assert.deepEqual(
    incidents.map(({ entry, incident }) => [entry.number, incident.reason, incident.message]),
    [[2, 'preparation_unknown', 'the server refuses to know it']],
  )
  assert.equal(prepares, 2)
  assert.deepEqual(fake.storedNumbers('course', course), [0])
})

/** A preparation that was refused and then given up by this, and the move that relies on it, beside another course. */
async function givenUpPreparation(giveUp: (setup: ReturnType<typeof setUp>, entry: OutboxEntry) => Promise<void>) {
  const setup = setUp({
    async intercept({ endpoint }, next) {
      return endpoint === 'prepare_course_ecosystem' ? new Response('{}', { status: 413 }) : await next()
    },
  })
  const [course, other, prepared] = [randomUUID(), randomUUID(), randomUUID()]
  await setup.enqueue(createCourse(course), preparation(course, prepared), move(course, prepared))
  await setup.delivery.drain()
  await giveUp(setup, setup.incidents.splice(0)[0]!.entry)
  await setup.enqueue(createCourse(other), recordResponse(other), updateDates(other))
  const preparesBefore = sentTo(setup.fake.requests, 'prepare_course_ecosystem').length
  await setup.delivery.drain()
  assert.equal(sentTo(setup.fake.requests, 'prepare_course_ecosystem').length, preparesBefore)
  assert.deepEqual(
    setup.incidents.map(({ entry, incident }) => [entry.number, incident.reason, incident.message]),
    [[2, 'preparation_unknown', 'its preparation was given up']],
  )
  assert.deepEqual(setup.fake.storedNumbers('course', other), [0, 1, 2])
  return setup.fake.storedNumbers('course', course)
}

test('a preparation that became a no_op was sent for its move, and its refusal stopped all streams', async () => {
  const stored = await givenUpPreparation(async ({ outbox: store, client }, entry) => {
    await replaceByNoOp({ store, client }, entry, 'too large')
  })
  assert.deepEqual(stored, [0, 1])
})

test('a preparation that was abandoned, its no_op still missing, was sent for its move', async () => {
  const stored = await givenUpPreparation(async ({ outbox }, entry) => await outbox.abandon(entry.id))
  assert.deepEqual(stored, [0])
})

test('a lost preparation whose number was taken stopped every stream; the next number solves it', async () => {
  const { fake, outbox, client, delivery, enqueue, incidents } = setUp()
  const [course, other, prepared, intruder] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
  await enqueue(createCourse(course), preparation(course, prepared))
  await delivery.drain()
  fake.loseFrom('course', course, 1)
  await client.updateCourseActiveDates({ ...dates, request_uuid: intruder, course_uuid: course })
  await enqueue(move(course, prepared), move(course, prepared))
  await enqueue(createCourse(other), recordResponse(other), updateDates(other))
  await delivery.drain()
  assert.deepEqual(
    incidents.map(({ entry, incident }) => [entry.eventUuid, incident.reason, incident.existingEventUuid]),
    [[prepared, 'number_taken', intruder]],
  )
  assert.deepEqual(fake.storedNumbers('course', other), [0, 1, 2])
  await sendUnderNextNumber(outbox, incidents[0]!.entry)
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2, 3, 4])
  assert.equal(incidents.length, 1)
})

test('a preparation that the server could not take now held its sender up without end', async () => {
  const [course, other, prepared] = [randomUUID(), randomUUID(), randomUUID()]
  let failuresLeft = 0
  let storedMeanwhile: number[] = []
  const { fake, outbox, delivery, enqueue, incidents } = setUp({
    delivery: { batchMsMax: 5000, batchesInFlightMax: 1 },
    async intercept({ endpoint }, next) {
      if (endpoint !== 'prepare_course_ecosystem' || failuresLeft === 0) return await next()
      failuresLeft -= 1
      storedMeanwhile = fake.storedNumbers('course', other)
      return unavailable()
    },
  })
  await enqueue(createCourse(course), preparation(course, prepared))
  await delivery.drain()
  fake.loseFrom('course', course, 1)
  failuresLeft = 20
  await enqueue(move(course, prepared), createCourse(other), recordResponse(other))
  await delivery.drain()
  assert.deepEqual(storedMeanwhile, [0, 1])
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2])
  assert.deepEqual(incidents, [])
  assert.equal((await outbox.health()).waiting, 0)
})
