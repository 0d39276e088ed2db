import type { StreamEvent, StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { AppendWindow, CallOutcome } from './append-statement.ts'
import type {
  AppendConflict,
  BlockedStream,
  LaneCursor,
  Reason,
  StreamAudit,
  StreamMetadata,
  StreamStatus,
} from './log.ts'
import type { Plan } from './plan.ts'
import type { StoredSlot } from './request.ts'
import type { StreamSlot } from './stream-audit.ts'

/**
 * Between the rules of the log and the place where it is kept: each call is one statement or one transaction with a
 * meaning. Kept on PostgreSQL by postgres-store.ts; tests/simulation keeps it in memory and on virtual time, with
 * locks, snapshots, lost answers and failovers, and compares the two.
 */
export interface LogStore extends RunRows {
  /** A connection for appends alone. */
  openWriter(): Promise<LogWriter>
  /** Which parts' gates are free now, after waiting about 100 ms when none is; holds none of them afterwards. */
  freeGates(parts: readonly number[]): Promise<readonly number[]>
  /** Entries behind each cursor, by cursor and position: `runsMax` a lane at most, and about `laneBytes` of bodies. */
  laneEntries(cursors: readonly LaneCursor[], runsMax: number, laneBytes: number): Promise<LaneRow[]>
  /** Highest position of each lane by `part/lane`. `known` holds, by part, what lane 0 has reached for sure. */
  laneHeads(known: readonly bigint[]): Promise<Map<string, bigint>>
  statuses(streams: readonly StreamName[], gapsMax: number): Promise<StreamStatus[]>
  metadata(kind: StreamKind, from: number, max: number): Promise<StreamMetadata[]>
  blocked(max: number): Promise<BlockedStream[]>
  /** One transaction: chooses the lane, moves the stream from its next run on, leaves an audit line. */
  move(slot: StreamSlot, to: 'dedicated' | 'shared', by: Reason): Promise<{ lane: number }>
  /** Seals what is contiguous and was left early by a process killed in the middle of a long fold. */
  fold(): Promise<unknown>
  /** The refusal stands whether or not this succeeds (design D6). */
  keepRejected(conflicts: readonly AppendConflict[], events: readonly StreamEvent[]): Promise<void>
  forgetRejected(): Promise<void>
  writeAudit(slot: StreamSlot, action: StreamAudit['action'], by: Reason, detail: StreamAudit['detail']): Promise<void>
  audits(slot: StreamSlot, max: number): Promise<StreamAudit[]>
  replaceSecondCopy(slot: StreamSlot & { readonly number: number }): Promise<boolean>
}

export interface StreamName {
  readonly kind: StreamKind
  readonly stream: Uuid
}

/** One connection, used by one group at a time. */
export interface LogWriter {
  /** One transaction that ends by itself: the whole plan is stored, or nothing. Waits `patienceMs` for each gate. */
  append(plan: Plan, window: AppendWindow, patienceMs: number): Promise<CallOutcome>
  /** What is stored under the numbers of the plan's runs, by `slotKey`. */
  overlaps(plan: Plan): Promise<Map<string, StoredSlot>>
  statuses(streams: readonly StreamName[], gapsMax: number): Promise<StreamStatus[]>
  /** With an error: nobody knows what the connection did last, so it is closed. */
  release(error?: Error): void
}

/** An entry of a lane as it is stored; the body is hexadecimal text. */
export interface LaneRow {
  readonly part: number
  readonly lane: number
  readonly position: string | bigint
  readonly recorded_at: Date
  readonly stream: Uuid
  readonly next_number: number
  readonly events: number
  readonly body: string
  /** Lane and position of the run before, where the stream changed lanes. */
  readonly waits_for: readonly bigint[] | null
}

/** Runs of streams, as reading a stream asks for them. */
export interface RunRows {
  /** The next runs of each line, and bodies as far as about `bytesMax` in all reach. */
  runs(lines: readonly LineCursor[], limits: RunLimits): Promise<RunRow[]>
  /** At most two runs of each line behind its cursor, and two that wait behind a hole. */
  runsBeyond(lines: readonly LineCursor[]): Promise<BeyondRow[]>
}

/** For each line: at most `rowsMax` runs, and none behind those that hold `eventsMax` events. */
export interface RunLimits {
  readonly rowsMax: number
  readonly eventsMax: number
  readonly bytesMax: number
}

export interface LineCursor {
  readonly stream: Uuid
  readonly part: number
  /** Column `types` of wanted runs has one of these bits. */
  readonly mask: number
  /** Numbers below are not wanted, or were read. */
  readonly cursor: number
}

export interface RunRow {
  /** 1-based index of its line. */
  readonly line: string | bigint
  readonly recorded_at: Date
  readonly next_number: number
  readonly events: number
  readonly body: string | null
}

export interface BeyondRow {
  readonly line: string | bigint
  readonly is_early: boolean
  readonly next_number: number
  readonly events: number
  /** Only of a run that begins before the line's cursor. */
  readonly body: string | null
}
