import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Uuid } from '#domain/ids.ts'
import { eventually } from '#platform/test-eventually.ts'
import { seededRandom } from '#platform/test-random.ts'
import { systemTime } from '#platform/time.ts'
import { listSetAside, pauseSubscription, replayStream } from './control.ts'
import { allGuards } from './guards.ts'
import { RemoteSubscriptions } from './remote.ts'
import { confirmRemote, extendRemote } from './remote-confirm.ts'
import { createSlotsOfLanes } from './slots.ts'
import { faultyPool, TestCrew } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'
import { type Fetched, Instance, openRemote } from './test-remote.ts'

let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

const open = (name: string, parts: number, eventTypes?: ('record_response' | 'no_op')[]) =>
  openRemote(crew, name, parts, eventTypes)

const numbersOf = (answer: Fetched): number[] =>
  answer.batches.flatMap((batch) => batch.events.map((event) => event.number))

test('S4: what is fetched and not confirmed comes again, what is confirmed never', async () => {
  const { lanes, instance } = await open('again', 1)
  const [stream, consumer] = [newStream(), instance()]
  lanes.add(stream, 2)
  assert.deepEqual(numbersOf(await consumer.fetch()), [0, 1])
  const again = await consumer.fetch()
  assert.deepEqual(numbersOf(again), [0, 1])
  assert.deepEqual((await consumer.confirm(again.batches)).batches, ['confirmed'])
  lanes.add(stream, 1)
  assert.deepEqual(numbersOf(await consumer.fetch()), [2])
})

test('[S26] [S27] [S28] [S62] a confirmation that is old, low, early or of something else changes nothing', async () => {
  const { lanes, instance } = await open('confirm', 1)
  const [stream, consumer] = [newStream(), instance()]
  lanes.add(stream, 1)
  lanes.add(stream, 1)
  const [first] = (await consumer.fetch({ eventsMax: 1 })).batches
  assert(first !== undefined, 'there is a first batch')
  const [second] = (await consumer.fetch({ eventsMax: 1, received: [first] })).batches
  assert(second !== undefined, 'there is a second batch beyond the unconfirmed one')
  assert.deepEqual(
    second.events.map((event) => event.number),
    [1],
  )
  const position = async (): Promise<bigint> => (await crew.slot('confirm', 0)).position

  assert.deepEqual((await consumer.confirm([second])).batches, ['out_of_order'])
  assert.deepEqual((await consumer.confirm([{ ...first, entry: second.entry }])).batches, ['cursor_diverged'])
  assert.deepEqual((await consumer.confirm([{ ...first, token: newStream() }])).batches, ['lost_lease'])
  assert.equal(await position(), 0n)
  assert.deepEqual((await consumer.confirm([first, second])).batches, ['confirmed', 'confirmed'])
  assert.deepEqual((await consumer.confirm([first])).batches, ['already_confirmed'])
  assert.equal(await position(), 2n)
})

test('teeth: without the name of the content, what a failover put in its place is confirmed unseen', async () => {
  for (const content of [true, false]) {
    const name = `content_${content}`
    const { lanes, instance } = await open(name, 1)
    lanes.add(newStream(), 1)
    const consumer = instance()
    const { batches } = await consumer.fetch()
    // The server that held what was fetched is gone; in its place stands something else at the same position.
    const reborn = new TestLanes(1)
    reborn.add(newStream(), 1)
    const request = { subscription: name, instance: consumer.id, leaseMs: 5000, batches, streams: [] }
    const context = { pool: crew.admin, source: reborn }
    const { batches: outcomes } = await confirmRemote(context, request, { ...allGuards, content })
    assert.deepEqual(outcomes, [content ? 'cursor_diverged' : 'confirmed'])
  }
})

