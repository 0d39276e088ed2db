import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { ConfigurationError } from '#platform/config.ts'
import { isPassing, unreachable } from '#platform/postgres.ts'
import { connectWriter } from '#platform/servers.ts'

/*
 * Numbered, forward-only migrations (operations.md §4.1–4.2): one runner at a time by a session advisory lock, one
 * transaction a file, short lock waits with retries, checksums so that a delivered file is never changed.
 */
export interface Migration {
  readonly number: number
  readonly name: string
  readonly kind: 'expand' | 'backfill' | 'contract'
  readonly inTransaction: boolean
  readonly checksum: string
  readonly text: string
}

const migrationsFolder = resolve(dirname(fileURLToPath(import.meta.url)), '../../sql')
const advisoryLock = 7_203_511
const retryBudgetMs = 5 * 60_000

export async function readMigrations(folder: string = migrationsFolder): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(names.map(async (name) => parseMigration(name, await readFile(join(folder, name), 'utf8'))))
}

export function parseMigration(fileName: string, text: string): Migration {
  const named = /^(\d{6})_([a-z0-9_]+)\.sql$/.exec(fileName)
  if (named === null) throw new ConfigurationError(`sql/${fileName} is not named NNNNNN_name.sql`, 'rename it')
  const kind = /^-- kind: (expand|backfill|contract)$/m.exec(text)?.[1]
  if (kind !== 'expand' && kind !== 'backfill' && kind !== 'contract') {
    throw new ConfigurationError(`sql/${fileName} has no header "-- kind: expand|backfill|contract"`, 'add it')
  }
  return {
    number: Number(named[1]),
    name: named[2] ?? '',
    kind,
    inTransaction: !/^-- transaction: no$/m.test(text),
    checksum: createHash('sha256').update(text).digest('hex'),
    text,
  }
}

/** Applies what is missing and returns the migrations applied now. A second runner waits for the first. */
export async function migrate(url: string, migrations: readonly Migration[]): Promise<Migration[]> {
  const client = await connectWriter(url, { application_name: 'biglearn migrate' }).catch((error: unknown) => {
    throw unreachable(error)
  })
  try {
    await client.query('select pg_advisory_lock($1)', [advisoryLock])
    await client.query(`
      create table if not exists schema_migration (
        number int primary key,
        name text not null,
        kind text not null,
        checksum text not null,
        started_at timestamptz not null,
        finished_at timestamptz not null default clock_timestamp(),
        attempts int not null)`)
    const applied = await readApplied(client)
    refuseChanged(migrations, applied)
    const missing = migrations.filter((migration) => !applied.has(migration.number))
    for (const migration of missing) await apply(client, migration)
    return missing
  } finally {
    await client.end()
  }
}

/** Refuses a database that this build does not know, or that lacks a migration (OP-P3: serving never migrates). */
export async function checkSchema(client: pg.Pool | pg.Client, migrations: readonly Migration[]): Promise<void> {
  const exists = await client.query<{ found: boolean }>(`select to_regclass('schema_migration') is not null as found`)
  const applied = exists.rows[0]?.found === true ? await readApplied(client) : new Map<number, string>()
  const missing = migrations.filter((migration) => !applied.has(migration.number))
  if (missing.length > 0) {
    const list = missing.map((migration) => `${migration.number} ${migration.name}`).join(', ')
    throw new ConfigurationError(`the database lacks migrations: ${list}`, 'run `npm run biglearn -- migrate`')
  }
  refuseChanged(migrations, applied)
}

async function readApplied(client: pg.Pool | pg.Client): Promise<Map<number, string>> {
  const rows = await client.query<{ number: number; checksum: string }>('select number, checksum from schema_migration')
  return new Map(rows.rows.map((row) => [row.number, row.checksum]))
}

function refuseChanged(migrations: readonly Migration[], applied: ReadonlyMap<number, string>): void {
  for (const migration of migrations) {
    const checksum = applied.get(migration.number)
    if (checksum === undefined || checksum === migration.checksum) continue
    throw new ConfigurationError(
      `migration ${migration.number} (${migration.name}) was applied with other content`,
      'delivered migrations never change: put the change in a new file',
    )
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  const started = performance.now()
  const startedAt = new Date()
  for (let attempt = 1; ; attempt += 1) {
    try {
      await applyOnce(client, migration, startedAt, attempt)
      return
    } catch (error) {
      if (migration.inTransaction) await client.query('rollback').catch(() => undefined)
      if (!isPassing(error) || performance.now() - started > retryBudgetMs) {
        throw new Error(`migration ${migration.number} (${migration.name}) failed`, { cause: error })
      }
      await sleep(Math.min(5000, 300 * 2 ** attempt))
    }
  }
}

async function applyOnce(client: pg.Client, migration: Migration, startedAt: Date, attempt: number): Promise<void> {
  const { number, name, kind, checksum } = migration
  await client.query(`set lock_timeout = '100ms'`)
  if (migration.inTransaction) await client.query('begin')
  await client.query(migration.text)
  await client.query(
    `insert into schema_migration (number, name, kind, checksum, started_at, attempts) values ($1, $2, $3, $4, $5, $6)`,
    [number, name, kind, checksum, startedAt, attempt],
  )
  if (migration.inTransaction) await client.query('commit')
}
