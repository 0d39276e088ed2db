import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type StreamEvent, studentOf } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { LanePolicy } from '#log/lane-policy.ts'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { courseOf, createCourseOf, eventOf, responseOf, uuidOf } from '#log/sample-events.ts'
import { ConfigurationError } from '#platform/config.ts'
import { eventually } from '#platform/test-eventually.ts'
import { listSetAside, replayStream, resetSubscription, retryStream, skipEvent } from './control.ts'
import { decideLane } from './lanes.ts'
import { readLag, readProgress, type SlotLag, waitUntilApplied } from './progress.ts'
import { registerSubscription } from './slots.ts'
import type { Subscription } from './subscription.ts'
import { recording, TestCrew, upTo } from './test-crew.ts'
import { StudentOrder } from './test-student-order.ts'

/* Lanes of the real log that are read through four slots (streams.md §5.5). */
let crew: TestCrew
let log: OpenedLog
const children = new Set<ChildProcess>()
before(async () => {
  crew = await TestCrew.open()
  log = await openLog(crew.pool(4))
  await crew.admin.query(`
    create table place (number bigint, lane int, pid int);
    -- Comes back when two sessions have called it; fails after ten seconds.
    create function meet() returns void language plpgsql as $$
    begin
      perform pg_advisory_lock_shared(1, 1);
      for _ in 1..1000 loop
        if (select count(*) from pg_locks l join pg_database d on d.oid = l.database
             where d.datname = current_database() and l.locktype = 'advisory' and l.classid = 1 and l.granted) >= 2 then
          return;
        end if;
        perform pg_sleep(0.01);
      end loop;
      raise exception 'nobody else came';
    end $$`)
})
after(async () => {
  for (const child of children) child.kill('SIGKILL')
  await log.close()
  await crew.close()
})

const by = { actor: 'test', reason: 'test' }
const deed = (subscription: string) => ({ subscription, ...by })
const choiceOf = (stream: Uuid) => ({ kind: 'course', stream }) as const

/** Answers, and something for the whole course at each number that `isForAll` names. */
function eventsOf(course: Uuid, from: number, count: number, isForAll = (number: number) => number % 25 === 0) {
  return Array.from({ length: count }, (_, index): StreamEvent => {
    const number = from + index
    if (number === 0) return createCourseOf(course, uuidOf('ecosystem'))
    return isForAll(number) ? eventOf(course, number, 'update_roster') : responseOf(course, number)
  })
}

/** In requests of a few events each, so that there are many runs. */
async function append(events: readonly StreamEvent[]): Promise<void> {
  for (let at = 0; at < events.length; at += 5) await log.append(events.slice(at, at + 5))
}

function decide(stream: Uuid, policy: LanePolicy): Promise<{ part: number; lane: number }> {
  return decideLane({ pool: crew.admin, source: log }, { kind: 'course', stream, policy }, by)
}

function byStudent(name: string, onEvent: (event: { number: number; lane: number }) => void = () => undefined) {
  const subscription = recording(name, (entry, number) => onEvent({ number, lane: entry.lane }))
  return { ...subscription, orderedBy: 'student', startsAt: 'now' } satisfies Subscription
}

async function slotsOf(name: string): Promise<readonly SlotLag[]> {
  return (await readLag(crew.admin, log, name))?.slots ?? []
}

async function numbers(name: string, course: Uuid): Promise<number[]> {
  return (await crew.effects(name)).get(course) ?? []
}

/** Every event once, each student's in order, what concerns all of them in its place. */
async function expectInOrder(name: string, course: Uuid, events: readonly StreamEvent[]): Promise<void> {
  await eventually(`all ${events.length}`, async () => (await numbers(name, course)).length >= events.length)
  const order = new StudentOrder((number) => studentOf(events[number]!) === undefined)
  for (const number of await numbers(name, course)) {
    const { type } = events[number]!
    assert.equal(order.accept({ number, type, student: studentOf(events[number]!) }), undefined)
  }
  assert.equal(order.count, events.length)
}

