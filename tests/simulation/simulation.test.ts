import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FaultName, faultNames, World, type WorldOptions } from './world.ts'

/*
 * Log and crew as they run in production, several processes, on virtual time and a server in memory, under everything
 * that can happen. A seed is a run: `npm run simulate -- --seed S` shows what led to a violation.
 */
const roundMs = 5000
const seeds = Number(process.env['BIGLEARN_SEEDS'] ?? 100)

/** Mostly what concerns lanes. */
const dividing: readonly FaultName[] = [...faultNames, 'share', 'share', 'share', 'share', 'move', 'poison', 'kill']

async function simulate(seed: number, options: Partial<WorldOptions> = {}): Promise<World> {
  const world = new World({ seed, faultEveryMs: 500, ...options })
  try {
    await world.run(roundMs)
  } catch (error) {
    throw new Error(`seed ${seed}: ${error}\n${world.lastSteps.join('\n')}`, { cause: error })
  }
  return world
}

test('[S67] whatever happens in whatever order, what was promised holds', { timeout: 600_000 }, async () => {
  const injected = new Map<FaultName, number>()
  let effects = 0
  for (let seed = 1; seed <= seeds; seed += 1) {
    const world = await simulate(seed)
    effects += world.invariants.effects
    for (const [name, count] of world.injected) injected.set(name, (injected.get(name) ?? 0) + count)
  }
  assert.deepEqual([...injected.keys()].sort(), [...faultNames].sort(), 'every fault happened')
  assert.ok(effects > 100 * seeds, `${effects} effects`)
})

test('a seed gives the same run again, statement by statement', async () => {
  const [first, second] = [await simulate(7), await simulate(7)]
  assert.deepEqual(first.lastSteps, second.lastSteps)
  assert.equal(first.operations, second.operations)
  assert.notDeepEqual((await simulate(8)).lastSteps, first.lastSteps)
})

test('lanes read through several slots: each student in order, what concerns all of them in its place, all once', {
  timeout: 600_000,
}, async () => {
  let shared = 0
  for (let seed = 1; seed <= seeds; seed += 1) {
    const world = await simulate(seed, { isDivided: true, faultEveryMs: 200, faults: dividing })
    shared += world.mostShares > 1 ? 1 : 0
  }
  assert.ok(shared > seeds / 2, `only in ${shared} of ${seeds} runs a lane had several slots`)
})
