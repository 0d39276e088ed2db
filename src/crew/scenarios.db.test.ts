import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { eventually, recording, TestCrew, upTo } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'

/* Scenarios of streams.md §6 about several consumers, by their numbers (docs/streams-tests.md). */
let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

test('[S44] a slow consumer falls behind alone', async () => {
  const lanes = new TestLanes(2)
  const streams = Array.from({ length: 6 }, newStream)
  const slow = {
    ...recording('slow'),
    eventsMax: 1,
    async apply(...[transaction, entries]: Parameters<ReturnType<typeof recording>['apply']>) {
      await new Promise((done) => setTimeout(done, 200))
      await recording('slow').apply(transaction, entries)
    },
  }
  await crew.run(slow, lanes)
  await crew.run(recording('fast'), lanes)
  for (let round = 0; round < 5; round += 1) for (const stream of streams) lanes.add(stream)
  const countOf = async (name: string): Promise<number> => [...(await crew.effects(name)).values()].flat().length
  await eventually('the fast one has everything', async () => (await countOf('fast')) === 30)
  assert.ok((await countOf('slow')) < 30, 'the slow one is behind')
  await eventually('the slow one gets there', async () => (await countOf('slow')) === 30, 30_000)
  for (const name of ['slow', 'fast']) {
    for (const stream of streams) assert.deepEqual((await crew.effects(name)).get(stream), upTo(5))
  }
})

test('[S45] a new subscription catches up with what is old while more comes, without a gap or a repetition', async () => {
  const lanes = new TestLanes(4)
  const streams = Array.from({ length: 20 }, newStream)
  for (let round = 0; round < 100; round += 1) for (const stream of streams) lanes.add(stream, 5)
  await crew.run({ ...recording('late'), eventsMax: 500 }, lanes)
  let added = 100
  await eventually(
    'caught up while events come',
    async () => {
      if (added < 130) for (const stream of streams) lanes.add(stream, 5)
      added += added < 130 ? 1 : 0
      const effects = await crew.effects('late')
      return added === 130 && streams.every((stream) => effects.get(stream)?.length === 650)
    },
    60_000,
  )
  const effects = await crew.effects('late')
  for (const stream of streams) assert.deepEqual(effects.get(stream), upTo(650))
})
