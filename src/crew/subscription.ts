import type pg from 'pg'
import type { LaneEntry } from '#log/log.ts'

/**
 * An embedded subscription: every course's events in order, effects exactly once. The crew locks the slot row by its
 * token, calls `apply` with the entries of that slot after the confirmed position, moves the position, and commits; all
 * of it is one transaction, so effects and position can not part (streams.md §4.5–4.6).
 */
export interface Subscription {
  readonly name: string
  /** Writes the effects with `transaction` only. Throwing rolls all of it back; the same entries come again. */
  apply(transaction: pg.ClientBase, entries: readonly LaneEntry[]): Promise<void>
  /** Called after a commit, for caches and wake-ups; never before. */
  committed?(entries: readonly LaneEntry[]): void
}

/** How far a subscription is: the confirmed position of each lane. Keys are `part/lane`. */
export interface SubscriptionProgress {
  readonly name: string
  readonly confirmed: ReadonlyMap<string, bigint>
}
