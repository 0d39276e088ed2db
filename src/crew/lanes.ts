import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { balanceLanes, type MovedStream, type PolicyChange, setLanePolicy } from '#log/lane-balance.ts'
import type { Reason } from '#log/log.ts'
import { jittered, systemTime } from '#platform/time.ts'
import type { SlotKey } from './ownership.ts'
import { createSlotsOfLanes } from './slots.ts'

/*
 * Lanes of busy streams, and the slots that every subscription needs for them. Between the two a process may die: the
 * runners look for lanes without slots as well.
 */
export async function decideLane(pool: pg.Pool, change: PolicyChange, by: Reason, parts?: number): Promise<SlotKey> {
  const slot = await setLanePolicy(pool, change, by, parts)
  await createSlotsOfLanes(pool, ownOf([slot]))
  return slot
}

export interface LaneBalanceOptions {
  readonly pool: pg.Pool
  readonly parts?: number
  moved?(stream: MovedStream): void
  onError?(error: unknown): void
}

/** A part is measured when its window is over, by whoever comes first. */
const tryEveryMs = 5000

/** For processes that work on subscriptions; several at once share the parts. */
export function startLaneBalance(options: LaneBalanceOptions): { stop(): Promise<void> } {
  const { pool, parts, moved, onError } = options
  const stopping = new AbortController()
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(jittered(tryEveryMs, systemTime), undefined, { signal: stopping.signal }).catch(() => undefined)
      if (stopping.signal.aborted) return
      try {
        const streams = await balanceLanes(pool, parts === undefined ? {} : { parts })
        await createSlotsOfLanes(pool, ownOf(streams))
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
