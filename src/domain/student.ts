import type { Uuid } from './ids.ts'

/** Milliseconds since the epoch, from a clock that is passed in. */
export type Instant = number

/** One stored answer of one student. Several answers may belong to one trial; the latest one counts. */
export interface Answer {
  /** Number of the event in its course: the order of recording, and the tie-breaker everywhere. */
  readonly number: number
  readonly response: Uuid
  readonly trial: Uuid
  readonly exercise: Uuid
  readonly ecosystem: Uuid
  readonly isCorrect: boolean
  readonly isReal: boolean
  readonly respondedAt: Instant
  readonly recordedAt: Instant
}

export interface AssignedExercise {
  readonly trial: Uuid
  readonly exercise: Uuid
  readonly isSpe: boolean
  readonly isPe: boolean
}

/** Current state of one student's assignment (the event with the highest number wins). */
export interface Assignment {
  readonly uuid: Uuid
  readonly student: Uuid
  readonly ecosystem: Uuid
  readonly type: string
  readonly isDeleted: boolean
  readonly opensAt: Instant | undefined
  readonly dueAt: Instant | undefined
  readonly feedbackAt: Instant | undefined
  readonly containers: readonly Uuid[]
  readonly goalSpes: number | undefined
  readonly goalPes: number | undefined
  readonly spesAreAssigned: boolean
  readonly pesAreAssigned: boolean
  readonly exercises: readonly AssignedExercise[]
  /** `created_at` of the event, then the number of the assignment's first event, break ties (scheduler.md §6.2 [B]). */
  readonly createdAt: Instant
  readonly firstNumber: number
  readonly lastNumber: number
}

/** Complete exclusion lists of a course: the union of the admin's ("global") and the teacher's. */
export interface Exclusions {
  readonly exercises: ReadonlySet<Uuid>
  readonly groups: ReadonlySet<Uuid>
}

/** What is known about a course besides its students. */
export interface Course {
  readonly uuid: Uuid
  /** The ecosystem in use now. */
  readonly ecosystem: Uuid | undefined
  readonly isReal: boolean
  readonly exclusions: Exclusions
}

/** A student, the containers it sits in (own first, then ancestors; the course itself is left out). */
export interface Student {
  readonly uuid: Uuid
  readonly course: Uuid
  readonly containers: readonly Uuid[]
  /** False once dropped or missing from the newest roster. */
  readonly isActive: boolean
}

/** Image of book containers of one ecosystem in another (transitive closure of all announced maps). */
export interface ContainerMap {
  readonly from: Uuid
  readonly to: Uuid
  readonly images: ReadonlyMap<Uuid, Uuid>
}
