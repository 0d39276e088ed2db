import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { TcpProxy } from '../../tests/support/tcp-proxy.ts'
import { openPool } from './postgres.ts'
import { type Database, openReaders, type Readers } from './readers.ts'
import type { TestDatabase } from './test-database.ts'

/* A replica behind a line that can be cut; it is the primary itself, so that it never lags. */
let database: TestDatabase
let writer: pg.Pool
let line: TcpProxy
let readers: Readers

before(async () => {
  database = await createMigratedDatabase()
  writer = openPool(database.url, { name: 'test writer', connectionsMax: 4 })
  line = await TcpProxy.listen(Number(new URL(database.url).port))
  readers = openReaders({ writer, readerUrl: line.addressOf(database.url), beatMs: 100 })
})
after(async () => {
  await line.close()
  await readers.close()
  await writer.end()
  await database.drop()
})

interface Session {
  readonly name: string
  readonly pid: number
  readonly limit: string
}

async function session(on: Database): Promise<Session> {
  const found = await on.query<Session>(`
    select current_setting('application_name') as name, pg_backend_pid() as pid,
      current_setting('statement_timeout') as limit`)
  return found.rows[0] ?? assert.fail()
}

async function untilReplicaServes(): Promise<Session> {
  for (;;) {
    const served = await readers.read({}, session)
    if (served.name === 'biglearn reader') return served
    await sleep(20)
  }
}

describe('reads by way of a replica', { timeout: 60_000 }, () => {
  test('a read that was lost on its way held its connection for as long as a fit may take', async () => {
    assert.equal((await untilReplicaServes()).limit, '5s')
  })

  test('a connection that did not answer was asked for a rollback, and waited for once more', async () => {
    await untilReplicaServes()
    const lost: number[] = []
    const { name } = await readers.read({}, async (on) => {
      const found = await session(on)
      if (found.name !== 'biglearn reader') return found
      lost.push(found.pid)
      throw new Error('Query read timeout')
    })
    assert.equal(name, 'biglearn test writer')
    assert.equal(lost.length, 1)
    const text = 'select from pg_stat_activity where pid = $1 and datname = current_database()'
    while ((await writer.query(text, lost)).rows.length > 0) await sleep(20)
  })
})

test('a replica whose line was cut was asked for half a minute', { timeout: 30_000 }, async () => {
  await untilReplicaServes()
  line.cut()
  const underWay = Array.from({ length: 10 }, () => readers.read({}, session))
  while (readers.figures().lagMs !== undefined) await sleep(20)
  assert.equal((await readers.read({}, session)).name, 'biglearn test writer')
  for (const { name } of await Promise.all(underWay)) assert.equal(name, 'biglearn test writer')
  line.mend()
  await untilReplicaServes()
})
