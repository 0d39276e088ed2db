import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { EventData, StreamEvent } from '#domain/events.ts'
import { partOf } from '#domain/parts.ts'
import { appendStatement } from './append-statement.ts'
import { type Log, LogOverloaded } from './log.ts'
import { planGroup } from './plan.ts'
import { forgetRejected } from './rejected.ts'
import { openRequest } from './request.ts'
import { bareEvent, courseOf, eventOf, numbersOf, responseOf, uuidOf } from './sample-events.ts'
import { useTestLog } from './test-log.ts'

/* The promises of append on a real database, one test each. */
const given = useTestLog()
const all = { from: 0, eventsMax: 1000, bytesMax: 4_000_000 }
let streams = 0
const newCourse = () => courseOf(`append ${++streams}`)

describe('append', () => {
  test('stores a request and gives it back', async () => {
    const course = newCourse()
    const events = [0, 1, 2].map((number) => responseOf(course, number))
    assert.deepEqual(await given.log.append(events), { kind: 'stored', outcomes: ['recorded', 'recorded', 'recorded'] })
    const read = await given.log.readStream('course', course, all)
    assert.deepEqual(read.map(bareEvent), events)
    for (const { recordedAt } of read) assert.ok(Math.abs(recordedAt.getTime() - Date.now()) < 10_000)
  })

  test('acknowledges a repetition and stores it once', async () => {
    const course = newCourse()
    const events = [0, 1, 2].map((number) => responseOf(course, number))
    await given.log.append(events)
    assert.deepEqual(await given.log.append([...events, responseOf(course, 3)]), {
      kind: 'stored',
      outcomes: ['duplicate', 'duplicate', 'duplicate', 'recorded'],
    })
    assert.deepEqual(numbersOf(await given.log.readStream('course', course, all)), [0, 1, 2, 3])
  })

  test('holds back what is behind a hole until the hole closes', async () => {
    const course = newCourse()
    await given.log.append([responseOf(course, 2), responseOf(course, 3)])
    await given.log.append([responseOf(course, 0)])
    assert.deepEqual(numbersOf(await given.log.readStream('course', course, all)), [0])
    const [blocked] = await given.log.statuses([{ kind: 'course', stream: course }], 10)
    assert.deepEqual(blocked?.gaps, [{ from: 1, to: 1 }])
    assert.equal(blocked?.contiguousSequenceNumber, 1)
    assert.equal(blocked?.nextSequenceNumber, 4)
    assert.ok(blocked?.oldestBlockedAt instanceof Date)
    assert.deepEqual(
      (await given.log.blockedStreams(10)).map(({ stream }) => stream),
      [course],
    )
    await given.log.append([responseOf(course, 1)])
    assert.deepEqual(numbersOf(await given.log.readStream('course', course, all)), [0, 1, 2, 3])
    assert.deepEqual(await given.log.blockedStreams(10), [])
  })

  test('[S6] refuses a request whole when one number is taken, and leaves its neighbours alone', async () => {
    const course = newCourse()
    const other = newCourse()
    await given.log.append([responseOf(course, 0)])
    const intruder = { ...responseOf(course, 0), eventUuid: uuidOf('intruder') }
    const results = await Promise.all([
      given.log.append([responseOf(other, 0)]),
      given.log.append([responseOf(course, 1), intruder]),
      given.log.append([responseOf(other, 1)]),
    ])
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ['stored', 'refused', 'stored'],
    )
    const refused = results[1]
    assert.deepEqual(refused?.kind === 'refused' && refused.conflicts, [
      {
        kind: 'course',
        stream: course,
        number: 0,
        eventUuid: intruder.eventUuid,
        existingEventUuid: responseOf(course, 0).eventUuid,
        existingType: 'record_response',
      },
    ])
    assert.deepEqual(numbersOf(await given.log.readStream('course', course, all)), [0])
    assert.deepEqual(numbersOf(await given.log.readStream('course', other, all)), [0, 1])
    const kept = await given.pool.query('select number, event_uuid from rejected_event where stream = $1', [course])
    assert.deepEqual(kept.rows, [{ number: 0, event_uuid: intruder.eventUuid }])
  })
})

interface RawConnection {
  sync(): void
  flush(): void
  readonly stream: { destroy(): void }
}

/** A session that holds all gates, as an append does that takes long; returns how to end it. */
async function holdGates(): Promise<() => Promise<void>> {
  const holder = await given.pool.connect()
  await holder.query('begin')
  await holder.query('select hold_gates(array(select generate_series(0, 127)::int2))')
  return async () => {
    await holder.query('rollback')
    holder.release()
  }
}

const isWaiting = `
  select pid from pg_stat_activity
  where wait_event_type = 'Lock' and datname = current_database() and query like 'call append%'`

