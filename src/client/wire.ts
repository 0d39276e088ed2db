/**
 * The write side of the wire contract as TypeScript types: what a producer sends. Names are those of the wire, so that
 * a payload in a log, in the database and in code reads the same. Times are RFC 3339 text.
 */

export interface Pool {
  readonly use_for_clue: boolean
  readonly use_for_personalized_for_assignment_types: readonly string[]
  readonly exercise_uuids: readonly string[]
}

/** A book, unit, chapter or page. The book's parent is the ecosystem; a container that is nobody's parent is a page. */
export interface BookContainer {
  readonly container_uuid: string
  readonly container_parent_uuid: string
  readonly container_cnx_identity?: string | null
  readonly pools: readonly Pool[]
}

export interface Exercise {
  readonly exercise_uuid: string
  /** Identity across versions. */
  readonly group_uuid: string
  readonly version: number
  readonly los: readonly string[]
}

export interface EcosystemCreation {
  readonly ecosystem_uuid: string
  readonly book: { readonly cnx_identity: string; readonly contents: readonly BookContainer[] }
  readonly exercises: readonly Exercise[]
  readonly imported_at: string
}

export interface CourseCreation {
  readonly course_uuid: string
  readonly ecosystem_uuid: string
  /** False for previews and tests: their answers never train a model. */
  readonly is_real_course: boolean
  readonly starts_at: string
  readonly ends_at: string
  readonly created_at: string
}

/** Every write to a course after its creation carries the producer's own number of that event. */
export interface Sequenced {
  readonly course_uuid: string
  readonly sequence_number: number
}

export interface ActiveDatesUpdate extends Sequenced {
  readonly request_uuid: string
  readonly starts_at: string
  readonly ends_at: string
  readonly updated_at: string
}

export type ExerciseExclusion = { readonly exercise_uuid: string } | { readonly exercise_group_uuid: string }

/** The complete list; empty excludes nothing. */
export interface ExclusionsUpdate extends Sequenced {
  readonly request_uuid: string
  readonly exclusions: readonly ExerciseExclusion[]
  readonly updated_at: string
}

export interface CourseContainer {
  readonly container_uuid: string
  /** The course itself for a period. */
  readonly parent_container_uuid: string
  readonly created_at: string
  readonly archived_at?: string
}

export interface RosterStudent {
  readonly student_uuid: string
  readonly container_uuid: string
  readonly enrolled_at: string
  readonly last_course_container_change_at: string
  readonly dropped_at?: string
}

/** The whole roster, not a change of it. */
export interface Roster extends Sequenced {
  readonly request_uuid: string
  readonly course_containers: readonly CourseContainer[]
  readonly students: readonly RosterStudent[]
}

export interface EcosystemPreparation extends Sequenced {
  readonly preparation_uuid: string
  readonly next_ecosystem_uuid: string
  readonly ecosystem_map: {
    readonly from_ecosystem_uuid: string
    readonly to_ecosystem_uuid: string
    readonly book_container_mappings: readonly {
      readonly from_book_container_uuid: string
      readonly to_book_container_uuid: string
    }[]
    readonly exercise_mappings: readonly {
      readonly from_exercise_uuid: string
      readonly to_book_container_uuid: string
    }[]
  }
  readonly prepared_at: string
}

export interface EcosystemUpdate extends Sequenced {
  readonly request_uuid: string
  readonly preparation_uuid: string
  readonly updated_at: string
}

export type EcosystemUpdateStatus =
  | 'preparation_unknown'
  | 'preparation_obsolete'
  | 'updated_but_unready'
  | 'updated_and_ready'

/** Which calculation supplied the exercises that are assigned already. */
export interface CalculationReference {
  readonly calculation_uuid?: string
  readonly ecosystem_matrix_uuid?: string
}

export interface AssignedExercise {
  /** One issue of an exercise to one student. */
  readonly trial_uuid: string
  readonly exercise_uuid: string
  readonly is_spe: boolean
  readonly is_pe: boolean
}

/** The full current state of one student's assignment. */
export interface AssignmentUpdate extends Sequenced {
  readonly request_uuid: string
  readonly assignment_uuid: string
  readonly ecosystem_uuid: string
  readonly student_uuid: string
  readonly is_deleted: boolean
  readonly assignment_type: string
  readonly exclusion_info?: {
    readonly opens_at?: string
    readonly due_at?: string
    readonly feedback_at?: string
    readonly closes_at?: string
  }
  readonly pes?: CalculationReference
  readonly spes?: CalculationReference
  readonly assigned_book_container_uuids: readonly string[]
  readonly goal_num_tutor_assigned_spes?: number
  readonly goal_num_tutor_assigned_pes?: number
  readonly spes_are_assigned: boolean
  readonly pes_are_assigned: boolean
  readonly assigned_exercises: readonly AssignedExercise[]
  readonly created_at: string
  readonly updated_at: string
}

/** A changed answer is a new response to the same trial. */
export interface ResponseRecord extends Sequenced {
  readonly response_uuid: string
  readonly ecosystem_uuid: string
  readonly trial_uuid: string
  readonly student_uuid: string
  readonly exercise_uuid: string
  readonly is_correct: boolean
  readonly is_real_response: boolean
  readonly responded_at: string
}

/** Names the stream by exactly one of the two uuids. */
export type StreamName =
  | { readonly course_uuid: string; readonly ecosystem_uuid?: never }
  | { readonly ecosystem_uuid: string; readonly course_uuid?: never }

/** Fills a number that will never be sent, so that consumers can go on. */
export type NoOp = StreamName & {
  readonly request_uuid: string
  readonly sequence_number: number
  readonly reason?: string
}
