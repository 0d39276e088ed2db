import { createTestDatabase, type TestDatabase } from '#platform/test-database.ts'
import { migrate, readMigrations } from './migrate.ts'

/** A migrated database of its own for one test file. */
export function createMigratedDatabase(): Promise<TestDatabase> {
  return createTestDatabase(async (url) => migrate(url, await readMigrations()))
}
