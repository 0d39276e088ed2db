import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { createClient } from '#client/client.ts'
import { pullCourseEvents } from '#client/consumer.ts'
import { createMemoryCursors } from '#client/cursors.ts'
import { createDelivery } from '#client/delivery.ts'
import { createPostgresOutbox, outboxSchema } from '#client/outbox-postgres.ts'
import { createCourse, unexpected } from '#client/test-outbox.ts'
import { createTestDatabase, type TestDatabase } from '#platform/test-database.ts'
import { type ContractServer, startContractServer } from '../contract/contract-server.ts'

/*
 * A producer is killed with SIGKILL again and again, wherever it happens to be: between enqueueing and sending, with
 * requests on their way, with answers not yet read. What it committed is in the log once, in order of commit.
 */
const kills = 10

let producer: TestDatabase
let pool: pg.Pool
let server: ContractServer

before(async () => {
  producer = await createTestDatabase(async () => {})
  pool = new pg.Pool({ connectionString: producer.url, max: 4 })
  pool.on('error', () => {})
  await pool.query(outboxSchema)
  await pool.query(
    'create table business (position bigint generated always as identity, course uuid not null, event uuid not null)',
  )
  server = await startContractServer('postgres')
})
after(async () => {
  await pool.end()
  await producer.drop()
  await server.stop()
})

async function workUntilKilled(courses: readonly string[], workMs: number): Promise<void> {
  const program = fileURLToPath(new URL('./outbox-producer.ts', import.meta.url))
  const child = spawn(process.execPath, [program, producer.url, server.url, ...courses], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  await sleep(workMs)
  child.kill('SIGKILL')
  await once(child, 'exit')
}

test('a producer that is killed in a loop loses nothing and doubles nothing', async () => {
  const outbox = createPostgresOutbox(pool)
  const courses = Array.from({ length: 3 }, () => randomUUID())
  const connection = await pool.connect()
  await connection.query('begin')
  await outbox.enqueue(connection, courses.map(createCourse))
  await connection.query('commit')
  connection.release()
  for (let kill = 0; kill < kills; kill += 1) await workUntilKilled(courses, 50 + Math.random() * 300)

  const client = createClient({ url: server.url })
  const stop = new AbortController()
  const delivery = createDelivery({ store: outbox, transport: client.transport, pollMs: 10, ...unexpected })
  const running = delivery.run(stop.signal)
  while ((await outbox.health()).waiting > 0) await sleep(20)
  stop.abort()
  await running

  const applied = new Map<string, string[]>()
  await pullCourseEvents(courses, {
    client,
    cursors: createMemoryCursors(),
    apply: async (_, { stream, events }) => {
      applied.set(stream, [...(applied.get(stream) ?? []), ...events.map((event) => event.event_uuid)])
    },
  })
  let committed = 0
  for (const course of courses) {
    const { rows } = await pool.query('select event from business where course = $1 order by position', [course])
    committed += rows.length
    assert.deepEqual(applied.get(course), [course, ...rows.map((row) => row.event)])
  }
  assert.ok(committed > kills, `only ${committed} events were committed: the run was no test`)
})
