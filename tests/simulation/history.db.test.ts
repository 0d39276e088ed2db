import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type pg from 'pg'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { type History, recordHistory } from './history.ts'
import { empty, installClock, Replay } from './replayed.ts'

/* The server in memory says what PostgreSQL says: histories of the simulation, asked again and compared. */
const histories = 100
const operationsOfEach = 150

let database: TestDatabase
let admin: pg.Pool
let pool: pg.Pool
before(async () => {
  database = await createMigratedDatabase()
  admin = openPool(database.url, { name: 'administration', connectionsMax: 2 })
  await installClock(admin)
  const url = new URL(database.url)
  url.searchParams.set('options', '-c search_path=replayed,pg_catalog,public')
  pool = openPool(url.toString(), { name: 'replayed', connectionsMax: 40, idleInTransactionTimeoutMs: 60_000 })
})
after(async () => {
  await pool.end()
  await admin.end()
  await database.drop()
})

async function replay({ seed, world, operations }: History): Promise<number> {
  await empty(admin)
  const replayed = await Replay.open(admin, pool)
  try {
    for (const operation of operations) await replayed.run(operation)
  } catch (error) {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
  } finally {
    await replayed.close()
  }
  for (const [name, { effects }] of world.server.state.subscriptions) {
    const found = await admin.query<{ stream: string; numbers: string[] }>(
      'select stream, array_agg(number::text order by id) as numbers from effect where subscription = $1 group by stream',
      [name],
    )
    const stored = new Map(found.rows.map(({ stream, numbers }) => [stream, numbers.map(Number)]))
    for (const [stream, rows] of effects) {
      assert.deepEqual(
        stored.get(stream),
        rows.map((row) => row.number),
        `seed ${seed}: effects of ${name}`,
      )
    }
  }
  return replayed.compared
}

test('a hundred histories of the simulation have the same answers on PostgreSQL', { timeout: 600_000 }, async () => {
  let compared = 0
  for (let seed = 1; seed <= histories; seed += 1) compared += await replay(await recordHistory(seed, operationsOfEach))
  assert.ok(compared > histories * operationsOfEach * 0.5, `${compared} answers compared`)
})
