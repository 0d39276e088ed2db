import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { partOf } from '#domain/parts.ts'
import { eventually } from '#platform/test-eventually.ts'
import { systemTime } from '#platform/time.ts'
import { pauseSubscription, replayStream, resetSubscription, resumeSubscription } from './control.ts'
import { readLag, readProgress, waitUntilApplied } from './progress.ts'
import { recording, TestCrew, upTo } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'

let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

const deed = (subscription: string) => ({ subscription, actor: 'test', reason: 'because' })

test('[S47] pause frees every slot, resume goes on from the confirmed positions', async () => {
  const lanes = new TestLanes(4)
  const stream = newStream()
  const runner = await crew.run(recording('paused'), lanes)
  lanes.add(stream)
  await eventually('the first', async () => (await crew.effects('paused')).size === 1)
  assert.ok(await pauseSubscription(crew.admin, deed('paused')))
  await eventually('free', async () => {
    const owned = await crew.admin.query(`select 1 from slot where subscription = 'paused' and owner is not null`)
    return owned.rowCount === 0
  })
  assert.ok(runner.status().isPaused)
  lanes.add(stream, 2)
  await new Promise((done) => setTimeout(done, 300))
  assert.deepEqual((await crew.effects('paused')).get(stream), [0])
  const lag = await readLag(crew.admin, lanes, 'paused')
  assert.deepEqual([lag?.isPaused, lag?.behind], [true, 1n])
  assert.ok((lag?.oldestAgeMs ?? 0) > 0)
  await resumeSubscription(crew.admin, deed('paused'))
  await eventually('the rest', async () => (await crew.effects('paused')).get(stream)?.length === 3)
  assert.equal(await pauseSubscription(crew.admin, deed('unknown')), false)
})

test('S2, S8: a reset fences off the owners, clears the effects and replays the same sequence', async () => {
  const lanes = new TestLanes(4)
  const streams = Array.from({ length: 6 }, newStream)
  for (const stream of streams) lanes.add(stream, 3)
  await crew.run(recording('reset'), lanes)
  await eventually('first time', async () => (await crew.effects('reset')).size === 6)
  const part = partOf('course', streams[0] ?? newStream(), 4)
  const before = await crew.slot('reset', part)
  await resetSubscription(crew.admin, deed('reset'), new Map(), async (transaction) => {
    await transaction.query(`delete from effect where subscription = 'reset'`)
  })
  await eventually('second time', async () => (await crew.effects('reset')).size === 6)
  for (const stream of streams) assert.deepEqual((await crew.effects('reset')).get(stream), upTo(3))
  assert.ok((await crew.slot('reset', part)).epoch > before.epoch)
  const audited = await crew.admin.query(
    `select actor, reason, action from subscription_audit where subscription = 'reset'`,
  )
  assert.deepEqual(audited.rows, [{ actor: 'test', reason: 'because', action: 'reset' }])
})

test('[S46] one course is replayed while live events come, others are not disturbed', async () => {
  const lanes = new TestLanes(1)
  const [replayed, other] = [newStream(), newStream()]
  const choice = { kind: 'course', stream: replayed, parts: 1 } as const
  for (let round = 0; round < 50; round += 1) lanes.add(replayed, 40)
  await crew.run(recording('again'), lanes)
  await eventually('live', async () => (await crew.effects('again')).get(replayed)?.length === 2000)
  await crew.admin.query(`delete from effect where subscription = 'again'`)
  const feed = setInterval(() => {
    lanes.add(replayed)
    lanes.add(other)
  }, 5).unref()
  assert.ok(await replayStream(crew.admin, lanes, deed('again'), choice, 0))
  assert.equal(await replayStream(crew.admin, lanes, deed('again'), choice, 0), false, 'one at a time')
  await eventually('joined', async () => (await crew.slot('again', 0)).exceptions === 0)
  clearInterval(feed)
  const head = (await lanes.laneHeads()).get('0/0')
  await eventually('all confirmed', async () => (await crew.slot('again', 0)).position === head)
  const effects = await crew.effects('again')
  // What was confirmed between the deletion and the request belongs to the first time; the replay starts at 0.
  const numbers = effects.get(replayed) ?? []
  assert.deepEqual(numbers.slice(numbers.indexOf(0)), upTo(numbers.length - numbers.indexOf(0)))
  assert.ok(numbers.length > 2000)
  assert.deepEqual(effects.get(other), upTo(effects.get(other)?.length ?? -1))
})

test('a replay repeats everything that was delivered, also what came while it was asked for', async () => {
  const lanes = new TestLanes(1)
  const stream = newStream()
  lanes.add(stream, 3)
  await crew.run(recording('while'), lanes)
  await eventually('live', async () => (await crew.slot('while', 0)).position === 1n)
  const source = {
    laneHeads: () => lanes.laneHeads(),
    readLanes: (...words: Parameters<TestLanes['readLanes']>) => lanes.readLanes(...words),
    async statuses(...words: Parameters<TestLanes['statuses']>) {
      const answer = await lanes.statuses(...words)
      lanes.add(stream, 2)
      // Time for it to be delivered, unless something keeps it from that.
      const isDelivered = async (): Promise<boolean> => (await crew.slot('while', 0)).position === 2n
      for (let looks = 0; looks < 25 && !(await isDelivered()); looks += 1) await systemTime.sleep(20)
      return answer
    },
  }
  assert.ok(await replayStream(crew.admin, source, deed('while'), { kind: 'course', stream, parts: 1 }, 1))
  await eventually('joined', async () => (await crew.slot('while', 0)).exceptions === 0)
  await eventually('all', async () => (await crew.slot('while', 0)).position === 2n)
  assert.deepEqual((await crew.effects('while')).get(stream), [0, 1, 2, 1, 2, 3, 4])
})

