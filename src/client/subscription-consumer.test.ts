import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SubscriptionCalls } from './calls.ts'
import { RequestGivenUp } from './errors.ts'
import {
  consumeSubscription,
  type SubscriptionConsumerOptions,
  type SubscriptionProblem,
} from './subscription-consumer.ts'
import type { Clock } from './transport.ts'
import type { SubscriptionEvent, SubscriptionFetched } from './wire-subscriptions.ts'

/* The consumer beside a subscription that answers as the test says; time stands still but for sleeps. */
const slot = (part: number) => ({ part, lane: 0, token_uuid: `token of ${part}` })
const nothing: SubscriptionFetched = {
  is_paused: false,
  slots: [{ ...slot(1), epoch: '1', position: '0' }],
  batches: [],
  retries: [],
}

const event = (course: string, number: number): SubscriptionEvent => ({
  course_uuid: course,
  sequence_number: number,
  event_uuid: `${course} ${number}`,
  event_type: 'record_response',
  event_data: {},
})
const batch = (part: number, position: string, ...events: SubscriptionEvent[]) => {
  return { ...slot(part), after: '0', position, entry: `entry ${position}`, events }
}

type Call = readonly [name: string, request: object]

/** What one fetch after the other answers; after the last one the consumer is stopped. */
function scripted(fetches: readonly Partial<SubscriptionFetched>[], changes: Partial<SubscriptionCalls> = {}) {
  const calls: Call[] = []
  const stop = new AbortController()
  const left = [...fetches]
  const noted =
    <Request extends object, Reply>(name: string, reply: (request: Request) => Reply) =>
    async (request: Request): Promise<Reply> => {
      calls.push([name, request])
      return reply(request)
    }
  const confirmed = (lines: readonly unknown[] | undefined) =>
    (lines ?? []).map(() => ({ status: 'confirmed' as const }))
  const subscription: SubscriptionCalls = {
    create: noted('create', () => ({ status: 'exists' })),
    fetch: noted('fetch', () => {
      const next = left.shift()
      if (next === undefined) stop.abort()
      return { ...nothing, ...next }
    }),
    confirm: noted('confirm', ({ batches, streams }) => ({ batches: confirmed(batches), streams: confirmed(streams) })),
    nack: noted('nack', () => ({ status: 'set_aside' })),
    extend: noted('extend', () => ({ status: 'extended' })),
    release: noted('release', () => ({ status: 'released' })),
    ...changes,
  }
  const slept: number[] = []
  const clock: Clock = {
    now: () => 0,
    sleep: async (ms) => {
      slept.push(ms)
      await new Promise((done) => setImmediate(done))
    },
  }
  const problems: SubscriptionProblem[] = []
  const run = (handle: SubscriptionConsumerOptions['handle']) =>
    consumeSubscription({ subscription, handle, signal: stop.signal, clock, onProblem: (one) => problems.push(one) })
  const of = (name: string) => calls.filter(([each]) => each === name).map(([, request]) => request)
  return { run, of, calls, slept, stop, problems }
}

test('events are handed over stream by stream, in order, and what took effect is confirmed in one call', async () => {
  const first = batch(1, '7', event('a', 3), event('b', 0), event('a', 4))
  const empty = batch(2, '9')
  const { run, of } = scripted([{ batches: [first, empty] }])
  const seen: string[] = []
  await run(async ({ kind, stream, events, attempts }) => {
    seen.push(`${kind} ${stream} ${events.map((one) => one.sequence_number)} ${attempts}`)
  })
  assert.deepEqual(seen, ['course a 3,4 0', 'course b 0 0'])
  const { events: _, ...line } = first
  const { events: __, ...emptyLine } = empty
  const [confirm] = of('confirm') as { batches: object[]; streams: object[] }[]
  assert.deepEqual(confirm?.batches, [line, emptyLine])
  assert.deepEqual(of('release').length, 1)
})

test('a stream whose events fail is set aside from the first of them on; the batch is confirmed', async () => {
  const failing = batch(1, '7', event('a', 3), event('b', 0), event('a', 4))
  const { run, of, problems } = scripted([{ batches: [failing] }])
  await run(async ({ stream }) => {
    if (stream === 'a') throw new Error('no \0 such grade book')
  })
  const wanted = { ...slot(1), stream_uuid: 'a', number: 3, error: 'no  such grade book', received: '7' }
  assert.deepEqual(of('nack'), [wanted])
  assert.equal((of('confirm')[0] as { batches: object[] }).batches.length, 1)
  assert.deepEqual(
    problems.map(({ kind }) => kind),
    ['failed'],
  )
})

