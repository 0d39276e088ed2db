import type pg from 'pg'
import type { Uuid } from '#domain/ids.ts'
import {
  type ExceptionRow,
  endException,
  exceptionColumns,
  exceptionOf,
  isHandedOverSql,
  isPassedByLanes,
  type StreamException,
} from './exceptions.ts'
import { readLanePositions } from './hand-over.ts'
import { type SlotKey, slotName } from './ownership.ts'

/*
 * Streams set aside by a remote consumer. It confirms its lanes and these streams with separate calls, so an exception
 * has to outlive every batch that was handed out without its stream: `after_position` holds it until the lane has
 * confirmed that far.
 */

/** Exceptions of the slot that owe nothing, and whose lanes have come far enough, join them again. */
export async function endSettled(
  transaction: pg.ClientBase,
  subscription: string,
  slot: SlotKey,
  position: bigint,
): Promise<void> {
  const found = await transaction.query<ExceptionRow>(
    `select ${exceptionColumns}
       from course_exception
      where part = $1
        and lane = $2
        and subscription = $3
        and next_number >= until_number
        and after_position <= $4
      order by part, stream
        for update`,
    [slot.part, slot.lane, subscription, position],
  )
  const lanes = { lanePositions: (parts: readonly number[]) => readLanePositions(transaction, subscription, parts) }
  for (const exception of found.rows.map(exceptionOf)) {
    if (await isPassedByLanes(lanes, exception, position)) {
      await endException(transaction, subscription, exception)
    }
  }
}

/** Slots with exceptions that owe nothing and are kept for another lane, whose confirmation does not end them. */
export async function slotsToSettle(
  pool: pg.Pool,
  subscription: string,
  parts: readonly number[],
): Promise<ReadonlySet<string>> {
  const found = await pool.query<SlotKey>(
    `select distinct part, lane
       from course_exception
      where subscription = $1
        and part = any($2::smallint[])
        and next_number >= until_number
        and after_lanes <> '{}'`,
    [subscription, parts],
  )
  return new Set(found.rows.map(slotName))
}

export interface TakeLimits {
  /** The next fetch does not get them for as long. */
  readonly leaseMs: number
  readonly streamsMax: number
  /** Of each stream. */
  readonly eventsMax: number
}

/** Takes exceptions of these slots that are due and owe something. */
export async function takeDue(
  pool: pg.Pool,
  subscription: string,
  slots: readonly SlotKey[],
  { leaseMs, streamsMax, eventsMax }: TakeLimits,
): Promise<StreamException[]> {
  const taken = await pool.query<ExceptionRow>(
    `update course_exception
        set next_at = now() + $4 * interval '1 millisecond', handed_until = least(until_number, next_number + $6)
      where (part, stream, subscription) in (
              select part, stream, subscription
                from course_exception
               where subscription = $1
                 and part = any($2::smallint[])
                 and (part, lane) in (select * from unnest($2::smallint[], $3::int[]))
                 and state in ('retry', 'replay')
                 and next_at <= now()
                 and next_number < until_number
               order by next_at
               limit $5)
     returning ${exceptionColumns}`,
    [subscription, slots.map(({ part }) => part), slots.map(({ lane }) => lane), leaseMs, streamsMax, eventsMax],
  )
  return taken.rows.map(exceptionOf)
}

/**
 * Whether this number is, or comes before, what was handed out of the stream and is not confirmed. All of that is given
 * back: what follows in the hands of the program is to be dropped.
 */
export async function giveBack(
  transaction: pg.ClientBase,
  subscription: string,
  { part, stream }: { readonly part: number; readonly stream: Uuid },
  number: number,
): Promise<boolean> {
  const given = await transaction.query(
    `update course_exception
        set handed_until = 0
      where part = $1
        and stream = $2
        and subscription = $3
        and handed_until > $4`,
    [part, stream, subscription, number],
  )
  return given.rowCount === 1
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
        set state = 'retry', next_at = now(), awaited_kind = null, awaited = null,
            awaited_lane = null, awaited_position = null
      where subscription = $1
        and part = any($2::smallint[])
        and stream = any($3::uuid[])
        and state = 'blocked'
        and ${isHandedOverSql}`,
    [subscription, streams.map((item) => item.part), streams.map((item) => item.stream)],
  )
}