test('with dedicated:4 the answers of a course come through four slots, on two processes at the same time', async () => {
  const course = courseOf('in parallel')
  await log.append(eventsOf(course, 0, 1))
  const { part, lane } = await decide(course, 'dedicated:4')
  const worker = fileURLToPath(new URL('./test-worker.ts', import.meta.url))
  for (const _ of [1, 2]) {
    const child = fork(worker, [crew.database.url, 'parallel', 'student'], { stdio: 'ignore' })
    children.add(child)
    await once(child, 'message')
  }
  await decide(course, 'dedicated:4')
  await eventually('two slots each', async () => {
    const slots = (await slotsOf('parallel')).filter((slot) => slot.part === part && slot.lane === lane)
    const owners = Map.groupBy(slots, ({ owner }) => owner)
    return slots.length === 4 && owners.size === 2 && [...owners.values()].every((own) => own.length === 2)
  })
  const events = eventsOf(course, 0, 400)
  await append(events.slice(1))
  await expectInOrder('parallel', course, events)
  const found = await crew.admin.query<{ lane: number; pids: number; events: number }>(
    'select lane, count(distinct pid)::int as pids, count(*)::int as events from place where lane > 0 group by lane',
  )
  assert.equal(found.rows.length, 4, 'each of the slots has a share')
  const pids = await crew.admin.query('select distinct pid from place where lane > 0')
  assert.equal(pids.rowCount, 2)
  for (const child of children) child.kill('SIGKILL')
})

test('one after the other dedicated, dedicated:4, dedicated:2, dedicated and shared, under load', async () => {
  const course = courseOf('changing')
  await crew.run(byStudent('changing'), log)
  await crew.run(byStudent('changing'), log)
  await crew.run({ ...recording('whole'), startsAt: 'now' }, log)
  await log.append(eventsOf(course, 0, 1))
  const all = eventsOf(course, 0, 1801)
  let sent = 1
  for (const policy of ['dedicated', 'dedicated:4', 'dedicated:2', 'dedicated', 'dedicated:4', 'shared'] as const) {
    const { part, lane } = await decide(course, policy)
    const shares = Number(policy.split(':')[1] ?? 1)
    await append(all.slice(sent, sent + 150))
    await eventually(policy, async () => {
      const [slot] = (await slotsOf('changing')).filter((one) => one.part === part && one.lane === lane)
      return slot?.shares === shares
    })
    await append(all.slice(sent + 150, sent + 300))
    sent += 300
  }
  await expectInOrder('changing', course, all.slice(0, sent))
  // Who folds per course reads the lane as before.
  await eventually('the other one', async () => (await numbers('whole', course)).length === sent)
  assert.deepEqual(await numbers('whole', course), upTo(sent))
  const shares = (await slotsOf('whole')).map((slot) => slot.shares)
  assert.deepEqual([...new Set(shares)], [1])
})

test('a bad answer stops its lane, is parked and skipped, and all others come once', async () => {
  const course = courseOf('poisoned')
  const bad = 61
  let isBroken = true
  const apply = ({ number }: { number: number }): void => {
    if (isBroken && number === bad) throw new Error('poisoned')
  }
  await crew.run(byStudent('bad answer', apply), log)
  await crew.run(byStudent('bad answer', apply), log)
  await log.append(eventsOf(course, 0, 1))
  await decide(course, 'dedicated:4')
  const events = eventsOf(course, 0, 300)
  await append(events.slice(1, 150))
  await eventually('set aside', async () => (await listSetAside(crew.admin, 'bad answer', 1)).length === 1)
  await eventually('parked', async () => {
    await crew.admin.query(
      `update course_exception
          set next_at = now(), attempts = case next_number when $1 then 7 else 0 end
        where subscription = 'bad answer' and state = 'retry'`,
      [bad],
    )
    const [aside] = await listSetAside(crew.admin, 'bad answer', 1)
    return aside?.state === 'parked' && aside.nextNumber === bad
  })
  assert.equal((await numbers('bad answer', course)).includes(bad), false)
  await append(events.slice(150))
  await eventually('the lane goes on', async () => {
    const [aside] = await listSetAside(crew.admin, 'bad answer', 1)
    return aside?.untilNumber === 300
  })
  assert.equal(await skipEvent(crew.admin, deed('bad answer'), choiceOf(course), bad), true)
  isBroken = false
  await expectInOrder('bad answer', course, events)
  await eventually('joined', async () => (await listSetAside(crew.admin, 'bad answer', 1)).length === 0)
  const more = eventsOf(course, 0, 330)
  await append(more.slice(300))
  await expectInOrder('bad answer', course, more)
})

