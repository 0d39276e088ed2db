import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { createTestDatabase, type TestDatabase } from '#platform/test-database.ts'
import { createPostgresCursors, cursorSchema } from './cursors.ts'
import type { OutboxEvent } from './outbox.ts'
import { createPostgresOutbox, outboxSchema } from './outbox-postgres.ts'
import { createCourse, outboxContract, recordResponse } from './test-outbox.ts'

let database: TestDatabase
let pool: pg.Pool

before(async () => {
  database = await createTestDatabase(async () => {})
  pool = new pg.Pool({ connectionString: database.url })
  // A connection that is still closing when its database goes away says so; nobody uses it any more.
  pool.on('error', () => {})
  // Twice: a producer's migration may run again.
  await pool.query(outboxSchema)
  await pool.query(outboxSchema)
  await pool.query(cursorSchema)
})
after(async () => {
  await pool.end()
  await database.drop()
})

async function transaction<Result>(work: (client: pg.PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}

async function open() {
  await pool.query('truncate biglearn_outbox, biglearn_outbox_stream')
  return { outbox: createPostgresOutbox(pool), transaction }
}

outboxContract(open)

test('numbers follow the order of commit: who enqueues second waits for the first to commit', async () => {
  const { outbox } = await open()
  const course = randomUUID()
  const [early, late] = [randomUUID(), randomUUID()]
  const enqueue = (client: pg.PoolClient, event: OutboxEvent) => outbox.enqueue(client, [event])
  await transaction((client) => enqueue(client, createCourse(course)))
  const first = await pool.connect()
  await first.query('begin')
  await enqueue(first, recordResponse(course, early))
  let isSecondDone = false
  const second = transaction((client) => enqueue(client, recordResponse(course, late))).then(() => {
    isSecondDone = true
  })
  await waitingFor(pool, 'transactionid')
  assert.equal(isSecondDone, false)
  await first.query('commit')
  first.release()
  await second
  const waiting = await outbox.readWaiting({ entriesMax: 10, exceptStreams: [] })
  assert.deepEqual(
    waiting.map(({ number, eventUuid }) => [number, eventUuid]),
    [
      [0, course],
      [1, early],
      [2, late],
    ],
  )
})

test('transactions over several streams in different orders do not deadlock', async () => {
  const { outbox } = await open()
  const courses = Array.from({ length: 5 }, () => randomUUID())
  await transaction((client) => outbox.enqueue(client, courses.map(createCourse)))
  const shuffled = (turn: number) => [...courses.slice(turn % 5), ...courses.slice(0, turn % 5)]
  await Promise.all(
    Array.from({ length: 30 }, (_, turn) =>
      transaction((client) =>
        outbox.enqueue(
          client,
          shuffled(turn).map((course) => recordResponse(course)),
        ),
      ),
    ),
  )
  for (const { nextNumber } of await outbox.readStreams({ after: undefined, streamsMax: 10 })) {
    assert.equal(nextNumber, 31)
  }
})

test('finding what waits does not read what was sent, however much that is', async () => {
  await open()
  const course = randomUUID()
  await pool.query(`insert into biglearn_outbox_stream (stream, kind, next_number) values ($1, 'course', 30000)`, [
    course,
  ])
  await pool.query(
    `insert into biglearn_outbox (stream, sequence_number, endpoint, event_uuid, payload, state, sent_at)
    select $1, number, 'record_responses', gen_random_uuid(), '{}', 'sent', now()
    from generate_series(0, 29999) as number`,
    [course],
  )
  await pool.query('vacuum analyze biglearn_outbox')
  await transaction((client) => createPostgresOutbox(pool).enqueue(client, [recordResponse(course)]))
  const connection = await pool.connect()
  const scans = async (): Promise<bigint> => {
    await connection.query('select pg_stat_force_next_flush()')
    const { rows } = await connection.query(
      `select seq_tup_read + idx_tup_fetch as read from pg_stat_user_tables where relname = 'biglearn_outbox'`,
    )
    return BigInt(rows[0].read)
  }
  const before = await scans()
  const waiting = await createPostgresOutbox(connection).readWaiting({ entriesMax: 1000, exceptStreams: [] })
  const read = (await scans()) - before
  connection.release()
  assert.equal(waiting.length, 1)
  assert.ok(read >= 1n && read < 100n, `${read} rows were read to find one`)
})

test('a cursor advances once per step, together with the effects of its reader', async () => {
  const cursors = createPostgresCursors({ database: pool, consumer: 'reader', transaction })
  const stream = randomUUID()
  const step = (from: number, to: number) => transaction((client) => cursors.advance(client, { stream, from, to }))
  assert.equal(await step(0, 3), true)
  assert.equal(await step(0, 3), false)
  assert.equal(await step(3, 5), true)
  await assert.rejects(
    transaction(async (client) => {
      assert.equal(await cursors.advance(client, { stream, from: 5, to: 9 }), true)
      throw new Error('the effects failed')
    }),
    /the effects failed/,
  )
  assert.deepEqual(await cursors.read([stream, randomUUID()]), new Map([[stream, 5]]))
  const other = createPostgresCursors({ database: pool, consumer: 'another', transaction })
  assert.deepEqual(await other.read([stream]), new Map())
})

async function waitingFor(database: pg.Pool, lock: string): Promise<void> {
  for (;;) {
    const { rowCount } = await database.query('select from pg_locks where locktype = $1 and not granted', [lock])
    if (rowCount !== 0) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
