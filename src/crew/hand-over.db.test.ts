import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { eventually } from '#platform/test-eventually.ts'
import { listSetAside, replayStream, retryStream } from './control.ts'
import { createSlotsOfLanes, registerSubscription } from './slots.ts'
import { faultyPool, recording, TestCrew, upTo } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'

/** Streams that change lanes while lanes are as far as they like (streams.md §4.4); all in part 0. */
let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

const deed = (subscription: string) => ({ subscription, actor: 'test', reason: 'test' })
const choiceOf = (stream: Uuid) => ({ kind: 'course', stream, parts: 1 }) as const

async function numbers(subscription: string, stream: Uuid): Promise<number[]> {
  return (await crew.effects(subscription)).get(stream) ?? []
}

/** All `count` events took effect once and in order, nothing is set aside any more, and the next one comes as usual. */
async function rejoins(subscription: string, lanes: TestLanes, stream: Uuid, count: number): Promise<void> {
  await eventually('all of it', async () => (await numbers(subscription, stream)).length >= count)
  await eventually('joined', async () => (await crew.slot(subscription, 0)).exceptions === 0)
  assert.deepEqual(await numbers(subscription, stream), upTo(count))
  lanes.add(stream, 1)
  await eventually('with its lane', async () => (await numbers(subscription, stream)).length > count)
  assert.deepEqual(await numbers(subscription, stream), upTo(count + 1))
}

/** A subscription of one part with lanes 0 and 1, of which a member that does nothing owns `lane` until it leaves. */
async function withStuckLane(subscription: string, lanes: TestLanes, lane: number): Promise<() => Promise<void>> {
  const setup = { name: subscription, mode: 'embedded', kinds: ['course'], startsAt: 'beginning', parts: 1 } as const
  await registerSubscription(crew.admin, setup, () => lanes.laneHeads())
  await createSlotsOfLanes(crew.admin, [{ part: 0, lane: 1 }])
  const member = toUuid(randomUUID())
  await crew.admin.query(
    `insert into member (subscription, member, state, lease_until, build) values ($1, $2, 'working', 'infinity', '')`,
    [subscription, member],
  )
  await crew.admin.query(
    `update slot set owner = $3, token = gen_random_uuid(), epoch = epoch + 1
      where subscription = $1 and part = 0 and lane = $2`,
    [subscription, lane, member],
  )
  return async () => {
    await crew.admin.query(`delete from member where member = $1`, [member])
    await crew.admin.query(`update slot set owner = null, token = null where owner = $1`, [member])
  }
}

test('[S49] a lane of its own waits for the shared one, others go on, and after release the order holds', async () => {
  const lanes = new TestLanes(1)
  const [hot, other, inShared] = [newStream(), newStream(), newStream()]
  lanes.add(hot, 3)
  lanes.move(hot, 1)
  lanes.move(other, 1)
  lanes.add(other, 1)
  lanes.add(hot, 2)
  const release = await withStuckLane('into_own', lanes, 0)
  await crew.run(recording('into_own'), lanes)
  await eventually('what stands before it', async () => (await numbers('into_own', other)).length === 1)
  lanes.add(hot, 2)
  lanes.add(inShared, 1)
  await sleep(400)
  assert.equal(
    (await crew.slot('into_own', 0, 1)).position,
    1n,
    'the lane stops before the run that came from elsewhere',
  )
  assert.deepEqual(await numbers('into_own', hot), [])
  await release()
  await eventually('all of it', async () => (await numbers('into_own', hot)).length === 7)
  assert.deepEqual(await numbers('into_own', hot), upTo(7))
  assert.deepEqual(await listSetAside(crew.admin, 'into_own', 10), [])
})

test('[S49] in the shared lane only that course waits, aside; after release the order holds', async () => {
  const lanes = new TestLanes(1)
  const [hot, good] = [newStream(), newStream()]
  lanes.add(hot, 2)
  lanes.move(hot, 1)
  lanes.add(hot, 3)
  lanes.move(hot, 0)
  lanes.add(hot, 1)
  lanes.add(good, 1)
  const release = await withStuckLane('into_shared', lanes, 1)
  await crew.run(recording('into_shared'), lanes)
  await eventually('others', async () => (await numbers('into_shared', good)).length === 1)
  lanes.add(hot, 2)
  lanes.add(good, 1)
  await eventually('others again', async () => (await numbers('into_shared', good)).length === 2)
  assert.deepEqual(await numbers('into_shared', hot), upTo(2))
  const [aside] = await listSetAside(crew.admin, 'into_shared', 10)
  assert.deepEqual([aside?.stream, aside?.state, aside?.nextNumber, aside?.untilNumber], [hot, 'blocked', 5, 8])
  assert.match(aside?.error ?? '', /waits until lane 1 has confirmed position 1/)
  assert.ok(await retryStream(crew.admin, deed('into_shared'), choiceOf(hot)))
  await sleep(700)
  assert.deepEqual(await numbers('into_shared', hot), upTo(2), 'a person can not make it overtake itself')
  await release()
  await rejoins('into_shared', lanes, hot, 8)
})