/** Until a group stands before a gate. */
async function untilItWaits(): Promise<void> {
  while ((await given.pool.query(isWaiting)).rowCount === 0) await sleep(5)
}

const read = async (log: Log, course: ReturnType<typeof newCourse>) => log.readStream('course', course, all)
const responses = (course: ReturnType<typeof newCourse>, from: number, to: number): StreamEvent[] =>
  Array.from({ length: to - from }, (_, index) => responseOf(course, from + index))

describe('append, with several processes', () => {
  test('[S3] stores one of two events that race for a number, and refuses the other', async () => {
    const logs = [given.log, (await given.another()).log]
    for (let round = 0; round < 20; round += 1) {
      const course = newCourse()
      const rivals = [responseOf(course, 0, 'one'), responseOf(course, 0, 'other')]
      const results = await Promise.all(rivals.map((event, index) => logs[index]!.append([event])))
      assert.deepEqual(results.map(({ kind }) => kind).toSorted(), ['refused', 'stored'])
      const winner = rivals[results.findIndex(({ kind }) => kind === 'stored')]!
      assert.deepEqual(
        (await read(given.log, course)).map(({ eventUuid }) => eventUuid),
        [winner.eventUuid],
      )
    }
  })

  test('[S17] does not deadlock on requests for the same courses in opposite orders', async () => {
    const logs = [given.log, (await given.another()).log]
    const courses = Array.from({ length: 50 }, newCourse)
    for (let number = 0; number < 10; number += 1) {
      const events = courses.map((course) => responseOf(course, number))
      const results = await Promise.all([logs[0]!.append(events), logs[1]!.append(events.toReversed())])
      const outcomes = results.flatMap((result) => (result.kind === 'stored' ? [...result.outcomes] : []))
      assert.equal(outcomes.filter((outcome) => outcome === 'recorded').length, 50)
      assert.equal(outcomes.filter((outcome) => outcome === 'duplicate').length, 50)
    }
  })

  test('answers a request whose connection is cut, and stores it once', async () => {
    const { log, pool } = await given.another({ limits: { gatePatienceMs: 2000 } })
    const course = newCourse()
    // A gate held by somebody else keeps the request waiting inside its transaction.
    const release = await holdGates()
    const sent = log.append(responses(course, 0, 3))
    await untilItWaits()
    await given.pool.query(`select pg_terminate_backend(pid) from (${isWaiting}) waiting`)
    await release()
    assert.equal((await sent).kind, 'stored')
    assert.deepEqual(numbersOf(await read(log, course)), [0, 1, 2])
    assert.ok(pool.totalCount > 0)
  })

  test('[S20] lets go of its gates when the client stops between Execute and Sync', { timeout: 20_000 }, async () => {
    const [frozen, other] = [newCourse(), newCourse()]
    const request = openRequest(responses(frozen, 0, 1))
    assert.ok(!('kind' in request))
    const statement = appendStatement(
      planGroup([request], { partOf, mayWait: false }),
      { events: 100, bytes: 1e6, foldRuns: 10 },
      0,
    )
    const client = new pg.Client({ connectionString: given.url })
    await client.connect()
    // What a client that is stopped in the middle of its message leaves behind: everything but the Sync.
    const { connection } = client as unknown as { connection: RawConnection }
    connection.sync = () => connection.flush()
    client.query(statement).catch(() => undefined)
    while ((await read(given.log, frozen)).length === 0) await sleep(5)
    const result = await given.log.append([...responses(frozen, 1, 2), ...responses(other, 0, 1)])
    assert.equal(result.kind, 'stored', 'nobody waits for a client that does not go on')
    client.on('error', () => undefined)
    connection.stream.destroy()
  })
})

