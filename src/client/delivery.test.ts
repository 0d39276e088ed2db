import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createDelivery, DeliveryHalted, type DeliveryOptions } from './delivery.ts'
import { replaceByNoOp, retryRefused, sendUnderNextNumber } from './incidents.ts'
import type { Incident, OutboxEntry } from './outbox.ts'
import { dates, sentTo, setUp, unavailable } from './test-delivery.ts'
import { createCourse, instantClock, recordResponse, sortedUuids, unexpected, updateDates } from './test-outbox.ts'

test('what did not commit is not sent, what committed arrives and is not sent again', async () => {
  const { fake, outbox, delivery, enqueue } = setUp()
  const course = randomUUID()
  await enqueue(createCourse(course), recordResponse(course))
  const failing = outbox.transaction(async (transaction) => {
    await outbox.enqueue(transaction, [recordResponse(course)])
    throw new Error('rolled back')
  })
  await assert.rejects(failing)
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1])
  assert.deepEqual(await outbox.health(), { waiting: 0, refused: 0, oldestWaitingAt: undefined })
  const before = fake.requests.length
  await delivery.drain()
  assert.equal(fake.requests.length, before)
})

test('a stream is sent in order, each request after the one before was acknowledged, streams side by side', async () => {
  const inFlight = new Map<string, number>()
  let mostAtOnce = 0
  const { fake, delivery, enqueue } = setUp({
    async intercept({ text }, next) {
      const streams = new Set(text.match(/(?<="course_uuid":")[^"]+/g))
      for (const stream of streams) {
        assert.equal(inFlight.has(stream), false, 'a second request of a stream overtook its first')
        inFlight.set(stream, 1)
      }
      mostAtOnce = Math.max(mostAtOnce, inFlight.size)
      await new Promise((resolve) => setTimeout(resolve, 2))
      const reply = await next()
      for (const stream of streams) inFlight.delete(stream)
      return reply
    },
  })
  const courses = Array.from({ length: 3 }, () => randomUUID())
  for (const course of courses) {
    await enqueue(createCourse(course), updateDates(course), recordResponse(course), recordResponse(course))
    await enqueue(updateDates(course), recordResponse(course))
  }
  await delivery.drain()
  for (const course of courses) assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2, 3, 4, 5])
  assert.ok(mostAtOnce > 1)
  const numbers = sentTo(fake.requests, 'record_responses').flatMap(({ text }) =>
    JSON.parse(text).responses.map((item: { course_uuid: string; sequence_number: number }) => item),
  )
  for (const course of courses) {
    const own = numbers.filter((item) => item.course_uuid === course).map((item) => item.sequence_number)
    assert.deepEqual(own, [2, 3, 5])
  }
})

test('events of many streams share requests, within the limits of a request', async () => {
  const { fake, delivery, enqueue } = setUp()
  const courses = Array.from({ length: 3 }, () => randomUUID())
  await enqueue(...courses.map(createCourse))
  await enqueue(...courses.flatMap((course) => Array.from({ length: 800 }, () => recordResponse(course))))
  await delivery.drain()
  const sizes = sentTo(fake.requests, 'record_responses').map(({ text }) => JSON.parse(text).responses.length)
  assert.equal(
    sizes.reduce((sum, size) => sum + size, 0),
    2400,
  )
  assert.ok(Math.max(...sizes) === 1000, `sizes were ${sizes}`)
  for (const course of courses) assert.equal(fake.storedNumbers('course', course).length, 801)
})

test('a lost answer is repeated byte for byte and stored once', async () => {
  let lost = 0
  const { fake, delivery, enqueue } = setUp({
    async intercept({ endpoint }, next) {
      const reply = await next()
      if (endpoint !== 'record_responses' || lost === 2) return reply
      lost += 1
      throw new TypeError('fetch failed')
    },
  })
  const course = randomUUID()
  await enqueue(createCourse(course), recordResponse(course))
  await delivery.drain()
  const sent = sentTo(fake.requests, 'record_responses')
  assert.equal(sent.length, 3)
  assert.equal(new Set(sent.map(({ text }) => text)).size, 1)
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1])
})