test('teeth: without the hand-over rule the new lane overtakes the old one', async () => {
  const lanes = new TestLanes(1)
  const hot = newStream()
  lanes.add(hot, 1)
  lanes.move(hot, 1)
  lanes.add(hot, 1)
  const release = await withStuckLane('no_rule', lanes, 0)
  await crew.run(recording('no_rule'), lanes, {}, { handOver: false })
  await eventually('too early', async () => (await numbers('no_rule', hot)).length === 1)
  assert.deepEqual(await numbers('no_rule', hot), [1])
  await release()
})

test('a course that is parked in its old lane is passed over in its new one, and owes both after a fix', async () => {
  const lanes = new TestLanes(1)
  const [hot, good] = [newStream(), newStream()]
  let isBroken = true
  const subscription = recording('parked', (entry, number) => {
    if (isBroken && entry.events[0]?.stream === hot && number === 1) throw new Error('poisoned')
  })
  const release = await withStuckLane('parked', lanes, 0)
  await release()
  await crew.run(subscription, lanes)
  lanes.add(hot, 1)
  await eventually('the good beginning', async () => (await numbers('parked', hot)).length === 1)
  lanes.add(hot, 2)
  await eventually('set aside', async () => (await listSetAside(crew.admin, 'parked', 1)).length === 1)
  await crew.admin.query(`update course_exception set state = 'parked' where subscription = 'parked'`)
  lanes.move(hot, 1)
  lanes.add(hot, 2)
  lanes.add(hot, 1)
  lanes.move(hot, 0)
  lanes.add(hot, 1)
  lanes.add(good, 1)
  await eventually('passed over', async () => (await listSetAside(crew.admin, 'parked', 1))[0]?.untilNumber === 7)
  await eventually('others', async () => (await numbers('parked', good)).length === 1)
  assert.equal((await crew.slot('parked', 0, 1)).position, 2n)
  assert.deepEqual(await numbers('parked', hot), upTo(1))
  isBroken = false
  assert.ok(await retryStream(crew.admin, deed('parked'), choiceOf(hot)))
  await rejoins('parked', lanes, hot, 7)
})

test('a course that waits aside for a lane in which it then fails owes both parts once', async () => {
  const lanes = new TestLanes(1)
  const hot = newStream()
  let isBroken = true
  const subscription = recording('both', (entry, number) => {
    if (isBroken && entry.events[0]?.stream === hot && number === 2) throw new Error('poisoned')
  })
  lanes.add(hot, 1)
  lanes.move(hot, 1)
  lanes.add(hot, 1)
  lanes.add(hot, 1)
  lanes.add(hot, 1)
  lanes.move(hot, 0)
  lanes.add(hot, 2)
  const release = await withStuckLane('both', lanes, 1)
  await crew.run(subscription, lanes)
  await eventually('aside', async () => (await listSetAside(crew.admin, 'both', 1))[0]?.state === 'blocked')
  await release()
  const stopped = async () => (await listSetAside(crew.admin, 'both', 1))[0]
  await eventually('failed', async () => (await stopped())?.state === 'retry')
  await eventually('its lane goes on', async () => (await crew.slot('both', 0, 1)).position === 3n)
  // All of the pass that failed, and what waited aside: owed by one row.
  assert.deepEqual([(await stopped())?.nextNumber, (await stopped())?.untilNumber], [1, 6])
  isBroken = false
  assert.ok(await retryStream(crew.admin, deed('both'), choiceOf(hot)))
  await rejoins('both', lanes, hot, 6)
})

