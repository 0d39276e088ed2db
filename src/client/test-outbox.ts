import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { type Incident, type Outbox, type OutboxEvent, type OutboxStore, StreamOrderError } from './outbox.ts'
import type { Clock } from './transport.ts'

/** What every outbox has to do, whatever it is kept in; and small events for tests. */
export interface OutboxUnderTest<Transaction> {
  readonly outbox: Outbox<Transaction> & OutboxStore
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>
}

const time = '2026-03-01T08:00:00Z'

export const createCourse = (course: string): OutboxEvent => ({
  endpoint: 'create_course',
  payload: {
    course_uuid: course,
    ecosystem_uuid: randomUUID(),
    is_real_course: true,
    starts_at: time,
    ends_at: time,
    created_at: time,
  },
})

export const updateDates = (course: string, request = randomUUID() as string): OutboxEvent => ({
  endpoint: 'update_course_active_dates',
  payload: { request_uuid: request, course_uuid: course, starts_at: time, ends_at: time, updated_at: time },
})

export const recordResponse = (course: string, response = randomUUID() as string): OutboxEvent => ({
  endpoint: 'record_responses',
  payload: {
    response_uuid: response,
    course_uuid: course,
    ecosystem_uuid: randomUUID(),
    trial_uuid: randomUUID(),
    student_uuid: randomUUID(),
    exercise_uuid: randomUUID(),
    is_correct: true,
    is_real_response: true,
    responded_at: time,
  },
})

/** For senders that must meet neither. */
export const unexpected = {
  onIncident: (_: unknown, incident: Incident) => assert.fail(`unexpected incident: ${incident.message}`),
  onHalt: (error: unknown) => assert.fail(`unexpected halt: ${String(error)}`),
}

