import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { Registry } from 'prom-client'
import { registerSubscription } from '#crew/slots.ts'
import type { StreamEvent } from '#domain/events.ts'
import { toUuid } from '#domain/ids.ts'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { collectStreamMetrics, rarely } from './stream-metrics.ts'

let database: TestDatabase
let pool: pg.Pool
let log: OpenedLog
before(async () => {
  database = await createMigratedDatabase()
  pool = openPool(database.url, { name: 'test', connectionsMax: 4 })
  log = await openLog(pool)
})
after(async () => {
  await log.close()
  await pool.end()
  await database.drop()
})

test('gaps and lag are on the metrics, and read once however often they are scraped', async () => {
  const setup = { name: 'reader', kinds: ['course'], mode: 'remote', startsAt: 'now' } as const
  await registerSubscription(pool, setup, () => log.laneHeads())
  const stream = toUuid(randomUUID())
  const event = (number: number): StreamEvent => {
    return { kind: 'course', stream, number, eventUuid: toUuid(randomUUID()), type: 'no_op', data: {} }
  }
  await log.append([event(0)])
  await log.append([event(2)])
  let reads = 0
  const counted: OpenedLog = {
    ...log,
    blockedStreams: (max) => {
      reads += 1
      return log.blockedStreams(max)
    },
  }
  const registry = new Registry()
  collectStreamMetrics(registry, { pool, log: counted })
  await registry.metrics()
  const text = await registry.metrics()
  assert.match(text, /^biglearn_streams_blocked 1$/m)
  assert.match(text, /^biglearn_oldest_gap_seconds \d/m)
  assert.match(text, /^biglearn_subscription_behind_entries\{subscription="reader"\} 1$/m)
  assert.match(text, /^biglearn_subscription_set_aside\{subscription="reader"\} 0$/m)
  assert.equal(reads, 1)
})

test('a reading that fails leaves the last figure, and is not repeated before its time', async () => {
  let clock = 0
  let calls = 0
  const read = rarely(
    5000,
    async () => {
      calls += 1
      if (calls === 2) throw new Error('away')
      return calls
    },
    () => clock,
  )
  assert.deepEqual([await read(), await read()], [1, 1])
  clock = 5000
  assert.deepEqual([await read(), await read(), calls], [1, 1, 2])
  clock = 10_000
  assert.equal(await read(), 3)
})
