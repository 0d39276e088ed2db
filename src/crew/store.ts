import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import type { DueException, ExceptionProgress, ExceptionState, SetAside, StreamException } from './exceptions.ts'
import type { FencedSlot, LaneSlot } from './fence.ts'
import type { SlotKey } from './ownership.ts'
import type { Skips } from './skips.ts'
import type { OwnershipStore, SlotGrant } from './slots.ts'

/*
 * Between the rules of one subscription and the place where its slots, its exceptions and its effects are kept: each
 * call is one statement with a meaning. Kept on PostgreSQL by postgres-store.ts; tests/simulation keeps it in memory
 * and on virtual time, with row locks, snapshots, lost answers and failovers, and compares the two.
 */
export interface CrewStore {
  /** On connections of its own, never behind the work. */
  readonly ownership: OwnershipStore
  /** The connection for the work. `onEnd`: it broke, with what the server said; not called after `close`. */
  connect(onEnd: (lastWords?: Error) => void): Promise<CrewConnection>
}

export interface CrewConnection {
  /** Where the slots really are, by their tokens and without a lock; lost ones are absent. By `part/lane`. */
  positions(grants: readonly SlotGrant[]): Promise<Map<string, bigint>>
  skips(): Promise<Skips>
  /** Exceptions of these slots in these states whose time has come. */
  dueExceptions(slots: readonly SlotKey[], states: readonly ExceptionState[], max: number): Promise<DueException[]>
  /** Lets other blocked streams have their turn before these. */
  postpone(streams: readonly PartStream[], pauseMs: number): Promise<void>
  /** Makes the slots that are not there yet, at position 0. */
  createSlots(keys: readonly SlotKey[]): Promise<void>
  /** READ COMMITTED, every wait limited; commits what `work` did, or rolls all of it back when it throws. */
  transaction<Value>(work: (transaction: CrewTransaction) => Promise<Value>): Promise<Value>
  close(): void
}

/**
 * Positions and exceptions of one subscription. Locks live to the end of the transaction and are taken in one order:
 * slots ascending, exceptions, effects.
 */
export interface PositionsTransaction {
  /** Locks what is still held under these tokens; slots absent from the answer are lost. By `part/lane`. */
  lockSlots(grants: readonly SlotGrant[], byToken: boolean): Promise<Map<string, FencedSlot>>
  /** Locks all slots of the slot's lane, whoever owns them; comes before `lockSlots`. */
  lockLane(slot: SlotKey): Promise<LaneSlot[]>
  /** Another number of slots for a lane whose slots are locked and at one position; owners lose theirs. */
  resizeLane(slots: readonly LaneSlot[], shares: number): Promise<void>
  /** Which of these streams are set aside; `isLocked` keeps them so until the end. */
  findExceptions(streams: readonly PartStream[], isLocked: boolean): Promise<StreamException[]>
  setAside(failures: readonly SetAside[]): Promise<void>
  /** The exceptions of these streams stay until all slots of the lane have confirmed `position`. */
  keepUntil(lane: SlotKey, streams: readonly Uuid[], position: bigint): Promise<void>
  /** Sets the streams of these runs aside until the runs before them, in other lanes, are confirmed. */
  waitAside(early: readonly LaneEntry[]): Promise<void>
  /** What is confirmed of all slots of these parts, without a lock. By `part/lane`. */
  lanePositions(parts: readonly number[]): Promise<Map<string, bigint>>
  raiseUntil(skipped: readonly (PartStream & { readonly untilNumber: number })[]): Promise<void>
  moveException(exception: StreamException, progress: ExceptionProgress): Promise<void>
  endException(exception: StreamException): Promise<void>
  /** Positions never go back here. */
  confirmSlots(positions: readonly (SlotKey & { readonly position: bigint })[]): Promise<void>
}

export interface CrewTransaction extends PositionsTransaction {
  /** The consumer's effects. */
  apply(entries: readonly LaneEntry[]): Promise<void>
  /** The same under a savepoint: when it throws, the transaction goes on as if it had not been tried. */
  attempt(entries: readonly LaneEntry[]): Promise<void>
}

export interface PartStream {
  readonly part: number
  readonly stream: Uuid
}
