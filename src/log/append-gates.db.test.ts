import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StreamEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import { openPool } from '#platform/postgres.ts'
import { appendStatement } from './append-statement.ts'
import { foldContiguous } from './fold.ts'
import { type AppendResult, LogOverloaded, type OpenedLog } from './log.ts'
import { openLog } from './open.ts'
import { planGroup } from './plan.ts'
import { openRequest } from './request.ts'
import { courseOf, numbersOf, responseOf } from './sample-events.ts'
import { useTestLog } from './test-log.ts'

/* [M16] One gate is held by somebody who does not let go: who needs it waits, nobody else does. */
const given = useTestLog()
const all = { from: 0, eventsMax: 1000, bytesMax: 4_000_000 }
const heldPart = 30
let names = 0

function courseAt(isWanted: (part: number) => boolean): Uuid {
  for (;;) {
    const course = courseOf(`gates ${++names}`)
    if (isWanted(partOf('course', course))) return course
  }
}
const heldCourse = () => courseAt((part) => part === heldPart)
/** Of a gate behind the held one, and of one before it, which a waiting append would hold. */
const freeCourses = () => [courseAt((part) => part > heldPart), courseAt((part) => part < heldPart)]

async function hold(part = heldPart): Promise<() => Promise<void>> {
  const holder = await given.pool.connect()
  await holder.query('begin')
  await holder.query('select hold_gates(array[$1::int2])', [part])
  return async () => {
    await holder.query('rollback')
    holder.release()
  }
}

async function waitingAppends(): Promise<number> {
  const found = await given.pool.query(`
    select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like 'call append%'`)
  return found.rowCount ?? 0
}

/** An append, and whether it has its answer. */
function send(log: OpenedLog, ...events: StreamEvent[]) {
  const state = { isAnswered: false, result: log.append(events) as Promise<AppendResult> }
  state.result = state.result.finally(() => (state.isAnswered = true))
  state.result.catch(() => undefined)
  return state
}

const read = async (course: Uuid) => numbersOf(await given.log.readStream('course', course, all))
const waitingRuns = async (course: Uuid) =>
  (await given.pool.query('select from pending where stream = $1', [course])).rowCount ?? 0
const responses = (course: Uuid, count: number) =>
  Array.from({ length: count }, (_, number) => responseOf(course, number))

describe('while a gate is held, an append', { timeout: 60_000 }, () => {
  test('[S8] to other gates is answered, also from the group that met the held one; its own goes on after', async () => {
    const { log } = await given.another()
    const [held, [after, before]] = [heldCourse(), freeCourses()]
    const release = await hold()
    const waiting = [send(log, responseOf(held, 0)), send(log, responseOf(held, 1), responseOf(after!, 1))]
    for (const course of [after!, before!]) assert.equal((await log.append([responseOf(course, 0)])).kind, 'stored')
    waiting.push(send(log, responseOf(held, 2)))
    for (let number = 2; number < 20; number += 1) await log.append([responseOf(after!, number)])
    assert.deepEqual(
      waiting.map(({ isAnswered }) => isAnswered),
      [false, false, false],
    )
    // What waits behind a number that stands aside is stored all the same.
    assert.deepEqual(await read(after!), [0])
    await release()
    for (const { result } of waiting) assert.equal((await result).kind, 'stored')
    assert.deepEqual(await read(held), [0, 1, 2])
    assert.equal((await read(after!)).length, 20)
  })

  test('that needs it holds no other gate meanwhile', async () => {
    const { log } = await given.another()
    const [held, [, before]] = [heldCourse(), freeCourses()]
    const release = await hold()
    const waiting = send(log, responseOf(before!, 1), responseOf(held, 0))
    // Another process has no way to know, and is not made to wait.
    for (const number of [0, 2, 3, 4]) await given.log.append([responseOf(before!, number)])
    assert.equal(waiting.isAnswered, false)
    await release()
    assert.equal((await waiting.result).kind, 'stored')
    assert.deepEqual(await read(before!), [0, 1, 2, 3, 4])
  })

  test('is written in the order in which it came', async () => {
    const { log } = await given.another()
    const held = heldCourse()
    const release = await hold()
    const order: number[] = []
    const results = responses(held, 30).map(async (event, index) => {
      await sleep(index * 10)
      await log.append([event])
      order.push(index)
    })
    await sleep(500)
    await release()
    await Promise.all(results)
    assert.deepEqual(
      order,
      order.toSorted((one, other) => one - other),
    )
  })

  test('to one of two held gates goes on as soon as that one is free', async () => {
    const { log } = await given.another()
    const [first, second] = [heldCourse(), courseAt((part) => part === heldPart + 4)]
    const releases = [await hold(), await hold(heldPart + 4)]
    const waiting = [send(log, responseOf(first, 0)), send(log, responseOf(second, 0))]
    await sleep(700)
    await releases[1]!()
    await waiting[1]!.result
    assert.equal(waiting[0]!.isAnswered, false)
    await releases[0]!()
    await waiting[0]!.result
  })
})

