import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { createCourseOf, eventOf, uuidOf } from '#log/sample-events.ts'
import { eventually } from '#platform/test-eventually.ts'
import { listSetAside } from './control.ts'
import { decideLane } from './lanes.ts'
import { RemoteSubscriptions } from './remote.ts'
import { confirmRemote } from './remote-confirm.ts'
import { recording, TestCrew, upTo } from './test-crew.ts'
import { coursesOfPart, handOverPart } from './test-hand-over.ts'

let crew: TestCrew
let log: OpenedLog
before(async () => {
  crew = await TestCrew.open()
  log = await openLog(crew.pool(4))
})
after(async () => {
  await log.close()
  await crew.close()
})

const by = { actor: 'test', reason: 'test' }

/** Appends to all streams in turn until it is told to stop. */
async function feed(streams: readonly Uuid[], next: Map<Uuid, number>, state: { isOver: boolean }): Promise<void> {
  while (!state.isOver) {
    const events = streams.flatMap((stream) => {
      const from = next.get(stream) ?? 0
      next.set(stream, from + 3)
      return [from, from + 1, from + 2].map((number) =>
        number === 0 ? createCourseOf(stream, uuidOf('ecosystem')) : eventOf(stream, number, 'update_roster'),
      )
    })
    await log.append(events)
    await sleep(2)
  }
}

/** Another program that confirms what it got; what it applied, by stream, in order. */
async function consume(name: string, state: { isOver: boolean }, seen: Map<Uuid, number[]>): Promise<void> {
  const remote = new RemoteSubscriptions({ pool: crew.admin, source: log })
  const instance = { subscription: name, instance: toUuid(randomUUID()), leaseMs: 30_000 }
  for (let isLast = false; !isLast; ) {
    isLast = state.isOver
    const answer = await remote.fetch({ ...instance, waitMs: 50, eventsMax: 200, received: [] })
    assert(answer.kind === 'fetched', 'the subscription exists')
    if (answer.batches.length > 0 || answer.retries.length > 0) isLast = false
    for (const { stream, number } of [...answer.batches, ...answer.retries].flatMap(({ events }) => events)) {
      const numbers = seen.get(stream) ?? []
      if (number >= numbers.length) seen.set(stream, [...numbers, number])
    }
    await confirmRemote({ pool: crew.admin, source: log }, { ...instance, batches: [], streams: answer.retries })
    await confirmRemote({ pool: crew.admin, source: log }, { ...instance, batches: answer.batches, streams: [] })
    if (isLast) isLast = (await listSetAside(crew.admin, name, 1)).length === 0
  }
  remote.close()
}

test('[S48] a course that goes to an own lane and back 100 times under load is in order for everybody', async () => {
  const streams = coursesOfPart('scenario 48', 4)
  const [hot] = streams
  assert(hot !== undefined, 'there are courses')
  const next = new Map<Uuid, number>()
  const seen = new Map<Uuid, number[]>()
  const [feeding, reading] = [{ isOver: false }, { isOver: false }]
  const remote = new RemoteSubscriptions({ pool: crew.admin, source: log })
  await remote.create({ name: 'program', kinds: ['course'], startsAt: 'beginning' })
  remote.close()
  await crew.run(recording('two'), log)
  await crew.run(recording('two'), log)
  await crew.run({ ...recording('small'), eventsMax: 30 }, log)
  const beside = [feed(streams, next, feeding), consume('program', reading, seen)]
  for (let move = 0; move < 200; move += 1) {
    const policy = move % 2 === 0 ? 'dedicated' : 'shared'
    const { lane } = await decideLane({ pool: crew.admin, source: log }, { kind: 'course', stream: hot, policy }, by)
    assert.equal(lane > 0, move % 2 === 0)
    await sleep(5)
  }
  feeding.isOver = true
  await beside[0]
  for (const name of ['two', 'small']) {
    await eventually(`everything for ${name}`, async () => {
      const effects = await crew.effects(name)
      return streams.every((stream) => (effects.get(stream)?.length ?? 0) >= (next.get(stream) ?? 0))
    })
    const effects = await crew.effects(name)
    for (const stream of streams) assert.deepEqual(effects.get(stream), upTo(next.get(stream) ?? 0), name)
  }
  reading.isOver = true
  await beside[1]
  for (const stream of streams) assert.deepEqual(seen.get(stream), upTo(next.get(stream) ?? 0), 'the program')
  const moves = await crew.admin.query('select from stream_move where part = $1 and stream = $2', [handOverPart, hot])
  assert.ok((moves.rowCount ?? 0) > 100, 'hardly any move had events between: this was no test')
})
