import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { LaneCursor, Log } from '#log/log.ts'
import { systemTime, type Time } from '#platform/time.ts'
import { laneOf, type SlotKey, slotName } from './ownership.ts'
import type { SubscriptionRunner } from './run-subscription.ts'
import { shareOf } from './sub-streams.ts'
import type { SubscriptionProgress } from './subscription.ts'

/*
 * How far subscriptions are, for metrics, the console, and readers that want to see their own writes. Streams that are
 * set aside do not count as lag: more workers can not help them (streams.md §4.9).
 */
export interface SlotProgress extends SlotKey {
  /** Which of the slots of its lane it is, from 0 on, and how many there are (sub-streams.ts). */
  readonly share: number
  readonly shares: number
  readonly owner: Uuid | undefined
  readonly epoch: bigint
  readonly position: bigint
  readonly exceptions: number
  readonly confirmedAt: Date | undefined
}

export interface SlotLag extends SlotProgress {
  readonly head: bigint
  /** Entries of the lane that are not confirmed. */
  readonly behind: bigint
  /** When the oldest of them became readable. */
  readonly oldestAt: Date | undefined
}

export interface SubscriptionLag {
  readonly name: string
  readonly mode: 'embedded' | 'remote'
  readonly isPaused: boolean
  readonly slots: readonly SlotLag[]
  readonly behind: bigint
  readonly exceptions: number
  /** By the database's clock; 0 when nothing is unconfirmed. */
  readonly oldestAgeMs: number
}

async function readSlots(pool: pg.Pool, subscription: string): Promise<SlotProgress[]> {
  const found = await pool.query<{
    part: number
    lane: number
    shares: number
    owner: string | null
    epoch: bigint
    position: bigint
    exceptions: number
    confirmed_at: Date | null
  }>(
    `select part, lane, shares, owner, epoch, position, exceptions, confirmed_at
       from slot
      where subscription = $1
      order by part, lane % 32768, lane`,
    [subscription],
  )
  return found.rows.map(({ confirmed_at, owner, ...row }) => ({
    ...row,
    lane: laneOf(row),
    share: shareOf(row),
    owner: owner === null ? undefined : toUuid(owner),
    confirmedAt: confirmed_at ?? undefined,
  }))
}

export async function readProgress(pool: pg.Pool, subscription: string): Promise<SubscriptionProgress> {
  const lanes = Map.groupBy(await readSlots(pool, subscription), slotName)
  const lowest = (slots: readonly SlotProgress[]): bigint =>
    slots.reduce((low, { position }) => (position < low ? position : low), slots[0]?.position ?? 0n)
  return { name: subscription, confirmed: new Map([...lanes].map(([name, slots]) => [name, lowest(slots)])) }
}

/** Slots first, heads after: a lane is never shown as ahead of its log. */
export async function readLag(
  pool: pg.Pool,
  source: Pick<Log, 'laneHeads' | 'readLanes'>,
  subscription: string,
): Promise<SubscriptionLag | undefined> {
  const found = await pool.query<{ mode: SubscriptionLag['mode']; is_paused: boolean; now: Date }>(
    `select mode, is_paused, clock_timestamp() as now from subscription where name = $1`,
    [subscription],
  )
  const row = found.rows[0]
  if (row === undefined) return undefined
  const progress = await readSlots(pool, subscription)
  const heads = await source.laneHeads()
  const late = progress.filter((slot) => (heads.get(slotName(slot)) ?? 0n) > slot.position)
  // The slot of a lane that is furthest behind, where there are several.
  const last = new Map(late.toSorted(byPosition).map((slot) => [slotName(slot), slot]))
  const cursors = [...last.values()].map(({ part, lane, position: after }): LaneCursor => ({ part, lane, after }))
  const first = cursors.length === 0 ? [] : await source.readLanes(cursors, 1)
  const oldest = new Map(first.map((entry) => [slotName(entry), entry.events[0]?.recordedAt]))
  const slots = progress.map((slot): SlotLag => {
    const head = heads.get(slotName(slot)) ?? slot.position
    return { ...slot, head, behind: head - slot.position, oldestAt: oldest.get(slotName(slot)) }
  })
  const oldestMs = Math.min(...[...oldest.values()].map((at) => at?.getTime() ?? Number.POSITIVE_INFINITY))
  return {
    name: subscription,
    mode: row.mode,
    isPaused: row.is_paused,
    slots,
    behind: [...last.values()].reduce((sum, slot) => sum + (heads.get(slotName(slot)) ?? 0n) - slot.position, 0n),
    exceptions: slots.reduce((sum, slot) => sum + slot.exceptions, 0),
    oldestAgeMs: Number.isFinite(oldestMs) ? Math.max(0, row.now.getTime() - oldestMs) : 0,
  }
}

/** Every subscription there is, embedded and remote, by name. */
export async function readLags(
  pool: pg.Pool,
  source: Pick<Log, 'laneHeads' | 'readLanes'>,
): Promise<SubscriptionLag[]> {
  const found = await pool.query<{ name: string }>('select name from subscription order by name')
  const lags = await Promise.all(found.rows.map(({ name }) => readLag(pool, source, name)))
  return lags.filter((lag) => lag !== undefined)
}

export interface AppliedQuestion extends SlotKey {
  readonly subscription: string
  readonly position: bigint
  readonly timeoutMs: number
}

/** Those that are furthest behind come last. */
function byPosition(one: SlotProgress, other: SlotProgress): number {
  return Number(other.position - one.position)
}

const pollFirstMs = 10
const pollMaxMs = 200

/**
 * Waits until the subscription has confirmed `position`: through the runner of this process when it owns the slot, by
 * polling the slot row otherwise. False when time is up first.
 */
export async function waitUntilApplied(
  pool: pg.Pool,
  question: AppliedQuestion,
  runner?: SubscriptionRunner,
  time: Time = systemTime,
): Promise<boolean> {
  const untilMs = time.monotonicMs() + question.timeoutMs
  if (await runner?.reaches(question, question.position, question.timeoutMs)) return true
  for (let pauseMs = pollFirstMs; ; pauseMs = Math.min(pollMaxMs, pauseMs * 2)) {
    const found = await pool.query<{ position: bigint | null }>(
      `select min(position) as position from slot where part = $1 and lane % 32768 = $2 and subscription = $3`,
      [question.part, question.lane, question.subscription],
    )
    if ((found.rows[0]?.position ?? -1n) >= question.position) return true
    const leftMs = untilMs - time.monotonicMs()
    if (leftMs <= 0) return false
    await time.sleep(Math.min(pauseMs, leftMs))
  }
}
