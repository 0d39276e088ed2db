import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { openPool } from '#platform/postgres.ts'
import { startTestCluster } from '#platform/test-database.ts'
import { openLog } from './open.ts'
import { courseOf, responseOf } from './sample-events.ts'

/*
 * [streams 31] The server crashes under load (one of its processes is killed, so that it recovers from its WAL) and is
 * away for a while: no client sees a failure, and everything acknowledged is there, once and in order.
 */
test('a crash of the database costs time and nothing else', { timeout: 60_000 }, async () => {
  const durable = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' }
  const cluster = await startTestCluster(durable)
  await migrate(cluster.url, await readMigrations())
  const pool = openPool(cluster.url, { name: 'crash', connectionsMax: 4 })
  const log = await openLog(pool)
  const state = { isOver: false }
  const acknowledged = new Map<string, number>()
  const courses = Array.from({ length: 16 }, (_, index) => courseOf(`crash ${index}`))
  const clients = courses.map(async (course) => {
    for (let number = 0; !state.isOver; number += 2) {
      const result = await log.append([responseOf(course, number), responseOf(course, number + 1)])
      assert.equal(result.kind, 'stored')
      acknowledged.set(course, number + 2)
    }
  })
  const total = (): number => [...acknowledged.values()].reduce((sum, count) => sum + count, 0)

  while (total() < 200) await sleep(5)
  const answer = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
  process.kill(answer.rows[0]!.pid, 'SIGKILL')
  const after = total()
  while (total() < after + 200) await sleep(5)
  state.isOver = true
  await Promise.all(clients)

  for (const course of courses) {
    const events = await log.readStream('course', course, { from: 0, eventsMax: 100_000, bytesMax: 1e9 })
    assert.equal(events.length, acknowledged.get(course))
    for (const { number, eventUuid } of events) assert.equal(eventUuid, responseOf(course, number).eventUuid)
  }
  await log.close()
  await pool.end()
  await cluster.stop()
})
