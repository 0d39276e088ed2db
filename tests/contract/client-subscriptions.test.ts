import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { createClient } from '#client/client.ts'
import { consumeSubscription, type Delivered, type SubscriptionProblem } from '#client/subscription-consumer.ts'
import { type ContractServer, course, response, startContractServer } from './contract-server.ts'

/* The client's consumer of remote subscriptions against the whole program: what it is given, and what it leaves. */
let server: ContractServer
before(async () => {
  server = await startContractServer('program')
})
/** Those that a failed test left behind would go on for ever. */
const leftBehind = new AbortController()
after(() => {
  leftBehind.abort()
  return server.stop()
})

test('the samples of docs/api.md are answered as printed', async () => {
  const text = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8')
  const samples = [
    ...text.matchAll(/^curl -s localhost:8080\/(subscriptions\/\S+) [^']*'[^']+' -d '([^']+)'\n# (.+)$/gm),
  ]
  assert.equal(samples.length, 2)
  for (const [, path = '', body = '', printed = ''] of samples) {
    const answer = await server.post(path, body)
    assert.equal(answer.status, 200, answer.text)
    assert.ok(answer.text.startsWith(printed.replace('…', '')), answer.text.slice(0, 200))
  }
})

const settings = { mode: 'remote', kinds: ['course'], start: 'now' } as const
/** Less than the lease of 30 s of a consumer that is gone: nothing here may wait for one. */
const limitMs = 20_000

/** Numbers by course, in the order in which they took effect; an event that is known already has none. */
class Effects {
  readonly applied = new Map<string, number[]>()

  apply({ stream, events }: Delivered): void {
    const numbers = this.applied.get(stream) ?? []
    for (const { sequence_number: number } of events) if (!numbers.includes(number)) numbers.push(number)
    this.applied.set(stream, numbers)
  }

  async holds(courses: readonly string[], count: number): Promise<void> {
    const deadline = performance.now() + limitMs
    const isWhole = (uuid: string): boolean => (this.applied.get(uuid)?.length ?? 0) >= count
    while (!courses.every(isWhole)) {
      assert.ok(performance.now() < deadline, `${JSON.stringify([...this.applied])} after ${limitMs} ms`)
      await new Promise((done) => setTimeout(done, 20))
    }
    for (const uuid of courses) assert.deepEqual(this.applied.get(uuid), upTo(count))
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

async function record(uuid: string, from: number, to: number): Promise<void> {
  if (from === 0) assert.equal((await server.post('create_course', course(uuid, { sequence_number: 0 }))).status, 200)
  const responses = upTo(to)
    .slice(Math.max(1, from))
    .map((number) => response(uuid, number))
  if (responses.length > 0) assert.equal((await server.post('record_responses', { responses })).status, 200)
}

function startConsumer(name: string, handle: (delivery: Delivered) => void) {
  const stop = new AbortController()
  const problems: SubscriptionProblem[] = []
  const running = consumeSubscription({
    subscription: createClient({ url: server.url }).subscription(name),
    handle: async (delivery) => handle(delivery),
    signal: AbortSignal.any([stop.signal, leftBehind.signal]),
    onProblem: (problem) => problems.push(problem),
  })
  return { problems, stop: () => stop.abort(), running }
}

test('a consumer that comes after another goes on where that one stopped, at once', async () => {
  const client = createClient({ url: server.url }).subscription('resumed')
  assert.deepEqual(await client.create(settings), { status: 'created' })
  const courses = Array.from({ length: 5 }, () => randomUUID())
  const effects = new Effects()
  let delivered = 0
  const count = (delivery: Delivered): void => {
    delivered += delivery.events.length
    effects.apply(delivery)
  }
  const first = startConsumer('resumed', count)
  await Promise.all(courses.map((uuid) => record(uuid, 0, 4)))
  await effects.holds(courses, 4)
  first.stop()
  await first.running

  await Promise.all(courses.map((uuid) => record(uuid, 4, 7)))
  assert.deepEqual(await client.create(settings), { status: 'exists' })
  const second = startConsumer('resumed', count)
  await effects.holds(courses, 7)
  second.stop()
  await second.running
  assert.equal(delivered, 5 * 7, 'what was confirmed does not come again')
  assert.deepEqual([...first.problems, ...second.problems], [])
})

test('two consumers share the courses, and what one of them can not handle comes again', async () => {
  const client = createClient({ url: server.url }).subscription('shared')
  await client.create(settings)
  const courses = Array.from({ length: 6 }, () => randomUUID())
  const effects = new Effects()
  let refusals = 1
  const handle = (delivery: Delivered): void => {
    if (delivery.stream === courses[0] && refusals-- > 0) throw new Error('the grade book does not answer')
    effects.apply(delivery)
  }
  const consumers = [startConsumer('shared', handle), startConsumer('shared', handle)]
  await Promise.all(courses.map((uuid) => record(uuid, 0, 5)))
  await effects.holds(courses, 5)
  for (const one of consumers) one.stop()
  await Promise.all(consumers.map(({ running }) => running))
  const failed = consumers.flatMap(({ problems }) => problems.filter(({ kind }) => kind === 'failed'))
  assert.equal(failed.length, 1)
})

test('a consumer of a subscription that does not exist ends with the refusal', async () => {
  await assert.rejects(startConsumer('nobody', () => undefined).running, {
    name: 'RequestRefused',
    code: 'subscription_unknown',
  })
})
