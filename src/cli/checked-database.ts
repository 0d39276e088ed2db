import type pg from 'pg'
import { checkSchema, readMigrations } from '#operate/migrate.ts'
import { checkServer } from '#platform/postgres.ts'

/**
 * What every command asks of its database first: that it is there, can hold a log, and has every migration. Throws a
 * `ConfigurationError` with the next step.
 */
export async function checkDatabase(pool: pg.Pool): Promise<void> {
  await checkServer(pool)
  await checkSchema(pool, await readMigrations())
}
