import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { toUuid } from '#domain/ids.ts'
import { eventually } from '#platform/test-eventually.ts'
import { confirmSlots, lockSlots } from './fence.ts'
import { createOwnershipStore, registerSubscription, type SlotGrant } from './slots.ts'
import { recording, TestCrew, upTo } from './test-crew.ts'
import { newStream, TestLanes } from './test-lanes.ts'
import { runTransactionOn } from './transaction.ts'

let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

const limits = { lockTimeoutMs: 5000, idleTimeoutMs: 5000, totalTimeoutMs: undefined }
const parts = 4

async function register(name: string) {
  const pool = crew.pool(4)
  await registerSubscription(
    pool,
    { name, mode: 'embedded', kinds: ['course'], startsAt: 'beginning', parts },
    async () => new Map(),
  )
  const store = createOwnershipStore({ pool, subscription: name, build: 'test' })
  const take = async (member = toUuid(randomUUID())): Promise<{ member: typeof member; grants: SlotGrant[] }> => {
    return { member, grants: await store.acquire(member, await store.slots()) }
  }
  return { pool, store, take }
}

test('L1, L3: each taking gives a new token and a higher epoch, and what changed since it was seen is not taken', async () => {
  const { store, take } = await register('epochs')
  const seen = await store.slots()
  const first = await take()
  assert.deepEqual(
    first.grants.map((grant) => grant.epoch),
    [1n, 1n, 1n, 1n],
  )
  assert.deepEqual(await store.acquire(toUuid(randomUUID()), seen), [], 'an old view takes nothing')
  const second = await take()
  assert.deepEqual(
    second.grants.map((grant) => grant.epoch),
    [2n, 2n, 2n, 2n],
  )
  assert.equal(new Set([...first.grants, ...second.grants].map((grant) => grant.token)).size, 8)
})

test('the fence locks what is owned, and nothing under an old token', async () => {
  const { pool, take } = await register('fence')
  const old = await take()
  const current = await take()
  await runTransactionOn(pool, limits, async (transaction) => {
    assert.equal((await lockSlots(transaction, 'fence', old.grants)).size, 0)
    assert.equal((await lockSlots(transaction, 'fence', current.grants)).size, parts)
  })
})

test('L2: a take-over waits for an effect that holds the fence, and an effect that waited for a take-over is refused', async () => {
  const { pool, store, take } = await register('order')
  const old = await take()
  const seen = await store.slots()
  let tooEarly: SlotGrant[] = []
  await runTransactionOn(pool, limits, async (transaction) => {
    await lockSlots(transaction, 'order', old.grants.slice(0, 1))
    // All but the locked one can be taken meanwhile; the locked one gives up after its 100 ms.
    tooEarly = await store.acquire(toUuid(randomUUID()), seen)
    await confirmSlots(transaction, 'order', [{ part: 0, lane: 0, position: 7n }])
  })
  assert.deepEqual(
    tooEarly.map((grant) => grant.part),
    [1, 2, 3],
  )
  const late = await store.acquire(
    toUuid(randomUUID()),
    seen.filter((slot) => slot.part === 0),
  )
  assert.equal(late[0]?.position, 7n, 'the new owner sees the effect')

  // The other way round: the old owner's fence waits behind an uncommitted take-over.
  const holder = await crew.admin.connect()
  await holder.query('begin')
  await holder.query(`update slot set token = $1, epoch = epoch + 1 where subscription = 'order' and part = 0`, [
    randomUUID(),
  ])
  const waiting = runTransactionOn(pool, limits, (transaction) => lockSlots(transaction, 'order', late))
  await eventually('the fence waits', async () => {
    const found = await crew.admin.query(
      `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    )
    return found.rowCount === 1
  })
  await holder.query('commit')
  holder.release()
  assert.equal((await waiting).size, 0)
})

test('a fence that waited sees the streams that were set aside in other lanes meanwhile', async () => {
  const { pool, take } = await register('aside')
  await crew.admin.query(`insert into slot (part, lane, subscription) values (0, 1, 'aside')`)
  const { grants } = await take()
  const own = grants.filter(({ part, lane }) => part === 0 && lane === 1)
  assert.equal(own.length, 1)
  const holder = await crew.admin.connect()
  await holder.query('begin')
  await holder.query(`select from slot where subscription = 'aside' and part = 0 order by lane for no key update`)
  const waiting = runTransactionOn(pool, limits, (transaction) => lockSlots(transaction, 'aside', own))
  await eventually('the fence waits', async () => {
    const found = await crew.admin.query(
      `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    )
    return found.rowCount === 1
  })
  await holder.query(`update slot set exceptions = 1 where subscription = 'aside' and part = 0 and lane = 0`)
  await holder.query('commit')
  holder.release()
  assert.equal((await waiting).get('0/1')?.exceptions, 1)
})

