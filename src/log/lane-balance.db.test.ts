import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import { eventually } from '#platform/test-eventually.ts'
import { balanceLanes, laneWindowSeconds, readLaneOwners, setLanePolicy } from './lane-balance.ts'
import { ownLanesMax } from './lane-policy.ts'
import { courseOf, createCourseOf, eventOf, uuidOf } from './sample-events.ts'
import { useTestLog } from './test-log.ts'

const given = useTestLog()
const by = { actor: 'ada', reason: 'a test' }
const next = new Map<Uuid, number>()

beforeEach(async () => {
  await given.pool.query('truncate lane_measure, stream_rate, lane_policy')
})

function coursesOf(part: number, name: string, count: number): Uuid[] {
  const found: Uuid[] = []
  for (let index = 0; found.length < count; index += 1) {
    const course = courseOf(`${name} ${index}`)
    if (partOf('course', course) === part) found.push(course)
  }
  return found
}

async function append(course: Uuid, count: number): Promise<void> {
  const from = next.get(course) ?? 0
  next.set(course, from + count)
  const events = Array.from({ length: count }, (_, index) => {
    const number = from + index
    return number === 0 ? createCourseOf(course, uuidOf('ecosystem')) : eventOf(course, number, 'update_roster')
  })
  await given.log.append(events)
}

/** As if the last measuring had been so long ago. */
async function pass(seconds: number): Promise<void> {
  await given.pool.query(`update lane_measure set measured_at = measured_at - $1 * interval '1 second'`, [seconds])
}

async function laneOf(course: Uuid): Promise<number> {
  const found = await given.pool.query<{ lane: number }>('select lane from stream_lane where stream = $1', [course])
  return found.rows[0]?.lane ?? 0
}

/** Windows in which `busy` gets 60 events a second. */
async function windows(count: number, busy: Uuid): Promise<number> {
  let moves = 0
  for (let window = 0; window < count; window += 1) {
    await append(busy, 60 * laneWindowSeconds)
    await pass(laneWindowSeconds)
    moves += (await balanceLanes(given.pool)).length
  }
  return moves
}

test('a busy course gets a lane of its own after three windows, with a line of why, and gives it back when quiet', async () => {
  const [busy = courseOf(''), calm = courseOf('')] = coursesOf(3, 'busy', 2)
  await balanceLanes(given.pool)
  await append(calm, 30)
  assert.equal(await windows(2, busy), 0)
  assert.equal(await windows(1, busy), 1)
  assert.ok((await laneOf(busy)) > 0)
  assert.equal(await laneOf(calm), 0)
  const [line] = await given.log.audits('course', busy, 1)
  assert.deepEqual([line?.action, line?.actor], ['move', 'lane balance'])
  assert.match(line?.reason ?? '', /^\d+\.\d events\/s for 3 windows$/)
  const [owner] = await readLaneOwners(given.pool)
  assert.deepEqual([owner?.stream, owner?.policy, owner?.part], [busy, 'auto', 3])

  await given.pool.query('update stream_rate set events_per_second = 1, quiet_seconds = 1790')
  await pass(laneWindowSeconds)
  assert.equal((await balanceLanes(given.pool)).length, 1)
  assert.equal(await laneOf(busy), 0)
})

test('a gate that somebody holds keeps up the move of its own course only, until the next window', async () => {
  const [held = courseOf(''), free = courseOf('')] = [2, 3].flatMap((part) => coursesOf(part, 'gate', 1))
  const busyWindow = async () => {
    for (const course of [held, free]) await append(course, 60 * laneWindowSeconds)
    await pass(laneWindowSeconds)
    return (await balanceLanes(given.pool)).map(({ stream }) => stream)
  }
  await balanceLanes(given.pool)
  for (let window = 0; window < 2; window += 1) assert.deepEqual(await busyWindow(), [])
  for (const course of [held, free]) await append(course, 60 * laneWindowSeconds)
  await pass(laneWindowSeconds)
  const holder = await given.pool.connect()
  await holder.query(`begin; select hold_gates('{2}')`)
  assert.deepEqual(
    (await balanceLanes(given.pool)).map(({ stream }) => stream),
    [free],
  )
  await holder.query('rollback')
  holder.release()
  assert.deepEqual(await busyWindow(), [held])
})

