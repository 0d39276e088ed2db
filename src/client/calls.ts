import type { CallOptions, Transport } from './transport.ts'
import type * as wire from './wire.ts'
import type * as due from './wire-algorithms.ts'
import type * as reads from './wire-reads.ts'
import type * as subscriptions from './wire-subscriptions.ts'

/** Every call of the contract with what it takes and what it answers. `client.ts` says how each one travels. */
export interface Client extends StreamCalls, ResultCalls, AlgorithmCalls, OperatorCalls {
  /** A remote subscription, by its name: a lower-case letter, then up to 62 of a-z, 0-9, - and _. */
  readonly subscription: (name: string) => SubscriptionCalls
  /**
   * Where this client's writes have come to, for `CallOptions.position`; may be handed to other processes. Undefined
   * before the first one, and where the server has no replicas.
   */
  readonly position: () => string | undefined
  /** For requests that are serialised already, such as those of an outbox. */
  readonly transport: Transport
}

/** One request. */
export type Single<Request, Reply> = (request: Request, options?: CallOptions) => Promise<Reply>
/** Any number of items; one line for each in their order, unless said otherwise. */
export type Bulk<Item, Line> = (items: readonly Item[], options?: CallOptions) => Promise<Line[]>

/** Event streams: what a producer writes, and what consumers read back. */
export interface StreamCalls {
  readonly createEcosystem: Single<wire.EcosystemCreation, { readonly created_ecosystem_uuid: string }>
  readonly createCourse: Single<wire.CourseCreation, { readonly created_course_uuid: string }>
  readonly updateCourseActiveDates: Single<wire.ActiveDatesUpdate, { readonly updated_course_uuid: string }>
  /** The administrator's list. */
  readonly updateGloballyExcludedExercises: Single<wire.ExclusionsUpdate, { readonly status: 'success' }>
  /** The teacher's list. */
  readonly updateCourseExcludedExercises: Single<wire.ExclusionsUpdate, { readonly status: 'success' }>
  readonly prepareCourseEcosystem: Single<wire.EcosystemPreparation, { readonly status: 'accepted' }>
  readonly updateRosters: Bulk<wire.Roster, { readonly request_uuid: string; readonly updated_course_uuid: string }>
  /** `preparation_unknown` was not stored: send the preparation, then the same update again. */
  readonly updateCourseEcosystems: Bulk<
    wire.EcosystemUpdate,
    { readonly request_uuid: string; readonly update_status: wire.EcosystemUpdateStatus }
  >
  readonly createUpdateAssignments: Bulk<
    wire.AssignmentUpdate,
    { readonly request_uuid: string; readonly updated_assignment_uuid: string }
  >
  /** Answers with the distinct response uuids that are stored now. */
  readonly recordResponses: Bulk<wire.ResponseRecord, string>
  readonly recordNoOps: Bulk<
    wire.NoOp,
    { readonly request_uuid: string; readonly status: 'accepted' | 'already_filled' }
  >
  readonly fetchStreamStatuses: Bulk<reads.StreamStatusLine, reads.StreamStatus>
  /** Answers with the distinct preparation uuids. */
  readonly recordEcosystemPreparationsReady: Bulk<string, string>
  readonly fetchCourseEcosystemStatuses: Single<
    { readonly request_uuid: string; readonly course_uuids: readonly string[] },
    { readonly course_statuses: readonly reads.CourseEcosystemStatus[] }
  >
  readonly fetchEcosystemMetadatas: Single<
    reads.MetadataRequest,
    { readonly ecosystem_responses: readonly reads.EcosystemMetadata[] }
  >
  readonly fetchCourseMetadatas: Single<
    reads.MetadataRequest,
    { readonly course_responses: readonly reads.CourseMetadata[] }
  >
  /** `max_num_events` and the byte budget are shared by all lines of the request. */
  readonly fetchEcosystemEvents: Single<
    { readonly ecosystem_event_requests: readonly reads.EcosystemEventsLine[]; readonly max_num_events: number },
    { readonly ecosystem_event_responses: readonly reads.EcosystemEventsReply[] }
  >
  readonly fetchCourseEvents: Single<
    { readonly course_event_requests: readonly reads.CourseEventsLine[]; readonly max_num_events: number },
    { readonly course_event_responses: readonly reads.CourseEventsReply[] }
  >
}

