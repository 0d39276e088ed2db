import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import { eventually } from '#platform/test-eventually.ts'
import { listSetAside, replayStream, retryStream, skipEvent } from './control.ts'
import { blockedAtOnce, blockedPauseMs, inPlacePausesMs } from './failure.ts'
import { type Subscription, WaitsForStream } from './subscription.ts'
import { faultyPool, recording, TestCrew, upTo } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'

let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

/** A subscription for which one event of one stream fails while `isBroken`. */
function poisoned(name: string, stream: Uuid, number: number) {
  const switches = { isBroken: true }
  const subscription = recording(name, (entry, current) => {
    if (switches.isBroken && entry.events[0]?.stream === stream && current === number) throw new Error('poisoned')
  })
  return { switches, subscription }
}

async function numbers(subscription: string, stream: Uuid): Promise<number[]> {
  return (await crew.effects(subscription)).get(stream) ?? []
}

const deed = (subscription: string) => ({ subscription, actor: 'test', reason: 'test' })

test('[S39] [S40] a poisoned course is set aside within 1.2 s, others go on, a fix lets it join again', async () => {
  const lanes = new TestLanes(1)
  const [bad, good] = [newStream(), newStream()]
  const { switches, subscription } = poisoned('poison', bad, 7)
  await crew.run(subscription, lanes)
  lanes.add(bad, 6)
  await eventually('the good beginning', async () => (await numbers('poison', bad)).length === 6)
  lanes.add(bad, 3)
  lanes.add(good, 2)
  await eventually('the others', async () => (await numbers('poison', good)).length === 2)
  assert.ok(inPlacePausesMs.reduce((sum, ms) => sum + ms, 0) < 1200)
  const [aside] = await listSetAside(crew.admin, 'poison', 10)
  assert.deepEqual(
    [aside?.stream, aside?.state, aside?.nextNumber, aside?.untilNumber, aside?.attempts],
    [bad, 'retry', 6, 9, 1],
  )
  assert.match(aside?.error ?? '', /poisoned/)
  assert.deepEqual(await numbers('poison', bad), upTo(6), 'nothing of the failing run')

  // Later runs of the course are passed over by the lane.
  lanes.add(bad, 2)
  lanes.add(good, 1)
  await eventually('the lane goes on', async () => (await numbers('poison', good)).length === 3)
  assert.equal((await listSetAside(crew.admin, 'poison', 10))[0]?.untilNumber, 11)

  // Still broken: what comes before the bad event is applied, the rest waits.
  assert.ok(await retryStream(crew.admin, deed('poison'), { kind: 'course', stream: bad, parts: 1 }))
  await eventually('up to the bad event', async () => (await numbers('poison', bad)).length === 7)
  await eventually('failed again', async () => (await listSetAside(crew.admin, 'poison', 1))[0]?.attempts === 1)
  switches.isBroken = false
  assert.ok(await retryStream(crew.admin, deed('poison'), { kind: 'course', stream: bad, parts: 1 }))
  await eventually('all of it', async () => (await numbers('poison', bad)).length === 11)
  await eventually('joined', async () => (await crew.slot('poison', 0)).exceptions === 0)
  lanes.add(bad, 1)
  await eventually('with its lane', async () => (await numbers('poison', bad)).length === 12)
  assert.deepEqual(await numbers('poison', bad), upTo(12))
})

test('after eight attempts a course is parked, nothing of it is lost, and a person can let it go on', async () => {
  const lanes = new TestLanes(1)
  const bad = newStream()
  const { switches, subscription } = poisoned('parking', bad, 0)
  await crew.run(subscription, lanes)
  lanes.add(bad, 3)
  await eventually('set aside', async () => (await listSetAside(crew.admin, 'parking', 1)).length === 1)
  await crew.admin.query(`update course_exception set attempts = 7, next_at = now() where subscription = 'parking'`)
  await eventually('parked', async () => (await listSetAside(crew.admin, 'parking', 1))[0]?.state === 'parked')
  assert.ok(crew.events.some((event) => event.kind === 'parked' && event.stream === bad))
  switches.isBroken = false
  lanes.add(bad, 1)
  await eventually('passed over', async () => (await listSetAside(crew.admin, 'parking', 1))[0]?.untilNumber === 4)
  const choice = { kind: 'course', stream: bad, parts: 1 } as const
  assert.equal(await skipEvent(crew.admin, deed('parking'), choice, 2), false, 'it did not stop at 2')
  assert.deepEqual(await numbers('parking', bad), [])
  assert.ok(await retryStream(crew.admin, deed('parking'), choice))
  await eventually('all of it', async () => (await numbers('parking', bad)).length === 4)
  assert.deepEqual(await numbers('parking', bad), upTo(4))
  const audited = await crew.admin.query(`select action from subscription_audit where subscription = 'parking'`)
  assert.deepEqual(audited.rows, [{ action: 'retry' }])
})

