import { after } from 'node:test'
import type pg from 'pg'
import { openPool, type PoolOptions } from '#platform/postgres.ts'
import { createTestDatabase, type TestDatabase } from '#platform/test-database.ts'
import { migrate, readMigrations } from './migrate.ts'

/** A migrated database of its own for one test file. */
export function createMigratedDatabase(): Promise<TestDatabase> {
  return createTestDatabase(async (url) => migrate(url, await readMigrations()))
}

/** The same with a pool, for the tests of the file that calls it; both go when these are done. */
export async function openTestDatabase(options: Partial<PoolOptions> = {}): Promise<OpenTestDatabase> {
  const database = await createMigratedDatabase()
  const pool = openPool(database.url, { name: 'test', connectionsMax: 4, ...options })
  after(async () => {
    await pool.end()
    await database.drop()
  })
  return { url: database.url, pool }
}

interface OpenTestDatabase {
  readonly url: string
  readonly pool: pg.Pool
}
