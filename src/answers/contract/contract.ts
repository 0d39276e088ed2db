import type { Clue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'

/**
 * What remote algorithms ask and answer (scheduler.md §3). Names of algorithms compare without regard to case. Nothing
 * is reserved by asking: the same work comes again until it is answered. Answers are one per item, in order: `true` for
 * accepted, `false` for a calculation that does not exist (any more).
 */
export interface AlgorithmContract {
  fetchMatrixUpdates(algorithm: string): Promise<MatrixUpdateItem[]>
  matricesUpdated(updates: readonly CalculationDone[]): Promise<boolean[]>
  fetchExerciseCalculations(algorithm: string): Promise<ExerciseItem[]>
  updateExerciseCalculations(updates: readonly ExerciseResult[]): Promise<boolean[]>
  fetchClueCalculations(algorithm: string): Promise<ClueItem[]>
  updateClueCalculations(updates: readonly ClueCalculationResult[]): Promise<boolean[]>
  /**
   * Stored orders for a person who looks; one list per request, empty where nothing matches. `undefined`: more than one
   * answer holds.
   */
  readOrderings(requests: readonly OrderingRequest[]): Promise<OrderingLine[][] | undefined>
  /** Assignments were made from these results, which are kept from then on. */
  markUsed(results: readonly Uuid[]): Promise<void>
}

export interface CalculationDone {
  readonly calculation: Uuid
  readonly algorithm: string
}

export interface MatrixUpdateItem {
  readonly calculation: Uuid
  readonly ecosystem: Uuid
}

export interface ExerciseItem {
  readonly calculation: Uuid
  readonly ecosystem: Uuid
  readonly student: Uuid
  /** All of the ecosystem: what may be given is decided later. */
  readonly exercises: readonly Uuid[]
}

export interface ExerciseResult extends CalculationDone {
  readonly matrix: Uuid
  /** Best first. */
  readonly exercises: readonly Uuid[]
}

export interface ClueItem {
  readonly calculation: Uuid
  readonly ecosystem: Uuid
  readonly students: readonly Uuid[]
  readonly exercises: readonly Uuid[]
  readonly responses: readonly ClueResponse[]
}

export interface ClueResponse {
  readonly response: Uuid
  readonly trial: Uuid
  readonly isCorrect: boolean
}

export interface ClueCalculationResult extends CalculationDone {
  readonly clue: Clue
  readonly ecosystem: Uuid | undefined
}

/** Either student and algorithm, or results by their uuids; what is given besides narrows. */
export interface OrderingRequest {
  readonly student: Uuid | undefined
  readonly algorithm: string | undefined
  readonly results: readonly Uuid[] | undefined
}

export interface OrderingLine {
  readonly student: Uuid
  readonly result: Uuid
  readonly calculatedAt: Date
  readonly matrix: Uuid
  readonly algorithm: string
  readonly exercises: readonly Uuid[]
}