test('[S42] a skipped event comes as a no_op, for this subscription only, also in a replay', async () => {
  const lanes = new TestLanes(1)
  const stream = newStream()
  const seen: string[] = []
  const subscription: Subscription = {
    name: 'skipping',
    kinds: ['course'],
    async apply(_transaction, entries) {
      const events = entries.flatMap((entry) => entry.events)
      if (events.some((event) => event.number === 1 && event.type !== 'no_op')) throw new Error('poisoned')
      seen.push(...events.map((event) => `${event.number} ${event.type}`))
    },
  }
  lanes.add(stream, 3, 'course', 'record_response')
  await crew.run(subscription, lanes)
  await eventually('set aside', async () => (await listSetAside(crew.admin, 'skipping', 1)).length === 1)
  const choice = { kind: 'course', stream, parts: 1 } as const
  assert.equal(await skipEvent(crew.admin, deed('skipping'), choice, 0), true)
  // Stopped at 0 because the whole run failed; the retry applies 0 and stops at 1.
  await eventually('stopped at 1', async () => (await listSetAside(crew.admin, 'skipping', 1))[0]?.nextNumber === 1)
  await eventually('tried', async () => (await listSetAside(crew.admin, 'skipping', 1))[0]?.attempts === 1)
  assert.ok(await skipEvent(crew.admin, deed('skipping'), choice, 1))
  const first = ['0 no_op', '1 no_op', '2 record_response']
  await eventually('gone over', () => seen.length >= 3)
  assert.deepEqual(seen, first)
  await eventually('joined', async () => (await crew.slot('skipping', 0)).exceptions === 0)
  assert.ok(await replayStream(crew.admin, lanes, deed('skipping'), choice, 0))
  await eventually('replayed', () => seen.length >= 6)
  assert.deepEqual(seen, [...first, ...first])
})

test('[S43] a course waits for a content stream without burning attempts and goes on when it comes', async () => {
  const lanes = new TestLanes(1)
  const [waiting, other, book] = [newStream(), newStream(), newStream()]
  const subscription = recording('waiting', (entry) => {
    const [first] = entry.events
    if (first?.stream === waiting && !lanes.has(book)) throw new WaitsForStream('ecosystem', book)
  })
  await crew.run(subscription, lanes)
  lanes.add(waiting, 2)
  lanes.add(other, 1)
  await eventually('others go on at once', async () => (await numbers('waiting', other)).length === 1)
  const [aside] = await listSetAside(crew.admin, 'waiting', 1)
  assert.deepEqual([aside?.state, aside?.awaited, aside?.attempts], ['blocked', book, 0])
  await new Promise((done) => setTimeout(done, 1200))
  assert.equal((await listSetAside(crew.admin, 'waiting', 1))[0]?.attempts, 0)
  lanes.add(book, 1, 'ecosystem')
  await eventually('it goes on', async () => (await numbers('waiting', waiting)).length === 2)
  assert.ok(blockedPauseMs < 1000, 'looked at sooner than a second after it came')
})

test('a thousand streams that went on waiting hid the one whose book had come', async () => {
  const lanes = new TestLanes(1)
  const [late, book] = [newStream(), newStream()]
  const runner = await crew.run(recording('hidden'), lanes)
  lanes.add(late, 1)
  await eventually('live', async () => (await numbers('hidden', late)).length === 1)
  lanes.add(book, 1, 'ecosystem')
  const crowd = Array.from({ length: blockedAtOnce }, newStream)
  await crew.block('hidden', crowd, newStream(), new Date(0))
  await crew.block('hidden', [late], book, new Date(1000))
  await eventually('the one that can go on', async () => (await numbers('hidden', late)).length === 2)
  await runner.stop()
})

/** Under five failures at once it may be the courses and not the dependency (breaker.ts). */
function threeOfEachPart(parts: number): Uuid[] {
  const found = Array.from({ length: parts }, (): Uuid[] => [])
  while (found.some((streams) => streams.length < 3)) {
    const stream = newStream()
    const streams = found[partOf('course', stream, parts)]
    if (streams !== undefined && streams.length < 3) streams.push(stream)
  }
  return found.flat()
}

