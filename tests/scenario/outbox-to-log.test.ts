import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { createClient } from '#client/client.ts'
import { pullCourseEvents } from '#client/consumer.ts'
import { createMemoryCursors } from '#client/cursors.ts'
import { createDelivery } from '#client/delivery.ts'
import { repairGaps } from '#client/incidents.ts'
import { createPostgresOutbox, outboxSchema } from '#client/outbox-postgres.ts'
import { createCourse, recordResponse, unexpected, updateDates } from '#client/test-outbox.ts'
import { createTestDatabase, type TestDatabase } from '#platform/test-database.ts'
import { type ContractServer, startContractServer } from '../contract/contract-server.ts'

/*
 * A producer's transactions on its PostgreSQL, its outbox, a bad network, the API, the log on another PostgreSQL, and a
 * reader that starts over: what the reader applies is what was committed, in the order in which it was committed.
 */
let producer: TestDatabase
let pool: pg.Pool
let server: ContractServer

before(async () => {
  producer = await createTestDatabase(async () => {})
  pool = new pg.Pool({ connectionString: producer.url, max: 8 })
  // A connection that is still closing when its database goes away says so; nobody uses it any more.
  pool.on('error', () => {})
  await pool.query(outboxSchema)
  // The producer's own table: the order of its commits, course by course.
  await pool.query(`
    create table business (
      position bigint generated always as identity,
      course uuid not null,
      event uuid not null
    )`)
  server = await startContractServer('postgres')
})
after(async () => {
  await pool.end()
  await producer.drop()
  await server.stop()
})

async function transaction(work: (connection: pg.PoolClient) => Promise<void>): Promise<void> {
  const connection = await pool.connect()
  try {
    await connection.query('begin')
    await work(connection)
    await connection.query('commit')
  } catch (error) {
    await connection.query('rollback')
    throw error
  } finally {
    connection.release()
  }
}

/** Every third request is lost on its way there, or its answer on the way back. */
function badNetwork(): typeof globalThis.fetch {
  let requests = 0
  return async (input, init) => {
    requests += 1
    if (requests % 6 === 0) throw new TypeError('connection reset')
    const response = await fetch(input, init)
    if (requests % 6 !== 3) return response
    await response.text()
    throw new TypeError('connection reset')
  }
}

test('committed events arrive once and in order of commit, over a bad network and with two senders', async () => {
  const outbox = createPostgresOutbox(pool)
  const network = { url: server.url, fetch: badNetwork(), backoff: { firstDelayMs: 5, delayMsMax: 20 } }
  const { transport } = createClient(network)
  const courses = Array.from({ length: 5 }, () => randomUUID())
  await transaction((connection) => outbox.enqueue(connection, courses.map(createCourse)))

  const stop = new AbortController()
  const senders = [1, 2].map(() => createDelivery({ store: outbox, transport, pollMs: 20, ...unexpected }))
  const running = senders.map((sender) => sender.run(stop.signal))
  const producers = Array.from({ length: 6 }, async (_, worker) => {
    for (let turn = 0; turn < 25; turn += 1) {
      const [course, other] = [courses[(worker + turn) % 5]!, courses[(worker * turn) % 5]!]
      const business = transaction(async (connection) => {
        const events = [...new Set([course, other])].map((touched) => {
          const event = randomUUID()
          return { touched, event, sent: turn % 4 === 0 ? updateDates(touched, event) : recordResponse(touched, event) }
        })
        await outbox.enqueue(
          connection,
          events.map(({ sent }) => sent),
        )
        // Below the lock of the streams, so this order is the order of commit within each course.
        for (const { touched, event } of events) {
          await connection.query('insert into business (course, event) values ($1, $2)', [touched, event])
        }
        if (turn % 5 === 4) throw new Error('business rule')
      })
      await business.catch((error: unknown) => assert.match(String(error), /business rule/))
      senders[worker % 2]!.wake()
    }
  })
  await Promise.all(producers)
  while ((await outbox.health()).waiting > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  stop.abort()
  await Promise.all(running)

  const client = createClient({ url: server.url })
  const applied = new Map<string, string[]>()
  const outcome = await pullCourseEvents(courses, {
    client,
    cursors: createMemoryCursors(),
    eventsMax: 17,
    apply: async (_, { stream, events }) => {
      applied.set(stream, [...(applied.get(stream) ?? []), ...events.map((event) => event.event_uuid)])
    },
  })
  assert.deepEqual([outcome.blocked, outcome.overtaken], [[], []])
  for (const course of courses) {
    const { rows } = await pool.query('select event from business where course = $1 order by position', [course])
    assert.deepEqual(applied.get(course), [course, ...rows.map((row) => row.event)])
  }
  assert.equal(outcome.applied, 5 + (await pool.query('select from business')).rowCount!)
  const nothing = { resent: [], filled: [], unexplained: [], ahead: [] }
  const now = () => new Date(Date.now() + 3_600_000)
  assert.deepEqual(await repairGaps({ store: outbox, client, now }), { streams: 5, ...nothing })
})
