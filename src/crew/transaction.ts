import type pg from 'pg'
import { isUnanswered } from '#platform/postgres.ts'

/*
 * Transactions of the crew: READ COMMITTED whatever the server's default is (streams.md R4), with every wait limited
 * (R8), and without waiting for the disk: a confirmation lost in a crash of the server is a redelivery, because effects
 * and position are lost together (R9).
 */
export interface TransactionLimits {
  readonly lockTimeoutMs: number
  /** A process frozen inside a transaction holds its slots no longer than this. */
  readonly idleTimeoutMs: number
  /** Needs PostgreSQL 17; not set on older servers. */
  readonly totalTimeoutMs: number | undefined
}

const transactionTimeoutSince = 170_000

export async function supportsTransactionTimeout(pool: pg.Pool): Promise<boolean> {
  const answer = await pool.query<{ version: number }>(`select current_setting('server_version_num')::int as version`)
  return (answer.rows[0]?.version ?? 0) >= transactionTimeoutSince
}

/** One message, one round trip; numbers only, so there is nothing to quote. */
function beginStatement(limits: TransactionLimits): string {
  const settings = [
    'begin isolation level read committed',
    'set local synchronous_commit = off',
    `set local lock_timeout = ${limits.lockTimeoutMs}`,
    `set local idle_in_transaction_session_timeout = ${limits.idleTimeoutMs}`,
  ]
  if (limits.totalTimeoutMs !== undefined) settings.push(`set local transaction_timeout = ${limits.totalTimeoutMs}`)
  return settings.join('; ')
}

/** Runs `work` between begin and commit; rolls back when it throws. */
export async function runTransaction<Value>(
  client: pg.PoolClient,
  limits: TransactionLimits,
  work: (transaction: pg.PoolClient) => Promise<Value>,
): Promise<Value> {
  try {
    await client.query(beginStatement(limits))
    const value = await work(client)
    await client.query('commit')
    return value
  } catch (error) {
    // On a broken connection there is nothing to roll back.
    if (!isUnanswered(error)) await client.query('rollback').catch(() => undefined)
    throw error
  }
}

/** The same on any connection of a pool, which is thrown away after an error. */
export async function runTransactionOn<Value>(
  pool: pg.Pool,
  limits: TransactionLimits,
  work: (transaction: pg.PoolClient) => Promise<Value>,
): Promise<Value> {
  const client = await pool.connect()
  let failure: Error | undefined
  const onError = (error: Error): void => {
    failure = error
  }
  client.on('error', onError)
  try {
    return await runTransaction(client, limits, work)
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
    throw error
  } finally {
    client.off('error', onError)
    client.release(failure)
  }
}
