import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { createMigratedDatabase } from '#operate/test-database.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { startApplicationOn, type TestApplication } from '../support/application.ts'
import { activeDates, course, response } from './contract-server.ts'

/* Remote subscriptions as other programs use them: over HTTP, with a token, two instances at once. */
const operatorToken = 'operator secret'
const schedulerToken = 'scheduler secret'
const leaseSeconds = 5

let database: TestDatabase
let application: TestApplication
before(async () => {
  const tokens = { api: [], scheduler: [schedulerToken], sparfa: [], operator: [operatorToken] }
  database = await createMigratedDatabase()
  application = await startApplicationOn(database.url, 'api,learning', [], { tokens })
})
after(async () => {
  await application?.stop()
  await database?.drop()
})

async function send(path: string, body: object, token = operatorToken) {
  const answer = await fetch(`${application.url}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test reads into the answer it expects
  const json: any = await answer.json()
  return { status: answer.status, headers: answer.headers, json }
}

interface Held {
  readonly part: number
  readonly lane: number
  readonly token_uuid: string
}

interface Batch extends Held {
  readonly after: string
  readonly position: string
  readonly entry: string
  readonly events: readonly { readonly course_uuid: string; readonly sequence_number: number; event_type: string }[]
}

/** A running copy of a consumer; `seen` is what it was given, in order. */
class Consumer {
  readonly id = randomUUID()
  readonly seen = new Map<string, number[]>()
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  async call(deed: string, body: object) {
    const answer = await send(`subscriptions/${this.#name}/${deed}`, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.json))
    return answer.json
  }

  async fetch(changes: object = {}) {
    const asked = { instance_uuid: this.id, lease_seconds: leaseSeconds, wait_seconds: 0, max_num_events: 500 }
    const answer = await this.call('fetch', { ...asked, ...changes })
    for (const { events } of answer.batches as Batch[]) {
      for (const { course_uuid: stream, sequence_number: number } of events) {
        this.seen.set(stream, [...(this.seen.get(stream) ?? []), number])
      }
    }
    return answer
  }

  async confirm(batches: readonly Batch[], streams: readonly object[] = []) {
    const lines = batches.map(({ events: _, ...line }) => line)
    return this.call('confirm', { instance_uuid: this.id, lease_seconds: leaseSeconds, batches: lines, streams })
  }
}

async function create(name: string, changes: object = {}): Promise<void> {
  const settings = { mode: 'remote', kinds: ['course'], start: 'now', ...changes }
  assert.deepEqual((await send(`subscriptions/${name}`, settings)).json, { status: 'created' })
}

async function record(path: string, body: object): Promise<void> {
  const answer = await send(path, body)
  assert.equal(answer.status, 200, JSON.stringify(answer.json))
}

/** A course with `count` answers, numbers 0 to `count`; each answer in a request of its own. */
async function courseWithAnswers(count: number, uuid: string = randomUUID()): Promise<string> {
  await record('create_course', course(uuid, { sequence_number: 0 }))
  for (let number = 1; number <= count; number += 1) {
    await record('record_responses', { responses: [response(uuid, number)] })
  }
  return uuid
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
const statusesOf = (lines: readonly { status: string }[]): string[] => lines.map(({ status }) => status)

test('a wrong token is 401, the scheduler and the operator may, a stranger may not join an embedded one', async () => {
  const settings = { mode: 'remote', kinds: ['course'], start: 'beginning' }
  const refused = await send('subscriptions/tokens', settings, 'guess')
  assert.equal(refused.status, 401)
  assert.equal(refused.headers.get('biglearn-error-code'), 'unauthorised')
  assert.equal(refused.headers.get('www-authenticate'), 'Bearer')
  assert.equal((await send('subscriptions/tokens', settings, schedulerToken)).json.status, 'created')
  assert.equal((await send('subscriptions/tokens', settings)).json.status, 'exists')
  const differs = await send('subscriptions/tokens', { ...settings, start: 'now' })
  assert.deepEqual([differs.status, differs.headers.get('biglearn-error-code')], [409, 'subscription_differs'])
  assert.equal((await send('subscriptions/learning', settings)).status, 409)
  const unknown = { instance_uuid: randomUUID(), lease_seconds: 30 }
  for (const name of ['learning', 'nobody']) {
    const answer = await send(`subscriptions/${name}/extend`, unknown)
    assert.deepEqual([answer.status, answer.headers.get('biglearn-error-code')], [404, 'subscription_unknown'])
  }
  for (const name of ['Tokens', 'a%00', 'a'.repeat(64)]) {
    assert.equal((await send(`subscriptions/${name}/extend`, unknown)).status, 400, name)
  }
  const long = { ...unknown, wait_seconds: 21, max_num_events: 1 }
  const limited = await send('subscriptions/tokens/fetch', long)
  assert.equal(limited.status, 400)
  assert.match(limited.json.errors[0], /^\$\.wait_seconds/)
})

test('two instances get every course once and in order between them; what a dead one held comes again', async () => {
  await create('two')
  const [dying, living] = [new Consumer('two'), new Consumer('two')]
  // Each has to hear of the other before they share.
  for (const one of [dying, living, dying, living]) await one.fetch()
  const courses = await Promise.all(Array.from({ length: 6 }, () => courseWithAnswers(3)))

  const lost = await dying.fetch()
  assert.equal(lost.slots.length, 32)
  const first = await living.fetch()
  assert.equal(first.slots.length, 32)
  assert.equal(dying.seen.size + living.seen.size, courses.length)
  const confirmed = statusesOf((await living.confirm(first.batches)).batches)
  assert.ok(confirmed.every((status) => status === 'confirmed'))

  // `dying` says nothing more. Its lease ends, and the other one is given its slots and what it had not confirmed.
  const until = performance.now() + 15_000
  while (living.seen.size < courses.length && performance.now() < until) {
    const answer = await living.fetch({ wait_seconds: 1 })
    assert.deepEqual(
      statusesOf((await living.confirm(answer.batches)).batches),
      answer.batches.map(() => 'confirmed'),
    )
  }
  for (const uuid of courses) assert.deepEqual(living.seen.get(uuid), upTo(4), 'in order, from the first event on')
  const late = statusesOf((await dying.confirm(lost.batches)).batches)
  assert.deepEqual(
    late,
    lost.batches.map(() => 'lost_lease'),
  )
  assert.deepEqual((await living.fetch()).batches, [], 'what is confirmed never comes again')
})

test('a confirmation that is early, repeated, or of something else says so and changes nothing', async () => {
  await create('confirm')
  const consumer = new Consumer('confirm')
  await consumer.fetch()
  const uuid = await courseWithAnswers(2)
  const [first] = (await consumer.fetch({ max_num_events: 1 })).batches as Batch[]
  assert(first !== undefined, 'the course was created')
  const [second] = (await consumer.fetch({ received: [{ ...held(first), position: first.position }] }))
    .batches as Batch[]
  assert(second !== undefined, 'its answers are beyond the first batch')
  assert.deepEqual(consumer.seen.get(uuid), upTo(3))

  assert.deepEqual(statusesOf((await consumer.confirm([second])).batches), ['out_of_order'])
  const other = { ...first, entry: second.entry }
  assert.deepEqual(statusesOf((await consumer.confirm([other])).batches), ['cursor_diverged'])
  const beyond = { ...first, position: '999999999999999999' }
  assert.deepEqual(statusesOf((await consumer.confirm([beyond])).batches), ['cursor_diverged'])
  const stolen = { ...first, token_uuid: randomUUID() }
  assert.deepEqual(statusesOf((await consumer.confirm([stolen])).batches), ['lost_lease'])
  assert.deepEqual(statusesOf((await consumer.confirm([first, second])).batches), ['confirmed', 'confirmed'])
  assert.deepEqual(statusesOf((await consumer.confirm([first])).batches), ['already_confirmed'])
})

const held = ({ part, lane, token_uuid }: Held): Held => ({ part, lane, token_uuid })

test('only the types that are wanted come, and their batches are confirmed all the same', async () => {
  await create('types', { event_types: ['update_course_active_dates'] })
  const consumer = new Consumer('types')
  await consumer.fetch()
  const uuid = await courseWithAnswers(2)
  await record('update_course_active_dates', activeDates(uuid, 3))
  const answer = await consumer.fetch()
  assert.deepEqual(consumer.seen, new Map([[uuid, [3]]]))
  assert.deepEqual(statusesOf((await consumer.confirm(answer.batches)).batches), ['confirmed'])
  assert.deepEqual((await consumer.fetch()).batches, [])
})

test('a failing course waits alone; numbers nobody has can not be set aside', async () => {
  await create('nack')
  const consumer = new Consumer('nack')
  await consumer.fetch()
  const uuid = await courseWithAnswers(2)
  const [batch] = (await consumer.fetch()).batches as Batch[]
  assert(batch !== undefined, 'one course, one batch')
  const failed = { ...held(batch), stream_uuid: uuid, error: 'it failed', received: batch.position }
  assert.deepEqual(await consumer.call('nack', { ...failed, number: 99 }), { status: 'event_unknown' })
  assert.deepEqual(await consumer.call('nack', { ...failed, number: 1 }), { status: 'set_aside' })
  assert.deepEqual(statusesOf((await consumer.confirm([batch])).batches), ['confirmed'])

  // The first pause is five seconds.
  let retries: (Batch & { next_number: number; stream_uuid: string })[] = []
  const until = performance.now() + 15_000
  while (retries.length === 0 && performance.now() < until) ({ retries } = await consumer.fetch({ wait_seconds: 2 }))
  const [retry] = retries
  assert(retry !== undefined, 'the course is due again')
  assert.deepEqual(
    retry.events.map((event) => event.sequence_number),
    [1, 2],
  )
  const line = { ...held(retry), stream_uuid: uuid, next_number: retry.next_number }
  assert.deepEqual(statusesOf((await consumer.confirm([], [line])).streams), ['confirmed'])
  await record('record_responses', { responses: [response(uuid, 3)] })
  const [next] = (await consumer.fetch()).batches as Batch[]
  assert.deepEqual(next?.events[0]?.sequence_number, 3, 'with its lane again')
})

test('a long poll answers when something comes; extend and release do what they say', async () => {
  await create('poll')
  const [one, two] = [new Consumer('poll'), new Consumer('poll')]
  const { slots } = await one.fetch()
  assert.equal(slots.length, 64)
  const started = performance.now()
  const waiting = one.fetch({ wait_seconds: 20, lease_seconds: 30 })
  const uuid = await courseWithAnswers(0)
  await waiting
  assert.deepEqual(one.seen.get(uuid), [0])
  assert.ok(performance.now() - started < 5000)
  assert.deepEqual(await one.call('extend', { instance_uuid: one.id, lease_seconds: 30 }), { status: 'extended' })
  assert.deepEqual((await two.fetch()).slots, [])
  assert.deepEqual(await one.call('release', { instance_uuid: one.id, slots: slots.map(held) }), { status: 'released' })
  assert.equal((await two.fetch()).slots.length, 64)
})

test('who hangs up while waiting is not given slots again after it gave them back', async () => {
  await create('hung')
  const [one, two] = [new Consumer('hung'), new Consumer('hung')]
  const { slots } = await one.fetch()
  const hangUp = new AbortController()
  const waiting = fetch(`${application.url}/subscriptions/hung/fetch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${operatorToken}` },
    body: JSON.stringify({ instance_uuid: one.id, lease_seconds: 30, wait_seconds: 20, max_num_events: 1 }),
    signal: hangUp.signal,
  })
  await new Promise((done) => setTimeout(done, 300))
  hangUp.abort()
  await assert.rejects(waiting)
  await one.call('release', { instance_uuid: one.id, slots: slots.map(held) })
  assert.equal((await two.fetch()).slots.length, 64)
  // Longer than a poll of the one that hung up, which would take half of them.
  await new Promise((done) => setTimeout(done, 2500))
  assert.equal((await two.fetch()).slots.length, 64)
})

test('a server that stops answers those who wait', async () => {
  await create('stop')
  const consumer = new Consumer('stop')
  const started = performance.now()
  const waiting = consumer.fetch({ wait_seconds: 20 })
  await new Promise((done) => setTimeout(done, 300))
  const stopped = application.stop()
  assert.deepEqual((await waiting).batches, [])
  assert.ok(performance.now() - started < 20_000, 'it was not waited to the end')
  await stopped
})