test('an outage of any length loses nothing and gives nothing up', async () => {
  const start = instantClock().now()
  const { fake, clock, outbox, delivery, enqueue, incidents } = setUp({
    async intercept(_, next) {
      return clock.now() < start + 6 * 3_600_000 ? unavailable() : await next()
    },
  })
  const course = randomUUID()
  await enqueue(createCourse(course), recordResponse(course), updateDates(course))
  await delivery.drain()
  assert.ok(clock.now() >= start + 6 * 3_600_000)
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2])
  assert.equal((await outbox.health()).waiting, 0)
  assert.deepEqual(incidents, [])
})

test('a refused event is reported and stops its own stream; its neighbours in the same request arrive', async () => {
  const poisoned = randomUUID()
  const { fake, outbox, client, delivery, enqueue, incidents } = setUp({
    async intercept({ endpoint, text }, next) {
      const isPoisoned = endpoint === 'record_responses' && text.includes(poisoned)
      if (!isPoisoned) return await next()
      return Response.json({ errors: ['/responses/0/x must be'] }, { status: 400 })
    },
  })
  const [bad, good] = sortedUuids(2) as [string, string]
  await enqueue(createCourse(bad), createCourse(good))
  await enqueue(recordResponse(bad), recordResponse(bad, poisoned), recordResponse(bad), recordResponse(good))
  await enqueue(updateDates(bad), updateDates(good))
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', good), [0, 1, 2])
  assert.deepEqual(fake.storedNumbers('course', bad), [0, 1])
  assert.deepEqual(
    incidents.map(({ entry, incident }) => [entry.eventUuid, entry.number, incident.reason, incident.status]),
    [[poisoned, 2, 'refused', 400]],
  )

  const { entry } = (await outbox.readRefused(10))[0]!
  await replaceByNoOp({ store: outbox, client }, entry, 'cannot be repaired')
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', bad), [0, 1, 2, 3, 4])
  assert.equal((await outbox.health()).refused, 0)
})

test('a refused event can be tried again once the server was mended', async () => {
  let isMended = false
  const { fake, outbox, delivery, enqueue } = setUp({
    async intercept({ endpoint }, next) {
      if (isMended || endpoint !== 'update_course_active_dates') return await next()
      return Response.json({ errors: ['a bug'] }, { status: 400 })
    },
  })
  const course = randomUUID()
  await enqueue(createCourse(course), updateDates(course), recordResponse(course))
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', course), [0])
  isMended = true
  const { entry } = (await outbox.readRefused(10))[0]!
  await retryRefused(outbox, entry)
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2])
})

test('a number that is taken by another event is an incident that names it, and can be solved by the next number', async () => {
  const { fake, outbox, client, delivery, enqueue, incidents } = setUp()
  const [course, intruder, ours] = [randomUUID(), randomUUID(), randomUUID()]
  await enqueue(createCourse(course))
  await delivery.drain()
  await client.updateCourseActiveDates({ ...dates, request_uuid: intruder, course_uuid: course })
  await enqueue(recordResponse(course, ours), updateDates(course))
  await delivery.drain()
  const [{ entry, incident }] = incidents as [{ entry: OutboxEntry; incident: Incident }]
  assert.deepEqual(
    [entry.number, incident.reason, incident.status, incident.existingEventUuid, incident.existingEventType],
    [1, 'number_taken', 422, intruder, 'update_course_active_dates'],
  )
  const moved = await sendUnderNextNumber(outbox, entry)
  assert.equal(moved.number, 3)
  await delivery.drain()
  assert.deepEqual(fake.storedNumbers('course', course), [0, 1, 2, 3])
  const { course_event_responses } = await client.fetchCourseEvents({
    course_event_requests: [{ request_uuid: randomUUID(), course_uuid: course, sequence_number_offset: 3 }],
    max_num_events: 10,
  })
  assert.equal(course_event_responses[0]!.events[0]!.event_uuid, ours)
})

test('a conflict with the very same event counts as sent, asking the server when it does not name the holder', async () => {
  const { outbox, delivery, enqueue, incidents } = setUp({
    async intercept({ endpoint }, next) {
      const reply = await next()
      // Stored, and yet an old server complains without saying about what.
      return endpoint === 'record_responses' ? Response.json({ errors: 'duplicate key' }, { status: 422 }) : reply
    },
  })
  const course = randomUUID()
  await enqueue(createCourse(course), recordResponse(course), recordResponse(course))
  await delivery.drain()
  assert.deepEqual(incidents, [])
  assert.deepEqual(await outbox.health(), { waiting: 0, refused: 0, oldestWaitingAt: undefined })
})

