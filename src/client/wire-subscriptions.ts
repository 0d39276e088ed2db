import type { CourseEventType, EcosystemEventType } from './wire-reads.ts'

/**
 * Remote subscriptions: the server keeps the position of a consumer and shares its lanes among the running instances.
 * Positions are decimal text, because they may pass what a number holds.
 */
export interface SubscriptionSettings {
  readonly mode: 'remote'
  readonly kinds: readonly ('course' | 'ecosystem')[]
  /** With the first event ever, or with those that come from now on. */
  readonly start: 'beginning' | 'now'
  /** Absent: all types. */
  readonly event_types?: readonly SubscriptionEventType[]
}
export type SubscriptionEventType = CourseEventType | EcosystemEventType

/** One running consumer, and how long it may keep its slots without a call. */
export interface InstanceLease {
  readonly instance_uuid: string
  /** 1 to 300. */
  readonly lease_seconds: number
}

/** A slot (a lane of a part) with the proof that it is this instance's. */
export interface HeldSlot {
  readonly part: number
  readonly lane: number
  readonly token_uuid: string
}

export interface SubscriptionFetch extends InstanceLease {
  /** 0 to 20: how long to wait while there is nothing. */
  readonly wait_seconds: number
  /** 1 to 1000. */
  readonly max_num_events: number
  /** Last position of each lane that is in hand and not confirmed: the answer goes on behind it. */
  readonly received?: readonly (HeldSlot & { readonly position: string })[]
}
export interface SubscriptionFetched {
  readonly is_paused: boolean
  readonly slots: readonly (HeldSlot & { readonly epoch: string; readonly position: string })[]
  readonly batches: readonly SubscriptionBatch[]
  readonly retries: readonly SubscriptionRetry[]
}
/** A piece of one lane. It has to be confirmed also when it holds no events. */
export interface SubscriptionBatch extends HeldSlot {
  readonly after: string
  readonly position: string
  /** Name of what the last position holds. */
  readonly entry: string
  readonly events: readonly SubscriptionEvent[]
}
/** What a stream is owed that was set aside. */
export interface SubscriptionRetry extends HeldSlot {
  readonly stream_uuid: string
  readonly attempts: number
  /** End of `events`, exclusive; events that are not wanted count. */
  readonly next_number: number
  readonly events: readonly SubscriptionEvent[]
}
export interface SubscriptionEvent {
  /** Of one of the two kinds. */
  readonly course_uuid?: string
  readonly ecosystem_uuid?: string
  readonly sequence_number: number
  readonly event_uuid: string
  readonly event_type: SubscriptionEventType
  readonly event_data: { readonly [key: string]: unknown }
}

export interface SubscriptionConfirm extends InstanceLease {
  readonly batches?: readonly Omit<SubscriptionBatch, 'events'>[]
  readonly streams?: readonly (HeldSlot & { readonly stream_uuid: string; readonly next_number: number })[]
}
export interface SubscriptionConfirmed {
  readonly batches: readonly { readonly status: ConfirmStatus }[]
  readonly streams: readonly { readonly status: ConfirmStatus }[]
}
/** `lost_lease`: another instance goes on there. `cursor_diverged`: the server lost what it handed out, fetch again. */
export type ConfirmStatus = 'confirmed' | 'already_confirmed' | 'out_of_order' | 'lost_lease' | 'cursor_diverged'

export interface SubscriptionNack extends HeldSlot {
  readonly stream_uuid: string
  /** Of the event that failed; those before it took effect. */
  readonly number: number
  /** 1 to 2000 characters. */
  readonly error: string
  /** Last position of the lane that is in hand; '0' for a retry. */
  readonly received: string
  /** The stream that has to come first; then no attempt is counted. */
  readonly awaited?: { readonly kind: 'course' | 'ecosystem'; readonly stream_uuid: string }
}
export interface SubscriptionNacked {
  readonly status: 'set_aside' | 'parked' | 'already_confirmed' | 'lost_lease' | 'event_unknown'
}