test('a set-aside course gets what another lane has still to pass once, and joins when that has passed it', async () => {
  const lanes = new TestLanes(1)
  const hot = newStream()
  let isBroken = true
  const subscription = recording('owed_early', (entry) => {
    if (isBroken && entry.events[0]?.stream === hot) throw new Error('poisoned')
  })
  lanes.add(hot, 1)
  const release = await withStuckLane('owed_early', lanes, 1)
  await crew.run(subscription, lanes)
  await eventually('set aside', async () => (await listSetAside(crew.admin, 'owed_early', 1)).length === 1)
  lanes.move(hot, 1)
  lanes.add(hot, 2)
  lanes.move(hot, 0)
  lanes.add(hot, 1)
  await eventually('passed over', async () => (await listSetAside(crew.admin, 'owed_early', 1))[0]?.untilNumber === 4)
  isBroken = false
  assert.ok(await retryStream(crew.admin, deed('owed_early'), choiceOf(hot)))
  await eventually('all of it', async () => (await numbers('owed_early', hot)).length === 4)
  await sleep(700)
  assert.equal((await crew.slot('owed_early', 0)).exceptions, 1, 'the other lane has still to pass it over')
  await release()
  await rejoins('owed_early', lanes, hot, 4)
})

test('a course that its old lane sets aside between the fence and the look at that lane is passed over', async () => {
  const lanes = new TestLanes(1)
  const hot = newStream()
  lanes.add(hot, 1)
  lanes.move(hot, 1)
  lanes.add(hot, 1)
  const release = await withStuckLane('between', lanes, 0)
  let isDone = false
  const pool = faultyPool(crew.pool(1), crew.admin, async (statement) => {
    if (isDone || !statement.startsWith('select part, lane, position')) return 'go' as const
    isDone = true
    // What the owner of lane 0 commits when the first event fails.
    await crew.admin.query(
      `insert into course_exception (part, stream, subscription, lane, state, next_number, until_number, next_at)
       values (0, $1, 'between', 0, 'retry', 0, 1, now() + interval '1 hour')`,
      [hot],
    )
    await crew.admin.query(
      `update slot set position = 1, exceptions = 1 where subscription = 'between' and part = 0 and lane = 0`,
    )
    return 'go' as const
  })
  await crew.run(recording('between'), lanes, { pool })
  await eventually('passed over', async () => (await crew.slot('between', 0, 1)).position === 1n)
  assert.deepEqual(await numbers('between', hot), [])
  assert.equal((await listSetAside(crew.admin, 'between', 1))[0]?.untilNumber, 2)
  await release()
  assert.ok(await retryStream(crew.admin, deed('between'), choiceOf(hot)))
  await rejoins('between', lanes, hot, 2)
})

test('a replay of a course whose lanes are not done yet delivers each event once more, and then goes on', async () => {
  const lanes = new TestLanes(1)
  const hot = newStream()
  lanes.add(hot, 2)
  lanes.move(hot, 1)
  lanes.add(hot, 2)
  const release = await withStuckLane('replayed', lanes, 1)
  await crew.run(recording('replayed'), lanes)
  await eventually('the beginning', async () => (await numbers('replayed', hot)).length === 2)
  assert.ok(await replayStream(crew.admin, lanes, deed('replayed'), choiceOf(hot), 0))
  await eventually('from the beginning', async () => (await numbers('replayed', hot)).length === 6)
  await release()
  await eventually('joined', async () => (await crew.slot('replayed', 0)).exceptions === 0)
  lanes.add(hot, 1)
  await eventually('live', async () => (await crew.slot('replayed', 0, 1)).position === 2n)
  assert.deepEqual(await numbers('replayed', hot), [0, 1, ...upTo(5)])
})

test('twenty due streams of a lane that somebody else has do not hide one of our own lane', async () => {
  const lanes = new TestLanes(1)
  const hot = newStream()
  let isBroken = true
  const subscription = recording('hidden', () => {
    if (isBroken) throw new Error('poisoned')
  })
  await withStuckLane('hidden', lanes, 0)
  await crew.run(subscription, lanes)
  lanes.move(hot, 1)
  lanes.add(hot, 1)
  await eventually('set aside', async () => (await listSetAside(crew.admin, 'hidden', 1)).length === 1)
  await crew.admin.query(
    `insert into course_exception (part, stream, subscription, lane, state, next_number, until_number, next_at)
     select 0, gen_random_uuid(), 'hidden', 0, 'retry', 0, 1, now() - interval '1 hour' from generate_series(1, 20)`,
  )
  isBroken = false
  assert.ok(await retryStream(crew.admin, deed('hidden'), choiceOf(hot)))
  await eventually('its own', async () => (await numbers('hidden', hot)).length === 1)
})
