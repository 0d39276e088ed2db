import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { studentOf } from '#domain/events.ts'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { seededRandom } from '#platform/test-random.ts'
import { allGuards, type Guards } from './guards.ts'
import { TestCrew } from './test-crew.ts'
import { HandOverWorld } from './test-hand-over.ts'
import { StudentOrder } from './test-student-order.ts'

/*
 * Each student's events in order and what concerns all of them in its place, each once, on PostgreSQL: while streams
 * change lanes and these their number of slots, and workers fail, crash and take slots from one another (streams.md
 * §5.5). Longer or other runs: BIGLEARN_SUB_STREAM_SEEDS=1000 BIGLEARN_SUB_STREAM_FROM=7.
 */
const seeds = Number(process.env['BIGLEARN_SUB_STREAM_SEEDS'] ?? 10)
const firstSeed = Number(process.env['BIGLEARN_SUB_STREAM_FROM'] ?? 1)
const stepsPerSeed = 120

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

/** What is wrong with the effects, if anything. */
async function run(seed: number, guards: Guards): Promise<{ wrong: string | undefined; changes: number }> {
  const name = `divided ${seed} ${guards.barrier}`
  const world = new HandOverWorld({ crew, log, name, random: seededRandom(seed), guards, isDivided: true })
  await world.run(stepsPerSeed)
  return { wrong: wrongIn(world, await crew.effects(name)), changes: world.changes }
}

function wrongIn(world: HandOverWorld, effects: Awaited<ReturnType<TestCrew['effects']>>): string | undefined {
  for (const stream of world.streams) {
    const events = [...(world.events.get(stream) ?? [])].sort((one, other) => one.number - other.number)
    const order = new StudentOrder((number) => studentOf(events[number]!) === undefined)
    for (const number of effects.get(stream) ?? []) {
      const wrong = order.accept({ number, type: events[number]!.type, student: studentOf(events[number]!) })
      if (wrong !== undefined) return `${stream}: ${wrong}`
    }
    if (order.count !== world.countOf(stream)) return `${stream}: ${order.count} of ${world.countOf(stream)}`
  }
  return undefined
}

test('each student in order, what concerns all in its place, all once, whatever lanes and slots there are', async (context) => {
  let changes = 0
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const result = await run(seed, allGuards)
    assert.equal(result.wrong, undefined, `seed ${seed}`)
    changes += result.changes
  }
  context.diagnostic(`seeds ${firstSeed}–${firstSeed + seeds - 1}, ${changes} changes of the number of slots`)
  assert.ok(changes > seeds, 'hardly any lane had several slots: this was no test')
})

test('teeth: without the barrier some of 200 seeds fails', async () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const { wrong } = await run(seed, { ...allGuards, barrier: false })
    if (wrong !== undefined) return
  }
  assert.fail('no seed noticed')
})