test('a replay from beyond what its lane had delivered lost what lay between', async () => {
  const lanes = new TestLanes(1)
  const [stream, other] = [newStream(), newStream()]
  lanes.add(stream, 2)
  const runner = await crew.run(recording('behind'), lanes)
  await eventually('live', async () => (await crew.slot('behind', 0)).position === 1n)
  await runner.stop()
  for (let run = 0; run < 1200; run += 1) lanes.add(other)
  lanes.add(stream, 3)
  assert.ok(await replayStream(crew.admin, lanes, deed('behind'), { kind: 'course', stream, parts: 1 }, 4))
  await crew.run(recording('behind'), lanes)
  await eventually('all', async () => (await crew.slot('behind', 0)).position === 1202n)
  await eventually('joined', async () => (await crew.slot('behind', 0)).exceptions === 0)
  assert.deepEqual((await crew.effects('behind')).get(stream), [0, 1, 2, 3, 4])
})

test('a new subscription from now gets only what comes later, one from the beginning gets everything', async () => {
  const lanes = new TestLanes(4)
  const stream = newStream()
  lanes.add(stream, 2)
  await crew.run({ ...recording('from_now'), startsAt: 'now' }, lanes)
  await crew.run(recording('from_beginning'), lanes)
  lanes.add(stream, 2)
  await eventually('both', async () => {
    const [now, all] = [await crew.effects('from_now'), await crew.effects('from_beginning')]
    return now.size === 1 && all.get(stream)?.length === 4
  })
  assert.deepEqual((await crew.effects('from_now')).get(stream), [2, 3])
})

test('a reader can wait for its own write, in the process that applies it and in any other', async () => {
  const lanes = new TestLanes(4)
  const stream = newStream()
  const runner = await crew.run(recording('own_writes'), lanes)
  await eventually('owns all', () => runner.status().ownedSlots === 4)
  for (const local of [runner, undefined]) {
    const { part, lane, position } = lanes.add(stream)
    const question = { subscription: 'own_writes', part, lane, position, timeoutMs: 2000 }
    assert.ok(await waitUntilApplied(crew.admin, question, local))
    assert.equal((await readProgress(crew.admin, 'own_writes')).confirmed.get(`${part}/0`), position)
  }
  const early = { subscription: 'own_writes', part: 0, lane: 0, position: 99n, timeoutMs: 50 }
  assert.equal(await waitUntilApplied(crew.admin, early, runner), false)
})

test('[S25] two subscriptions do not move each other', async () => {
  const lanes = new TestLanes(1)
  const stream = newStream()
  const switches = { isBroken: true }
  await crew.run(recording('goes'), lanes)
  const stuck = await crew.run(
    recording('stuck', () => {
      if (switches.isBroken) throw new Error('not yet')
    }),
    lanes,
  )
  lanes.add(stream, 2)
  await eventually('one goes', async () => (await crew.slot('goes', 0)).position === 1n)
  assert.equal((await crew.slot('stuck', 0)).position, 0n)
  await stuck.stop()
})

test('a stop does not wait for a database that does not answer', { timeout: 60_000 }, async () => {
  const lanes = new TestLanes(1)
  const stream = newStream()
  let isAsked = false
  const source = new Proxy(lanes, {
    get(target, key) {
      const value = Reflect.get(target, key)
      if (key !== 'readLanes') return typeof value === 'function' ? value.bind(target) : value
      return () => {
        isAsked = true
        return new Promise(() => undefined)
      }
    },
  })
  const runner = await crew.run(recording('silent'), source)
  lanes.add(stream)
  await eventually('it waits for an answer', () => isAsked)
  await runner.stop(200)
  assert.equal((await crew.slot('silent', 0)).owner, null)
})

test('a runner that owns nothing rests between its looks', async () => {
  let sleeps = 0
  const time = {
    ...systemTime,
    sleep: (ms: number, signal?: AbortSignal) => {
      sleeps += 1
      return systemTime.sleep(ms, signal)
    },
  }
  const runner = await crew.run(recording('resting'), new TestLanes(4), { time })
  await pauseSubscription(crew.admin, deed('resting'))
  await eventually('owns nothing', () => runner.status().isPaused && runner.status().ownedSlots === 0)
  sleeps = 0
  const startedMs = performance.now()
  await new Promise((done) => setTimeout(done, 1000))
  const seconds = (performance.now() - startedMs) / 1000
  // Five heartbeats of a lease of 1 s, and looks at most every 250 ms.
  assert.ok(sleeps < 25 * seconds, `${sleeps} sleeps in ${seconds} s`)
})
