/**
 * The read side of the wire contract, and what algorithms send back: events, statuses, CLUEs, picks, matrices.
 */
import type { StreamName } from './wire.ts'

export interface MetadataRequest {
  readonly metadata_sequence_number_offset: number
  readonly max_num_metadatas: number
}
export interface EcosystemMetadata {
  readonly uuid: string
  readonly metadata_sequence_number: number
}
export interface CourseMetadata extends EcosystemMetadata {
  readonly initial_ecosystem_uuid: string
}

export type CourseEventType =
  | 'no_op'
  | 'create_course'
  | 'prepare_course_ecosystem'
  | 'update_course_ecosystem'
  | 'update_roster'
  | 'update_course_active_dates'
  | 'update_globally_excluded_exercises'
  | 'update_course_excluded_exercises'
  | 'create_update_assignment'
  | 'record_response'
export type EcosystemEventType = 'no_op' | 'create_ecosystem'

export interface CourseEventsLine {
  readonly request_uuid: string
  readonly course_uuid: string
  readonly sequence_number_offset: number
  readonly event_types?: readonly CourseEventType[]
}
export interface EcosystemEventsLine {
  readonly request_uuid: string
  readonly ecosystem_uuid: string
  readonly sequence_number_offset: number
  readonly event_types?: readonly EcosystemEventType[]
}
export interface StreamEvent<Type extends string> {
  readonly sequence_number: number
  readonly event_uuid: string
  readonly event_type: Type
  readonly event_data: { readonly [key: string]: unknown }
}
export interface EventsReply<Type extends string> {
  readonly request_uuid: string
  readonly events: readonly StreamEvent<Type>[]
  /** Everything before a missing event was served, and there is more behind it. */
  readonly is_gap: boolean
  /** There is nothing more at all. */
  readonly is_end: boolean
}
export type CourseEventsReply = EventsReply<CourseEventType> & { readonly course_uuid: string }
export type EcosystemEventsReply = EventsReply<EcosystemEventType> & { readonly ecosystem_uuid: string }

export interface EcosystemStatus {
  readonly ecosystem_uuid: string | null
  readonly ecosystem_is_known: boolean
  readonly ecosystem_is_prepared: boolean
  readonly precompute_is_complete: boolean
}
export interface CourseEcosystemStatus {
  readonly course_uuid: string
  readonly course_is_known: boolean
  readonly current_ecosystem_preparation_uuid: string | null
  readonly current_ecosystem_status: EcosystemStatus
  readonly next_ecosystem_status: EcosystemStatus
}

export type StreamStatusLine = StreamName & { readonly request_uuid: string; readonly max_num_gaps?: number }
export interface StreamStatus {
  readonly request_uuid: string
  readonly is_known: boolean
  readonly is_created: boolean
  readonly next_sequence_number: number
  readonly contiguous_sequence_number: number
  /** Both ends inclusive. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[]
  readonly oldest_blocked_at: string | null
}

export interface AssignmentPickLine {
  readonly request_uuid: string
  readonly assignment_uuid: string
  readonly algorithm_name: string
  readonly max_num_exercises?: number
}
export interface StudentPickLine {
  readonly request_uuid: string
  readonly student_uuid: string
  readonly algorithm_name: string
  readonly max_num_exercises?: number
}
/** Only in answers to lines whose `algorithm_name` was `assigned`. */
interface AssignedFields {
  /** The algorithm that answered. */
  readonly algorithm_name?: string
  /** The experiment that decided, where one did. */
  readonly experiment?: { readonly name: string; readonly version: number }
}

interface Picks extends AssignedFields {
  readonly request_uuid: string
  /** Null until the result is ready, like the next one. */
  readonly calculation_uuid: string | null
  readonly ecosystem_matrix_uuid: string | null
  readonly exercise_uuids: readonly string[]
  readonly spy_info: { readonly [key: string]: unknown }
}
export interface AssignmentPicks extends Picks {
  readonly assignment_uuid: string
  readonly assignment_status: 'assignment_ready' | 'assignment_unready' | 'assignment_unknown'
}
export interface StudentPicks extends Picks {
  readonly student_uuid: string
  readonly student_status: 'student_ready' | 'student_unready' | 'student_unknown'
}

interface PicksUpdate {
  readonly request_uuid: string
  readonly algorithm_name: string
  readonly calculation_uuid: string
  readonly ecosystem_matrix_uuid: string
  readonly exercise_uuids: readonly string[]
  readonly spy_info?: { readonly [key: string]: unknown }
}
export type AssignmentPicksUpdate = PicksUpdate & { readonly assignment_uuid: string }
export type StudentPicksUpdate = PicksUpdate & { readonly student_uuid: string }
export interface UpdateAccepted {
  readonly request_uuid: string
  readonly update_status: 'accepted'
}

export interface ClueData {
  readonly minimum: number
  readonly most_likely: number
  readonly maximum: number
  readonly is_real: boolean
  readonly ecosystem_uuid?: string
}
interface ClueLine {
  readonly request_uuid: string
  readonly book_container_uuid: string
  readonly algorithm_name: string
}
export type StudentClueLine = ClueLine & { readonly student_uuid: string }
export type TeacherClueLine = ClueLine & { readonly course_container_uuid: string }
export interface ClueReply extends AssignedFields {
  readonly request_uuid: string
  readonly calculation_uuid: string | null
  readonly clue_data: ClueData
  readonly clue_status:
    | 'clue_ready'
    | 'clue_unready'
    | 'book_container_unknown'
    | 'student_unknown'
    | 'course_container_unknown'
}
interface ClueUpdate extends ClueLine {
  readonly calculation_uuid: string
  readonly clue_data: ClueData
}
export type StudentClueUpdate = ClueUpdate & { readonly student_uuid: string }
export type TeacherClueUpdate = ClueUpdate & { readonly course_container_uuid: string }

export type EcosystemMatrixLine = { readonly request_uuid: string } & (
  | { readonly ecosystem_uuid: string; readonly ecosystem_matrix_uuid?: never }
  | { readonly ecosystem_matrix_uuid: string; readonly ecosystem_uuid?: never }
)
/** A fitted model: questions, concepts, and sparse matrices as (value, row, column) lists. */
export interface EcosystemMatrix {
  readonly request_uuid: string
  readonly ecosystem_uuid: string
  readonly ecosystem_matrix_uuid: string
  readonly Q_ids: readonly string[]
  readonly C_ids: readonly string[]
  readonly d_data: readonly number[]
  readonly W_data: readonly number[]
  readonly W_row: readonly number[]
  readonly W_col: readonly number[]
  readonly H_mask_data: readonly (number | boolean)[]
  readonly H_mask_row: readonly number[]
  readonly H_mask_col: readonly number[]
  readonly made_by?: unknown
}

/** What operators see of each ecosystem's model (`GET /status`). */
export interface ServerStatus {
  readonly ecosystems: readonly {
    readonly uuid: string
    readonly matrix_uuid: string | null
    readonly fit_due: boolean
    readonly fit_running: boolean
  }[]
}
