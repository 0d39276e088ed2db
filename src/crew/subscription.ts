import type pg from 'pg'
import type { StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'

/**
 * An embedded subscription: every stream's events in order, effects exactly once. The crew locks the slot rows by their
 * tokens, calls `apply` with entries of those slots after their confirmed positions, moves the positions, and commits;
 * all of it is one transaction, so effects and positions can not part (streams.md §4.5–4.6).
 */
export interface Subscription {
  readonly name: string
  /** The families of streams it wants; both when absent. */
  readonly kinds?: readonly StreamKind[]
  /**
   * Whose order is enough; `stream` when absent. With `student`, a lane that is `dedicated:k` comes through k slots, on
   * as many processes: an entry then holds the events of some of the students, and numbers have holes. What concerns
   * no one student comes after all that is before it and before all that is after it, and to one process only.
   */
  readonly orderedBy?: 'stream' | 'student'
  /** Where a subscription that was never seen before begins; `beginning` when absent. */
  readonly startsAt?: 'beginning' | 'now'
  /** At most this many events in one transaction (about; one entry is never split); 2000 when absent. */
  readonly eventsMax?: number
  /**
   * Writes the effects with `transaction` only. The entries may belong to many slots; within a lane they ascend by
   * position and within a stream by number. Throwing rolls all of it back and the same entries come again; throw
   * `WaitsForStream` when a stream needs another one that has not arrived. It may be called again for a subset of the
   * entries within the same transaction, after a rollback to a savepoint. Entries that are read again for one stream
   * (retry, replay) carry position 0.
   */
  apply(transaction: pg.ClientBase, entries: readonly LaneEntry[]): Promise<void>
  /** Called after a commit, for caches and wake-ups; never before. */
  committed?(entries: readonly LaneEntry[]): void
  /**
   * Called when slots of these parts are no longer owned, when the outcome of a commit is unknown, or when another
   * process moved them: drop caches.
   */
  released?(parts: readonly number[]): void
}

/** Thrown by `apply`: `stream` can not go on before `awaited` has arrived. Others go on, no attempt is counted. */
export class WaitsForStream extends Error {
  readonly kind: StreamKind
  readonly awaited: Uuid
  constructor(kind: StreamKind, awaited: Uuid) {
    super(`waits for ${kind} ${awaited}`)
    this.name = 'WaitsForStream'
    this.kind = kind
    this.awaited = awaited
  }
}

/** How far a subscription is: the confirmed position of each lane. Keys are `part/lane`. */
export interface SubscriptionProgress {
  readonly name: string
  readonly confirmed: ReadonlyMap<string, bigint>
}
