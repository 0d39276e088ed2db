import type { Uuid } from '#domain/ids.ts'
import type { LanePolicy } from '#log/lane-policy.ts'
import type { BlockedStreams } from './console-data.ts'

/** What operators look at: who works on what, what was set aside, and how each matrix was made. */
export interface OperationsData {
  operations(): Promise<Operations>
  /** `undefined`: no such matrix. */
  matrix(matrix: Uuid): Promise<MatrixView | undefined>
}

export interface Operations {
  readonly subscriptions: readonly SubscriptionView[]
  /** Those that run now. */
  readonly experiments: readonly ExperimentView[]
  /** Streams with a lane of their own, a decided policy or many events lately, by part and lane; at most 100. */
  readonly lanes: readonly LaneLine[]
  readonly lanesTotal: number
  readonly blocked: BlockedStreams
}

export interface ExperimentView {
  readonly name: string
  readonly description: string
  readonly unit: 'course' | 'student'
  readonly kinds: readonly string[]
  readonly version: number
  readonly startsAt: number
  readonly endsAt: number | null
  readonly arms: readonly ArmLine[]
}

export interface ArmLine {
  readonly algorithm: string
  /** Share of the units that it is meant to get, 0…1. */
  readonly expected: number
  /** Units recorded with it in this version. */
  readonly units: number
}

/** A stream and the lane it goes through; lane 0 is the one that the streams of a part share. */
export interface LaneLine {
  readonly kind: 'course' | 'ecosystem'
  readonly stream: Uuid
  readonly part: number
  readonly lane: number
  readonly policy: LanePolicy
  /** Moving average over a minute; `null` when it is too low to be remembered. */
  readonly eventsPerSecond: number | null
}

export interface SubscriptionView {
  readonly name: string
  /** `embedded`: the server's own; `remote`: another program's. */
  readonly mode: 'embedded' | 'remote'
  readonly isPaused: boolean
  readonly entriesBehind: number
  readonly oldestAgeMs: number
  /** Every slot, by part and lane. */
  readonly slots: readonly SlotLine[]
  /** Streams that do not follow their lanes, those that need a person first; at most 50. */
  readonly setAside: readonly SetAsideLine[]
  readonly setAsideTotal: number
}

/** One lane of one part for one subscription. Positions are lane positions, as text: they may pass 2⁵³. */
export interface SlotLine {
  readonly part: number
  readonly lane: number
  /** Which of the slots of its lane it is, from 0 on, and how many there are. */
  readonly share: number
  readonly shares: number
  /** The member that owns it; `null` while nobody does. */
  readonly owner: Uuid | null
  /** How many ownerships there have been. */
  readonly epoch: string
  readonly position: string
  readonly head: string
  readonly entriesBehind: number
  readonly confirmedAt: number | null
}

export interface SetAsideLine {
  readonly kind: 'course' | 'ecosystem'
  readonly stream: Uuid
  readonly part: number
  /** `retry`: tried again by itself; `parked`: a person must decide; `replay`; `blocked`: waits for another stream. */
  readonly state: 'retry' | 'parked' | 'replay' | 'blocked'
  /** The next event that is owed, and the first that is not. */
  readonly nextNumber: number
  readonly untilNumber: number
  readonly attempts: number
  readonly nextAt: number
  readonly since: number
  readonly error: string | null
  readonly awaited: Uuid | null
}

export interface MatrixView {
  readonly matrix: Uuid
  readonly ecosystem: Uuid
  readonly learntAt: number
  readonly questions: number
  readonly concepts: number
  readonly madeBy: MatrixOrigin
  /** On answers that were kept back; `null`: there were too few, or nothing was noted. */
  readonly heldOut: HeldOutView | null
  /** SVG documents of the server's own making. */
  readonly pictures: readonly MatrixPicture[]
  /** Matrices of the same ecosystem, newest first; at most 50. */
  readonly history: readonly MatrixLine[]
}

/** How well answers were predicted that the fit had not seen (sparfa.md §16). */
export interface HeldOutView {
  readonly answers: number
  readonly accuracy: number
  /** `null` when all answers were alike. */
  readonly auc: number | null
  readonly logLoss: number
  readonly brier: number
  readonly calibrationError: number
}

export interface MatrixPicture {
  readonly name: 'epochs' | 'reliability' | 'clues'
  readonly svg: string
}

/** Enough to repeat the fit, and to judge it (sparfa.md §14). `null` for a penalty that switches its part off. */
export interface MatrixOrigin {
  readonly preset: string
  readonly mask: 'hard' | 'soft'
  readonly lamW: number
  readonly lamD: number
  readonly lamU: number | null
  readonly lamG: number | null
  readonly seed: number
  readonly answers: number
  readonly learners: number
  readonly epochs: number
  readonly heldOutLogLoss: number | null
  readonly stoppedBy: string
  /** Fits since the last one that began from nothing. */
  readonly warmStarts: number
}

export interface MatrixLine {
  readonly matrix: Uuid
  readonly learntAt: number
  readonly answers: number
  readonly learners: number
  readonly heldOutLogLoss: number | null
  readonly stoppedBy: string
  /** Emptied by retention: there is nothing to show but this line. */
  readonly isRemoved: boolean
}