test('a fold held the gates of all parts of its group, and waited for them without an end', async () => {
  // Nothing but its patience ends a wait of this one.
  const options = { window: { foldRuns: 1 }, limits: { gatePatienceMs: 1500 } }
  const { log, pool } = await given.another(options, { statementTimeoutMs: 600_000 })
  const [held, [, before]] = [heldCourse(), freeCourses()]
  for (const course of [before!, held]) {
    for (let number = 9; number > 0; number -= 1) await given.log.append([responseOf(course, number)])
  }
  // The fold of the first course is stopped in its middle.
  const stopper = await given.pool.connect()
  await stopper.query('begin')
  await stopper.query('select from pending where stream = $1 and next_number = 6 for update', [before])
  const sent = send(log, responseOf(before!, 0), responseOf(held, 0))
  while (!sent.isAnswered && (await waitingAppends()) === 0) await sleep(5)
  const release = await hold()
  await stopper.query('rollback')
  stopper.release()
  assert.deepEqual(await sent.result, { kind: 'stored', outcomes: ['recorded', 'recorded'] })
  await release()
  await foldContiguous(pool)
  for (const course of [before!, held]) assert.equal((await read(course)).length, 10)
})

/** As it is when a process dies between two transactions of a long fold. */
async function leaveUnfolded(course: Uuid): Promise<void> {
  await given.log.append([responseOf(course, 1)])
  await given.pool.query(
    `insert into segment
     select coalesce((select max(position) from segment s where s.part = p.part and s.lane = 0), 0) + 1, now(), stream, 1,
       part, 0, 1::int2, types, body
     from pending p where stream = $1`,
    [course],
  )
}

test('what is left unfolded behind a held gate did not keep others from being folded', async () => {
  const [held, [free]] = [heldCourse(), freeCourses()]
  for (const course of [held, free!]) await leaveUnfolded(course)
  const release = await hold()
  await foldContiguous(given.pool)
  assert.deepEqual([await waitingRuns(held), await waitingRuns(free!)], [1, 0])
  await release()
  await foldContiguous(given.pool)
  assert.equal(await waitingRuns(held), 0)
})

describe('the limits while a gate is held', { timeout: 60_000 }, () => {
  test('refuse requests that need it, and no others', async () => {
    const { log } = await given.another({ limits: { waitersMax: 6, gatePatienceMs: 20 } })
    const [held, [free]] = [heldCourse(), freeCourses()]
    const release = await hold()
    const waiting = [0, 1, 2].map((number) => send(log, responseOf(held, number)))
    while ((await log.append([responseOf(free!, 0)])).kind !== 'stored');
    await assert.rejects(log.append([responseOf(held, 3)]), /queue is full: .* for held gates of parts 30$/)
    await log.append([responseOf(free!, 1)])
    await release()
    await Promise.all(waiting.map(({ result }) => result))
    assert.equal((await log.append([responseOf(held, 3)])).kind, 'stored')
  })

  test('judge their age apart', async () => {
    const { log } = await given.another({ limits: { oldestWaiterMs: 300, gatePatienceMs: 20 } })
    const [held, [free]] = [heldCourse(), freeCourses()]
    const release = await hold()
    const waiting = send(log, responseOf(held, 0))
    await sleep(600)
    await assert.rejects(log.append([responseOf(held, 1)]), LogOverloaded)
    await log.append([responseOf(free!, 0)])
    await release()
    await waiting.result
  })

  test('do not count the time aside against those that come later', async () => {
    const { log } = await given.another({ limits: { oldestWaiterMs: 500, gatePatienceMs: 400 } })
    const [held, other, [free]] = [heldCourse(), courseAt((part) => part === heldPart + 4), freeCourses()]
    const releases = [await hold(), await hold(heldPart + 4)]
    const waiting = [send(log, responseOf(held, 0))]
    await sleep(700)
    // Keeps the writer busy while the first one is back in the queue.
    waiting.push(send(log, responseOf(other, 0)))
    await releases[0]!()
    await sleep(150)
    await log.append([responseOf(free!, 0)])
    await releases[1]!()
    await Promise.all(waiting.map(({ result }) => result))
  })

  test('give up on a request after its time, and nobody waits for the gate any more', async () => {
    const { log } = await given.another({ limits: { retryMs: 300, gatePatienceMs: 20 } })
    const held = heldCourse()
    const release = await hold()
    await assert.rejects(log.append([responseOf(held, 0)]), { code: '55P03', message: /parts 30$/ })
    // Would wait for ever for somebody who watches the gate for nobody.
    await log.close()
    await release()
    assert.deepEqual(await log.append([responseOf(held, 0)]), { kind: 'stored', outcomes: ['recorded'] })
    assert.deepEqual(log.counters().waitingRequests, 0)
  })
})

