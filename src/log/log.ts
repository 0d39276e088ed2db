import type { EventType, StoredEvent, StreamEvent, StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'

/**
 * The log: numbered streams on PostgreSQL, sealed at append (spec: docs/architecture.md). What an `append` acknowledged
 * is durable and, once its stream has no hole before it, readable at a gapless position of a lane, forever unchanged.
 */
export interface Log {
  /**
   * Stores the events of one HTTP request, whole or not at all (design D2). Requests in flight share a transaction
   * (group commit without a timer); a refused request never affects its neighbours. Rejects with `LogOverloaded` when
   * queues are full and with the database's error when the outcome is unknown (the caller retries with the same uuids).
   */
  append(events: readonly StreamEvent[]): Promise<AppendResult>
  /** Events of one stream from `from`, contiguous prefix only, ascending; at most `eventsMax` and about `bytesMax`. */
  readStream(kind: StreamKind, stream: Uuid, options: ReadStreamOptions): Promise<StoredEvent[]>
  /**
   * Many streams in one answer: the limits hold for all lines together and are spent breadth first, every line's first
   * event before any line's second (api.md §4). One result a line, in the order of the lines.
   */
  readStreams(lines: readonly StreamLine[], limits: ReadLimits): Promise<StreamAnswer[]>
  /** Entries of one lane with position > `after`, in position order. */
  readLane(part: number, lane: number, after: bigint, runsMax: number): Promise<LaneEntry[]>
  /** The same for many lanes in one round trip; at most `runsMax` entries of each lane, ascending within a lane. */
  readLanes(cursors: readonly LaneCursor[], runsMax: number): Promise<LaneEntry[]>
  /** Calls `listener` after each commit with the parts in which something became readable; returns how to stop. */
  onAppended(listener: (parts: readonly number[]) => void): () => void
  /** Highest position of each lane; absent lanes are empty. Keys are `part/lane`. */
  laneHeads(): Promise<Map<string, bigint>>
  statuses(streams: readonly { kind: StreamKind; stream: Uuid }[], gapsMax: number): Promise<StreamStatus[]>
  /** Streams of one kind that were created, by their gapless metadata number (api.md §5). */
  readMetadata(kind: StreamKind, from: number, max: number): Promise<StreamMetadata[]>
  /** Streams that are stopped by a hole now, oldest first. */
  blockedStreams(max: number): Promise<BlockedStream[]>
}

/** What `openLog` gives. */
export interface OpenedLog extends Log {
  /**
   * Makes a no_op of the event at this number if the same event uuid stands in the stream under a lower number (design
   * D4). Whoever folds events and meets a uuid again says so here; repeating it does nothing. False: nothing replaced.
   */
  replaceSecondCopy(kind: StreamKind, stream: Uuid, number: number): Promise<boolean>
  /**
   * Puts no_ops where numbers are missing below the highest one, number 0 excepted, and leaves an audit line
   * (streams.md §4.3). Numbers that are taken by then stay as they are. Returns the numbers filled.
   */
  repair(kind: StreamKind, stream: Uuid, repair: Repair): Promise<number[]>
  /**
   * Gives a stream a lane of its own, or takes it back to the shared one, from its next run on; leaves an audit line.
   */
  moveStream(kind: StreamKind, stream: Uuid, to: 'dedicated' | 'shared', by: Reason): Promise<{ lane: number }>
  /** What was done to a stream by people, newest first. */
  audits(kind: StreamKind, stream: Uuid, max: number): Promise<StreamAudit[]>
  /** What this process did since it opened the log. */
  counters(): LogCounters
  /** Waits for what is being written. The pool stays the caller's. */
  close(): Promise<void>
}

/** Who does something to a stream, and why. */
export interface Reason {
  readonly actor: string
  readonly reason: string
}

/** Both ends inclusive, as gaps are named in a status. */
export interface Repair extends Reason {
  readonly from: number
  readonly to: number
}

export interface StreamAudit extends Reason {
  readonly at: Date
  readonly action: 'repair' | 'move' | 'lane policy'
  readonly detail: { readonly [key: string]: unknown }
}

/** `bytesMax` counts the UTF-8 bytes of `event_data` as it is sent (design D16); the first event always fits. */
export interface ReadLimits {
  readonly eventsMax: number
  readonly bytesMax: number
}

export interface ReadStreamOptions extends ReadLimits {
  readonly from: number
  readonly types?: ReadonlySet<EventType>
}

export interface StreamLine {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly from: number
  /** Absent: all types. */
  readonly types?: ReadonlySet<EventType>
}

/** `isGap` and `isEnd` are those of api.md §4, rules 6 and 7; neither means that a limit cut the line short. */
export interface StreamAnswer {
  readonly events: readonly StoredEvent[]
  readonly isGap: boolean
  readonly isEnd: boolean
}

export interface LogCounters {
  readonly appendedEvents: number
  readonly appendedGroups: number
  readonly refusedRequests: number
  /** Requests that wait for their transaction now, and the bytes they hold. */
  readonly waitingRequests: number
  readonly waitingBytes: number
}

export type AppendResult =
  | { readonly kind: 'stored'; readonly outcomes: readonly ('recorded' | 'duplicate')[] }
  | { readonly kind: 'refused'; readonly conflicts: readonly AppendConflict[] }
  | { readonly kind: 'too_far_ahead'; readonly missing: readonly { stream: Uuid; from: number; to: number }[] }

/** A number that is taken by another event (the only refusal there is, design D4). */
export interface AppendConflict {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly number: number
  readonly eventUuid: Uuid
  readonly existingEventUuid: Uuid
  readonly existingType: EventType
}

/** Where a reader stands in a lane: it wants the entries after `after`. */
export interface LaneCursor {
  readonly part: number
  readonly lane: number
  readonly after: bigint
}

/** A gap-free run of one stream's events at one position of a lane. */
export interface LaneEntry {
  readonly part: number
  readonly lane: number
  readonly position: bigint
  /**
   * Present on the first run of a stream after it changed lanes: the run before it. Who keeps one position per lane may
   * pass this entry only after that position of the other lane of the part (streams.md §4.4).
   */
  readonly waitsFor?: { readonly lane: number; readonly position: bigint }
  readonly events: readonly StoredEvent[]
}

/** Ends are exclusive everywhere (design D10). */
export interface StreamStatus {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly isKnown: boolean
  readonly isCreated: boolean
  readonly nextSequenceNumber: number
  readonly contiguousSequenceNumber: number
  /** Missing numbers below `nextSequenceNumber`: `from` inclusive, `to` inclusive (api.md §8.2). */
  readonly gaps: readonly { readonly from: number; readonly to: number }[]
  readonly oldestBlockedAt: Date | undefined
}

export interface StreamMetadata {
  readonly uuid: Uuid
  readonly number: number
  /** Courses only. */
  readonly initialEcosystem: Uuid | undefined
}

export interface BlockedStream {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly contiguousSequenceNumber: number
  readonly nextSequenceNumber: number
  readonly blockedSince: Date
}

/** Queues are full: answer 503 with Retry-After (design D8). `limit` says which limit was reached. */
export class LogOverloaded extends Error {
  readonly retryAfterSeconds: number
  constructor(retryAfterSeconds: number, limit: string) {
    super(`the append queue is full: ${limit}`)
    this.name = 'LogOverloaded'
    this.retryAfterSeconds = retryAfterSeconds
  }
}
