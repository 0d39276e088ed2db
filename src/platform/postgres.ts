import pg from 'pg'
import { ConfigurationError } from './config.ts'
import { openReaderPool, openWriterPool } from './servers.ts'
import { systemTime, type Time } from './time.ts'

/*
 * Connections. Every pool has a name, a size and time-outs (operations.md OP-P5, design D39); bigint columns come back
 * as `bigint`, times as `Date`. Nothing here knows a table.
 */
export interface PoolOptions {
  /** Shown in pg_stat_activity. */
  readonly name: string
  readonly connectionsMax: number
  readonly statementTimeoutMs?: number
  readonly idleInTransactionTimeoutMs?: number
  /** The server refuses every statement that would change something. */
  readonly isReadOnly?: boolean
}

const int8 = 20
const int8Array = 1016
const timestamptz = 1184

const typeParsers = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format === 'binary') return pg.types.getTypeParser(oid, 'binary')
    if (oid === int8) return (text: string): bigint => BigInt(text)
    if (oid === int8Array) return (text: string): bigint[] => parseBigints(text)
    if (oid === timestamptz) return parseTime
    return pg.types.getTypeParser(oid, 'text')
  },
} as pg.CustomTypesConfig

function parseBigints(text: string): bigint[] {
  const inside = text.slice(1, -1)
  return inside === '' ? [] : inside.split(',').map((item) => BigInt(item))
}

const anyTime: (text: string) => Date = pg.types.getTypeParser(timestamptz, 'text')
const zero = '0'.charCodeAt(0)

/**
 * "2026-11-21 21:31:29.123456+00", what a session in UTC is sent, in a quarter of the time that the driver takes; every
 * run of events comes with one. What is below a millisecond is cut off.
 */
export function parseTime(text: string): Date {
  const end = text.length - 3
  const isUsual = end >= 19 && end <= 26 && text[0] !== '0' && text[4] === '-' && text.endsWith('+00')
  if (!isUsual) return anyTime(text)
  const hours = digits(text, 11, 13)
  const millis = end > 20 ? digits(text, 20, Math.min(end, 23)) * (scale[end - 20] ?? 1) : 0
  const [month, day] = [digits(text, 5, 7) - 1, digits(text, 8, 10)]
  return new Date(Date.UTC(digits(text, 0, 4), month, day, hours, digits(text, 14, 16), digits(text, 17, 19), millis))
}

const scale = [1000, 100, 10]

function digits(text: string, from: number, to: number): number {
  let value = 0
  for (let at = from; at < to; at += 1) value = value * 10 + text.charCodeAt(at) - zero
  return value
}

/** Connections to the server that accepts writes; `url` may name several hosts (servers.ts). */
export function openPool(url: string, options: PoolOptions): pg.Pool {
  return withoutOutcry(openWriterPool(url, poolConfig(options)))
}

/** Connections to replicas, spread over the hosts of `url`. Long reads may take their time there (OP-T4). */
export function openReaderConnections(url: string, options: PoolOptions): pg.Pool {
  const config = poolConfig({ statementTimeoutMs: 30_000, ...options })
  return withoutOutcry(openReaderPool(url, config))
}

function withoutOutcry(pool: pg.Pool): pg.Pool {
  // An idle connection that breaks is replaced at its next use; without a listener it would end the process.
  pool.on('error', () => undefined)
  // The same for one that breaks while it is checked out, between two statements: the next statement reports it.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return pool
}

/** An answer that takes longer than the server's own limit was lost on its way. */
const onTheWayMs = 2000

function poolConfig(options: PoolOptions): pg.PoolConfig {
  const statementMs = options.statementTimeoutMs ?? 5000
  return {
    application_name: `biglearn ${options.name}`,
    max: options.connectionsMax,
    connectionTimeoutMillis: 5000,
    statement_timeout: statementMs,
    query_timeout: statementMs + onTheWayMs,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 10_000,
    ...(options.isReadOnly === true && { options: '-c default_transaction_read_only=on' }),
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    types: typeParsers,
  }
}

