import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Ablation } from './fence.ts'
import { eventually, faultyPool, recording, TestCrew, upTo } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'

let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

async function run(name: string, fault: 'kill' | 'lose_answer', atStatement: number, ablation: Ablation = {}) {
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
  const runner = await crew.run(recording(name), lanes, { pool, ablation })
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

test('scenario 24: a session killed before any statement, or lost after it, leaves effects exactly once', async () => {
  const quiet = await run('quiet', 'kill', -1)
  assert.ok(quiet.statements >= 10, 'two passes of at least begin, fence, apply, confirm and commit')
  for (const fault of ['kill', 'lose_answer'] as const) {
    for (let statement = 1; statement <= 12; statement += 1) {
      const { streams, effects } = await run(`${fault}_${statement}`, fault, statement)
      for (const stream of streams) assert.deepEqual(effects.get(stream), upTo(5), `${fault} at ${statement}`)
    }
  }
})

test('teeth: without the position check a commit whose answer was lost takes effect twice', async () => {
  const commit = 5
  const { streams, effects } = await run('teeth', 'lose_answer', commit, { withoutPositionCheck: true })
  assert.ok(streams.some((stream) => (effects.get(stream)?.length ?? 0) > 5))
})