test('gates that a crash or a failover took away are there again before anything is written', async () => {
  await given.pool.query('delete from part_gate')
  const course = heldCourse()
  assert.equal((await given.log.append([responseOf(course, 0)])).kind, 'stored')
  assert.equal((await given.pool.query('select from part_gate')).rowCount, 2 * partsDefault)
})

// sql/000017_part_gate.sql: a deployment has processes of both for a while.
test('a process of the version before, which names bins, waits for the gate of a part as well', async () => {
  const course = heldCourse()
  const request = openRequest([responseOf(course, 0)])
  assert.ok(!('kind' in request))
  const { text, values } = appendStatement(
    planGroup([request], { partOf, mayWait: false }),
    { events: 9, bytes: 9, foldRuns: 9 },
    50,
  )
  const before = { text: text.replace("'{}'", `'{${heldPart % 16}}'`), values }
  const release = await hold()
  await assert.rejects(given.pool.query(before), { code: '55P03' })
  const move = `select move_stream(${heldPart % 16}::int2, ${heldPart}::int2, '${course}', 1::int2)`
  await assert.rejects(given.pool.query(`set local lock_timeout = 50; ${move}`), { code: '55P03' })
  await release()
  await given.pool.query(before)
  assert.deepEqual(await read(course), [0])
  const left = heldCourse()
  await leaveUnfolded(left)
  await given.pool.query(`call fold_pending('{${heldPart % 16}}', '{${heldPart}}', '{${left}}', 9)`)
  assert.deepEqual(await read(left), [0, 1])
})

/*
 * What a gate is for: heads are read by statements that begin once it is held. With another isolation level all
 * statements of a call see what was there when it began, as if heads were read before: a switch that only tests have.
 */
describe('two appends that waited for one gate', { timeout: 60_000 }, () => {
  async function openAt(level: string) {
    const pool = openPool(`${given.url}?options=${encodeURIComponent(`-c default_transaction_isolation=${level}`)}`, {
      name: 'isolated',
      connectionsMax: 2,
    })
    return { pool, log: await openLog(pool, { limits: { gatePatienceMs: 5000 } }) }
  }

  async function haveWaited(level: string, ...events: readonly StreamEvent[]): Promise<string[]> {
    const opened = await Promise.all(events.map(() => openAt(level)))
    const release = await hold()
    const sent = Promise.allSettled(opened.map(({ log }, index) => log.append([events[index]!])))
    while ((await waitingAppends()) < events.length) await sleep(5)
    await release()
    const results = await sent
    for (const { log, pool } of opened) {
      await log.close()
      await pool.end()
    }
    return results.map((result) => (result.status === 'fulfilled' ? result.value.kind : result.reason.code)).sort()
  }

  test('have both seen what the other one wrote', async () => {
    const [course, other] = [heldCourse(), heldCourse()]
    for (const events of [
      [responseOf(course, 1), responseOf(course, 0)],
      [responseOf(course, 2), responseOf(other, 0)],
    ]) {
      assert.deepEqual(await haveWaited('read\\ committed', ...events), ['stored', 'stored'])
    }
    assert.deepEqual([await read(course), await read(other)], [[0, 1, 2], [0]])
  })

  test('teeth: had they read heads before, both would take the same position', async () => {
    const events = [responseOf(heldCourse(), 0), responseOf(heldCourse(), 0)]
    assert.deepEqual(await haveWaited('repeatable\\ read', ...events), [uniqueViolation, 'stored'])
  })
})

const uniqueViolation = '23505'