test('[S27] a confirmation never goes back', async () => {
  const { pool, take } = await register('monotonic')
  await take()
  for (const position of [5n, 3n]) {
    await runTransactionOn(pool, limits, (transaction) =>
      confirmSlots(transaction, 'monotonic', [{ part: 0, lane: 0, position }]),
    )
  }
  assert.equal((await crew.slot('monotonic', 0)).position, 5n)
})

test('two runners share the slots, a stop hands over at once, and each event takes effect once', async () => {
  const lanes = new TestLanes(16)
  const streams = Array.from({ length: 20 }, newStream)
  const feed = setInterval(() => {
    for (const stream of streams) lanes.add(stream)
  }, 20).unref()
  const member = toUuid(randomUUID())
  const first = await crew.run(recording('shared'), lanes, { member })
  await eventually('the first owns all', () => first.status().ownedSlots === 16)
  const second = await crew.run(recording('shared'), lanes)
  await eventually('both own half', () => first.status().ownedSlots === 8 && second.status().ownedSlots === 8)
  await first.stop()
  const left = await crew.admin.query('select from slot where owner = $1', [member])
  assert.equal(left.rowCount, 0, 'nobody has to wait for the end of its lease')
  await eventually('the second owns all', () => second.status().ownedSlots === 16)
  clearInterval(feed)
  const heads = await lanes.laneHeads()
  await eventually('all confirmed', () =>
    [...heads].every(([key, head]) => second.confirmed({ part: Number(key.split('/')[0]), lane: 0 }) === head),
  )
  for (const stream of streams) {
    const numbers = (await crew.effects('shared')).get(stream) ?? []
    assert.deepEqual(numbers, upTo(numbers.length))
  }
})

test('a member whose heartbeats stop is taken over, and its late transaction has no effect', async () => {
  const lanes = new TestLanes(4)
  const stream = newStream()
  lanes.add(stream)
  const heartbeatPool = crew.pool(2)
  const stuck = await crew.run(recording('stuck'), lanes, { heartbeatPool })
  await eventually('the first event', async () => (await crew.effects('stuck')).size === 1)
  await heartbeatPool.end()
  await eventually('belief ends', () => stuck.status().ownedSlots === 0)
  const heir = await crew.run(recording('stuck'), lanes)
  await eventually('taken over', () => heir.status().ownedSlots === 4)
  assert.equal(heir.status().takeovers, 4)
  lanes.add(stream)
  await eventually('the second event', async () => (await crew.effects('stuck')).get(stream)?.length === 2)
  assert.deepEqual((await crew.effects('stuck')).get(stream), [0, 1])
})

/** Runs a transaction of an owner that was replaced while its batch was in hand. */
async function staleBatch(name: string, token: boolean): Promise<number[]> {
  const lanes = new TestLanes(1)
  const stream = newStream()
  lanes.add(stream, 3)
  let isReplaced = false
  const source = new Proxy(lanes, {
    get(target, key) {
      const value = Reflect.get(target, key)
      if (key !== 'readLanes') return typeof value === 'function' ? value.bind(target) : value
      return async (...words: Parameters<TestLanes['readLanes']>) => {
        const entries = await target.readLanes(...words)
        if (entries.length > 0 && !isReplaced) {
          isReplaced = true
          await crew.admin.query(`update slot set token = $2, owner = $3, epoch = epoch + 1 where subscription = $1`, [
            name,
            randomUUID(),
            randomUUID(),
          ])
          await crew.admin.query(
            `insert into member values ($1, (select owner from slot where subscription = $1), 'working', now() + interval '1 hour', now(), '')`,
            [name],
          )
        }
        return entries
      }
    },
  })
  // A long lease: no tick may notice the loss before the transaction does.
  const runner = await crew.run(recording(name), source, { ttlMs: 30_000 }, { token })
  await eventually('the batch was tried', () => runner.status().passes > 0)
  await runner.stop()
  return (await crew.effects(name)).get(stream) ?? []
}

test('[S21] [S26] a batch fetched before a take-over has no effect after it', async () => {
  assert.deepEqual(await staleBatch('stale', true), [])
})

test('teeth: without the token in the fence the stale batch takes effect', async () => {
  assert.deepEqual(await staleBatch('stale_teeth', false), [0, 1, 2])
})

test('[S19] [S50] without signals polling finds everything', async () => {
  const lanes = new TestLanes(4)
  lanes.isSignalling = false
  const stream = newStream()
  await crew.run(recording('polling'), lanes)
  for (const count of [1, 2, 3]) {
    // Long enough for the look that follows a find to find nothing.
    await new Promise((done) => setTimeout(done, 100))
    lanes.add(stream)
    await eventually('found', async () => (await crew.effects('polling')).get(stream)?.length === count)
  }
})

test('[S60] another default isolation level is refused at the start', async () => {
  const name = new URL(crew.database.url).pathname.slice(1)
  await crew.admin.query(`alter database ${name} set default_transaction_isolation = 'repeatable read'`)
  try {
    await assert.rejects(crew.run(recording('isolation'), new TestLanes(1)), /read committed/)
  } finally {
    await crew.admin.query(`alter database ${name} reset default_transaction_isolation`)
  }
})
