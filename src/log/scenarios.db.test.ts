import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StreamEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { StreamStatus } from './log.ts'
import { courseOf, eventOf, numbersOf, responseOf, uuidOf } from './sample-events.ts'
import { useTestLog } from './test-log.ts'

/*
 * Scenarios of streams.md §6 about appending, by their numbers (docs/streams-tests.md). Where a scenario names the
 * bundler, marks or the sweep, which a log that seals at append has not, the same promise is tested (design D12).
 */
const given = useTestLog()
let streams = 0
const newCourse = (): Uuid => courseOf(`scenario ${++streams}`)
const all = { from: 0, eventsMax: 100_000, bytesMax: 1e9 }
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

async function statusOf(stream: Uuid): Promise<StreamStatus> {
  const [status] = await given.log.statuses([{ kind: 'course', stream }], 10)
  assert(status !== undefined, 'one answer a stream')
  return status
}

async function numbersStored(course: Uuid): Promise<number[]> {
  return numbersOf(await given.log.readStream('course', course, all))
}

/** Deterministic, so that a failure can be repeated. */
function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  return items
    .map((item, index) => ({ item, key: uuidOf(`${seed} ${index}`) }))
    .sort((one, other) => (one.key < other.key ? -1 : 1))
    .map(({ item }) => item)
}

function batchesOf<Item>(items: readonly Item[], seed: number): Item[][] {
  const batches: Item[][] = []
  for (let at = 0; at < items.length; ) {
    const size = 1 + ((at * 7 + seed) % 5)
    batches.push(items.slice(at, at + size))
    at += size
  }
  return batches
}

test('[S1] a hundred events in random order, batches and connections are read as 0 … 99', async () => {
  const logs = await Promise.all(Array.from({ length: 16 }, async () => (await given.another()).log))
  for (const seed of [1, 2, 3]) {
    const course = newCourse()
    const events = shuffled(
      upTo(100).map((number) => responseOf(course, number)),
      seed,
    )
    const batches = batchesOf(events, seed)
    await Promise.all(batches.map((batch, index) => logs[index % logs.length]!.append(batch)))
    assert.deepEqual(await numbersStored(course), upTo(100), `seed ${seed}`)
    const part = partOf('course', course)
    const runs = (await given.log.readLane(part, 0, 0n, 100_000)).filter(
      ({ events: [first] }) => first?.stream === course,
    )
    assert.deepEqual(
      runs.flatMap((run) => numbersOf(run.events)),
      upTo(100),
      'its runs tile in the order of the lane',
    )
  }
})

test('[S2] requests sent up to five times, concurrently with themselves, leave what once leaves', async () => {
  const other = (await given.another()).log
  const course = newCourse()
  const batches = batchesOf(
    upTo(60).map((number) => responseOf(course, number)),
    2,
  )
  const sent = batches.flatMap((batch, index) => Array.from({ length: 1 + (index % 5) }, () => batch))
  const results = await Promise.all(
    shuffled(sent, 5).map((batch, index) => (index % 2 === 0 ? given.log : other).append(batch)),
  )
  assert.deepEqual([...new Set(results.map(({ kind }) => kind))], ['stored'])
  const recorded = results.flatMap((result) => (result.kind === 'stored' ? result.outcomes : []))
  assert.equal(recorded.filter((outcome) => outcome === 'recorded').length, 60, 'each event was recorded once')
  assert.deepEqual(await numbersStored(course), upTo(60))
})

test('[S5] the same event with another body is a duplicate, and the first body is kept', async () => {
  const course = newCourse()
  const first = eventOf(course, 0, 'update_roster', 10)
  assert.deepEqual(await given.log.append([first]), { kind: 'stored', outcomes: ['recorded'] })
  const second = { ...first, data: { ...first.data, note: 'another body' } }
  assert.deepEqual(await given.log.append([second]), { kind: 'stored', outcomes: ['duplicate'] })
  const [stored] = await given.log.readStream('course', course, all)
  assert.deepEqual(stored?.data, first.data)
})

