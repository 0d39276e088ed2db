import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { ConfigurationError } from '#platform/config.ts'
import { isPassing, isStorageFull, unreachable } from '#platform/postgres.ts'
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

/** Told of each wait for somebody else. */
export type Say = (line: string) => void

/** Applies what is missing and returns the migrations applied now. A second runner waits for the first. */
export async function migrate(
  url: string,
  migrations: readonly Migration[],
  say: Say = () => undefined,
): Promise<Migration[]> {
  const client = await connectWriter(url, { application_name: 'biglearn migrate', keepAlive: true }).catch(
    (error: unknown) => {
      throw unreachable(error)
    },
  )
  try {
    return await applyMissing(client, migrations, say)
  } catch (error) {
    throw withNextStep(error)
  } finally {
    await client.end()
  }
}

async function applyMissing(client: pg.Client, migrations: readonly Migration[], say: Say): Promise<Migration[]> {
  const locked = await client.query<{ is_ours: boolean }>('select pg_try_advisory_lock($1) as is_ours', [advisoryLock])
  if (locked.rows[0]?.is_ours !== true) {
    say('somebody else migrates this database: waiting until they are done')
    await client.query('select pg_advisory_lock($1)', [advisoryLock])
  }
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
  for (const migration of missing) await apply(client, migration, say)
  return missing
}

/**
 * With the connection the advisory lock is gone as well: another runner may be at work by now, so that nothing is tried
 * again here. Where nobody knows whether the last migration was committed, the next run reads it.
 */
function withNextStep(error: unknown): unknown {
  const cause = error instanceof MigrationFailed ? error.cause : error
  const what = error instanceof MigrationFailed ? `${error.what}: ` : ''
  const again = 'run `npm run biglearn -- migrate` again; it goes on where this one stopped'
  if (isStorageFull(cause)) {
    return new ConfigurationError(`${what}the database has no room left`, `make room on its volume, then ${again}`)
  }
  if (passesOnThisConnection(cause)) {
    return new ConfigurationError(`${what}somebody held a lock for too long`, `end what holds it, then ${again}`)
  }
  if (!isPassing(cause)) return error
  return new ConfigurationError(`${what}the connection to the database was lost (${reasonOf(cause)})`, again)
}

class MigrationFailed extends Error {
  readonly what: string

