import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { seededRandom } from '#platform/test-random.ts'
import { allGuards, type Guards } from './guards.ts'
import { TestCrew, upTo } from './test-crew.ts'
import { HandOverWorld } from './test-hand-over.ts'

/*
 * The order of each stream over any interleaving of appends, changes of lanes, deliveries, failures and crashes
 * (streams.md §4.4, B8 and S7). Longer or other runs: BIGLEARN_HAND_OVER_SEEDS=1000 BIGLEARN_HAND_OVER_FROM=7.
 */
const seeds = Number(process.env['BIGLEARN_HAND_OVER_SEEDS'] ?? 15)
const firstSeed = Number(process.env['BIGLEARN_HAND_OVER_FROM'] ?? 1)
const stepsPerSeed = 80

let crew: TestCrew
let log: OpenedLog
before(async () => {
  crew = await TestCrew.open()
  log = await openLog(crew.pool(3))
})
after(async () => {
  await log.close()
  await crew.close()
})

/** The first stream whose effects are not 0, 1, 2, …, if there is one. */
async function run(seed: number, guards: Guards): Promise<{ disorder: string | undefined; waits: number }> {
  const name = `seed ${seed} ${guards.handOver}`
  const world = new HandOverWorld({ crew, log, name, random: seededRandom(seed), guards })
  await world.run(stepsPerSeed)
  const effects = await crew.effects(name)
  const wrong = world.streams.find((stream) => {
    return String(effects.get(stream) ?? []) !== String(upTo(world.countOf(stream)))
  })
  const disorder = wrong === undefined ? undefined : `${wrong}: ${effects.get(wrong)} of ${world.countOf(wrong)}`
  return { disorder, waits: world.waits }
}

test('each stream is delivered in order and once, whatever lanes it goes through', async (context) => {
  let waits = 0
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const result = await run(seed, allGuards)
    assert.equal(result.disorder, undefined, `seed ${seed}`)
    waits += result.waits
  }
  context.diagnostic(`seeds ${firstSeed}–${firstSeed + seeds - 1}, ${waits} waits for another lane`)
  assert.ok(waits > seeds, 'hardly anything had to wait: this was no test')
})

test('teeth: without the hand-over rule some of 200 seeds fails', async () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const { disorder } = await run(seed, { ...allGuards, handOver: false })
    if (disorder !== undefined) return
  }
  assert.fail('no seed noticed')
})