/** Holds the gate of a course, as a transaction that takes long does, while `work` is begun. */
async function whileGateIsHeld<Value>(course: Uuid, work: () => Promise<Value>, heldMs: number): Promise<Value> {
  const client = await given.pool.connect()
  try {
    await client.query('begin')
    await client.query('select hold_gates(array[$1::int2])', [partOf('course', course)])
    const begun = work()
    await sleep(heldMs)
    await client.query('commit')
    return await begun
  } finally {
    client.release()
  }
}

// There are no marks whose wake-up could be lost: who appends second finds what came first.
test('[S7] two appends that wait for one another, in either order, need no third one', async () => {
  const others = [(await given.another()).log, (await given.another()).log]
  for (const [first, second] of [
    [1, 2],
    [2, 1],
  ] as const) {
    const course = newCourse()
    await given.log.append([responseOf(course, 0)])
    await whileGateIsHeld(
      course,
      async () => {
        const one = others[0]!.append([responseOf(course, first)])
        await sleep(30)
        return Promise.all([one, others[1]!.append([responseOf(course, second)])])
      },
      100,
    )
    assert.deepEqual(await numbersStored(course), [0, 1, 2])
  }
})

// Far numbers are refused after all runs were written: the procedure takes everything back.
test('[S9] an append that is rolled back leaves nothing, and its numbers are free', async () => {
  const course = newCourse()
  const { log } = await given.another({ window: { events: 100 } })
  const refused = [0, 1, 5, 500].map((number) => responseOf(course, number, 'refused'))
  assert.deepEqual(await log.append(refused), {
    kind: 'too_far_ahead',
    missing: [{ stream: course, from: 0, to: 499 }],
  })
  assert.equal((await statusOf(course)).isKnown, false)
  const others = [0, 1, 5].map((number) => responseOf(course, number))
  assert.deepEqual(await log.append(others), { kind: 'stored', outcomes: ['recorded', 'recorded', 'recorded'] })
  assert.deepEqual(await numbersStored(course), [0, 1])
  const found = await given.pool.query('select from lane where part = $1 and early_runs = 1', [
    partOf('course', course),
  ])
  assert.equal(found.rowCount, 1, 'what waits is counted once')
})

test('[S10] [S11] without event 0 nothing is read and 0 is missing; an hour later it comes and all is there', async () => {
  const [course, beside] = [newCourse(), newCourse()]
  await given.log.append(shuffled(upTo(51), 10).flatMap((number) => (number === 0 ? [] : [responseOf(course, number)])))
  await given.log.append(upTo(3).map((number) => responseOf(beside, number)))
  assert.deepEqual(await numbersStored(course), [])
  const blocked = await statusOf(course)
  assert.deepEqual(blocked.gaps, [{ from: 0, to: 0 }])
  assert.deepEqual([blocked.contiguousSequenceNumber, blocked.nextSequenceNumber], [0, 51])
  assert.deepEqual(await numbersStored(beside), [0, 1, 2], 'other courses are not affected')

  await given.pool.query(`update pending set arrived_at = arrived_at - interval '1 hour' where stream = $1`, [course])
  const late = (await given.log.blockedStreams(100)).find(({ stream }) => stream === course)
  assert.ok(late !== undefined && Date.now() - late.blockedSince.getTime() > 3_500_000, 'the gap shows its age')

  await given.log.append([responseOf(course, 0)])
  assert.deepEqual(await numbersStored(course), upTo(51))
  const closed = await statusOf(course)
  assert.deepEqual([closed.gaps, closed.oldestBlockedAt], [[], undefined])
  assert.ok((await given.log.blockedStreams(100)).every(({ stream }) => stream !== course))
})

