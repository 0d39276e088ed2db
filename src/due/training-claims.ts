import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'

/*
 * Which ecosystems are due for a fit, and who works on them. A claim is a random token in the ecosystem's row, good
 * until its lease ends; the token is proved again under the row lock in the transaction that stores the matrix, so a
 * trainer that was paused or replaced stores nothing. Time is the database's.
 */
export interface TrainingClaim {
  readonly ecosystem: Uuid
  readonly token: Uuid
  /** Fits of this ecosystem before this one. */
  readonly fits: number
}

/** An ecosystem and how many answers count for it now (design D25). */
export interface EcosystemCount {
  readonly ecosystem: Uuid
  readonly answers: number
}

export interface TrainingState {
  readonly ecosystem: Uuid
  readonly fits: number
  readonly fittedAt: Date | undefined
  readonly fittedAnswers: number
  readonly isRunning: boolean
  readonly failures: number
  readonly failedAt: Date | undefined
}

/** A fit is due when answers have grown by one part in so many. */
const growthPartForFit = 10
export const fitIntervalMs = 60_000

/** Is there something new to learn, whenever the next fit may be? */
export function isGrowthPending(state: TrainingState | undefined, answers: number): boolean {
  if (state === undefined || state.fits === 0) return true
  const growth = answers - state.fittedAnswers
  return growth > 0 && growth * growthPartForFit >= state.fittedAnswers
}

/** Design D26: a new ecosystem, or a tenth more counted answers since the last fit, at most once a minute. */
export function isFitDue(state: TrainingState | undefined, answers: number, now: number): boolean {
  if (isRetryTooEarly(state, now)) return false
  const isTooSoon = state?.fittedAt !== undefined && now - state.fittedAt.getTime() < fitIntervalMs
  return !isTooSoon && isGrowthPending(state, answers)
}

/** A fit that failed is tried again after 1, 2, 4 … minutes, an hour at most. */
function isRetryTooEarly(state: TrainingState | undefined, now: number): boolean {
  if (state?.failedAt === undefined || state.failures === 0) return false
  return now - state.failedAt.getTime() < Math.min(60, 2 ** (state.failures - 1)) * 60_000
}

interface TrainingRow {
  ecosystem: string
  fits: number
  fitted_at: Date | null
  fitted_answers: bigint
  is_running: boolean
  failures: number
  failed_at: Date | null
  now: Date
}

export async function readTrainingStates(
  client: pg.Pool | pg.ClientBase,
): Promise<{ now: number; states: Map<Uuid, TrainingState> }> {
  const rows = await client.query<TrainingRow>(
    `select ecosystem, fits, fitted_at, fitted_answers, coalesce(claimed_until > now(), false) as is_running,
       failures, failed_at, now() as now
     from training`,
  )
  const states = new Map(
    rows.rows.map((row): [Uuid, TrainingState] => [
      toUuid(row.ecosystem),
      {
        ecosystem: toUuid(row.ecosystem),
        fits: row.fits,
        fittedAt: row.fitted_at ?? undefined,
        fittedAnswers: Number(row.fitted_answers),
        isRunning: row.is_running,
        failures: row.failures,
        failedAt: row.failed_at ?? undefined,
      },
    ]),
  )
  return { now: rows.rows[0]?.now.getTime() ?? Date.now(), states }
}

/** Takes the claim if nobody else holds one that is still good; `undefined` when somebody does. */
export async function claimTraining(
  pool: pg.Pool,
  ecosystem: Uuid,
  token: Uuid,
  leaseMs: number,
): Promise<TrainingClaim | undefined> {
  const part = partOf('ecosystem', ecosystem)
  const rows = await pool.query<{ fits: number }>(
    `insert into training as t (part, ecosystem, token, claimed_until, epoch)
     values ($1, $2, $3, now() + $4 * interval '1 millisecond', 1)
     on conflict (part, ecosystem) do update
       set token = excluded.token,
           claimed_until = excluded.claimed_until,
           epoch = t.epoch + 1
       where t.token is null
          or t.claimed_until < now()
     returning fits`,
    [part, ecosystem, token, leaseMs],
  )
  const row = rows.rows[0]
  return row === undefined ? undefined : { ecosystem, token, fits: row.fits }
}

/** Lengthens the lease; false when the claim is lost and the work should stop. */
export async function extendTraining(pool: pg.Pool, claim: TrainingClaim, leaseMs: number): Promise<boolean> {
  const rows = await pool.query(
    `update training
     set claimed_until = now() + $4 * interval '1 millisecond'
     where part = $1
       and ecosystem = $2
       and token = $3`,
    [partOf('ecosystem', claim.ecosystem), claim.ecosystem, claim.token, leaseMs],
  )
  return rows.rowCount === 1
}

/** Locks the claim's row to the end of the transaction; false: the claim is lost and nothing may be stored. */
export async function proveClaim(transaction: pg.ClientBase, claim: TrainingClaim): Promise<boolean> {
  const rows = await transaction.query(
    `select 1
     from training
     where part = $1
       and ecosystem = $2
       and token = $3
     for no key update`,
    [partOf('ecosystem', claim.ecosystem), claim.ecosystem, claim.token],
  )
  return rows.rowCount === 1
}

export async function finishClaim(transaction: pg.ClientBase, claim: TrainingClaim, answers: number): Promise<void> {
  await transaction.query(
    `update training
     set token = null,
         claimed_until = null,
         fits = fits + 1,
         fitted_at = now(),
         fitted_answers = $4,
         failures = 0,
         failed_at = null,
         failure = null
     where part = $1
       and ecosystem = $2
       and token = $3`,
    [partOf('ecosystem', claim.ecosystem), claim.ecosystem, claim.token, answers],
  )
}

/** Hands the claim back. With a `failure` the next try waits longer each time. */
export async function releaseClaim(pool: pg.Pool, claim: TrainingClaim, failure?: string): Promise<void> {
  await pool.query(
    `update training
     set token = null,
         claimed_until = null,
         failures = failures + case when $4::text is null then 0 else 1 end,
         failed_at = case when $4::text is null then failed_at else now() end,
         failure = coalesce($4::text, failure)
     where part = $1
       and ecosystem = $2
       and token = $3`,
    [partOf('ecosystem', claim.ecosystem), claim.ecosystem, claim.token, failure ?? null],
  )
}
