import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { forgetDeadMembers } from '#crew/slots.ts'
import { partsDefault } from '#domain/parts.ts'

/*
 * Superseded orders of exercises that no assignment was made from, and calculations handed out long ago, go after a
 * month (scheduler.md §8.5), and so do matrices that no receipt and no assignment names (design D24). Receipts go when
 * nobody asks for them any more, and members of subscriptions when they are long gone. A sweep takes one part after the
 * other; any number of processes may sweep.
 */
export interface CleanUpOptions {
  readonly keepDays: number
  /** Receipts are kept longer: somebody may ask why for a year. */
  readonly receiptDays: number
  /** Rows of one table in one statement. */
  readonly rowsMax: number
}

export const cleanUpDefaults: CleanUpOptions = { keepDays: 30, receiptDays: 400, rowsMax: 1000 }
/** All parts, those of courses and those of content, within about an hour. */
const stepMs = 30_000

/** Removes what is due in one part, at most so many rows; returns how many are gone. */
export async function cleanUpPart(pool: pg.Pool, part: number, options: CleanUpOptions): Promise<number> {
  const values = [part, options.keepDays, options.rowsMax]
  const orderings = await pool.query(
    `delete from submitted_ordering
     where part = $1
       and superseded_at is not null
       and not is_used
       and ctid = any (array (
         select ctid
         from submitted_ordering
         where part = $1
           and superseded_at <= now() - make_interval(days => $2)
           and not is_used
         order by superseded_at
         limit $3))`,
    values,
  )
  const handedOut = await pool.query(
    `delete from due_handed_out
     where part = $1
       and ctid = any (array (
         select ctid
         from due_handed_out
         where part = $1
           and handed_out_at <= now() - make_interval(days => $2)
         order by handed_out_at
         limit $3))`,
    values,
  )
  // They have no part: once a sweep.
  if (part === 0) await forgetDeadMembers(pool)
  const receipts = await removeReceipts(pool, part, options)
  // Afterwards: what a receipt named may go with it.
  const matrices = await emptyMatrices(pool, part, options)
  return (orderings.rowCount ?? 0) + (handedOut.rowCount ?? 0) + receipts + matrices
}

async function removeReceipts(pool: pg.Pool, part: number, { receiptDays, rowsMax }: CleanUpOptions): Promise<number> {
  let removed = 0
  for (const table of ['pick_receipt', 'clue_receipt']) {
    const gone = await pool.query(
      `delete from ${table}
       where part = $1
         and ctid = any (array (
           select ctid
           from ${table}
           where part = $1
             and as_of <= now() - make_interval(days => $2)
           order by as_of
           limit $3))`,
      [part, receiptDays, rowsMax],
    )
    removed += gone.rowCount ?? 0
  }
  return removed
}

/** Matrices are large: so many in one statement. */
const matricesMax = 10

/** The rows stay, empty: which matrix was in use at a time is still known (`MatrixRemoved`). */
async function emptyMatrices(pool: pg.Pool, part: number, { keepDays }: CleanUpOptions): Promise<number> {
  const emptied = await pool.query(
    `update ecosystem_matrix
     set removed_at = now(), fit_record = null,
       q_ids = '{}', c_ids = '{}', d_data = '{}',
       w_data = '{}', w_row = '{}', w_col = '{}',
       h_mask_data = '{}', h_mask_row = '{}', h_mask_col = '{}'
     where part = $1
       and matrix = any (array (
         select old.matrix
         from ecosystem_matrix as old
         where old.part = $1
           and old.removed_at is null
           and old.superseded_at <= now() - make_interval(days => $2)
           and old.created_at >= (
             select (value #>> '{}')::timestamptz from installation where name = 'matrices_named_since'
           )
           and not exists (select from pick_receipt where ecosystem_matrix_uuid = old.matrix)
           and not exists (select from clue_receipt where ecosystem_matrix_uuid = old.matrix)
           and not exists (select from learning_named_matrix as named where named.matrix = old.matrix)
         order by old.superseded_at
         limit $3))`,
    [part, keepDays, matricesMax],
  )
  return emptied.rowCount ?? 0
}

/** Between two passes over a part, which others work in. */
const breathMs = 50

/** Until nothing is due: of receipts there may be more in an hour than one statement should remove. */
export async function cleanUpWholePart(
  pool: pg.Pool,
  part: number,
  options: CleanUpOptions,
  signal?: AbortSignal,
): Promise<void> {
  while (signal?.aborted !== true && (await cleanUpPart(pool, part, options)) >= options.rowsMax) {
    await sleep(breathMs, undefined, { signal }).catch(() => undefined)
  }
}

export interface CleanUp {
  stop(): Promise<void>
}

/** `failed` hears of a database that is away; the sweep goes on with the next part. */
export function startCleanUp(pool: pg.Pool, options: CleanUpOptions, failed: (error: unknown) => void): CleanUp {
  const stopping = new AbortController()
  const run = async (): Promise<void> => {
    for (let part = 0; !stopping.signal.aborted; part = (part + 1) % (2 * partsDefault)) {
      await sleep(stepMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      await cleanUpWholePart(pool, part, options, stopping.signal).catch(failed)
    }
  }
  const running = run()
  return {
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}