test('something for the whole course that fails is tried again and holds up nobody else', async () => {
  const [course, other] = [courseOf('bad roster'), courseOf('beside it')]
  let isBroken = true
  const apply = ({ number, lane }: { number: number; lane: number }): void => {
    if (isBroken && lane > 0 && number === 50) throw new Error('poisoned')
  }
  await crew.run(byStudent('bad roster', apply), log)
  await log.append([...eventsOf(course, 0, 1), ...eventsOf(other, 0, 1)])
  await decide(course, 'dedicated:4')
  const events = eventsOf(course, 0, 120)
  await append(events.slice(1))
  await eventually('stopped at the roster', async () => {
    await crew.admin.query(
      `update course_exception set attempts = 0, next_at = now() where subscription = 'bad roster'`,
    )
    return (await listSetAside(crew.admin, 'bad roster', 1))[0]?.nextNumber === 50
  })
  assert.deepEqual(
    (await numbers('bad roster', course)).toSorted((a, b) => a - b),
    upTo(50),
  )
  await append(eventsOf(other, 1, 20))
  await eventually('others', async () => (await numbers('bad roster', other)).length === 21)
  isBroken = false
  // It may have been tried again by itself already.
  await retryStream(crew.admin, deed('bad roster'), choiceOf(course))
  await expectInOrder('bad roster', course, events)
})

test('a replay and a reset of a course whose lane has four slots', async () => {
  const course = courseOf('again')
  await crew.run(byStudent('again'), log)
  await log.append(eventsOf(course, 0, 1))
  await decide(course, 'dedicated:4')
  const events = eventsOf(course, 0, 100)
  await append(events.slice(1))
  await expectInOrder('again', course, events)
  assert.equal(await replayStream(crew.admin, log, deed('again'), choiceOf(course), 40), true)
  await eventually('again from 40', async () => (await numbers('again', course)).length === 160)
  assert.deepEqual((await numbers('again', course)).slice(100), upTo(100).slice(40))
  await eventually('joined', async () => (await listSetAside(crew.admin, 'again', 1)).length === 0)
  await crew.admin.query(`delete from effect where subscription = 'again'`)
  await resetSubscription(crew.admin, deed('again'), new Map())
  await expectInOrder('again', course, events)
})

test('a lane is as far as the last of its slots: for readers who wait, for the lag, for progress', async () => {
  const course = courseOf('waiting')
  let stuck = -1
  const apply = ({ lane }: { lane: number }): void => {
    if (lane === stuck) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' })
  }
  const runner = await crew.run(byStudent('waiting', apply), log)
  await log.append(eventsOf(course, 0, 1))
  const slot = await decide(course, 'dedicated:4')
  await eventually('four slots', async () => {
    const slots = (await slotsOf('waiting')).filter((one) => one.part === slot.part && one.lane === slot.lane)
    return slots.length === 4 && slots.every(({ owner }) => owner !== undefined)
  })
  stuck = slot.lane + 2 * 32_768
  await append(eventsOf(course, 1, 24))
  const head = (await log.laneHeads()).get(`${slot.part}/${slot.lane}`) ?? 0n
  const question = { ...slot, subscription: 'waiting', position: head }
  assert.equal(await waitUntilApplied(crew.admin, { ...question, timeoutMs: 300 }, runner), false)
  assert.ok(((await readProgress(crew.admin, 'waiting')).confirmed.get(`${slot.part}/${slot.lane}`) ?? 0n) < head)
  const lag = await readLag(crew.admin, log, 'waiting')
  const behind =
    lag?.slots.filter((one) => one.part === slot.part && one.lane === slot.lane).map((one) => one.behind) ?? []
  const most = behind.reduce((high, one) => (one > high ? one : high), 0n)
  assert.deepEqual([behind.length, lag?.behind], [4, most], 'the lane counts once')
  assert.ok(most > 0n)
  stuck = -1
  assert.equal(await waitUntilApplied(crew.admin, { ...question, timeoutMs: 20_000 }, runner), true)
})

test('a subscription keeps the order it was created with', async () => {
  const setup = { name: 'ordered', mode: 'embedded', kinds: ['course'], startsAt: 'now' } as const
  await registerSubscription(crew.admin, { ...setup, orderedBy: 'student' }, () => log.laneHeads())
  await assert.rejects(
    registerSubscription(crew.admin, setup, () => log.laneHeads()),
    (error) => error instanceof ConfigurationError && /ordered by student, not by stream/.test(error.message),
  )
})