test('before a window is over nothing is measured, and after a long pause measuring begins anew', async () => {
  const [busy = courseOf('')] = coursesOf(4, 'pause', 1)
  await balanceLanes(given.pool)
  await append(busy, 5000)
  assert.deepEqual(await balanceLanes(given.pool), [])
  assert.equal((await given.pool.query('select from stream_rate')).rowCount, 0)
  await pass(3600)
  await balanceLanes(given.pool)
  assert.equal((await given.pool.query('select from stream_rate where events_per_second > 1')).rowCount, 0)
  assert.equal(await windows(2, busy), 0, 'what came in the pause counts for nothing')
})

test('many processes at once measure each window once', async () => {
  const [busy = courseOf('')] = coursesOf(5, 'many', 1)
  await balanceLanes(given.pool)
  for (let window = 1; window <= 3; window += 1) {
    await append(busy, 60 * laneWindowSeconds)
    await pass(laneWindowSeconds)
    const moved = await Promise.all(Array.from({ length: 5 }, () => balanceLanes(given.pool)))
    assert.equal(moved.flat().length, window === 3 ? 1 : 0)
    const found = await given.pool.query('select busy_windows from stream_rate where stream = $1', [busy])
    assert.deepEqual(found.rows, [{ busy_windows: window }])
  }
})

test('moves are limited in a pass; the rest follows in later ones', async () => {
  const wanted = coursesOf(6, 'wanted', 6)
  for (const course of wanted) await append(course, 1)
  await given.pool.query(`insert into lane_policy select 6, unnest($1::uuid[]), 'dedicated'`, [wanted])
  const counts: number[] = []
  for (let window = 0; window < 4; window += 1) {
    await balanceLanes(given.pool)
    await pass(laneWindowSeconds)
    counts.push((await balanceLanes(given.pool, { movesMax: 4 })).length)
  }
  assert.deepEqual(counts, [4, 2, 0, 0])
})

test('a decision moves at once, is audited, outlasts any rate, and can be taken back', async () => {
  const [course = courseOf('')] = coursesOf(8, 'decided', 1)
  await append(course, 2)
  const { part, lane } = await setLanePolicy(given.pool, { kind: 'course', stream: course, policy: 'dedicated' }, by)
  assert.deepEqual([part, lane], [8, 1])
  const audits = await given.log.audits('course', course, 9)
  assert.deepEqual(audits.map(({ action, actor }) => [action, actor]).sort(), [
    ['lane policy', 'ada'],
    ['move', 'ada'],
  ])
  await setLanePolicy(given.pool, { kind: 'course', stream: course, policy: 'shared' }, by)
  assert.equal(await laneOf(course), 0)
  await balanceLanes(given.pool)
  assert.equal(await windows(4, course), 0)
  await setLanePolicy(given.pool, { kind: 'course', stream: course, policy: 'auto' }, by)
  assert.equal(await windows(1, course), 1)
})

test('two decisions at once do not both get the last own lane of a part', { timeout: 60_000 }, async () => {
  const courses = coursesOf(10, 'race', ownLanesMax + 1)
  const dedicate = (stream: Uuid) => setLanePolicy(given.pool, { kind: 'course', stream, policy: 'dedicated' }, by)
  for (const course of courses.slice(2)) await dedicate(course)
  const holder = await given.pool.connect()
  await holder.query('begin')
  await holder.query('select hold_gates(array[10::int2])')
  const asked = Promise.allSettled(courses.slice(0, 2).map(dedicate))
  await eventually('both wait', async () => (await lockWaiters()) === 2)
  await holder.query('rollback')
  holder.release()
  assert.deepEqual((await asked).map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

async function lockWaiters(): Promise<number> {
  const found = await given.pool.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return found.rowCount ?? 0
}

test('a part has no more than sixteen own lanes, whoever asks', async () => {
  const courses = coursesOf(9, 'full', ownLanesMax + 1)
  for (const course of courses.slice(0, ownLanesMax)) {
    await setLanePolicy(given.pool, { kind: 'course', stream: course, policy: 'dedicated' }, by)
  }
  const last = courses.at(-1) ?? courseOf('')
  await assert.rejects(setLanePolicy(given.pool, { kind: 'course', stream: last, policy: 'dedicated' }, by), /16 lanes/)
  assert.equal((await given.pool.query('select from lane_policy where stream = $1', [last])).rowCount, 0)
})
