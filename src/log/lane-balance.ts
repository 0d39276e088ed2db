import type pg from 'pg'
import type { StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { kindOfPart, partOf, partsDefault } from '#domain/parts.ts'
import { inTransaction } from '#platform/postgres.ts'
import { isLockTimeout } from './append-gates.ts'
import {
  chooseMoves,
  isDedicated,
  type LaneMove,
  type LanePolicy,
  type MeasuredStream,
  rateAfter,
  type StreamRate,
  sharesOf,
} from './lane-policy.ts'
import type { Reason } from './log.ts'
import { moveStreamIn } from './move.ts'
import { type StreamSlot, writeAudit } from './stream-audit.ts'

/*
 * Measures how busy streams are and moves them between lanes accordingly. Every process may try at any time: the row
 * locks of the parts whose window is over are the claim, they are held to commit, and everything that follows from a
 * window happens in that one transaction (streams.md §4.4).
 */
export const laneWindowSeconds = 20
/** After a longer pause nothing is made of what came meanwhile: measuring begins anew. */
const windowSecondsMax = 3 * laneWindowSeconds
const movesAtOnce = 4
/** A move whose gate is not free by then is left to the next window. */
const gatePatienceMs = 200
/** Streams below are not remembered. */
const rateMin = 5
const rateForgotten = 1

export interface BalanceOptions {
  readonly parts?: number
  readonly movesMax?: number
}

export interface MovedStream extends LaneMove {
  /** Where it is now. */
  readonly lane: number
}

/** One step: what is due now and nobody else is at. Returns what was moved. */
export async function balanceLanes(pool: pg.Pool, options: BalanceOptions = {}): Promise<MovedStream[]> {
  const { parts = partsDefault, movesMax = movesAtOnce } = options
  await beginNewLanes(pool, parts)
  return inTransaction(pool, async (client) => {
    const due = await claimParts(client)
    if (due.size === 0) return []
    const events = await countEvents(client, [...due.keys()])
    const known = await readStreams(client, [...due.keys()], events)
    const ofPart = Map.groupBy(events, ({ part }) => part)
    const measured = known.map((stream) => {
      return { ...stream, ...rateOf(stream, due.get(stream.part), ofPart.get(stream.part) ?? []) }
    })
    await keepRates(client, [...due.keys()], measured)
    const moves = chooseMoves(measured, movesMax)
    // Gates in the order in which appends take theirs.
    const inOrder = moves.toSorted((a, b) => a.part - b.part)
    const moved: MovedStream[] = []
    await client.query(`set local lock_timeout = ${gatePatienceMs}`)
    for (const move of inOrder) {
      const slot = { kind: kindOfPart(move.part, parts), stream: move.stream, part: move.part }
      const place = await unlessHeld(client, () => moveStreamIn(client, slot, move.to, reasonOf(move)))
      if (place !== undefined) moved.push({ ...move, ...place })
    }
    return moved
  })
}

/** Undefined, and nothing done, when a gate is held for long: the gates of other moves are not held to wait for it. */
async function unlessHeld<Value>(client: pg.ClientBase, work: () => Promise<Value>): Promise<Value | undefined> {
  await client.query('savepoint before_gate')
  try {
    return await work()
  } catch (error) {
    if (!isLockTimeout(error)) throw error
    await client.query('rollback to savepoint before_gate')
    return undefined
  }
}

function reasonOf({ policy, eventsPerSecond, busyWindows, quietSeconds }: LaneMove): Reason {
  const rate = `${eventsPerSecond.toFixed(1)} events/s`
  const auto =
    busyWindows > 0 ? `${rate} for ${busyWindows} windows` : `${rate}, quiet for ${Math.round(quietSeconds)} s`
  return { actor: 'lane balance', reason: policy === 'auto' ? auto : `its policy is ${policy}` }
}

/** The position of a lane's last run; null for an empty lane. */
const headOf = (lane: string): string => `(
  select s.position
  from segment s
  where s.part = ${lane}.part
    and s.lane = ${lane}.lane
  order by s.part desc, s.lane desc, s.position desc
  limit 1)`

/** Lanes of courses that were not measured before begin at their heads. */
async function beginNewLanes(pool: pg.Pool, parts: number): Promise<void> {
  await pool.query(
    `insert into lane_measure (part, lane, position, measured_at)
     select l.part, l.lane, coalesce(${headOf('l')}, 0), now()
     from lane l
     where l.part < $1
       and not exists (select from lane_measure m where m.part = l.part and m.lane = l.lane)
     on conflict (part, lane) do nothing`,
    [parts],
  )
}

/** Seconds since the last measuring, by part. */
async function claimParts(client: pg.ClientBase): Promise<Map<number, number>> {
  const claimed = await client.query<{ part: number; seconds: number }>(
    `select m.part, extract(epoch from clock_timestamp() - m.measured_at)::float8 as seconds
     from lane_measure m
     where m.lane = 0
       and m.measured_at <= clock_timestamp() - $1 * interval '1 second'
     order by m.part
     for no key update skip locked`,
    [laneWindowSeconds],
  )
  return new Map(claimed.rows.map(({ part, seconds }) => [part, seconds]))
}

interface Count {
  readonly part: number
  readonly stream: Uuid
  readonly events: number
}

/** Events of each stream since the last measuring; the lanes are measured up to there. */
async function countEvents(client: pg.ClientBase, parts: readonly number[]): Promise<Count[]> {
  const counted = await client.query<{ part: number; stream: string; events: number }>(
    `with seen as (
       select m.part, m.lane, s.stream, s.events, s.position
       from lane_measure m
       cross join lateral (
         select s.stream, s.events, s.position
         from segment s
         where s.part = m.part
           and s.lane = m.lane
           and s.position > m.position
       ) s
       where m.part = any ($1::int2[])
         and (select first.measured_at from lane_measure first where first.part = m.part and first.lane = 0)
           > clock_timestamp() - $2 * interval '1 second'
     ),
     reached as (
       update lane_measure m
       set position = coalesce(${headOf('m')}, m.position),
         measured_at = clock_timestamp()
       where m.part = any ($1::int2[])
     )
     select part, stream, sum(events)::int as events
     from seen
     group by part, stream`,
    [parts, windowSecondsMax],
  )
  return counted.rows.map((row) => ({ ...row, stream: toUuid(row.stream) }))
}

const policySql = `coalesce(
       case when p.policy = 'dedicated' and p.shares > 1 then 'dedicated:' || p.shares else p.policy end, 'auto')`

type KnownStream = Pick<MeasuredStream, 'part' | 'stream' | 'lane' | 'policy'> & {
  readonly before: StreamRate | undefined
}

/** Busy ones of the window, those with a lane of their own, and those about which something is kept. */
async function readStreams(
  client: pg.ClientBase,
  parts: readonly number[],
  events: readonly Count[],
): Promise<KnownStream[]> {
  const busy = events.filter((count) => count.events >= rateMin * laneWindowSeconds)
  const found = await client.query<{
    part: number
    stream: string
    lane: number
    policy: LanePolicy
    events_per_second: number | null
    busy_windows: number | null
    quiet_seconds: number | null
  }>(
    `with wanted as (
       select part, stream from stream_rate where part = any ($1::int2[])
       union
       select part, stream from stream_lane where part = any ($1::int2[]) and lane <> 0
       union
       select part, stream from lane_policy where part = any ($1::int2[])
       union
       select part, stream from unnest($2::int2[], $3::uuid[]) as busy (part, stream)
     )
     select w.part, w.stream, coalesce(l.lane, 0) as lane, ${policySql} as policy,
       r.events_per_second, r.busy_windows, r.quiet_seconds
     from wanted w
     left join stream_lane l on l.part = w.part and l.stream = w.stream
     left join lane_policy p on p.part = w.part and p.stream = w.stream
     left join stream_rate r on r.part = w.part and r.stream = w.stream`,
    [parts, busy.map(({ part }) => part), busy.map(({ stream }) => stream)],
  )
  return found.rows.map(({ events_per_second, busy_windows, quiet_seconds, ...row }) => ({
    ...row,
    stream: toUuid(row.stream),
    before:
      events_per_second === null
        ? undefined
        : { eventsPerSecond: events_per_second, busyWindows: busy_windows ?? 0, quietSeconds: quiet_seconds ?? 0 },
  }))
}

function rateOf(known: KnownStream, seconds: number | undefined, ofPart: readonly Count[]): StreamRate {
  const partEvents = ofPart.reduce((sum, { events }) => sum + events, 0)
  const events = ofPart.find(({ stream }) => stream === known.stream)?.events ?? 0
  if (seconds === undefined || seconds > windowSecondsMax) return known.before ?? unknownRate
  return rateAfter(known.before, { events, partEvents, seconds })
}

const unknownRate: StreamRate = { eventsPerSecond: 0, busyWindows: 0, quietSeconds: 0 }

async function keepRates(
  client: pg.ClientBase,
  parts: readonly number[],
  measured: readonly MeasuredStream[],
): Promise<void> {
  const kept = measured.filter(({ lane, eventsPerSecond }) => lane > 0 || eventsPerSecond >= rateForgotten)
  await client.query('delete from stream_rate where part = any ($1::int2[])', [parts])
  await client.query(
    `insert into stream_rate (part, stream, events_per_second, busy_windows, quiet_seconds)
     select * from unnest($1::int2[], $2::uuid[], $3::float8[], $4::int[], $5::float8[])`,
    [
      kept.map(({ part }) => part),
      kept.map(({ stream }) => stream),
      kept.map(({ eventsPerSecond }) => eventsPerSecond),
      kept.map(({ busyWindows }) => busyWindows),
      kept.map(({ quietSeconds }) => quietSeconds),
    ],
  )
}

export interface PolicyChange {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly policy: LanePolicy
}

/** Keeps the decision, leaves an audit line, and moves the stream at once where that follows from it. */
export async function setLanePolicy(
  pool: pg.Pool,
  { kind, stream, policy }: PolicyChange,
  by: Reason,
  parts: number = partsDefault,
): Promise<{ part: number; lane: number }> {
  const slot: StreamSlot = { kind, stream, part: partOf(kind, stream, parts) }
  return inTransaction(pool, async (client) => {
    if (policy === 'auto') {
      await client.query('delete from lane_policy where part = $1 and stream = $2', [slot.part, stream])
    } else {
      await client.query(
        `insert into lane_policy (part, stream, policy, shares)
         values ($1, $2, $3, $4)
         on conflict (part, stream) do update set policy = excluded.policy, shares = excluded.shares`,
        [slot.part, stream, isDedicated(policy) ? 'dedicated' : policy, sharesOf(policy)],
      )
    }
    await writeAudit(client, slot, 'lane policy', by, { policy })
    const found = await client.query<{ lane: number }>('select lane from stream_lane where part = $1 and stream = $2', [
      slot.part,
      stream,
    ])
    const lane = found.rows[0]?.lane ?? 0
    if (policy === 'auto' || lane > 0 === isDedicated(policy)) return { part: slot.part, lane }
    return { part: slot.part, ...(await moveStreamIn(client, slot, isDedicated(policy) ? 'dedicated' : 'shared', by)) }
  })
}

export interface SharedLane {
  readonly part: number
  readonly lane: number
  readonly shares: number
}

/** Lanes that are to be read through several slots where that is allowed; all others through one. */
export async function readSharedLanes(pool: pg.Pool): Promise<SharedLane[]> {
  const found = await pool.query<SharedLane>(
    `select l.part, l.lane, p.shares
     from stream_lane l
     join lane_policy p on p.part = l.part and p.stream = l.stream
     where l.lane <> 0
       and p.policy = 'dedicated'
       and p.shares > 1`,
  )
  return found.rows
}

export interface LaneOwner {
  readonly kind: StreamKind
  readonly part: number
  readonly lane: number
  readonly stream: Uuid
  readonly policy: LanePolicy
  /** Absent when it is too low to be remembered. */
  readonly eventsPerSecond: number | undefined
}

/** Streams with a lane of their own, a decided policy, or a remembered rate; by part and lane, the busiest first. */
export async function readLaneOwners(pool: pg.Pool, parts: number = partsDefault): Promise<LaneOwner[]> {
  const found = await pool.query<{
    part: number
    lane: number
    stream: string
    policy: LanePolicy
    events_per_second: number | null
  }>(
    `select w.part, coalesce(l.lane, 0) as lane, w.stream, ${policySql} as policy, r.events_per_second
     from (
       select part, stream from stream_lane where lane <> 0
       union
       select part, stream from lane_policy
       union
       select part, stream from stream_rate
     ) w
     left join stream_lane l on l.part = w.part and l.stream = w.stream
     left join lane_policy p on p.part = w.part and p.stream = w.stream
     left join stream_rate r on r.part = w.part and r.stream = w.stream
     order by coalesce(l.lane, 0) = 0, w.part, coalesce(l.lane, 0), r.events_per_second desc nulls last, w.stream`,
  )
  return found.rows.map(({ events_per_second, ...row }) => ({
    ...row,
    kind: kindOfPart(row.part, parts),
    stream: toUuid(row.stream),
    eventsPerSecond: events_per_second ?? undefined,
  }))
}
