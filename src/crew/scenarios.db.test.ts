import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openLog } from '#log/open.ts'
import { createCourseOf, eventOf, uuidOf } from '#log/sample-events.ts'
import { eventually } from '#platform/test-eventually.ts'
import type { Subscription } from './subscription.ts'
import { recording, TestCrew, upTo } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'

/* Scenarios of streams.md §6 about several consumers, by their numbers (docs/streams-tests.md). */
let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

test('[S44] while a slow consumer is at work, appends are answered and others get everything; then it catches up', async () => {
  const log = await openLog(crew.pool(4))
  const streams = Array.from({ length: 6 }, newStream)
  const [isAtWork, mayGoOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const slow: Subscription = {
    ...recording('slow'),
    eventsMax: 1,
    async apply(transaction, entries) {
      isAtWork.resolve()
      await mayGoOn.promise
      await recording('slow').apply(transaction, entries)
    },
  }
  await crew.run(slow, log, { ttlMs: 60_000 })
  await crew.run(recording('fast'), log)
  const countOf = async (name: string): Promise<number> => [...(await crew.effects(name)).values()].flat().length
  await log.append(streams.map((stream) => createCourseOf(stream, uuidOf('ecosystem'))))
  await isAtWork.promise
  // It is in the middle of a transaction from here on.
  for (let number = 1; number < 5; number += 1) {
    await log.append(streams.map((stream) => eventOf(stream, number, 'update_roster')))
  }
  await eventually('the fast one has everything', async () => (await countOf('fast')) === 30)
  assert.equal(await countOf('slow'), 0)
  mayGoOn.resolve()
  await eventually('the slow one gets there', async () => (await countOf('slow')) === 30)
  for (const name of ['slow', 'fast']) {
    for (const stream of streams) assert.deepEqual((await crew.effects(name)).get(stream), upTo(5))
  }
  await log.close()
})

test('[S45] a new subscription catches up with what is old while more comes, without a gap or a repetition', async () => {
  const lanes = new TestLanes(4)
  const streams = Array.from({ length: 20 }, newStream)
  for (let round = 0; round < 100; round += 1) for (const stream of streams) lanes.add(stream, 5)
  await crew.run({ ...recording('late'), eventsMax: 500 }, lanes)
  let added = 100
  await eventually('caught up while events come', async () => {
    if (added < 130) for (const stream of streams) lanes.add(stream, 5)
    added += added < 130 ? 1 : 0
    const effects = await crew.effects('late')
    return added === 130 && streams.every((stream) => (effects.get(stream)?.length ?? 0) >= 650)
  })
  const effects = await crew.effects('late')
  for (const stream of streams) assert.deepEqual(effects.get(stream), upTo(650))
})