/** Time that passes only when somebody sleeps, and then at once. */
export function instantClock(): Clock & { advance(ms: number): void } {
  let now = Date.parse('2026-03-01T09:00:00Z')
  return {
    now: () => now,
    advance(ms) {
      now += ms
    },
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      now += ms
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

const everything = { entriesMax: 1000, exceptStreams: [] }

/** Uuids in order, so that tests can name the first stream. */
export function sortedUuids(count: number): string[] {
  return Array.from({ length: count }, () => randomUUID()).sort()
}

export function outboxContract<Transaction>(open: () => Promise<OutboxUnderTest<Transaction>>): void {
  const enqueue = async ({ outbox, transaction }: OutboxUnderTest<Transaction>, ...events: OutboxEvent[]) =>
    await transaction(async (current) => await outbox.enqueue(current, events))

  test('numbers begin with the creation and follow each other, also over transactions', async () => {
    const under = await open()
    const course = randomUUID()
    await enqueue(under, createCourse(course), updateDates(course))
    await enqueue(under, recordResponse(course), recordResponse(course))
    const waiting = await under.outbox.readWaiting(everything)
    assert.deepEqual(
      waiting.map(({ number, endpoint }) => [number, endpoint]),
      [
        [0, 'create_course'],
        [1, 'update_course_active_dates'],
        [2, 'record_responses'],
        [3, 'record_responses'],
      ],
    )
    assert.equal(JSON.parse(waiting[0]!.payload).sequence_number, undefined)
    assert.deepEqual(
      waiting.slice(1).map(({ payload }) => JSON.parse(payload).sequence_number),
      [1, 2, 3],
    )
  })

  test('a transaction that fails leaves no event and takes no number', async () => {
    const under = await open()
    const course = randomUUID()
    await enqueue(under, createCourse(course))
    const failing = under.transaction(async (transaction) => {
      await under.outbox.enqueue(transaction, [updateDates(course)])
      throw new Error('business rule')
    })
    await assert.rejects(failing, /business rule/)
    await enqueue(under, recordResponse(course))
    const waiting = await under.outbox.readWaiting(everything)
    assert.deepEqual(
      waiting.map(({ number, endpoint }) => [number, endpoint]),
      [
        [0, 'create_course'],
        [1, 'record_responses'],
      ],
    )
  })

  test('transactions at the same time get numbers without gaps or doubles', async () => {
    const under = await open()
    const course = randomUUID()
    await enqueue(under, createCourse(course))
    await Promise.all(Array.from({ length: 20 }, () => enqueue(under, recordResponse(course), recordResponse(course))))
    const waiting = await under.outbox.readWaiting(everything)
    assert.deepEqual(
      waiting.map(({ number }) => number),
      Array.from({ length: 41 }, (_, number) => number),
    )
  })

  test('a payload is frozen when it is enqueued', async () => {
    const under = await open()
    const course = randomUUID()
    const dates = updateDates(course)
    await enqueue(under, createCourse(course), dates)
    const [, before] = await under.outbox.readWaiting(everything)
    Object.assign(dates.payload, { starts_at: 'changed' })
    const [, after] = await under.outbox.readWaiting(everything)
    assert.equal(after!.payload, before!.payload)
    assert.equal(JSON.parse(after!.payload).starts_at, time)
  })

  test('the creation comes first, and once', async () => {
    const under = await open()
    const course = randomUUID()
    await assert.rejects(enqueue(under, updateDates(course)), StreamOrderError)
    await enqueue(under, createCourse(course))
    await assert.rejects(enqueue(under, createCourse(course)), StreamOrderError)
    await assert.rejects(enqueue(under, updateDates(course), createCourse(course)), StreamOrderError)
  })

  test('an event cannot be enqueued twice, and the refused transaction leaves nothing', async () => {
    const under = await open()
    const [course, response] = [randomUUID(), randomUUID()]
    await enqueue(under, createCourse(course), recordResponse(course, response))
    await assert.rejects(enqueue(under, updateDates(course), recordResponse(course, response)))
    assert.equal((await under.outbox.readWaiting(everything)).length, 2)
  })

  test('uuids in capitals name the same stream and event, and travel as they were written', async () => {
    const under = await open()
    const course = randomUUID()
    await enqueue(under, createCourse(course))
    await enqueue(under, updateDates(course.toUpperCase()))
    const [, update] = await under.outbox.readWaiting(everything)
    assert.equal(update!.stream, course)
    assert.equal(update!.number, 1)
    assert.equal(JSON.parse(update!.payload).course_uuid, course.toUpperCase())
  })

  test('a refused entry stops its own stream only; sending it again or giving it up sets the stream free', async () => {
    const under = await open()
    const [one, other] = sortedUuids(2) as [string, string]
    await enqueue(under, createCourse(one), updateDates(one), createCourse(other))
    const first = (await under.outbox.readWaiting(everything)).find((entry) => entry.stream === one)!
    const incident = { reason: 'refused', status: 400, code: 'body_invalid', message: 'no' } as const
    await under.outbox.refuse(first.id, incident)
    assert.deepEqual(
      (await under.outbox.readWaiting(everything)).map(({ stream }) => stream),
      [other],
    )
    const [refused] = await under.outbox.readRefused(10)
    assert.equal(refused!.entry.eventUuid, one)
    assert.deepEqual(refused!.incident, incident)
    await under.outbox.resend([first.id])
    assert.equal((await under.outbox.readWaiting(everything)).length, 3)
    await under.outbox.abandon(first.id)
    const waiting = await under.outbox.readWaiting({ entriesMax: 1000, exceptStreams: [other] })
    assert.deepEqual(
      waiting.map(({ number }) => number),
      [1],
    )
  })

  test('a refused entry can get the next number, and then comes after everything before it', async () => {
    const under = await open()
    const course = randomUUID()
    await enqueue(under, createCourse(course), recordResponse(course), updateDates(course))
    const [creation, response] = await under.outbox.readWaiting(everything)
    await assert.rejects(under.outbox.renumber(response!.id), /only a refused entry/)
    await under.outbox.markSent([creation!.id])
    const incident = { reason: 'number_taken', status: 422, code: undefined, message: 'taken' } as const
    await under.outbox.refuse(response!.id, incident)
    const moved = await under.outbox.renumber(response!.id)
    assert.deepEqual([moved.number, moved.eventUuid, moved.state], [3, response!.eventUuid, 'waiting'])
    const waiting = await under.outbox.readWaiting(everything)
    assert.deepEqual(
      waiting.map(({ number }) => number),
      [2, 3],
    )
    assert.deepEqual(JSON.parse(waiting[1]!.payload), { ...JSON.parse(response!.payload), sequence_number: 3 })
    await enqueue(under, updateDates(course))
    assert.equal((await under.outbox.readWaiting(everything)).at(-1)!.number, 4)
  })

  test('streams, numbers and events can be looked up; what was sent is kept until it is forgotten', async () => {
    const under = await open()
    const [one, other] = sortedUuids(2) as [string, string]
    await enqueue(under, createCourse(other), createCourse(one), recordResponse(one))
    assert.deepEqual(await under.outbox.readStreams({ after: undefined, streamsMax: 10 }), [
      { kind: 'course', stream: one, nextNumber: 2 },
      { kind: 'course', stream: other, nextNumber: 1 },
    ])
    assert.equal((await under.outbox.readStreams({ after: one, streamsMax: 10 })).length, 1)
    assert.equal((await under.outbox.find(one, one))!.endpoint, 'create_course')
    assert.equal(await under.outbox.find(other, one), undefined)
    const [creation] = (await under.outbox.readNumbers({ stream: one, from: 0, to: 0 })).map(({ entry }) => entry)
    await under.outbox.markSent([creation!.id])
    const numbers = await under.outbox.readNumbers({ stream: one, from: 0, to: 9 })
    assert.deepEqual(
      numbers.map(({ entry, sentAt }) => [entry.number, entry.state, sentAt instanceof Date]),
      [
        [0, 'sent', true],
        [1, 'waiting', false],
      ],
    )
    assert.equal(await under.outbox.forgetSent(new Date('2000-01-01')), 0)
    assert.equal(await under.outbox.forgetSent(new Date('2100-01-01')), 1)
    assert.equal(await under.outbox.find(one, one), undefined)
    await under.outbox.raiseNextNumber(other, 7)
    await enqueue(under, recordResponse(other))
    assert.equal((await under.outbox.readNumbers({ stream: other, from: 7, to: 7 })).length, 1)
  })

  test('health tells how much waits, since when, and what was refused', async () => {
    const under = await open()
    const idle = { waiting: 0, refused: 0, oldestWaitingAt: undefined }
    assert.deepEqual(await under.outbox.health(), idle)
    const course = randomUUID()
    await enqueue(under, createCourse(course), recordResponse(course))
    const [creation] = await under.outbox.readWaiting(everything)
    await under.outbox.refuse(creation!.id, { reason: 'refused', status: 400, code: undefined, message: 'no' })
    const health = await under.outbox.health()
    assert.deepEqual([health.waiting, health.refused], [1, 1])
    assert.ok(health.oldestWaitingAt instanceof Date)
  })

  test('the backlog names the streams that wait, longest first, and those that are stopped', async () => {
    const under = await open()
    const [one, other] = sortedUuids(2) as [string, string]
    await enqueue(under, createCourse(other), recordResponse(other))
    await new Promise((resolve) => setTimeout(resolve, 5))
    await enqueue(under, createCourse(one))
    const [creation] = await under.outbox.readWaiting(everything)
    await under.outbox.refuse(creation!.id, { reason: 'refused', status: 400, code: undefined, message: 'no' })
    const backlog = await under.outbox.readBacklog(10)
    assert.deepEqual(
      backlog.map(({ kind, stream, waiting, isStopped }) => [kind, stream, waiting, isStopped]),
      [
        ['course', other, 1, true],
        ['course', one, 1, false],
      ],
    )
    assert.ok(backlog[0]!.oldestWaitingAt < backlog[1]!.oldestWaitingAt)
    assert.equal((await under.outbox.readBacklog(1)).length, 1)
  })
}