test('what a request set free while the backlog was read stayed there until the next poll', async () => {
  const [one, slow] = [randomUUID(), randomUUID()]
  const [isReading, isSent] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const { fake, outbox, client, clock, enqueue } = setUp({
    async intercept({ text }, next) {
      if (text.includes(slow)) await isReading.promise
      return await next()
    },
  })
  await enqueue(createCourse(one), createCourse(slow), updateDates(slow))
  const creation = await outbox.find(slow, slow)
  const store: DeliveryOptions['store'] = {
    ...outbox,
    async readWaiting(options) {
      const found = await outbox.readWaiting(options)
      if (options.exceptStreams.join() !== slow) return found
      isReading.resolve()
      await isSent.promise
      await new Promise((resolve) => setImmediate(resolve))
      return found
    },
    async markSent(ids) {
      await outbox.markSent(ids)
      if (ids.includes(creation!.id)) isSent.resolve()
    },
  }
  await createDelivery({ store, transport: client.transport, clock, ...unexpected }).drain()
  assert.deepEqual(fake.storedNumbers('course', slow), [0, 1])
})

test('a wrong token stops the sender, not the streams', async () => {
  const { fake, outbox, delivery, enqueue, incidents } = setUp({ tokens: { api: 'right' }, token: 'wrong' })
  const course = randomUUID()
  await enqueue(createCourse(course))
  await assert.rejects(delivery.drain(), DeliveryHalted)
  assert.deepEqual(incidents, [])
  assert.deepEqual(fake.storedNumbers('course', course), [])
  assert.deepEqual([(await outbox.health()).waiting, (await outbox.health()).refused], [1, 0])
})

test('a stream too far ahead of a hole does not hold up those that share its request', async () => {
  const [ahead, fine] = sortedUuids(2) as [string, string]
  const setup = setUp({
    delivery: { batchMsMax: 5000 },
    async intercept({ endpoint, text }, next) {
      if (endpoint !== 'record_responses' || !text.includes(ahead) || isHoleClosed) return await next()
      const headers = { 'Retry-After': '1', 'Biglearn-Error-Code': 'too_far_ahead' }
      return Response.json({ errors: ['missing'] }, { status: 503, headers })
    },
  })
  let isHoleClosed = false
  const { fake, delivery, enqueue } = setup
  await enqueue(createCourse(ahead), createCourse(fine), recordResponse(ahead), recordResponse(fine))
  const draining = delivery.drain()
  while (fake.storedNumbers('course', fine).length < 2) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(fake.storedNumbers('course', ahead), [0])
  isHoleClosed = true
  await draining
  assert.deepEqual(fake.storedNumbers('course', ahead), [0, 1])
})

test('a running sender sends when it is woken, and stops with its signal', async () => {
  const { fake, delivery, enqueue } = setUp({ delivery: { pollMs: 2 ** 30, clock: sleepless() } })
  const stop = new AbortController()
  const running = delivery.run(stop.signal)
  const course = randomUUID()
  await enqueue(createCourse(course))
  delivery.wake()
  while (fake.storedNumbers('course', course).length < 1) await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  await running
  assert.deepEqual(fake.storedNumbers('course', course), [0])
})

test('a running sender tells what keeps it from going on, and goes on when that is over', async () => {
  let isDown = true
  const { outbox, client, fake, enqueue } = setUp()
  const halts: unknown[] = []
  const delivery = createDelivery({
    store: {
      ...outbox,
      readWaiting: (options) => (isDown ? Promise.reject(new Error('database is down')) : outbox.readWaiting(options)),
    },
    transport: client.transport,
    clock: sleepless(),
    onIncident: () => {},
    onHalt: (error) => {
      halts.push(error)
      isDown = false
      setImmediate(delivery.wake)
    },
  })
  const course = randomUUID()
  await enqueue(createCourse(course))
  const stop = new AbortController()
  const running = delivery.run(stop.signal)
  while (fake.storedNumbers('course', course).length < 1) await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  await running
  assert.match(String(halts[0]), /database is down/)
  assert.equal(halts.length, 1)
})

/** A poll that never comes by itself. */
function sleepless() {
  return {
    now: () => 0,
    sleep: (_: number, signal: AbortSignal | undefined) =>
      new Promise<void>((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
  }
}