/** Twelve streams with one effect each, whose dependency is down then; `mend` waits for the second ones. */
async function brokenDependency(name: string) {
  const lanes = new TestLanes(4)
  const streams = threeOfEachPart(4)
  let isDown = false
  const subscription = recording(name, () => {
    if (isDown) throw new Error('the dependency is down')
  })
  const runner = await crew.run(subscription, lanes)
  for (const stream of streams) lanes.add(stream)
  await eventually('the good times', async () => (await crew.effects(name)).size === 12)
  isDown = true
  const mend = async (): Promise<void> => {
    isDown = false
    await eventually('all of it', async () => [...(await crew.effects(name)).values()].every((all) => all.length === 2))
    assert.equal(runner.status().breaker, 'closed')
  }
  return { lanes, streams, runner, mend }
}

test('[S64] when everything fails nobody is parked, and lanes go on where they were', async () => {
  const { lanes, streams, runner, mend } = await brokenDependency('dependency')
  for (const stream of streams) lanes.add(stream)
  await eventually('the breaker opens', () => runner.status().breaker !== 'closed')
  await new Promise((done) => setTimeout(done, 1500))
  assert.deepEqual(await listSetAside(crew.admin, 'dependency', 20), [])
  await mend()
  for (const stream of streams) assert.deepEqual(await numbers('dependency', stream), [0, 1])
})

test('streams that were set aside stood still until the next event when they had opened the breaker', async () => {
  const { lanes, streams, runner, mend } = await brokenDependency('quiet')
  for (const stream of streams) {
    assert.ok(await replayStream(crew.admin, lanes, deed('quiet'), { kind: 'course', stream, parts: 4 }, 0))
  }
  await eventually('the breaker opens', () => runner.status().breaker !== 'closed')
  await mend()
})

/** A run is passed over because its course is set aside, while the course joins again before the pass locks. */
async function raceOfSkipAndRejoin(name: string, recheck: boolean): Promise<number[]> {
  const lanes = new TestLanes(1)
  const stream = newStream()
  const { switches, subscription } = poisoned(name, stream, 0)
  let beforePass: (() => Promise<void>) | undefined
  // Runs after the entries were read (and, without the re-check, after the decision) and before the pass locks.
  const pool = faultyPool(crew.pool(1), crew.admin, async (statement) => {
    if (statement.startsWith('select slot.part')) await beforePass?.()
    return 'go' as const
  })
  await crew.run(subscription, lanes, { pool }, { recheck })
  lanes.add(stream, 1)
  await eventually('set aside', async () => (await listSetAside(crew.admin, name, 1)).length === 1)
  switches.isBroken = false
  beforePass = async () => {
    // As if its owed event had been applied and it had joined the lane at this very moment.
    beforePass = undefined
    await crew.admin.query(`insert into effect (subscription, stream, number) values ($1, $2, 0)`, [name, stream])
    await crew.admin.query(`delete from course_exception where subscription = $1`, [name])
    await crew.admin.query(`update slot set exceptions = 0 where subscription = $1`, [name])
  }
  lanes.add(stream, 1)
  await eventually('confirmed', async () => (await crew.slot(name, 0)).position === 2n)
  return numbers(name, stream)
}

test('[S41] whether a run is passed over is decided under the lock', async () => {
  assert.deepEqual(await raceOfSkipAndRejoin('race', true), [0, 1])
})

test('teeth: decided before the lock, the run is lost', async () => {
  assert.deepEqual(await raceOfSkipAndRejoin('race_teeth', false), [0])
})

test('a course whose events take longer than a transaction may is set aside too, and then parked, and others go on', async () => {
  const lanes = new TestLanes(2)
  const slow = newStream()
  const others = Array.from({ length: 8 }, newStream)
  const effects = recording('slow')
  const subscription: Subscription = {
    ...effects,
    async apply(transaction, entries) {
      // Longer than the server lets a transaction of this lease last: it ends the session.
      if (entries.some((entry) => entry.events[0]?.stream === slow)) await transaction.query('select pg_sleep(5)')
      await effects.apply(transaction, entries)
    },
  }
  const runner = await crew.run(subscription, lanes, { ttlMs: 400 })
  for (const stream of [...others, slow, ...others]) lanes.add(stream)
  await eventually('others', async () => {
    const found = await crew.effects('slow')
    return others.every((stream) => found.get(stream)?.length === 2)
  })
  const [aside] = await listSetAside(crew.admin, 'slow', 10)
  assert.deepEqual([aside?.stream, aside?.nextNumber, aside?.untilNumber], [slow, 0, 1])
  assert.match(aside?.error ?? '', /timeout|terminated/)
  await crew.admin.query(`update course_exception set attempts = 7, next_at = now() where subscription = 'slow'`)
  await eventually('parked', async () => (await listSetAside(crew.admin, 'slow', 1))[0]?.state === 'parked')
  assert.equal(runner.status().breaker, 'closed')
})
