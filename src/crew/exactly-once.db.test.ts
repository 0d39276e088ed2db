import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually } from '#platform/test-eventually.ts'
import type { Guards } from './guards.ts'
import { faultyPool, recording, TestCrew, upTo } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'

let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

async function run(name: string, fault: 'kill' | 'lose_answer', atStatement: number, off: Partial<Guards> = {}) {
  const lanes = new TestLanes(4)
  const streams = [newStream(), newStream(), newStream()]
  for (const stream of streams) lanes.add(stream, 2)
  let statement = 0
  const pool = faultyPool(crew.pool(1), crew.admin, (text) => {
    // The start asks for the version; passes begin with `begin`.
    if (statement === 0 && !text.startsWith('begin')) return 'go'
    statement += 1
    return statement === atStatement ? fault : 'go'
  })
  const runner = await crew.run(recording(name), lanes, { pool }, off)
  await eventually('first entries confirmed', async () => (await crew.effects(name)).size === 3)
  for (const stream of streams) lanes.add(stream, 3)
  const heads = await lanes.laneHeads()
  await eventually('everything confirmed', async () => {
    const slots = await Promise.all([...heads.keys()].map((key) => crew.slot(name, Number(key.split('/')[0]))))
    return slots.every((slot, index) => slot.position === [...heads.values()][index])
  })
  await runner.stop()
  return { streams, effects: await crew.effects(name), statements: statement }
}

test('[S24] a session killed before any statement, or lost after it, leaves effects exactly once', async () => {
  const quiet = await run('quiet', 'kill', -1)
  assert.ok(quiet.statements >= 10, 'two passes of at least begin, fence, apply, confirm and commit')
  for (const fault of ['kill', 'lose_answer'] as const) {
    for (let statement = 1; statement <= 12; statement += 1) {
      const { streams, effects } = await run(`${fault}_${statement}`, fault, statement)
      for (const stream of streams) assert.deepEqual(effects.get(stream), upTo(5), `${fault} at ${statement}`)
    }
  }
})

/** A course is set aside, retried and joins its lane again; a session ends at `atStatement` of all that. */
async function runWithPoison(name: string, fault: 'kill' | 'lose_answer', atStatement: number): Promise<number> {
  const lanes = new TestLanes(1)
  const [bad, good] = [newStream(), newStream()]
  let isBroken = true
  const subscription = recording(name, (entry) => {
    if (isBroken && entry.events[0]?.stream === bad) throw new Error('poisoned')
  })
  let statement = 0
  const pool = faultyPool(crew.pool(1), crew.admin, (text) => {
    // Counted from the isolation on: what comes before is the same as without a failure.
    if (statement === 0 && text !== 'savepoint attempt') return 'go'
    statement += 1
    return statement === atStatement ? fault : 'go'
  })
  const runner = await crew.run(subscription, lanes, { pool })
  lanes.add(bad, 3)
  lanes.add(good, 1)
  await eventually('set aside', async () => (await crew.slot(name, 0)).exceptions === 1)
  lanes.add(bad, 2)
  await eventually('passed over', async () => (await crew.slot(name, 0)).position === 3n)
  isBroken = false
  await crew.admin.query(`update course_exception set next_at = now() where subscription = $1`, [name])
  await eventually('joined', async () => (await crew.slot(name, 0)).exceptions === 0)
  lanes.add(bad, 1)
  await eventually('with its lane', async () => (await crew.slot(name, 0)).position === 4n)
  await runner.stop()
  const effects = await crew.effects(name)
  assert.deepEqual(effects.get(bad), upTo(6), `${fault} at ${atStatement}`)
  assert.deepEqual(effects.get(good), upTo(1), `${fault} at ${atStatement}`)
  return statement
}

test('… also while a course is set aside, retried and joins its lane again', async () => {
  const statements = await runWithPoison('poison', 'kill', -1)
  assert.ok(statements >= 30)
  const faults = ['kill', 'lose_answer'] as const
  const runs = Array.from({ length: 36 }, (_, index) => faults.map((fault) => ({ fault, at: index + 1 }))).flat()
  // A few at a time: each waits for its in-place retries.
  for (let index = 0; index < runs.length; index += 12) {
    const some = runs.slice(index, index + 12)
    await Promise.all(some.map(({ fault, at }) => runWithPoison(`poison_${fault}_${at}`, fault, at)))
  }
})

test('teeth: without the position check a commit whose answer was lost takes effect twice', async () => {
  const commit = 5
  const { streams, effects } = await run('teeth', 'lose_answer', commit, { position: false })
  assert.ok(streams.some((stream) => (effects.get(stream)?.length ?? 0) > 5))
})

test('[S31] when all sessions end again and again under load, every effect happens once', async () => {
  const lanes = new TestLanes(8)
  const streams = Array.from({ length: 20 }, newStream)
  let commits = 0
  const start = () => {
    // Now and then it is the answer to a commit that is lost.
    const pool = faultyPool(crew.pool(1), crew.admin, (text) => {
      if (text !== 'commit') return 'go'
      commits += 1
      return commits % 10 === 0 ? 'lose_answer' : 'go'
    })
    return crew.run(recording('restarts'), lanes, { pool })
  }
  const runners = [await start(), await start()]
  const feed = setInterval(() => {
    for (const stream of streams) lanes.add(stream, 2)
  }, 10).unref()
  for (let round = 0; round < 15; round += 1) {
    await new Promise((done) => setTimeout(done, 100))
    await crew.admin.query(
      // Other test files work on the same server.
      `select pg_terminate_backend(pid)
       from pg_stat_activity
       where application_name = 'biglearn crew test'
         and datname = current_database()`,
    )
  }
  clearInterval(feed)
  const heads = await lanes.laneHeads()
  await eventually('everything confirmed', async () => {
    const slots = await Promise.all([...heads.keys()].map((key) => crew.slot('restarts', Number(key.split('/')[0]))))
    return slots.every((slot, index) => slot.position === [...heads.values()][index])
  })
  await Promise.all(runners.map((runner) => runner.stop()))
  const effects = await crew.effects('restarts')
  for (const stream of streams) {
    const numbers = effects.get(stream) ?? []
    assert.ok(numbers.length >= 100)
    assert.deepEqual(numbers, upTo(numbers.length))
  }
})
