import type pg from 'pg'
import type { StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import { laneOf, type SlotKey, slotName } from './ownership.ts'
import type { CrewTransaction } from './store.ts'
import { lanePosition } from './sub-streams.ts'

/*
 * Streams that are set aside for one subscription: a failing course waits with its own row while its lane goes on
 * (streams.md §4.6). Every change happens under the row lock of the slot, then of the exception, in this order.
 */
export type ExceptionState = 'retry' | 'parked' | 'replay' | 'blocked'

export interface StreamException extends SlotKey {
  readonly stream: Uuid
  readonly state: ExceptionState
  /** First number still owed. */
  readonly nextNumber: number
  /** End of what the lane has passed, exclusive. */
  readonly untilNumber: number
  /** The row stays until the lane has confirmed this position. */
  readonly afterPosition: bigint
  /** The same for other lanes of the part, through which the stream came as well. */
  readonly afterLanes: readonly { readonly lane: number; readonly position: bigint }[]
  /** By share of its lane (sub-streams.ts), the first number that is owed; all from `nextNumber` on when absent. */
  readonly owedFrom: readonly number[] | undefined
  /** What is owed begins after a run that another lane has still to deliver. */
  readonly isHandedOver: boolean
  readonly attempts: number
}

export interface Awaited {
  readonly kind: StreamKind
  readonly stream: Uuid
}

export interface ExceptionRow {
  readonly part: number
  readonly lane: number
  readonly stream: string
  readonly state: ExceptionState
  readonly next_number: bigint
  readonly until_number: bigint
  readonly after_position: bigint
  readonly after_lanes: { readonly [lane: string]: string }
  readonly awaited_lane: number | null
  readonly owed_from: readonly (bigint | string)[] | null
  readonly attempts: number
}

export const exceptionColumns = `part, lane, stream, state, next_number, until_number, after_position, after_lanes,
            awaited_lane, owed_from, attempts`

export function exceptionOf(row: ExceptionRow): StreamException {
  return {
    part: row.part,
    lane: row.lane,
    stream: toUuid(row.stream),
    state: row.state,
    nextNumber: Number(row.next_number),
    untilNumber: Number(row.until_number),
    afterPosition: row.after_position,
    afterLanes: Object.entries(row.after_lanes).map(([lane, at]) => ({ lane: Number(lane), position: BigInt(at) })),
    owedFrom: row.owed_from?.map(Number),
    isHandedOver: row.awaited_lane !== null,
    attempts: row.attempts,
  }
}

type Queryable = Pick<pg.ClientBase, 'query'>

/** Whether the row, and not the lane, delivers this entry. */
export function isOwed(exception: StreamException | undefined, entry: LaneEntry): boolean {
  if (exception === undefined) return false
  // The old lane still delivers what comes before.
  return !exception.isHandedOver || (entry.events[0]?.number ?? 0) >= exception.nextNumber
}

/**
 * The same for a lane that is read through several slots. It waits for a stream's exception, so that what is owed one
 * by one stays little: only one course is late. It does not wait for one that needs a person, or another stream.
 */
export function dutyOf(exception: StreamException | undefined, entry: LaneEntry): 'deliver' | 'over' | 'wait' {
  if (exception === undefined || !isOwed(exception, entry)) return 'deliver'
  const { state, untilNumber } = exception
  if (state === 'parked' || state === 'blocked') return 'over'
  const isCovered = (entry.events.at(-1)?.number ?? -1) < untilNumber || entry.position <= keptFor(exception, entry)
  return isCovered ? 'over' : 'wait'
}

/** The position of the slot's lane for which the row stays. */
function keptFor(exception: StreamException, slot: SlotKey): bigint {
  if (exception.lane === laneOf(slot)) return exception.afterPosition
  return exception.afterLanes.find(({ lane }) => lane === laneOf(slot))?.position ?? 0n
}

/** Which of these streams are set aside; `isLocked` keeps them so until commit. */
export async function findExceptions(
  transaction: Queryable,
  subscription: string,
  streams: readonly { readonly part: number; readonly stream: Uuid }[],
  isLocked: boolean,
): Promise<StreamException[]> {
  const found = await transaction.query<ExceptionRow>(
    `select ${exceptionColumns}
       from course_exception
      where subscription = $1
        and part = any($2::smallint[])
        and stream = any($3::uuid[])
      order by part, stream
        ${isLocked ? 'for update' : ''}`,
    [subscription, [...new Set(streams.map((item) => item.part))], streams.map((item) => item.stream)],
  )
  return found.rows.map(exceptionOf)
}

/** What the row waits for in another lane, if anything, is confirmed. */
export const isHandedOverSql = `(awaited_lane is null or (
          select min(slot.position)
            from slot
           where slot.part = course_exception.part
             and slot.lane % 32768 = course_exception.awaited_lane
             and slot.subscription = course_exception.subscription) >= awaited_position)`

export interface DueException extends StreamException {
  readonly awaited: Awaited | undefined
}

/** Exceptions of these slots in these states whose time has come. */
export async function dueExceptions(
  pool: Queryable,
  subscription: string,
  slots: readonly SlotKey[],
  states: readonly ExceptionState[],
  max: number,
): Promise<DueException[]> {
  const found = await pool.query<ExceptionRow & { awaited_kind: StreamKind | null; awaited: string | null }>(
    `select ${exceptionColumns}, awaited_kind, awaited
       from course_exception
      where subscription = $1
        and part = any($2::smallint[])
        and (part, lane) in (select * from unnest($2::smallint[], $3::int[]))
        and state = any($4)
        and next_at <= now()
        and ${isHandedOverSql}
      order by next_at
      limit $5`,
    [subscription, slots.map(({ part }) => part), slots.map(({ lane }) => lane), states, max],
  )
  return found.rows.map((row) => ({
    ...exceptionOf(row),
    awaited:
      row.awaited_kind === null || row.awaited === null
        ? undefined
        : { kind: row.awaited_kind, stream: toUuid(row.awaited) },
  }))
}

/**
 * Lets other blocked streams have their turn before these. Those that somebody works on at this moment are left alone:
 * this never waits for a lock.
 */
export async function postpone(
  database: Queryable,
  subscription: string,
  streams: readonly { readonly part: number; readonly stream: Uuid }[],
  pauseMs: number,
): Promise<void> {
  await database.query(
    `update course_exception
        set next_at = now() + $4 * interval '1 millisecond'
      where (part, stream, subscription) in (
              select part, stream, subscription
                from course_exception
               where (part, stream) in (select * from unnest($2::smallint[], $3::uuid[]))
                 and subscription = $1
                 and state = 'blocked'
                 for update skip locked)`,
    [subscription, streams.map(({ part }) => part), streams.map(({ stream }) => stream), pauseMs],
  )
}

export interface SetAside extends SlotKey {
  readonly stream: Uuid
  readonly nextNumber: number
  readonly untilNumber: number
  /** See `StreamException`. */
  readonly owedFrom?: readonly number[] | undefined
  readonly error: string
  readonly awaited: Awaited | undefined
  readonly retryAfterMs: number
}

/**
 * Adds rows for streams; the caller holds the locks of their slots. A stream may have a row already if that owes what
 * comes after a change of lanes: then the failure came before it, and the row owes both.
 */
export async function setAside(
  transaction: Queryable,
  subscription: string,
  failures: readonly SetAside[],
): Promise<void> {
  for (const failure of failures) {
    const added = await transaction.query<{ is_new: boolean }>(
      `insert into course_exception
         (part, stream, subscription, lane, state, next_number, until_number, attempts, next_at,
          awaited_kind, awaited, error, owed_from)
       values ($1, $2, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 millisecond', $10, $11, $12, $13)
       on conflict (part, stream, subscription)
       do update set state = excluded.state, next_number = excluded.next_number, attempts = excluded.attempts,
                     next_at = excluded.next_at, awaited_kind = excluded.awaited_kind, awaited = excluded.awaited,
                     error = excluded.error, awaited_lane = null, awaited_position = null,
                     owed_from = excluded.owed_from,
                     until_number = greatest(course_exception.until_number, excluded.until_number)
         where course_exception.awaited_lane is not null
       returning xmax = 0 as is_new`,
      [
        failure.part,
        failure.stream,
        subscription,
        failure.lane,
        failure.awaited === undefined ? 'retry' : 'blocked',
        failure.nextNumber,
        failure.untilNumber,
        failure.awaited === undefined ? 1 : 0,
        failure.retryAfterMs,
        failure.awaited?.kind ?? null,
        failure.awaited?.stream ?? null,
        failure.error,
        failure.owedFrom ?? null,
      ],
    )
    const [row] = added.rows
    if (row === undefined) throw new Error(`${failure.stream} is set aside already`)
    if (row.is_new) await countExceptions(transaction, subscription, failure, 1)
  }
}

/**
 * The streams of these runs wait aside until the runs before theirs, in other lanes, are confirmed. A row that is there
 * already owes these runs too, and stays until the other lane has passed what it holds of them.
 */
export async function waitAside(
  transaction: Queryable,
  subscription: string,
  early: readonly LaneEntry[],
): Promise<void> {
  for (const { part, lane, events, waitsFor } of early) {
    const [first] = events
    if (first === undefined || waitsFor === undefined) throw new Error('an early run waits for another one')
    const { stream, number } = first
    const added = await transaction.query(
      `insert into course_exception
         (part, stream, subscription, lane, state, next_number, until_number, awaited_lane, awaited_position, error)
       values ($1, $2, $3, $4, 'blocked', $5, $6, $7, $8, $9)
       on conflict (part, stream, subscription) do nothing`,
      [
        ...[part, stream, subscription, lane, number, number + events.length, waitsFor.lane, waitsFor.position],
        `it changed lanes: waits until lane ${waitsFor.lane} has confirmed position ${waitsFor.position}`,
      ],
    )
    if (added.rowCount === 1) await countExceptions(transaction, subscription, { part, lane }, 1)
    await keepUntil(transaction, subscription, { part, lane: waitsFor.lane }, [stream], waitsFor.position)
  }
}

/** The rows of these streams stay until the lane has confirmed `position`. */
export async function keepUntil(
  transaction: Queryable,
  subscription: string,
  slot: SlotKey,
  streams: readonly Uuid[],
  position: bigint,
): Promise<void> {
  await transaction.query(
    `update course_exception
        set after_position = case when lane = $2 then greatest(after_position, $5) else after_position end,
            after_lanes = case
              when lane = $2 then after_lanes
              else after_lanes || jsonb_build_object(
                $2::text, greatest((after_lanes ->> $2::text)::bigint, $5)::text)
            end
      where part = $1
        and subscription = $3
        and stream = any($4::uuid[])`,
    [slot.part, slot.lane, subscription, streams, position],
  )
}

/** Whether every lane has passed what the row of a stream was kept for; `position` is that of the row's own slot. */
export async function isPassedByLanes(
  transaction: Pick<CrewTransaction, 'lanePositions'>,
  { part, lane, afterPosition, afterLanes }: StreamException,
  position: bigint,
): Promise<boolean> {
  if (position < afterPosition) return false
  if (afterPosition === 0n && afterLanes.length === 0) return true
  const positions = new Map([...(await transaction.lanePositions([part])), [slotName({ part, lane }), position]])
  const passes = [...afterLanes, { lane, position: afterPosition }]
  return passes.every((after) => lanePosition(positions, { part, lane: after.lane }) >= after.position)
}

/** The lane passed more numbers of streams that are set aside. */
export async function raiseUntil(
  transaction: Queryable,
  subscription: string,
  skipped: readonly { readonly part: number; readonly stream: Uuid; readonly untilNumber: number }[],
): Promise<void> {
  await transaction.query(
    `update course_exception
        set until_number = skipped.until_number
       from unnest($2::smallint[], $3::uuid[], $4::bigint[]) as skipped (part, stream, until_number)
      where course_exception.part = skipped.part
        and course_exception.stream = skipped.stream
        and course_exception.subscription = $1
        and course_exception.until_number < skipped.until_number`,
    [
      subscription,
      skipped.map((item) => item.part),
      skipped.map((item) => item.stream),
      skipped.map((item) => item.untilNumber),
    ],
  )
}

export interface ExceptionProgress {
  readonly state: ExceptionState
  readonly nextNumber: number
  readonly attempts: number
  readonly retryAfterMs: number
  readonly error: string | undefined
  readonly awaited: Awaited | undefined
}

export async function moveException(
  transaction: Queryable,
  subscription: string,
  exception: StreamException,
  progress: ExceptionProgress,
): Promise<void> {
  await transaction.query(
    `update course_exception
        set state = $4, next_number = $5, attempts = $6, next_at = now() + $7 * interval '1 millisecond',
            error = coalesce($8, error), awaited_kind = $9, awaited = $10,
            awaited_lane = null, awaited_position = null
      where part = $1 and stream = $2 and subscription = $3`,
    [
      exception.part,
      exception.stream,
      subscription,
      progress.state,
      progress.nextNumber,
      progress.attempts,
      progress.retryAfterMs,
      progress.error ?? null,
      progress.awaited?.kind ?? null,
      progress.awaited?.stream ?? null,
    ],
  )
}

/** The stream has caught up with its lane and goes with it again. */
export async function endException(
  transaction: Queryable,
  subscription: string,
  exception: StreamException,
): Promise<void> {
  await transaction.query(`delete from course_exception where part = $1 and stream = $2 and subscription = $3`, [
    exception.part,
    exception.stream,
    subscription,
  ])
  await countExceptions(transaction, subscription, exception, -1)
}

export async function countExceptions(
  transaction: Queryable,
  subscription: string,
  slot: SlotKey,
  change: number,
): Promise<void> {
  await transaction.query(
    `update slot
        set exceptions = exceptions + $4
      where part = $1 and lane = $2 and subscription = $3`,
    [slot.part, slot.lane, subscription, change],
  )
}