// There is no pass in which a long chain could stand before others: each append is readable at its commit.
test('[S16] while a chain of 10,000 early events is sealed, 200 other courses of its part go on', async () => {
  const foldRuns = 20
  const { log } = await given.another({ window: { foldRuns } })
  const long = newCourse()
  const part = partOf('course', long)
  const others: Uuid[] = []
  while (others.length < 200) {
    const course = newCourse()
    if (partOf('course', course) === part) others.push(course)
  }
  const early = upTo(10_001).slice(1)
  for (let at = 0; at < early.length; at += 1000) {
    await log.append(early.slice(at, at + 1000).map((number) => responseOf(long, number)))
  }
  const closing = log.append([responseOf(long, 0)])
  const results = await Promise.all(others.map((course) => given.log.append([responseOf(course, 0)])))
  assert.ok(results.every(({ kind }) => kind === 'stored'))
  for (const course of others) assert.deepEqual(await numbersStored(course), [0])
  await closing
  assert.deepEqual(await numbersStored(long), upTo(10_001))
  // Each transaction has its moment; between two of them the gate is free for others. One run of the first was given.
  const sealed = await given.pool.query<{ runs: number }>(
    'select count(*)::int as runs from segment where stream = $1 group by recorded_at',
    [long],
  )
  assert.ok(Math.max(...sealed.rows.map(({ runs }) => runs)) <= foldRuns + 1)
})

// There is no table of marks that a long snapshot could keep from being vacuumed; appends and readers just go on.
test('[S53] a snapshot that is held open keeps nobody from appending and reading', async () => {
  const client = await given.pool.connect()
  try {
    await client.query('begin isolation level repeatable read')
    await client.query('select count(*) from segment')
    const course = newCourse()
    for (const number of shuffled(upTo(30), 53)) await given.log.append([responseOf(course, number)])
    assert.deepEqual(await numbersStored(course), upTo(30))
    await client.query('commit')
  } finally {
    client.release()
  }
})

/** Names that differ in few places, as generators of other versions make them. */
function uuidsOf(version: 'v1' | 'v4' | 'v7' | 'sequential', count: number): Uuid[] {
  return upTo(count).map((index) => {
    const digits = index.toString(16).padStart(8, '0')
    if (version === 'v1') return toUuid(`${digits}-1234-11ee-8000-0242ac120002`)
    if (version === 'v7') return toUuid(`018f0000-${digits.slice(4)}-7000-8000-${digits}0000`)
    if (version === 'sequential') return toUuid(`00000000-0000-0000-0000-0000${digits}`)
    return uuidOf(`version four ${index}`)
  })
}

test('[S55] parts are filled alike by uuids of any version, and are the same in SQL', async () => {
  const [count, parts] = [6400, 64]
  for (const version of ['v1', 'v4', 'v7', 'sequential'] as const) {
    const uuids = uuidsOf(version, count)
    const filled = new Array<number>(parts).fill(0)
    for (const uuid of uuids) filled[partOf('course', uuid, parts)]! += 1
    const expected = count / parts
    const chiSquare = filled.reduce((sum, found) => sum + (found - expected) ** 2 / expected, 0)
    // 63 degrees of freedom: beyond this one time in ten thousand.
    assert.ok(chiSquare < 113, `${version}: ${chiSquare}`)
    const found = await given.pool.query<{ part: number }>(
      `select (get_byte(h, 0) * 256 + get_byte(h, 1)) % $2 as part
       from unnest($1::uuid[]) with ordinality u (uuid, place)
       cross join lateral sha256(uuid_send(u.uuid)) h
       order by u.place`,
      [uuids.slice(0, 200), parts],
    )
    assert.deepEqual(
      found.rows.map(({ part }) => part),
      uuids.slice(0, 200).map((uuid) => partOf('course', uuid, parts)),
    )
  }
})

test('[S65] two clients that use two uuids crosswise: no deadlock, one winner a number, nothing lost', async () => {
  const other = (await given.another()).log
  for (let round = 0; round < 20; round += 1) {
    const course = newCourse()
    const named = (number: number, name: string): StreamEvent => {
      return { ...responseOf(course, number), eventUuid: uuidOf(`${course} ${name}`) }
    }
    const mine = [named(0, 'x'), named(1, 'y')]
    const theirs = [named(0, 'y'), named(1, 'x')]
    const results = await Promise.all([given.log.append(mine), other.append(theirs)])
    assert.deepEqual(results.map(({ kind }) => kind).sort(), ['refused', 'stored'])
    const winner = results[0]?.kind === 'stored' ? mine : theirs
    const stored = await given.log.readStream('course', course, all)
    assert.deepEqual(
      stored.map(({ eventUuid }) => eventUuid),
      winner.map(({ eventUuid }) => eventUuid),
    )
  }
})
