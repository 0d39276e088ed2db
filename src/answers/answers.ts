import type { Verdict } from '#choose/visible-answers.ts'
import type { Clue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import type { PickKind } from '#due/results.ts'
import type { PickExplanation } from './pick-explanation.ts'

/**
 * Answers when asked (design idea 4): CLUEs and picks computed at read time from the learning state, by the algorithm
 * named in the request. One result per request line, in request order; never throws for unknown subjects.
 */
export interface Answers {
  studentClues(lines: readonly StudentClueLine[], view?: AnswerView): Promise<ClueAnswer[]>
  teacherClues(lines: readonly TeacherClueLine[], view?: AnswerView): Promise<ClueAnswer[]>
  assignmentPes(lines: readonly AssignmentPickLine[], view?: AnswerView): Promise<PickAnswer[]>
  assignmentSpes(lines: readonly AssignmentPickLine[], view?: AnswerView): Promise<PickAnswer[]>
  worstAreas(lines: readonly StudentPickLine[], view?: AnswerView): Promise<PickAnswer[]>
}

/** For people who look: CLUEs of many book containers for one set of students, defaults where nothing is known. */
export interface Forecasts {
  forecast(question: ForecastQuestion): Promise<ForecastAnswer>
}

/** How to look at answers; without one they are those of now, and nothing is explained. */
export interface AnswerView {
  /** Adds how each value was made. */
  readonly explains: boolean
  /**
   * The answer as it was at this time, from what had been recorded by then (milliseconds since the epoch). Uploaded
   * results, which have no history, are left out.
   */
  readonly asOf: Instant | undefined
  /** Called when the answer lacks something that was in the log when it was asked for. */
  readonly behind?: () => void
}

/** How a CLUE was made. */
export interface ClueExplanation {
  readonly kind: 'student_clue' | 'teacher_clue'
  readonly algorithm: string
  /** Asking again with this `asOf` gives the same answer. */
  readonly asOf: Instant
  readonly matrix: Uuid
  /** Highest number of a course event that the answer depends on. */
  readonly position: number
  /** Distinct exercise groups that the CLUE estimates. */
  readonly poolSize: number
  /** All counted answers of the learners, in whatever container: they say what is known about them. */
  readonly countedAnswers: number
  /** Answers that count nowhere: this edition lacks the exercise, and nothing maps its container into it. */
  readonly orphanedAnswers: number
  /** The answers to groups of the pool in order of recording, and what became of each; the first thousand. */
  readonly answers: readonly JudgedResponse[]
  readonly answersInAll: number
}

export interface JudgedResponse {
  readonly response: Uuid
  readonly student: Uuid
  readonly verdict: Verdict
  /** When a withheld answer becomes visible. */
  readonly visibleAt: Instant | undefined
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

/** What a line that asked for `assigned` was answered by. */
export interface Assigned {
  readonly algorithm: string
  /** `undefined`: no experiment decides; the algorithm is the default one. */
  readonly experiment: { readonly name: string; readonly version: number } | undefined
}

/** First match wins: ready, container unknown, subject unknown, unready (api.md §6.22). */
export interface ClueAnswer {
  readonly status: 'ready' | 'book_container_unknown' | 'subject_unknown' | 'unready'
  readonly calculation: Uuid | undefined
  readonly clue: Clue
  /** Ecosystem of the book container; absent when the container is unknown. */
  readonly ecosystem: Uuid | undefined
  /** Only of computed answers that are ready, when asked for. */
  readonly explanation?: ClueExplanation
  readonly assigned?: Assigned
}

export interface PickAnswer {
  readonly status: 'ready' | 'unready' | 'unknown'
  readonly calculation: Uuid | undefined
  readonly matrix: Uuid | undefined
  readonly exercises: readonly Uuid[]
  /** `spy_info` of the wire (scheduler.md §7.5). */
  readonly spyInfo: { readonly [key: string]: unknown }
  /** Only of what this process computed from what it keeps: that can be computed again as of then. */
  readonly computed?: ComputedPick
  /** The same, when asked for. */
  readonly explanation?: PickExplanation
  readonly assigned?: Assigned
}

/** What a computed choice was made from, beside its matrix. */
export interface ComputedPick {
  readonly kind: PickKind
  readonly subject: Uuid
  readonly algorithm: string
  /** Every algorithm that had a say. */
  readonly advisers: readonly string[]
  readonly position: number
  readonly asOf: Instant
  readonly exercisesMax: number | undefined
}
