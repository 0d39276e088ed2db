import type { ExclusionReason } from '#choose/exclusions.ts'
import type { Clue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'

export type { ExclusionReason }

/** Why an estimate is what it is, and why these exercises: computed when somebody looks, from what the wire uses. */
export interface ExplanationData {
  /** What a student's CLUE of one book container rests on. `undefined`: one of the three is unknown. */
  clueBasis(course: Uuid, student: Uuid, bookContainer: Uuid): Promise<ClueBasis | undefined>
  /** A student's assignments, newest first, at most 50. `undefined`: course or student is unknown. */
  assignments(course: Uuid, student: Uuid): Promise<readonly AssignmentLine[] | undefined>
  /**
   * Exercises for the student's worst areas, which no assignment asks for. `undefined`: course or student is unknown.
   */
  practice(course: Uuid, student: Uuid): Promise<PickChoice | undefined>
  /** What would be given in an assignment now. `undefined`: unknown, or not the student's. */
  picks(course: Uuid, student: Uuid, assignment: Uuid): Promise<AssignmentPicks | undefined>
}

export interface ClueBasis {
  readonly bookContainer: Uuid
  readonly clue: Clue
  readonly matrix: Uuid | null
  /** Exercise groups that the CLUE estimates, those that were excluded left out. */
  readonly poolGroups: number
  /** The student's answers to these groups, newest first, at most 200. */
  readonly answers: readonly JudgedAnswerLine[]
  /** All counted answers of the student, whatever the container: they say what the student knows. */
  readonly countedAnswers: number
  /** Answers that count nowhere in this book: it lacks the exercise, and no map leads here from where it was asked. */
  readonly orphanedAnswers: number
}

export type AnswerVerdict = 'counted' | 'superseded' | 'withheld' | 'excluded' | 'trial_unknown' | 'exercise_unknown'

export interface JudgedAnswerLine {
  readonly sequenceNumber: number
  readonly exercise: Uuid
  readonly isCorrect: boolean
  readonly respondedAt: number
  readonly verdict: AnswerVerdict
  /** When a withheld answer becomes visible to the student. */
  readonly visibleAt: number | null
}

export interface AssignmentLine {
  readonly assignment: Uuid
  readonly type: string
  readonly isDeleted: boolean
  /** The platform has not fixed its personalised and spaced exercises yet. */
  readonly isWaiting: boolean
  readonly createdAt: number
  readonly opensAt: number | null
  readonly dueAt: number | null
  readonly exercises: number
  readonly answered: number
}

export interface AssignmentPicks {
  readonly assignment: Uuid
  /** Containers that the assignment is about. */
  readonly bookContainers: readonly Uuid[]
  readonly choices: readonly PickChoice[]
}

/** One kind of exercises by one algorithm. */
export interface PickChoice {
  readonly kind: 'personalised' | 'spaced' | 'practice'
  readonly algorithm: string
  readonly status: 'ready' | 'unready' | 'unknown'
  readonly matrix: Uuid | null
  /** True when the platform has fixed them; from then on they are the answer. */
  readonly isAssigned: boolean
  readonly exercises: readonly PickLine[]
  /** How it was chosen; `null` where nothing was: fixed by the platform, not ready, or sent by a remote algorithm. */
  readonly from: PickSource | null
  /** Why there are fewer than wanted; `null` when there are enough. */
  readonly shortage: string | null
}

export interface PickSource {
  readonly goal: number
  /** Exercises that could be given. */
  readonly candidates: number
  /** Those that could not, counted by reason. */
  readonly excluded: { readonly [reason in ExclusionReason]?: number }
}

export interface PickLine {
  readonly exercise: Uuid
  /** Pages of the book that offer it. */
  readonly bookContainers: readonly Uuid[]
  /** Expected share of right answers of this student on this exercise; `null` where the matrix does not know it. */
  readonly expected: number | null
  /** How often the student answered any version of it. */
  readonly answered: number
  /** For spaced practice: how many assignments ago its container was worked on. */
  readonly kAgo: number | null
  readonly isRandomAgo: boolean
  /** Place in the algorithm's order of the candidates, 1 = first; `null` where it was drawn or not chosen here. */
  readonly place: number | null
  /** Worst areas: which one it practises, 1 = the worst. */
  readonly area: number | null
  /** It stands in for one of another part of the book that has no more to give. */
  readonly isDisplaced: boolean
}
