import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { balanceLanes, type MovedStream, type PolicyChange, readSharedLanes, setLanePolicy } from '#log/lane-balance.ts'
import type { Reason } from '#log/log.ts'
import { jittered, systemTime } from '#platform/time.ts'
import type { SlotKey } from './ownership.ts'
import { positionsOn } from './postgres-store.ts'
import { createSlotsOfLanes, isLockTimeout } from './slots.ts'
import { type LaneReader, stopLane } from './stop-lane.ts'
import type { PositionsTransaction } from './store.ts'
import { runTransactionOn, type TransactionLimits } from './transaction.ts'

/*
 * Lanes of busy streams, and the slots that every subscription needs for them. Between the two a process may die: the
 * runners look for lanes without slots as well.
 */
export async function decideLane(place: LanePlace, change: PolicyChange, by: Reason, parts?: number): Promise<SlotKey> {
  const slot = await setLanePolicy(place.pool, change, by, parts)
  await createSlotsOfLanes(place.pool, ownOf([slot]))
  await shareLanes(place)
  return slot
}

export interface LanePlace {
  readonly pool: pg.Pool
  readonly source: LaneReader
}

const shareLimits: TransactionLimits = { lockTimeoutMs: 1000, idleTimeoutMs: 5000, totalTimeoutMs: undefined }

/**
 * Gives each lane as many slots as its stream's policy says, in subscriptions that allow it, one transaction each. A
 * lane whose slots are all busy for a second is left for the next time.
 */
async function shareLanes({ pool, source }: LanePlace): Promise<void> {
  const wanted = await readSharedLanes(pool)
  const found = await pool.query<SlotKey & { subscription: string; shares: number }>(
    `select slot.subscription, slot.part, slot.lane, coalesce(wanted.shares, 1)::int as shares
       from slot
       join subscription
         on subscription.name = slot.subscription
        and subscription.ordered_by = 'student'
       left join unnest($1::smallint[], $2::int[], $3::smallint[]) as wanted (part, lane, shares)
         on wanted.part = slot.part
        and wanted.lane = slot.lane
      where slot.lane between 1 and 32767
        and slot.shares <> coalesce(wanted.shares, 1)
      order by slot.subscription, slot.part, slot.lane`,
    [wanted.map(({ part }) => part), wanted.map(({ lane }) => lane), wanted.map(({ shares }) => shares)],
  )
  for (const { subscription: name, shares, ...slot } of found.rows) {
    await runTransactionOn(pool, shareLimits, (client) => {
      return shareLane({ source }, positionsOn(client, name), slot, shares)
    }).catch((error: unknown) => {
      if (!isLockTimeout(error)) throw error
    })
  }
}

/**
 * Stops all slots of a lane at one position, and from there on it has `shares` of them. Owners take them anew. What
 * some slots had delivered by then and others had not comes first, by its streams' exceptions.
 */
export async function shareLane(
  place: { readonly source: LaneReader },
  transaction: PositionsTransaction,
  slot: SlotKey,
  shares: number,
): Promise<void> {
  const slots = await transaction.lockLane(slot)
  // Somebody else changed it while this waited, and not all of its slots are locked.
  if (slots.length === 0 || slots.some((one) => one.shares !== slots.length) || slots.length === shares) return
  const error = `its lane goes from ${slots.length} to ${shares} slots`
  const { reached } = await stopLane(place, transaction, slots, 0n, { error, awaited: undefined, retryAfterMs: 0 })
  const position = reached[0]?.position ?? 0n
  await transaction.resizeLane(
    slots.map((one) => ({ ...one, position })),
    shares,
  )
}

export interface LaneBalanceOptions extends LanePlace {
  readonly parts?: number
  moved?(stream: MovedStream): void
  onError?(error: unknown): void
}

/** A part is measured when its window is over, by whoever comes first. */
const tryEveryMs = 5000

/** For processes that work on subscriptions; several at once share the parts. */
export function startLaneBalance(options: LaneBalanceOptions): { stop(): Promise<void> } {
  const { pool, source, parts, moved, onError } = options
  const stopping = new AbortController()
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(jittered(tryEveryMs, systemTime), undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      try {
        const streams = await balanceLanes(pool, parts === undefined ? {} : { parts })
        await createSlotsOfLanes(pool, ownOf(streams))
        await shareLanes({ pool, source })
        for (const stream of streams) moved?.(stream)
      } catch (error) {
        onError?.(error)
      }
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

function ownOf(slots: readonly SlotKey[]): SlotKey[] {
  return slots.filter(({ lane }) => lane > 0)
}