  constructor({ number, name }: Migration, cause: unknown) {
    const what = `migration ${number} (${name}) failed`
    super(`${what}: ${reasonOf(cause)}`, { cause })
    this.what = what
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/**
 * Refuses a database that lacks a migration of this build (OP-P3: serving never migrates), or that a later build has
 * contracted. What later builds added is none of this one's business (OP-D2). Returns the newest number applied.
 */
export async function checkSchema(client: pg.Pool | pg.Client, migrations: readonly Migration[]): Promise<number> {
  const exists = await client.query<{ found: boolean }>(`select to_regclass('schema_migration') is not null as found`)
  const applied = exists.rows[0]?.found === true ? await readApplied(client) : new Map<number, Applied>()
  const missing = migrations.filter((migration) => !applied.has(migration.number))
  if (missing.length > 0) {
    const list = listOf(missing)
    throw new ConfigurationError(`the database lacks migrations: ${list}`, 'run `npm run biglearn -- migrate`')
  }
  refuseChanged(migrations, applied)
  const known = new Set(migrations.map(({ number }) => number))
  const contracted = [...applied.values()].filter(({ number, kind }) => kind === 'contract' && !known.has(number))
  if (contracted.length > 0) {
    throw new ConfigurationError(
      `a later build has taken away what this one needs: migration ${listOf(contracted)}`,
      'run that build or a later one',
    )
  }
  return Math.max(0, ...applied.keys())
}

function listOf(migrations: readonly Pick<Migration, 'number' | 'name'>[]): string {
  return migrations.map(({ number, name }) => `${number} ${name}`).join(', ')
}

type Applied = Pick<Migration, 'number' | 'name' | 'checksum'> & { readonly kind: string }

async function readApplied(client: pg.Pool | pg.Client): Promise<Map<number, Applied>> {
  const rows = await client.query<Applied>('select number, name, kind, checksum from schema_migration')
  return new Map(rows.rows.map((row) => [row.number, row]))
}

function refuseChanged(migrations: readonly Migration[], applied: ReadonlyMap<number, Applied>): void {
  for (const migration of migrations) {
    const checksum = applied.get(migration.number)?.checksum
    if (checksum === undefined || checksum === migration.checksum) continue
    throw new ConfigurationError(
      `migration ${migration.number} (${migration.name}) was applied with other content`,
      'delivered migrations never change: put the change in a new file',
    )
  }
}

async function apply(client: pg.Client, migration: Migration, say: Say): Promise<void> {
  const started = performance.now()
  const startedAt = new Date()
  for (let attempt = 1; ; attempt += 1) {
    try {
      await applyOnce(client, migration, startedAt, attempt)
      return
    } catch (error) {
      if (migration.inTransaction) await client.query('rollback').catch(() => undefined)
      if (!passesOnThisConnection(error) || performance.now() - started > retryBudgetMs) {
        throw error instanceof ConfigurationError ? error : new MigrationFailed(migration, error)
      }
      const pauseMs = Math.min(5000, 300 * 2 ** attempt)
      say(`migration ${migration.number} (${migration.name}) waits ${pauseMs} ms for others (${reasonOf(error)})`)
      await sleep(pauseMs)
    }
  }
}

/** A lock that somebody held, or a conflict with them: the connection and its advisory lock are still there. */
function passesOnThisConnection(error: unknown): boolean {
  return error instanceof Error && 'code' in error && ['55P03', '40001', '40P01'].includes(String(error.code))
}

async function applyOnce(client: pg.Client, migration: Migration, startedAt: Date, attempt: number): Promise<void> {
  const { number, name, kind, checksum } = migration
  await client.query(`set lock_timeout = '100ms'`)
  if (migration.inTransaction) await client.query('begin')
  else await dropLeftovers(client, migration)
  await client.query(migration.text)
  if (!migration.inTransaction) await refuseInvalidIndexes(client, migration)
  await client.query(
    `insert into schema_migration (number, name, kind, checksum, started_at, attempts) values ($1, $2, $3, $4, $5, $6)`,
    [number, name, kind, checksum, startedAt, attempt],
  )
  if (migration.inTransaction) await client.query('commit')
}

/*
 * An index that could not be built concurrently stays, is used by no query, and counts as one that exists: what an
 * attempt left behind goes before the next one, and a migration that leaves one behind is not done.
 */
const builtConcurrently = /\bindex\s+concurrently\s+(?:if\s+not\s+exists\s+)?("[^"]+"|\w+)/gi

async function dropLeftovers(client: pg.Client, { text }: Migration): Promise<void> {
  const built = [...text.matchAll(builtConcurrently)].map(([, name = '']) => name)
  for (const name of (await readInvalidIndexes(client)).filter((invalid) => built.includes(invalid))) {
    await client.query(`drop index concurrently ${name}`)
  }
}

async function refuseInvalidIndexes(client: pg.Client, { number, name }: Migration): Promise<void> {
  const [invalid] = await readInvalidIndexes(client)
  if (invalid === undefined) return
  throw new ConfigurationError(
    `migration ${number} (${name}) is not recorded as done: the index ${invalid} is invalid`,
    `see why, \`drop index concurrently ${invalid}\`, then run \`npm run biglearn -- migrate\` again`,
  )
}

/** As SQL names them, those of partitioned tables aside, which are invalid until each partition has its own. */
async function readInvalidIndexes(client: pg.Client): Promise<string[]> {
  const found = await client.query<{ name: string }>(`
    select i.indexrelid::regclass::text as name
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    where not i.indisvalid
      and c.relkind = 'i'
    order by name`)
  return found.rows.map(({ name }) => name)
}
