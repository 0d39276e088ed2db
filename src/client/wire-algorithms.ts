/**
 * The contract of remote algorithms (header `Biglearn-Scheduler-Token`): fetch what is due, answer it. Nothing is
 * leased: the same work is handed out until it is answered, and an answer may be repeated.
 */
import type { ClueData } from './wire-reads.ts'

export interface MatrixUpdateDue {
  readonly calculation_uuid: string
  readonly ecosystem_uuid: string
}
export interface ExerciseCalculationDue {
  readonly calculation_uuid: string
  readonly ecosystem_uuid: string
  readonly student_uuid: string
  readonly exercise_uuids: readonly string[]
}
export interface ClueCalculationDue {
  readonly calculation_uuid: string
  readonly ecosystem_uuid: string
  readonly student_uuids: readonly string[]
  readonly exercise_uuids: readonly string[]
  readonly responses: readonly {
    readonly response_uuid: string
    readonly trial_uuid: string
    readonly is_correct: boolean
  }[]
}

interface CalculationDone {
  readonly calculation_uuid: string
  readonly algorithm_name: string
}
export type MatrixUpdated = CalculationDone
/** Best first; may be empty. */
export interface ExerciseCalculationDone extends CalculationDone {
  readonly ecosystem_matrix_uuid: string
  readonly exercise_uuids: readonly string[]
}
export interface ClueCalculationDone extends CalculationDone {
  readonly clue_data: ClueData
}
/** Unknown: the calculation was replaced by a newer one in the meantime; the answer is not needed any more. */
export interface CalculationReply {
  readonly calculation_uuid: string
  readonly calculation_status: 'calculation_accepted' | 'calculation_unknown'
}

export type StoredCalculationLine = { readonly request_uuid: string } & (
  | { readonly student_uuid: string; readonly algorithm_name: string }
  | { readonly calculation_uuids: readonly string[] }
)
export interface StoredCalculations {
  readonly request_uuid: string
  readonly calculations: readonly {
    readonly student_uuid: string
    readonly calculation_uuid: string
    readonly calculated_at: string
    readonly ecosystem_matrix_uuid: string
    readonly algorithm_name: string
    readonly exercise_uuids: readonly string[]
  }[]
}