describe('append behind a hole', () => {
  test('[S14] takes what lies in the window, refuses what lies beyond, and always takes what is missing', async () => {
    const { log } = await given.another({ window: { events: 100 } })
    const course = newCourse()
    assert.equal((await log.append(responses(course, 1, 101))).kind, 'stored')
    assert.deepEqual(await log.append(responses(course, 101, 102)), {
      kind: 'too_far_ahead',
      missing: [{ stream: course, from: 0, to: 0 }],
    })
    const other = newCourse()
    const [far, near] = await Promise.all([log.append(responses(course, 300, 301)), log.append(responses(other, 0, 1))])
    assert.deepEqual(far, {
      kind: 'too_far_ahead',
      missing: [
        { stream: course, from: 0, to: 0 },
        { stream: course, from: 101, to: 299 },
      ],
    })
    assert.equal(near.kind, 'stored')
    assert.equal((await log.append(responses(course, 0, 1))).kind, 'stored')
    assert.equal((await read(log, course)).length, 101)
    assert.equal((await log.append(responses(course, 101, 102))).kind, 'stored')
  })

  test('limits the bytes that wait, too', async () => {
    const { log } = await given.another({ window: { bytes: 10_000 } })
    const course = newCourse()
    assert.equal((await log.append([eventOf(course, 1, 'update_roster', 6000)])).kind, 'stored')
    assert.equal((await log.append([eventOf(course, 2, 'update_roster', 6000)])).kind, 'too_far_ahead')
    assert.equal((await log.append([eventOf(course, 0, 'update_roster', 6000)])).kind, 'stored')
    assert.equal((await log.append([eventOf(course, 2, 'update_roster', 6000)])).kind, 'stored')
    assert.deepEqual(numbersOf(await read(log, course)), [0, 1, 2])
  })

  test('refuses a number that no stream can have', async () => {
    const course = newCourse()
    const result = await given.log.append([responseOf(course, Number.MAX_SAFE_INTEGER)])
    assert.deepEqual(result, {
      kind: 'too_far_ahead',
      missing: [{ stream: course, from: 0, to: Number.MAX_SAFE_INTEGER - 1 }],
    })
  })

  test('seals a long chain in one call, in transactions of limited size', async () => {
    const { log } = await given.another({ window: { foldRuns: 7 } })
    const course = newCourse()
    for (let number = 60; number > 0; number -= 1) await log.append([responseOf(course, number)])
    assert.deepEqual(await read(log, course), [])
    await log.append([responseOf(course, 0)])
    assert.equal((await read(log, course)).length, 61)
    const transactions = await given.pool.query('select distinct xmin from segment where stream = $1', [course])
    assert.equal(transactions.rowCount, 9)
    const lane = await given.pool.query('select early_runs, early_bytes from lane where part = $1 and lane = 0', [
      partOf('course', course),
    ])
    assert.deepEqual(lane.rows, [{ early_runs: 0, early_bytes: 0n }])
  })

  test('[S18] [S54] finishes at the next opening what a killed process left contiguous but unsealed', async () => {
    const course = newCourse()
    await given.log.append(responses(course, 1, 3))
    // As it is when a process dies between two transactions of a long chain: the head has come, the rest waits.
    await given.pool.query(
      `insert into segment select 0, now(), stream, 1, part, 7, events, types, body from pending where stream = $1`,
      [course],
    )
    assert.equal((await read(given.log, course)).length, 1)
    await given.another()
    assert.deepEqual(numbersOf(await read(given.log, course)), [0, 1, 2])
  })
})

describe('append, in every size', () => {
  test('[S15] keeps events of all sizes in order', async () => {
    const course = newCourse()
    const sizes = [10, 100_000, 10, 10, 7000, 7000, 1_000_000, 10]
    const events = sizes.map((bytes, number) => eventOf(course, number, 'update_roster', bytes))
    await given.log.append(events)
    const stored = await given.log.readStream('course', course, { from: 0, eventsMax: 100, bytesMax: 1e8 })
    assert.deepEqual(stored.map(bareEvent), events)
  })

  test('refuses at once when the queue is full, and takes requests again when it is not', async () => {
    const { log } = await given.another({ limits: { waitersMax: 3 } })
    const course = newCourse()
    const results = await Promise.allSettled(responses(course, 0, 5).map((event) => log.append([event])))
    const refused = results.filter((result) => result.status === 'rejected')
    assert.equal(refused.length, 2)
    for (const { reason } of refused) assert.ok(reason instanceof LogOverloaded)
    assert.equal((await log.append(responses(course, 3, 5))).kind, 'stored')
    assert.deepEqual(log.counters(), {
      appendedEvents: 5,
      appendedGroups: 2,
      refusedRequests: 0,
      waitingRequests: 0,
      waitingBytes: 0,
    })
  })

  test('refuses when the bytes that wait are too many', async () => {
    const { log } = await given.another({ limits: { queuedBytesMax: 1000 } })
    const course = newCourse()
    const large = log.append([eventOf(course, 0, 'update_roster', 2000)])
    await assert.rejects(log.append([responseOf(course, 1)]), /queue is full: \d{4} bytes wait/)
    assert.equal((await large).kind, 'stored')
    assert.equal((await log.append([responseOf(course, 1)])).kind, 'stored')
  })

  test('refuses when the oldest request has waited too long', async () => {
    const { log } = await given.another({ limits: { oldestWaiterMs: 50 } })
    const course = newCourse()
    const release = await holdGates()
    const inFlight = log.append([responseOf(course, 0)])
    await sleep(20)
    const waiting = log.append([responseOf(course, 1)])
    await sleep(80)
    await assert.rejects(log.append([responseOf(course, 2)]), /queue is full: a request waits for more than 50 ms/)
    await release()
    assert.deepEqual([(await inFlight).kind, (await waiting).kind], ['stored', 'stored'])
  })

  test('gives up after its time and tells the reason; the same request may be sent again', async () => {
    const { log } = await given.another({ limits: { retryMs: 300 } }, { statementTimeoutMs: 100 })
    const course = newCourse()
    const release = await holdGates()
    await assert.rejects(log.append([responseOf(course, 0)]), { code: '57014' })
    await release()
    assert.deepEqual(await log.append([responseOf(course, 0)]), { kind: 'stored', outcomes: ['recorded'] })
  })

  test('fails a request that cannot be stored without failing its neighbours', async () => {
    const course = newCourse()
    const impossible = { ...responseOf(newCourse(), 0), eventUuid: 'no uuid' as never, data: {} }
    const [bad, good] = await Promise.allSettled([
      given.log.append([impossible]),
      given.log.append(responses(course, 0, 1)),
    ])
    assert.equal(bad.status, 'rejected')
    assert.equal(good.status, 'fulfilled')
    assert.deepEqual(numbersOf(await read(given.log, course)), [0])
  })
})