test('instances share the slots; when a lease ends the other one gets the slots and the batches', async () => {
  const { lanes, instance } = await open('instances', 4)
  const streams = Array.from({ length: 12 }, newStream)
  for (const stream of streams) lanes.add(stream)
  const [one, two] = [instance(), instance()]
  assert.equal((await one.fetch({ leaseMs: 500 })).slots.length, 4)
  assert.equal((await two.fetch()).slots.length, 0, 'the other one has not heard of it yet')
  assert.equal((await one.fetch({ leaseMs: 500 })).slots.length, 2)
  const half = await two.fetch()
  assert.equal(half.slots.length, 2)
  await eventually('the lease of the first ends', async () => (await two.fetch()).slots.length === 4)
  const all = await two.fetch()
  assert.equal(all.batches.flatMap((batch) => batch.events).length, 12)
  await two.release(all.slots)
  assert.equal((await one.fetch()).slots.length, 4, 'released slots are free at once')
})

test('a long poll answers when something comes, when time is up, and when the process stops', async () => {
  const { lanes, instance } = await open('poll', 1)
  const [stream, consumer] = [newStream(), instance()]
  assert.deepEqual((await consumer.fetch({ waitMs: 50 })).batches, [])
  // From here on no time passes: whoever waits is woken or waits for ever.
  const asleep = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let sleeps = 0
  const sleep = (_ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((done) => {
      signal?.addEventListener('abort', () => done())
      asleep[sleeps++]?.resolve()
    })
  const remote = new RemoteSubscriptions({ pool: crew.admin, source: lanes, parts: 1, time: { ...systemTime, sleep } })
  const waiter = new Instance(crew, remote, lanes, 'poll')
  await consumer.release((await consumer.fetch()).slots)
  const waiting = waiter.fetch({ waitMs: 60_000 })
  await asleep[0]?.promise
  lanes.add(stream)
  const answer = await waiting
  assert.deepEqual(numbersOf(answer), [0])
  await waiter.confirm(answer.batches)
  const stopped = waiter.fetch({ waitMs: 60_000 })
  await asleep[1]?.promise
  remote.close()
  assert.deepEqual((await stopped).batches, [])
})

test('types that are not wanted are left out, and their positions confirmed all the same', async () => {
  const { lanes, instance } = await open('types', 1, ['record_response'])
  const [stream, consumer] = [newStream(), instance()]
  lanes.add(stream, 1, 'course', 'no_op')
  lanes.add(stream, 1, 'course', 'record_response')
  lanes.add(stream, 1, 'course', 'no_op')
  const answer = await consumer.fetch()
  assert.deepEqual(numbersOf(answer), [1])
  assert.deepEqual((await consumer.confirm(answer.batches)).batches, ['confirmed'])
  assert.equal((await crew.slot('types', 0)).position, 3n)
})

test('an instance took what was due in a lane of another one of the same part, and gave it to nobody', async () => {
  const { lanes, instance } = await open('due', 1)
  await createSlotsOfLanes(crew.admin, [{ part: 0, lane: 1 }])
  const [stream, one, other] = [newStream(), instance(), instance()]
  lanes.move(stream, 1)
  lanes.add(stream, 1)
  await one.fetch()
  await other.fetch()
  const [first, second] = [await one.fetch(), await other.fetch()]
  assert.deepEqual([first.slots.length, second.slots.length], [1, 1])
  const [owner, neighbour] = first.slots[0]?.lane === 1 ? [one, other] : [other, one]
  const [batch] = [...first.batches, ...second.batches]
  assert(batch !== undefined, 'one lane has something')
  await owner.nack(batch, stream, 0, batch.position)
  await owner.confirm([batch])
  await crew.admin.query(`update course_exception set next_at = now() where subscription = 'due'`)
  assert.deepEqual((await neighbour.fetch()).retries, [])
  assert.deepEqual(
    (await owner.fetch()).retries.map((retry) => retry.stream),
    [stream],
  )
})

test('an unknown subscription, a paused one, and one of another mode', async () => {
  const { lanes, remote, instance } = await open('paused', 2)
  const request = { instance: newStream(), leaseMs: 1000, waitMs: 0, eventsMax: 1, received: [] }
  assert.deepEqual(await remote.fetch({ ...request, subscription: 'nobody' }), { kind: 'unknown_subscription' })
  const context = { pool: crew.admin, source: lanes }
  assert.equal(
    await extendRemote(context, { subscription: 'nobody', instance: newStream(), leaseMs: 1 }),
    'unknown_subscription',
  )
  const consumer = instance()
  assert.equal((await consumer.fetch()).slots.length, 2)
  await pauseSubscription(crew.admin, { subscription: 'paused', actor: 'test', reason: 'test' })
  const answer = await consumer.fetch()
  assert.deepEqual([answer.isPaused, answer.slots.length], [true, 0])
  await assert.rejects(
    crew.run({ name: 'paused', apply: async () => undefined }, lanes),
    /exists already and is remote/,
  )
})

/**
 * A consumer that forgets, fails, loses its lease and hears late, at random. Its guard says what must never happen: an
 * event before the one it follows.
 */
async function randomRun(seed: number, changesLanes: boolean): Promise<void> {
  const random = seededRandom(seed)
  const name = `random_${seed}_${changesLanes}`
  const { lanes, instance } = await open(name, 2)
  const streams = Array.from({ length: 4 }, newStream)
  const applied = new Map<Uuid, number>(streams.map((stream) => [stream, 0]))
  const added = new Map<Uuid, number>(streams.map((stream) => [stream, 0]))
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!
  const apply = (stream: Uuid, number: number): void => {
    const next = applied.get(stream) ?? 0
    assert.ok(number <= next, `seed ${seed}: ${number} of a stream that is at ${next}`)
    if (number === next) applied.set(stream, next + 1)
  }
  const own = streams.flatMap((_, index) => [0, 1].map((part) => ({ part, lane: index + 1 })))
  if (changesLanes) await createSlotsOfLanes(crew.admin, own)
  let instances = [instance(), instance()]
  for (let step = 0; step < 60; step += 1) {
    const isSettling = step >= 40
    const stream = pick(streams)
    if (!isSettling) {
      const count = 1 + Math.floor(random() * 3)
      if (changesLanes && random() < 0.4) lanes.move(stream, random() < 0.5 ? 0 : 1 + streams.indexOf(stream))
      lanes.add(stream, count)
      added.set(stream, (added.get(stream) ?? 0) + count)
    }
    if (random() < 0.3)
      await crew.admin.query(`update course_exception set next_at = now() where subscription = $1`, [name])
    // Now and then every lease ends; before settling, so that what vanished instances held is free.
    if (step === 40 || (!isSettling && random() < 0.1)) {
      await crew.admin.query(`update member set lease_until = now() - interval '1 second' where subscription = $1`, [
        name,
      ])
    }
    if (!isSettling && random() < 0.05) instances = [instance(), pick(instances)]
    await consumeOnce(pick(instances), isSettling)
  }
  const isOwed = async (): Promise<boolean> =>
    streams.some((stream) => applied.get(stream) !== added.get(stream)) ||
    (await listSetAside(crew.admin, name, 1)).length > 0
  for (let round = 0; round < 100 && (await isOwed()); round += 1) {
    // As an operator does it: a stream that failed too often is parked until somebody has it tried again.
    await crew.admin.query(
      `update course_exception
          set next_at = now(), attempts = 0, state = case state when 'parked' then 'retry' else state end
        where subscription = $1`,
      [name],
    )
    for (const one of instances) await consumeOnce(one, true)
  }
  assert.deepEqual(applied, added, `seed ${seed}`)
  assert.deepEqual(await listSetAside(crew.admin, name, 9), [], `seed ${seed}`)

  async function consumeOnce(consumer: Instance, isFine: boolean): Promise<void> {
    const answer = await consumer.fetch({ eventsMax: 4 })
    const more = await consumer.fetch({ eventsMax: 4, received: [...answer.batches] })
    const batches = [...answer.batches, ...more.batches]
    // What follows a failed event is dropped, or refused as well: a plain loop fails at it too.
    const dropped = new Set<Uuid>()
    const isPlain = random() < 0.5
    for (const batch of batches) {
      for (const event of batch.events) {
        if (dropped.has(event.stream) && !isPlain) continue
        if (dropped.has(event.stream) || (!isFine && random() < 0.1)) {
          const ofLane = batches.filter((one) => one.part === batch.part && one.lane === batch.lane)
          const ends = ofLane.map((one) => one.position)
          const received = ends.sort((a, b) => Number(a - b)).at(-1) ?? 0n
          const outcome = await consumer.nack(batch, event.stream, event.number, received)
          dropped.add(event.stream)
          if (outcome === 'lost_lease') return
        } else apply(event.stream, event.number)
      }
    }
    const retried: Parameters<typeof confirmRemote>[1]['streams'][number][] = []
    for (const retry of [...answer.retries, ...more.retries]) {
      const good = !isFine && random() < 0.3 ? Math.floor(random() * retry.events.length) : retry.events.length
      for (const event of retry.events.slice(0, good)) apply(event.stream, event.number)
      for (const event of retry.events.slice(good, isPlain ? undefined : good + 1)) {
        await consumer.nack(retry, retry.stream, event.number, 0n)
      }
      if (good === retry.events.length) retried.push(retry)
    }
    // Forgetting to confirm is a crash between the effect and the confirmation (scenario 23).
    if (!isFine && random() < 0.2) return
    // Streams before their lane: a stream must not join a lane that has yet to pass what was kept from it.
    await consumer.confirm([], retried)
    await consumer.confirm(batches)
  }
}

test('[S22] [S23] whatever a consumer does, events come in order and none is lost', async () => {
  for (let seed = 1; seed <= 6; seed += 1) await randomRun(seed, false)
})

test('B8: … also while streams change lanes', async () => {
  for (let seed = 1; seed <= 6; seed += 1) await randomRun(seed, true)
})

test('[S49] remote: a lane of its own is handed out up to a stream that another lane has to finish', async () => {
  const { lanes, instance } = await open('own_lane', 1)
  const [stream, other, consumer] = [newStream(), newStream(), instance()]
  await createSlotsOfLanes(crew.admin, [{ part: 0, lane: 1 }])
  lanes.add(stream, 2)
  lanes.move(other, 1)
  lanes.add(other, 1)
  lanes.move(stream, 1)
  lanes.add(stream, 2)
  const first = await consumer.fetch()
  assert.deepEqual(
    first.batches.map((batch) => [batch.lane, batch.events.length]).sort(),
    [
      [0, 2],
      [1, 1],
    ],
    'nothing of the stream from its new lane while the old one is not confirmed',
  )
  await consumer.confirm(first.batches)
  assert.deepEqual(numbersOf(await consumer.fetch()), [2, 3])
})

test('[S49] remote: in the shared lane only that stream waits aside until its own lane is confirmed', async () => {
  const { lanes, instance } = await open('shared_lane', 1)
  const [stream, other, consumer] = [newStream(), newStream(), instance()]
  await createSlotsOfLanes(crew.admin, [{ part: 0, lane: 1 }])
  lanes.move(stream, 1)
  lanes.add(stream, 2)
  lanes.move(stream, 0)
  lanes.add(stream, 1)
  lanes.add(other, 1)
  const { batches } = await consumer.fetch()
  const shared = batches.filter(({ lane }) => lane === 0)
  assert.deepEqual(
    shared.flatMap(({ events }) => events.map((event) => event.stream)),
    [other],
  )
  await consumer.confirm(shared)
  assert.deepEqual((await consumer.fetch()).retries, [], 'its own lane is in hand and not confirmed')
  await consumer.confirm(batches)
  const { retries } = await consumer.fetch()
  assert.deepEqual(
    retries.map(({ nextNumber, events }) => [nextNumber, events.length]),
    [[3, 1]],
  )
  await consumer.confirm([], retries)
  assert.deepEqual(await listSetAside(crew.admin, 'shared_lane', 1), [])
})

test('an instance that loses a slot while it fetches gets nothing of it that comes too early', async () => {
  const { lanes, instance } = await open('lost', 1)
  const [stream, moved, consumer] = [newStream(), newStream(), instance()]
  lanes.add(stream, 3)
  lanes.add(stream, 2)
  const [batch] = (await consumer.fetch({ eventsMax: 1 })).batches
  assert(batch !== undefined, 'there is a first batch')
  await consumer.nack(batch, stream, 1, batch.position)
  await consumer.confirm([batch])
  lanes.move(moved, 1)
  lanes.add(moved, 1)
  lanes.move(moved, 0)
  lanes.add(moved, 1)
  const pool = faultyPool(crew.pool(1), crew.admin, async (statement) => {
    if (statement.startsWith('begin')) {
      await crew.admin.query(`update slot set token = gen_random_uuid(), epoch = epoch + 1 where subscription = 'lost'`)
    }
    return 'go' as const
  })
  const request = { subscription: 'lost', leaseMs: 30_000, waitMs: 0, eventsMax: 500, received: [] }
  const remote = new RemoteSubscriptions({ pool, source: lanes, parts: 1 })
  const answer = await remote.fetch({ ...request, instance: consumer.id })
  assert(answer.kind === 'fetched', 'the subscription exists')
  assert.deepEqual(numbersOf(answer), [], 'number 1 of a stream is owed, and number 0 of another is in another lane')
})

test('an instance that hung up kept slots that it was given afterwards, until its lease ended', async () => {
  const { remote, instance } = await open('hung_up', 2)
  const caller = instance()
  const request = { subscription: 'hung_up', leaseMs: 30_000, waitMs: 0, eventsMax: 500, received: [] }
  const hangUp = () => remote.fetch({ ...request, instance: caller.id, gone: AbortSignal.abort() })
  await hangUp()
  const owned = async () =>
    (await crew.admin.query(`select from slot where subscription = 'hung_up' and owner = $1`, [caller.id])).rowCount
  assert.equal(await owned(), 0)
  await caller.fetch()
  const held = await owned()
  await hangUp()
  assert.equal(await owned(), held, 'what it had before it knows of')
})

test('an instance that hung up and holds nothing was counted as a member, and others got no more than their share', async () => {
  const { remote, instance } = await open('hung_up_and_left', 2)
  const [gone, another] = [instance(), instance()]
  await gone.release((await gone.fetch()).slots)
  const request = { subscription: 'hung_up_and_left', leaseMs: 30_000, waitMs: 0, eventsMax: 500, received: [] }
  await remote.fetch({ ...request, instance: gone.id, gone: AbortSignal.abort() })
  assert.equal((await another.fetch()).slots.length, 2)
})

test('[S46] remote: a stream is replayed from the start while others go on', async () => {
  const { lanes, instance } = await open('replay', 1)
  const [stream, consumer] = [newStream(), instance()]
  lanes.add(stream, 3)
  await consumer.confirm((await consumer.fetch()).batches)
  const deed = { subscription: 'replay', actor: 'test', reason: 'test' }
  assert.ok(await replayStream(crew.admin, lanes, deed, { kind: 'course', stream, parts: 1 }, 1))
  lanes.add(stream, 1)
  const answer = await consumer.fetch()
  assert.deepEqual([numbersOf(answer), answer.retries[0]?.events.map((event) => event.number)], [[], [1, 2]])
  await consumer.confirm(answer.batches, answer.retries)
  const rest = await consumer.fetch()
  assert.deepEqual(
    rest.retries[0]?.events.map((event) => event.number),
    [3],
  )
  await consumer.confirm(rest.batches, rest.retries)
  assert.deepEqual(await listSetAside(crew.admin, 'replay', 1), [])
})
