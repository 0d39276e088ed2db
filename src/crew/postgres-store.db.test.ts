import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { postgresCrewStore } from './postgres-store.ts'
import { recording, TestCrew } from './test-crew.ts'

let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

test('a connection that was closed has no last words: they would end the one that took its place', async () => {
  const pool = crew.pool(1)
  let client: pg.PoolClient | undefined
  pool.on('acquire', (acquired) => (client = acquired))
  const limits = { lockTimeoutMs: 5000, idleTimeoutMs: 5000, totalTimeoutMs: undefined }
  const store = postgresCrewStore({ pool, heartbeatPool: pool, subscription: recording('closed'), limits, build: '' })
  let ends = 0
  const connection = await store.connect(() => (ends += 1))
  connection.close()
  client?.emit('error', new Error('read ECONNRESET'))
  assert.equal(ends, 0)
})