test('refused events are kept, a limited number a stream, and not for ever', async () => {
  const course = newCourse()
  await given.log.append([responseOf(course, 0)])
  const rivals = Array.from({ length: 105 }, (_, index) => responseOf(course, 0, `rival ${index}`))
  await Promise.all(rivals.map((rival) => given.log.append([rival])))
  const kept = async () =>
    (await given.pool.query('select from rejected_event where stream = $1', [course])).rowCount ?? 0
  const before = await kept()
  assert.ok(before >= 100 && before <= 105, `${before} are kept`)
  await given.pool.query(
    `update rejected_event set rejected_at = now() - interval '91 days' where stream = $1 and event_uuid <> $2`,
    [course, rivals[0]!.eventUuid],
  )
  await forgetRejected(given.pool)
  assert.equal(await kept(), 1)
})

test('no more refused events of a stream are kept when they come in one request', async () => {
  const course = newCourse()
  const numbers = Array.from({ length: 140 }, (_, number) => number)
  await given.log.append(numbers.map((number) => responseOf(course, number)))
  await given.log.append(numbers.map((number) => responseOf(course, number, 'rival')))
  const kept = await given.pool.query('select number from rejected_event where stream = $1 order by number', [course])
  assert.deepEqual(
    kept.rows.map(({ number }) => number),
    numbers.slice(0, 100),
  )
})

test('a refused event is kept as it came, also beside one of another course with its uuid and number', async () => {
  const [course, other] = [newCourse(), newCourse()]
  await given.log.append([responseOf(course, 0)])
  const refused = responseOf(course, 0, 'refused')
  await given.log.append([{ ...responseOf(other, 0), eventUuid: refused.eventUuid }, refused])
  const kept = await given.pool.query('select stream, data from rejected_event where event_uuid = $1', [
    refused.eventUuid,
  ])
  assert.deepEqual(kept.rows, [{ stream: course, data: refused.data }])
})

test('a process configured for another number of parts does not open the log', async () => {
  await assert.rejects(given.another({ parts: 32 }), /was made with 64 parts/)
})

test('who listens is told of the parts after each commit', async () => {
  const course = newCourse()
  const told: number[] = []
  const stop = given.log.onAppended((parts) => told.push(...parts))
  await given.log.append(responses(course, 0, 1))
  assert.deepEqual(told, [partOf('course', course)])
  stop()
  await given.log.append(responses(course, 1, 2))
  assert.equal(told.length, 1)
})

test('pages of the log are visited once, soon after they were filled, however many there are', async () => {
  const { rows } = await given.pool.query(`select reloptions from pg_class where oid = 'segment'::regclass`)
  const wanted = [
    'autovacuum_vacuum_insert_scale_factor=0',
    'autovacuum_vacuum_insert_threshold=10000',
    'autovacuum_freeze_min_age=0',
  ]
  assert.deepEqual(new Set(wanted).difference(new Set(rows[0].reloptions)), new Set())
})

test('a person can query what is stored', async () => {
  const course = newCourse()
  const zoned = responseOf(course, 1)
  const { is_real_response: _, ...rest }: EventData = zoned.data
  const data = { ...rest, responded_at: '2020-02-29T23:59:59.12-03:30' }
  const events = [
    eventOf(course, 0, 'update_roster'),
    { ...zoned, data },
    responseOf(course, 2),
    responseOf(course, 32),
  ]
  await given.log.append(events.slice(0, 3))
  await given.log.append(responses(course, 3, 40))
  const seen = await given.pool.query(
    `select kind, stream, number, event_uuid as "eventUuid", type, data
     from stream_event where stream = $1 and (number < 3 or number = 32) order by number`,
    [course],
  )
  assert.deepEqual(seen.rows, events)
})
