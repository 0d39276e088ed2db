import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { Log } from '#log/log.ts'
import { inTransaction } from '#platform/postgres.ts'
import { countExceptions, type ExceptionState, keepUntil } from './exceptions.ts'
import { readLanePositions } from './hand-over.ts'
import { type SlotKey, slotName, slotNamed } from './ownership.ts'
import { lanePosition, slotOfShare } from './sub-streams.ts'

/*
 * What an operator can do to a subscription. Each deed is one transaction that takes the same locks as the workers
 * (slots ascending, then exceptions) and leaves a line of who, what and why.
 */
export interface Deed {
  readonly subscription: string
  readonly actor: string
  readonly reason: string
}

/** Members hand their slots back at their next tick and take none until `resume`. */
export function pauseSubscription(pool: pg.Pool, deed: Deed): Promise<boolean> {
  return setPaused(pool, deed, true)
}

export function resumeSubscription(pool: pg.Pool, deed: Deed): Promise<boolean> {
  return setPaused(pool, deed, false)
}

function setPaused(pool: pg.Pool, deed: Deed, isPaused: boolean): Promise<boolean> {
  return inTransaction(pool, async (transaction) => {
    const changed = await transaction.query(`update subscription set is_paused = $2 where name = $1`, [
      deed.subscription,
      isPaused,
    ])
    if (changed.rowCount === 0) return false
    await audit(transaction, deed, isPaused ? 'pause' : 'resume', {})
    return true
  })
}

/** Where every lane goes on; lanes that are not named start again at 0. */
export type Positions = ReadonlyMap<string, bigint>

/**
 * Everything again from these positions. Present owners are fenced off, streams that were set aside join their lanes
 * again, and `clear` removes what the subscription wrote, in the same transaction.
 */
export function resetSubscription(
  pool: pg.Pool,
  deed: Deed,
  positions: Positions,
  clear: (transaction: pg.ClientBase) => Promise<void> = async () => undefined,
): Promise<void> {
  return inTransaction(pool, async (transaction) => {
    const slots = await transaction.query<{ part: number; lane: number }>(
      `select part, lane
         from slot
        where subscription = $1
        order by part, lane
          for no key update`,
      [deed.subscription],
    )
    await transaction.query(
      `update slot
          set owner = null, token = null, epoch = epoch + 1, position = reached.position, exceptions = 0
         from unnest($2::smallint[], $3::int[], $4::bigint[]) as reached (part, lane, position)
        where slot.part = reached.part
          and slot.lane = reached.lane
          and slot.subscription = $1`,
      [
        deed.subscription,
        slots.rows.map((slot) => slot.part),
        slots.rows.map((slot) => slot.lane),
        slots.rows.map((slot) => positions.get(slotName(slotOfShare(slot, 0))) ?? 0n),
      ],
    )
    await transaction.query(`delete from course_exception where subscription = $1`, [deed.subscription])
    await clear(transaction)
    const detail = Object.fromEntries([...positions].map(([name, position]) => [name, String(position)]))
    await audit(transaction, deed, 'reset', detail)
  })
}

export interface StreamChoice {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly parts?: number
}

/**
 * One stream again from `from`, or from where its lane is if that is behind, then live, while other streams of the
 * lane go on. False when it is set aside already (retry or skip that first) or when there is nothing to replay.
 */
export async function replayStream(
  pool: pg.Pool,
  source: Pick<Log, 'statuses' | 'laneHeads' | 'readLanes'>,
  deed: Deed,
  choice: StreamChoice,
  from: number,
): Promise<boolean> {
  const { kind, stream } = choice
  // Whichever lanes the stream is or was in: the shared one is always there.
  const slot = { part: partOf(kind, stream, choice.parts ?? partsDefault), lane: 0 }
  return inTransaction(pool, async (transaction) => {
    await lockSlot(transaction, deed.subscription, slot.part)
    // Under the locks, so that nothing behind the end was delivered before: it would not come again. The end first,
    // the head after: every event below the end is at a position up to the head.
    const [status] = await source.statuses([{ kind, stream }], 0)
    const heads = await source.laneHeads()
    const until = status?.contiguousSequenceNumber ?? 0
    const lanes = [...heads.keys()].map(slotNamed).filter(({ part }) => part === slot.part)
    const positions = await readLanePositions(transaction, deed.subscription, [slot.part])
    const first = await replayStart(source, { lanes, positions, stream, from })
    if (until <= first) return false
    const added = await transaction.query(
      `insert into course_exception
         (part, stream, subscription, lane, state, next_number, until_number)
       values ($1, $2, $3, $4, 'replay', $5, $6)
       on conflict (part, stream, subscription) do nothing`,
      [slot.part, stream, deed.subscription, slot.lane, first, until],
    )
    if (added.rowCount === 0) return false
    await countExceptions(transaction, deed.subscription, slot, 1)
    for (const lane of lanes) {
      await keepUntil(transaction, deed.subscription, lane, [stream], heads.get(slotName(lane)) ?? 0n)
    }
    await audit(transaction, deed, 'replay', { stream, from: first })
    return true
  })
}

