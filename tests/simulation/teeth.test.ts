import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allGuards, type Guards } from '#crew/guards.ts'
import { Violation } from './invariants.ts'
import { type FaultName, World } from './world.ts'

/*
 * Each guard can be switched off, by tests alone; then the simulation has to fail within 200 seeds. With all of them on
 * the same seeds hold.
 */
const seedsMax = 200
const roundMs = 6000

interface Tooth {
  readonly name: string
  readonly off: { readonly guards?: Partial<Guards>; readonly readsHeadsUnderGate?: boolean }
  readonly faults: readonly FaultName[]
  readonly faultEveryMs: number
  readonly isDivided?: boolean
  readonly breaks: RegExp
}

const teeth: readonly Tooth[] = [
  {
    name: 'the token in the fence',
    off: { guards: { token: false } },
    faults: ['freeze', 'kill', 'slowNetwork'],
    faultEveryMs: 500,
    breaks: /L2|S1, S7/,
  },
  {
    name: 'the check of the position',
    off: { guards: { position: false } },
    faults: ['lostAnswers', 'cut', 'lossyFailover'],
    faultEveryMs: 500,
    breaks: /S1, S7|S4/,
  },
  {
    name: 'the re-check before a run is passed over',
    off: { guards: { recheck: false } },
    faults: ['move', 'replay', 'slowNetwork'],
    faultEveryMs: 100,
    breaks: /S1, S7/,
  },
  {
    name: 'the hand-over rule',
    off: { guards: { handOver: false } },
    faults: ['move', 'kill', 'slowNetwork'],
    faultEveryMs: 300,
    breaks: /S1, S7/,
  },
  {
    name: 'the barrier',
    off: { guards: { barrier: false } },
    faults: ['share', 'move', 'slowNetwork'],
    faultEveryMs: 300,
    isDivided: true,
    breaks: /per student/,
  },
  {
    name: 'the reading of heads under the gate',
    off: { readsHeadsUnderGate: false },
    faults: [],
    faultEveryMs: 1000,
    breaks: /duplicate key|B1|B2/,
  },
]

async function violationOf(tooth: Tooth, seed: number, off: Tooth['off']): Promise<Violation | undefined> {
  const { faults, faultEveryMs, isDivided = false } = tooth
  try {
    await new World({ seed, faults, faultEveryMs, isDivided, ...off }).run(roundMs)
    return undefined
  } catch (error) {
    if (error instanceof Violation) return error
    throw error
  }
}

for (const tooth of teeth) {
  test(`teeth: without ${tooth.name} the simulation fails, with it the same seed holds`, {
    timeout: 600_000,
  }, async () => {
    for (let seed = 1; seed <= seedsMax; seed += 1) {
      const violation = await violationOf(tooth, seed, tooth.off)
      if (violation === undefined) continue
      assert.match(violation.message, tooth.breaks)
      assert.equal(await violationOf(tooth, seed, {}), undefined, `seed ${seed}`)
      return
    }
    assert.fail(`${seedsMax} seeds hold without ${tooth.name}`)
  })
}

test('every guard has its teeth', () => {
  // The last one is of remote subscriptions: src/crew/remote.db.test.ts.
  const switched = [...teeth.flatMap(({ off }) => Object.keys(off.guards ?? {})), 'content']
  assert.deepEqual(switched.sort(), Object.keys(allGuards).sort())
  assert.deepEqual([...new Set(Object.values(allGuards))], [true])
})
