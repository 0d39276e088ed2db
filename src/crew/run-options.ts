import type pg from 'pg'
import type { Uuid } from '#domain/ids.ts'
import type { Log } from '#log/log.ts'
import type { Time } from '#platform/time.ts'
import type { SetAside } from './exceptions.ts'
import type { SlotKey } from './ownership.ts'
import type { Subscription } from './subscription.ts'

/** What a running subscription is given, what it tells, and what it can be asked. */
export type LaneSource = Pick<Log, 'readLanes' | 'laneHeads' | 'readStream' | 'statuses' | 'onAppended'>

export interface RunOptions {
  readonly subscription: Subscription
  readonly source: LaneSource
  /** For passes: one connection is kept for as long as the subscription runs. */
  readonly pool: pg.Pool
  /** For heartbeats and ownership only, never behind the work: two connections. */
  readonly heartbeatPool: pg.Pool
  readonly parts?: number
  readonly build?: string
  /** No transaction of several parts, for databases that are distributed by it. */
  readonly cutsByPart?: boolean
  readonly ttlMs?: number
  /** A new one for each start of a process. */
  readonly member?: Uuid
  readonly time?: Time
  /** What an operator may want to know; logged by the process, counted by the metrics. */
  report?(event: CrewEvent): void
}

export type CrewEvent =
  | { readonly kind: 'slots_gained' | 'slots_lost' | 'fenced_off'; readonly slots: readonly SlotKey[] }
  | { readonly kind: 'set_aside'; readonly streams: readonly SetAside[] }
  /** Streams that changed lanes wait aside until their old lane is as far. */
  | { readonly kind: 'waits_for_lane'; readonly streams: readonly Uuid[] }
  | { readonly kind: 'parked'; readonly stream: Uuid; readonly error: unknown }
  | { readonly kind: 'rejoined'; readonly stream: Uuid }
  | { readonly kind: 'breaker_opened'; readonly error: unknown }
  /** `isPassing`: the database was away or busy, nothing is wrong with the subscription. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly isPassing: boolean }

export interface SubscriptionStatus {
  readonly name: string
  readonly isPaused: boolean
  readonly members: number
  readonly ownedSlots: number
  readonly takeovers: number
  readonly fencedOff: number
  readonly passes: number
  readonly events: number
  readonly heartbeatDelayMs: number
  readonly breaker: 'closed' | 'open' | 'probing'
}