const lookedAtOnce = 1000
const looksMax = 100

export interface ReplayPlace {
  /** Of the stream's part. */
  readonly lanes: readonly SlotKey[]
  /** Confirmed, by slot. */
  readonly positions: ReadonlyMap<string, bigint>
  readonly stream: Uuid
  readonly from: number
}

/**
 * `from`, or the first number that a lane still has to deliver: what the lane passes over and the replay does not owe
 * would never come. 0 where a lane is so far behind that nobody looks that far.
 */
export async function replayStart(
  source: Pick<Log, 'readLanes'>,
  { lanes, positions, stream, from }: ReplayPlace,
): Promise<number> {
  let first = from
  for (const lane of lanes) {
    let after = lanePosition(positions, lane)
    for (let look = 0; first > 0; look += 1) {
      if (look === looksMax) return 0
      const entries = await source.readLanes([{ ...lane, after }], lookedAtOnce)
      const run = entries.find(({ events }) => events[0]?.stream === stream)
      first = Math.min(first, run?.events[0]?.number ?? first)
      const last = entries.at(-1)
      if (run !== undefined || last === undefined) break
      after = last.position
    }
  }
  return first
}

export interface SetAsideStream {
  readonly part: number
  readonly stream: Uuid
  readonly state: ExceptionState
  readonly nextNumber: number
  readonly untilNumber: number
  readonly attempts: number
  readonly nextAt: Date
  readonly since: Date
  readonly error: string | undefined
  readonly awaited: Uuid | undefined
}

/** Streams that do not follow their lanes, those that need a person first, then the oldest. */
export async function listSetAside(pool: pg.Pool, subscription: string, max: number): Promise<SetAsideStream[]> {
  const found = await pool.query(
    `select part, stream, state, next_number, until_number, attempts, next_at, since, error, awaited
       from course_exception
      where subscription = $1
      order by state <> 'parked', since, part, stream
      limit $2`,
    [subscription, max],
  )
  return found.rows.map((row) => ({
    part: row.part,
    stream: toUuid(row.stream),
    state: row.state,
    nextNumber: Number(row.next_number),
    untilNumber: Number(row.until_number),
    attempts: row.attempts,
    nextAt: row.next_at,
    since: row.since,
    error: row.error ?? undefined,
    awaited: row.awaited === null ? undefined : toUuid(row.awaited),
  }))
}

const retrySql = `state = case when awaited_lane is null then 'retry' else state end,
              attempts = 0, next_at = now(), awaited_kind = null, awaited = null`

/**
 * Tries a stream again now, from the event that failed: after a fix. One that waits for another lane goes on waiting.
 * False when it is not set aside.
 */
export function retryStream(pool: pg.Pool, deed: Deed, choice: StreamChoice): Promise<boolean> {
  return inTransaction(pool, async (transaction) => {
    const part = partOf(choice.kind, choice.stream, choice.parts ?? partsDefault)
    await lockSlot(transaction, deed.subscription, part)
    const changed = await transaction.query(
      `update course_exception
          set ${retrySql}
        where part = $1 and stream = $2 and subscription = $3`,
      [part, choice.stream, deed.subscription],
    )
    if (changed.rowCount === 0) return false
    await audit(transaction, deed, 'retry', { stream: choice.stream })
    return true
  })
}

/**
 * Goes over the event at which a stream stopped: the subscription sees a no_op in its place, now and in each replay;
 * other subscriptions still get the event. False when the stream did not stop at `number`.
 */
export function skipEvent(pool: pg.Pool, deed: Deed, choice: StreamChoice, number: number): Promise<boolean> {
  return inTransaction(pool, async (transaction) => {
    const part = partOf(choice.kind, choice.stream, choice.parts ?? partsDefault)
    await lockSlot(transaction, deed.subscription, part)
    const changed = await transaction.query(
      `update course_exception
          set ${retrySql}
        where part = $1 and stream = $2 and subscription = $3 and next_number = $4`,
      [part, choice.stream, deed.subscription, number],
    )
    if (changed.rowCount === 0) return false
    await transaction.query(
      `insert into subscription_skip (part, stream, subscription, number, actor, reason)
       values ($1, $2, $3, $4, $5, $6)
       on conflict (part, stream, subscription, number) do nothing`,
      [part, choice.stream, deed.subscription, number, deed.actor, deed.reason],
    )
    await audit(transaction, deed, 'skip', { stream: choice.stream, number })
    return true
  })
}

/** All slots of the part: the stream may be in any of its lanes. */
async function lockSlot(transaction: pg.ClientBase, subscription: string, part: number): Promise<void> {
  await transaction.query(
    `select lane
       from slot
      where part = $1
        and subscription = $2
      order by lane
        for no key update`,
    [part, subscription],
  )
}

export async function audit(transaction: pg.ClientBase, deed: Deed, action: string, detail: object): Promise<void> {
  await transaction.query(
    `insert into subscription_audit (id, subscription, action, actor, reason, detail)
     values ($1, $2, $3, $4, $5, $6)`,
    [randomUUID(), deed.subscription, action, deed.actor, deed.reason, JSON.stringify(detail)],
  )
}
