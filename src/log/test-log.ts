import { after, before } from 'node:test'
import type pg from 'pg'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool, type PoolOptions } from '#platform/postgres.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import type { OpenedLog } from './log.ts'
import { type LogOptions, openLog } from './open.ts'

/** A log on a database of its own for the tests of one file; further logs on the same database are closed with it. */
export interface TestLog {
  log: OpenedLog
  pool: pg.Pool
  url: string
  another(options?: LogOptions, poolOptions?: Partial<PoolOptions>): Promise<{ log: OpenedLog; pool: pg.Pool }>
}

export function useTestLog(): TestLog {
  const opened: { log: OpenedLog; pool: pg.Pool }[] = []
  let database: TestDatabase
  const test = {
    async another(options, poolOptions = {}) {
      const pool = openPool(database.url, { name: `test ${opened.length}`, connectionsMax: 5, ...poolOptions })
      const both = { pool, log: await openLog(pool, options) }
      opened.push(both)
      return both
    },
  } as TestLog
  before(async () => {
    database = await createMigratedDatabase()
    Object.assign(test, await test.another(), { url: database.url })
  })
  after(async () => {
    for (const { log } of opened) await log.close()
    for (const { pool } of opened) await pool.end()
    await database.drop()
  })
  return test
}