/** A short list of SQLSTATEs after which the same statement may succeed (OP-P5); dropped connections count as well. */
const passing = new Set([
  '57P01',
  '57P02',
  '57P03',
  '25006',
  '40001',
  '40P01',
  '55P03',
  '53100',
  '53300',
  '25P03',
  '25P04',
])
const droppedConnection = new RegExp(
  [
    'terminated|Connection ended|not queryable|timeout exceeded|timeout expired|read timeout',
    'ECONNRESET|ECONNREFUSED|ECONNABORTED|ETIMEDOUT|EPIPE',
    'EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENETRESET|EADDRNOTAVAIL',
    // A name that leads to the primary may be missing while it changes hands, or while no name server answers.
    'ENOTFOUND|EAI_AGAIN|EAI_FAIL',
  ].join('|'),
  'i',
)

export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = 'code' in error ? String(error.code) : ''
  if (passing.has(code) || code.startsWith('08')) return true
  return droppedConnection.test(`${code} ${error.message}`)
}

/** The connection did not answer in time: nothing more can be asked through it. */
export function isUnanswered(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout'
}

/** Passes when somebody makes room, not in the time that a request may wait. */
export function isStorageFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '53100'
}

export interface RetryOptions {
  /** Total time for all attempts; then the last error is thrown. */
  readonly budgetMs: number
  readonly time?: Time
}

/** Full jitter between 50 ms and 2 s. `work` must be idempotent: an attempt whose answer was lost may have happened. */
export async function withRetry<Value>(work: () => Promise<Value>, options: RetryOptions): Promise<Value> {
  const time = options.time ?? systemTime
  const startedMs = time.monotonicMs()
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      const pauseMs = 50 + time.random() * Math.min(2000, 100 * 2 ** attempt)
      const mayPass = isPassing(error) && !isStorageFull(error)
      if (!mayPass || time.monotonicMs() - startedMs + pauseMs > options.budgetMs) throw error
      await time.sleep(pauseMs)
    }
  }
}

/** Runs `work` in one READ COMMITTED transaction; rolls back when it throws. */
export async function inTransaction<Value>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<Value>,
): Promise<Value> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    const value = await work(client)
    await client.query('commit')
    return value
  } catch (error) {
    if (isUnanswered(error)) broken = error
    else await client.query('rollback').catch((failure: Error) => (broken = failure))
    throw error
  } finally {
    client.release(broken)
  }
}

/** What to tell when not even the first connection could be made. */
export function unreachable(error: unknown): ConfigurationError {
  const reason =
    error instanceof Error ? error.message || ('code' in error ? String(error.code) : error.name) : String(error)
  return new ConfigurationError(
    `the database can not be reached: ${reason}`,
    'check DATABASE_URL and that it is running',
  )
}

/**
 * Refuses servers that are too old or that default to another isolation level (streams.md R4). One that can not be
 * reached, also because no such host is known, is given ten seconds.
 */
export async function checkServer(pool: Pick<pg.Pool, 'query'>, time: Time = systemTime): Promise<void> {
  const answer = await withRetry(
    () =>
      pool.query<{ version: number; isolation: string }>(
        `select current_setting('server_version_num')::int as version,
                current_setting('default_transaction_isolation') as isolation`,
      ),
    { budgetMs: 10_000, time },
  ).catch((error: unknown) => {
    throw unreachable(error)
  })
  const server = answer.rows[0]
  if (server === undefined || server.version < 150_000) {
    throw new ConfigurationError('PostgreSQL 15 or newer is needed', 'set DATABASE_URL to a newer server')
  }
  if (server.isolation !== 'read committed') {
    throw new ConfigurationError(
      `default_transaction_isolation is "${server.isolation}"; the log needs "read committed"`,
      "run: alter database … set default_transaction_isolation = 'read committed'",
    )
  }
}