test('a retry is confirmed as a stream, with its end, also when none of its events is wanted', async () => {
  const owed = { ...slot(1), stream_uuid: 'a', attempts: 2, next_number: 9, events: [event('a', 7)] }
  const unwanted = { ...slot(1), stream_uuid: 'b', attempts: 0, next_number: 4, events: [] }
  const failing = { ...slot(1), stream_uuid: 'c', attempts: 1, next_number: 2, events: [event('c', 1)] }
  const { run, of } = scripted([{ retries: [owed, unwanted, failing] }])
  const attempts: number[] = []
  await run(async (delivery) => {
    attempts.push(delivery.attempts)
    if (delivery.stream === 'c') throw new Error('again')
  })
  assert.deepEqual(attempts, [2, 1])
  const [confirm] = of('confirm') as { streams: object[] }[]
  assert.deepEqual(confirm?.streams, [
    { ...slot(1), stream_uuid: 'a', next_number: 9 },
    { ...slot(1), stream_uuid: 'b', next_number: 4 },
  ])
  assert.deepEqual(
    (of('nack') as { received: string }[]).map(({ received }) => received),
    ['0'],
  )
})

test('a slot that another instance has is not confirmed', async () => {
  const confirmed: string[] = []
  const { run, problems } = scripted([{ batches: [batch(1, '7', event('a', 3)), batch(2, '8', event('b', 0))] }], {
    nack: async () => ({ status: 'lost_lease' }),
    confirm: async ({ batches }) => {
      confirmed.push(...(batches ?? []).map(({ position }) => position))
      return { batches: [{ status: 'lost_lease' }], streams: [] }
    },
  })
  await run(async ({ stream }) => {
    if (stream === 'a') throw new Error('too late')
  })
  assert.deepEqual(confirmed, ['8'])
  assert.deepEqual(
    problems.map((problem) => (problem.kind === 'failed' ? problem.outcome : problem.kind)),
    ['lost_lease', 'not_confirmed'],
  )
})

test('the lease is renewed while the work lasts, and not longer', async () => {
  const { run, of, slept } = scripted([{ batches: [batch(1, '7', event('a', 3))] }])
  await run(async () => {
    while (of('extend').length < 3) await new Promise((done) => setImmediate(done))
  })
  const extended = of('extend').length
  assert.ok(slept.filter((ms) => ms === 10_000).length >= 3, 'a third of the lease of 30 s')
  await new Promise((done) => setTimeout(done, 20))
  assert.equal(of('extend').length, extended)
})

test('told to stop, it finishes and confirms what is in hand, begins nothing new, and gives its slots back', async () => {
  const { run, of, calls, stop } = scripted([
    { batches: [batch(1, '7', event('a', 0), event('b', 0)), batch(2, '8', event('c', 0))] },
  ])
  const seen: string[] = []
  await run(async ({ stream }) => {
    seen.push(stream)
    stop.abort()
  })
  assert.deepEqual(seen, ['a', 'b'])
  assert.deepEqual(
    (of('confirm') as { batches: { position: string }[] }[]).map(({ batches }) =>
      batches.map(({ position }) => position),
    ),
    [['7']],
  )
  assert.deepEqual(of('release'), [
    { instance_uuid: (of('fetch')[0] as { instance_uuid: string }).instance_uuid, slots: [slot(1)] },
  ])
  assert.equal(calls.at(-1)?.[0], 'release')
})

test('a subscription that has nothing and does not wait is asked once a second, not in a loop', async () => {
  const { run, slept } = scripted([
    { is_paused: true, slots: [] },
    { is_paused: true, slots: [] },
  ])
  await run(async () => undefined)
  assert.deepEqual(slept, [1000, 1000, 1000])
})

test('a confirmation that does not get through within the lease is told, and the work goes on', async () => {
  const givenUp = new RequestGivenUp({ endpoint: 'confirm', attempts: 9, code: undefined, cause: undefined })
  const { run, of, problems } = scripted([{ batches: [batch(1, '7', event('a', 0))] }, {}], {
    confirm: async () => Promise.reject(givenUp),
  })
  await run(async () => undefined)
  assert.deepEqual(
    problems.map(({ kind }) => kind),
    ['away'],
  )
  assert.equal(of('fetch').length, 3)
})
