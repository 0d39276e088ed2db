import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { eventWith } from '#domain/events.ts'
import type { LaneEntry } from '#log/log.ts'
import { eventually } from '#platform/test-eventually.ts'
import { resetSubscription } from './control.ts'
import { createSlots, createSlotsOfLanes, registerSubscription } from './slots.ts'
import { deleteSubscription, listSubscriptions, positionsAt } from './subscriptions.ts'
import { recording, TestCrew } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'

let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

const deed = (subscription: string) => ({ subscription, actor: 'test', reason: 'test' })

test('subscriptions are listed with their members and what these own', async () => {
  const runner = await crew.run(recording('listed'), new TestLanes(4), { build: 'build 7' })
  await eventually('owns all', () => runner.status().ownedSlots === 4)
  const [known] = (await listSubscriptions(crew.admin)).filter((one) => one.name === 'listed')
  assert.deepEqual([known?.mode, known?.isPaused, known?.members.length], ['embedded', false, 1])
  const [member] = known?.members ?? []
  assert.deepEqual([member?.isLive, member?.build, member?.slots], [true, 'build 7', 4])
  await runner.stop()
  const [stopped] = (await listSubscriptions(crew.admin)).filter((one) => one.name === 'listed')
  assert.deepEqual([stopped?.members[0]?.isLive, stopped?.members[0]?.slots], [false, 0])
})

test('a deleted subscription does nothing any more, and its runner ends in peace', async () => {
  const lanes = new TestLanes(4)
  const stream = newStream()
  lanes.add(stream)
  const runner = await crew.run(recording('deleted'), lanes)
  await eventually('the first', async () => (await crew.effects('deleted')).size === 1)
  assert.ok(await deleteSubscription(crew.admin, deed('deleted')))
  lanes.add(stream)
  await eventually('nothing is owned', () => runner.status().ownedSlots === 0)
  assert.deepEqual((await crew.effects('deleted')).get(stream), [0])
  await runner.stop()
  const left = await crew.admin.query(`select 1 from member where subscription = 'deleted'`)
  assert.equal(left.rowCount, 0)
  assert.equal(await deleteSubscription(crew.admin, deed('deleted')), false)
})

test('a runner that had not heard of it made slots of a deleted subscription again', async (t) => {
  const setup = { name: 'slots', mode: 'remote', kinds: ['course'], startsAt: 'beginning', parts: 1 } as const
  await registerSubscription(crew.admin, setup, async () => new Map())
  const slots = async () => (await crew.admin.query(`select from slot where subscription = 'slots'`)).rowCount
  const key = { part: 0, lane: 1 }
  await createSlots(crew.admin, 'slots', [key], new Map())
  assert.equal(await slots(), 2)
  // At the very moment of the deletion: the runner waits for its end.
  const deleting = await crew.admin.connect()
  t.after(() => deleting.release(true))
  await deleting.query(`begin`)
  await deleting.query(`select from subscription where name = 'slots' for update`)
  await deleting.query(`delete from slot where subscription = 'slots'`)
  const late = Promise.all([
    createSlots(crew.admin, 'slots', [key], new Map()),
    createSlotsOfLanes(crew.admin, [{ part: 0, lane: 2 }]),
  ])
  await eventually('both wait', async () => {
    const waiting = await crew.admin.query(
      `select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%for key share of sub%'`,
    )
    return waiting.rowCount === 2
  })
  await deleting.query(`delete from subscription where name = 'slots'; commit`)
  await late
  assert.equal(await slots(), 0)
  await createSlots(crew.admin, 'slots', [key], new Map())
  assert.equal(await slots(), 0)
})

test('members that were gone for a day stayed for ever where only programs of others came', async () => {
  await crew.admin.query(
    `insert into member (subscription, member, state, lease_until, build)
     select 'gone', gen_random_uuid(), 'stopping', now() - days * interval '1 day', 'remote'
       from unnest(array[0.5, 2, 3]) as ago (days)`,
  )
  const members = async () => (await crew.admin.query(`select from member where subscription = 'gone'`)).rowCount
  const setup = { name: 'gone', mode: 'remote', kinds: ['course'], startsAt: 'now', parts: 1 } as const
  await registerSubscription(crew.admin, setup, async () => new Map())
  assert.equal(await members(), 1)
})

test('a replay from a moment begins at the first entry that became readable then', async () => {
  const lanes = new TestLanes(1)
  const stream = newStream()
  for (let second = 0; second < 10; second += 1) lanes.add(stream, 1, 'course', 'no_op', new Date(second * 1000))
  await crew.run(recording('moment'), lanes)
  await eventually('all', async () => (await crew.effects('moment')).get(stream)?.length === 10)
  await resetSubscription(crew.admin, deed('moment'), await positionsAt(lanes, new Date(7000)), async (transaction) => {
    await transaction.query(`delete from effect where subscription = 'moment'`)
  })
  await eventually('the rest', async () => (await crew.effects('moment')).get(stream)?.length === 3)
  assert.deepEqual((await crew.effects('moment')).get(stream), [7, 8, 9])
})

test('positions of a moment, for any lanes', async () => {
  const times = fc.array(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 30 }), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(times, fc.integer({ min: 0, max: 51 }), async (unsorted, at) => {
      const lanes = unsorted.map((lane) => lane.sort((a, b) => a - b))
      const template = new TestLanes(1).add(newStream()).events
      const entry = (part: number, index: number): LaneEntry[] => {
        const recordedAt = new Date(lanes[part]?.[index] ?? Number.NaN)
        if (Number.isNaN(recordedAt.getTime())) return []
        const events = template.map((event) => eventWith(event, { recordedAt }))
        return [{ part, lane: 0, position: BigInt(index + 1), events }]
      }
      const source = {
        laneHeads: async () => new Map(lanes.map((lane, part) => [`${part}/0`, BigInt(lane.length)])),
        readLanes: async (cursors: readonly { part: number; after: bigint }[]) =>
          cursors.flatMap(({ part, after }) => entry(part, Number(after))),
      }
      const positions = await positionsAt(source, new Date(at))
      for (const [part, lane] of lanes.entries()) {
        assert.equal(positions.get(`${part}/0`), BigInt(lane.filter((time) => time < at).length))
      }
    }),
    { numRuns: 100 },
  )
})