/** Results: CLUEs and picks, read by the learning platform, written by remote algorithms. */
export interface ResultCalls {
  readonly fetchAssignmentPes: Bulk<reads.AssignmentPickLine, reads.AssignmentPicks>
  readonly fetchAssignmentSpes: Bulk<reads.AssignmentPickLine, reads.AssignmentPicks>
  readonly fetchPracticeWorstAreasExercises: Bulk<reads.StudentPickLine, reads.StudentPicks>
  readonly updateAssignmentPes: Bulk<reads.AssignmentPicksUpdate, reads.UpdateAccepted>
  readonly updateAssignmentSpes: Bulk<reads.AssignmentPicksUpdate, reads.UpdateAccepted>
  readonly updatePracticeWorstAreasExercises: Bulk<reads.StudentPicksUpdate, reads.UpdateAccepted>
  readonly fetchStudentClues: Bulk<reads.StudentClueLine, reads.ClueReply>
  readonly fetchTeacherClues: Bulk<reads.TeacherClueLine, reads.ClueReply>
  readonly updateStudentClues: Bulk<reads.StudentClueUpdate, reads.UpdateAccepted>
  readonly updateTeacherClues: Bulk<reads.TeacherClueUpdate, reads.UpdateAccepted>
  /** Matrices that do not exist are absent from the answer. */
  readonly fetchEcosystemMatrices: Bulk<reads.EcosystemMatrixLine, reads.EcosystemMatrix>
}

/** What remote algorithms owe, and their answers. */
export interface AlgorithmCalls {
  readonly fetchEcosystemMatrixUpdates: Single<
    AlgorithmName,
    { readonly ecosystem_matrix_updates: readonly due.MatrixUpdateDue[] }
  >
  readonly fetchExerciseCalculations: Single<
    AlgorithmName,
    { readonly exercise_calculations: readonly due.ExerciseCalculationDue[] }
  >
  readonly fetchClueCalculations: Single<
    AlgorithmName,
    { readonly clue_calculations: readonly due.ClueCalculationDue[] }
  >
  readonly ecosystemMatricesUpdated: Bulk<due.MatrixUpdated, due.CalculationReply>
  readonly updateExerciseCalculations: Bulk<due.ExerciseCalculationDone, due.CalculationReply>
  readonly updateClueCalculations: Bulk<due.ClueCalculationDone, due.CalculationReply>
  /** Requests without a match are absent from the answer. */
  readonly fetchAlgorithmExerciseCalculations: Bulk<due.StoredCalculationLine, due.StoredCalculations>
}

export interface AlgorithmName {
  readonly algorithm_name: string
}

/** `subscription-consumer.ts` makes a consumer of them. */
export interface SubscriptionCalls {
  /** May be repeated; other settings under the same name are refused with 409. */
  readonly create: Single<subscriptions.SubscriptionSettings, { readonly status: 'created' | 'exists' }>
  readonly fetch: Single<subscriptions.SubscriptionFetch, subscriptions.SubscriptionFetched>
  readonly confirm: Single<subscriptions.SubscriptionConfirm, subscriptions.SubscriptionConfirmed>
  /** Sets the stream aside whose event failed. */
  readonly nack: Single<subscriptions.SubscriptionNack, subscriptions.SubscriptionNacked>
  readonly extend: Single<subscriptions.InstanceLease, { readonly status: 'extended' | 'paused' }>
  readonly release: Single<
    { readonly instance_uuid: string; readonly slots: readonly subscriptions.HeldSlot[] },
    { readonly status: 'released' }
  >
}

export interface OperatorCalls {
  readonly fetchStatus: (options?: CallOptions) => Promise<reads.ServerStatus>
}
