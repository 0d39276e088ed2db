import type { Clue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'

/**
 * Answers when asked (design idea 4): CLUEs and picks computed at read time from the learning state, by the algorithm
 * named in the request. One result per request line, in request order; never throws for unknown subjects.
 */
export interface Answers {
  studentClues(lines: readonly StudentClueLine[]): Promise<ClueAnswer[]>
  teacherClues(lines: readonly TeacherClueLine[]): Promise<ClueAnswer[]>
  assignmentPes(lines: readonly AssignmentPickLine[]): Promise<PickAnswer[]>
  assignmentSpes(lines: readonly AssignmentPickLine[]): Promise<PickAnswer[]>
  worstAreas(lines: readonly StudentPickLine[]): Promise<PickAnswer[]>
}

/** For people who look: CLUEs of many book containers for one set of students, defaults where nothing is known. */
export interface Forecasts {
  forecast(question: ForecastQuestion): Promise<ForecastAnswer>
}

export interface ForecastQuestion {
  readonly students: readonly Uuid[]
  readonly ecosystem: Uuid
  readonly bookContainers: readonly Uuid[]
  /** `student`: without the answers whose feedback is not out. */
  readonly audience: 'student' | 'teacher'
}

export interface ForecastAnswer {
  /** One per book container, in order. */
  readonly clues: readonly Clue[]
  readonly matrix: Uuid | undefined
  /** Answers of these students, withheld ones included. */
  readonly answers: number
}

/** Absent algorithm (2017 clients) is an algorithm without results (api.md M39). Names compare case-insensitively. */
export interface StudentClueLine {
  readonly student: Uuid
  readonly bookContainer: Uuid
  readonly algorithm: string | undefined
}
export interface TeacherClueLine {
  readonly courseContainer: Uuid
  readonly bookContainer: Uuid
  readonly algorithm: string | undefined
}
export interface AssignmentPickLine {
  readonly assignment: Uuid
  readonly algorithm: string | undefined
  /** Absent: all. */
  readonly exercisesMax: number | undefined
}
export interface StudentPickLine {
  readonly student: Uuid
  readonly algorithm: string | undefined
  readonly exercisesMax: number | undefined
}

/** First match wins: ready, container unknown, subject unknown, unready (api.md §6.22). */
export interface ClueAnswer {
  readonly status: 'ready' | 'book_container_unknown' | 'subject_unknown' | 'unready'
  readonly calculation: Uuid | undefined
  readonly clue: Clue
  /** Ecosystem of the book container; absent when the container is unknown. */
  readonly ecosystem: Uuid | undefined
}

export interface PickAnswer {
  readonly status: 'ready' | 'unready' | 'unknown'
  readonly calculation: Uuid | undefined
  readonly matrix: Uuid | undefined
  readonly exercises: readonly Uuid[]
  /** `spy_info` of the wire (scheduler.md §7.5). */
  readonly spyInfo: { readonly [key: string]: unknown }
}
