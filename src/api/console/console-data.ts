import type { Clue } from '#domain/clue.ts'
import type { EventType } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { BookLine } from './book-order.ts'
import type { ExplanationData } from './explanation-data.ts'
import type { OperationsData } from './operations-data.ts'
import type { OperatorDeeds } from './operator-deeds.ts'

/**
 * What the console shows, as one port between its routes and the rest of the server. Every type here *is* the JSON that
 * the browser receives: instants are milliseconds since the epoch by the server's clock, shares and CLUEs are 0…1, and
 * absent is `null`. Lists are bounded by the caller (`max`) and say how many there are in all.
 */
export interface ConsoleData extends OperationsData, OperatorDeeds, ExplanationData {
  overview(): Promise<Overview>
  /** Courses in uuid order. */
  courses(query: ListQuery): Promise<List<CourseLine>>
  /** `undefined`: no such course. */
  course(course: Uuid): Promise<CourseView | undefined>
  /** Students of one course in uuid order, of one course container if named. `undefined`: no such course. */
  students(course: Uuid, query: StudentQuery): Promise<List<StudentLine> | undefined>
  /** `undefined`: the course or the subject is unknown. */
  forecast(course: Uuid, subject: ForecastSubject): Promise<Forecast | undefined>
}

export interface ListQuery {
  /** Only uuids that begin with this text (lower case, may be empty). */
  readonly startsWith: string
  /** Only uuids after this one. */
  readonly after: Uuid | undefined
  readonly max: number
}
export interface StudentQuery extends ListQuery {
  readonly container: Uuid | undefined
}
export interface List<Line> {
  readonly lines: readonly Line[]
  /** How many match `startsWith` in all, on every page together. */
  readonly total: number
}

export interface Overview {
  /** When this server process started. */
  readonly startedAt: number
  readonly version: string
  readonly counts: {
    readonly courses: number
    readonly students: number
    readonly ecosystems: number
    readonly answers: number
  }
  readonly answersPerSecond: { readonly now: number; readonly series: Series }
  readonly freshness: Freshness
  readonly blocked: BlockedStreams
  readonly subscriptions: readonly SubscriptionLine[]
  readonly ecosystems: { readonly total: number; readonly lines: readonly EcosystemLine[] }
  /** `null` when no demonstration data is being loaded. */
  readonly loading: LoadingProgress | null
}

/** Evenly spaced values; the first one belongs to `startsAt`, the last one to the newest complete step. */
export interface Series {
  readonly startsAt: number
  readonly stepMs: number
  readonly values: readonly number[]
}

/** From an answer's acknowledgement to its being visible in a CLUE, over the last `windowMs`; `null` without any. */
export interface Freshness {
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly samples: number
  readonly windowMs: number
}

export interface BlockedStreams {
  readonly total: number
  readonly streams: readonly BlockedLine[]
}

/** A stream that a hole has stopped; oldest first. */
export interface BlockedLine {
  readonly kind: 'course' | 'ecosystem'
  readonly stream: Uuid
  /** First missing number. */
  readonly contiguousSequenceNumber: number
  /** Highest recorded number + 1. */
  readonly nextSequenceNumber: number
  readonly blockedSince: number
}

/** How far a subscription is behind the log: lane entries not yet confirmed, and the age of the oldest of them. */
export interface SubscriptionLine {
  readonly name: string
  readonly entriesBehind: number
  readonly oldestAgeMs: number
  /** Streams that do not follow their lanes for this subscription. */
  readonly setAside: number
}

/** An ecosystem's newest matrix and the state of its fit (design D26). */
export interface EcosystemLine {
  readonly ecosystem: Uuid
  readonly matrix: Uuid | null
  readonly learntAt: number | null
  /** Answers that the newest matrix was learnt from. */
  readonly answersUsed: number
  /** Counted answers there are now. */
  readonly answersNow: number
  readonly fit: 'up_to_date' | 'due' | 'running'
}

export interface LoadingProgress {
  /** What is being loaded now, in a word. */
  readonly label: string
  readonly done: number
  readonly total: number
  readonly perSecond: number
}

export interface CourseLine {
  readonly course: Uuid
  readonly ecosystem: Uuid | null
  readonly students: number
  readonly nextSequenceNumber: number
  readonly contiguousSequenceNumber: number
  readonly blockedSince: number | null
}

export interface CourseView {
  readonly course: Uuid
  readonly ecosystem: Uuid | null
  readonly isReal: boolean
  readonly students: number
  /** Course containers (periods and what is above them), the course itself left out, parents before children. */
  readonly containers: readonly CourseContainerLine[]
  /** The ecosystem's containers in book order (`bookOrder`); empty until the ecosystem has arrived. */
  readonly book: readonly BookLine[]
  readonly stream: CourseStream
}

export interface CourseContainerLine {
  readonly container: Uuid
  readonly parent: Uuid | null
  readonly students: number
}

export interface CourseStream {
  readonly nextSequenceNumber: number
  readonly contiguousSequenceNumber: number
  /** Missing numbers, ascending; both ends inclusive (as `gaps` on the wire); at most 100. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[]
  readonly blockedSince: number | null
  /** Where learning has set the course aside: what is shown ends before this number. `null`: it follows its lane. */
  readonly setAside: SetAside | null
  /** Newest first, contiguous or not; at most 50. */
  readonly recent: readonly RecentEvent[]
}

export interface SetAside {
  readonly state: 'retry' | 'parked' | 'replay' | 'blocked'
  readonly nextNumber: number
  readonly attempts: number
}

export interface RecentEvent {
  readonly sequenceNumber: number
  readonly eventUuid: Uuid
  readonly type: EventType
  /** `null` while the event waits behind a gap. */
  readonly recordedAt: number | null
}

export interface StudentLine {
  readonly student: Uuid
  /** The course container that the student sits in. */
  readonly container: Uuid
  /** Answers recorded so far. */
  readonly answers: number
}

/** Who a forecast is about: the whole class, one course container, or one student. */
export type ForecastSubject =
  | { readonly kind: 'class' }
  | { readonly kind: 'container'; readonly container: Uuid }
  | { readonly kind: 'student'; readonly student: Uuid }

export interface Forecast {
  /** Answers of the subject that there are now. */
  readonly answers: number
  /** Students that the forecast is made from, and students of the subject: a very large class is drawn from a part. */
  readonly students: { readonly used: number; readonly total: number }
  /** Matrix that the CLUEs were computed with; `null` while there is none. */
  readonly matrix: Uuid | null
  /** One for each line of the course's `book`, in the same order. */
  readonly clues: readonly Clue[]
}
