import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { type ExceptionRow, exceptionColumns, exceptionOf, type StreamException } from './exceptions.ts'
import type { SlotKey } from './ownership.ts'

/*
 * Streams set aside by a remote consumer. It confirms its lanes and these streams with separate calls, so an exception
 * has to outlive every batch that was handed out without its stream: `after_position` holds it until the lane has
 * confirmed that far.
 */

/** Keeps the exceptions of these streams until `position`; returns the streams that still have one. */
export async function withhold(
  transaction: pg.ClientBase,
  subscription: string,
  slot: SlotKey,
  streams: readonly Uuid[],
  position: bigint,
): Promise<ReadonlySet<Uuid>> {
  const kept = await transaction.query<{ stream: string }>(
    `update course_exception
        set after_position = greatest(after_position, $5)
      where part = $1
        and lane = $2
        and subscription = $3
        and stream = any($4::uuid[])
     returning stream`,
    [slot.part, slot.lane, subscription, streams, position],
  )
  return new Set(kept.rows.map((row) => toUuid(row.stream)))
}

/** Exceptions of the slot that owe nothing, and whose lane has come far enough, join it again. */
export async function endSettled(
  transaction: pg.ClientBase,
  subscription: string,
  slot: SlotKey,
  position: bigint,
): Promise<void> {
  const ended = await transaction.query(
    `delete from course_exception
      where part = $1
        and lane = $2
        and subscription = $3
        and next_number >= until_number
        and after_position <= $4`,
    [slot.part, slot.lane, subscription, position],
  )
  if (ended.rowCount === 0) return
  await transaction.query(
    `update slot
        set exceptions = exceptions - $4
      where part = $1 and lane = $2 and subscription = $3`,
    [slot.part, slot.lane, subscription, ended.rowCount],
  )
}

/** Takes exceptions of these parts that are due and owe something, and keeps them from the next fetch for `leaseMs`. */
export async function takeDue(
  pool: pg.Pool,
  subscription: string,
  parts: readonly number[],
  leaseMs: number,
  max: number,
): Promise<StreamException[]> {
  const taken = await pool.query<ExceptionRow>(
    `update course_exception
        set next_at = now() + $3 * interval '1 millisecond'
      where (part, stream, subscription) in (
              select part, stream, subscription
                from course_exception
               where subscription = $1
                 and part = any($2::smallint[])
                 and state in ('retry', 'replay')
                 and next_at <= now()
                 and next_number < until_number
               order by next_at
               limit $4)
     returning ${exceptionColumns}`,
    [subscription, parts, leaseMs, max],
  )
  return taken.rows.map(exceptionOf)
}

/** What these streams waited for has come. */
export async function unblock(
  pool: pg.Pool,
  subscription: string,
  streams: readonly { readonly part: number; readonly stream: Uuid }[],
): Promise<void> {
  if (streams.length === 0) return
  await pool.query(
    `update course_exception
        set state = 'retry', next_at = now(), awaited_kind = null, awaited = null
      where subscription = $1
        and part = any($2::smallint[])
        and stream = any($3::uuid[])
        and state = 'blocked'`,
    [subscription, streams.map((item) => item.part), streams.map((item) => item.stream)],
  )
}
