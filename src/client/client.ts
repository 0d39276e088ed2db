import { ReplyUnexpected } from './errors.ts'
import { bodyOf, sliceItems } from './slices.ts'
import {
  type Audience,
  type CallOptions,
  createTransport,
  type JsonObject,
  type Transport,
  type TransportOptions,
} from './transport.ts'
import type * as wire from './wire.ts'
import type * as due from './wire-algorithms.ts'
import type * as reads from './wire-reads.ts'

/**
 * Biglearn's wire contract as typed calls. Lists of any length are cut into requests that the server accepts, sent one
 * after the other so that a stream's events arrive in order; answers come back in the order of the items. Every write
 * may be repeated with the same uuids at any time; by default a call keeps trying until it is answered.
 */
export interface ClientOptions extends TransportOptions {
  /** Requests are cut at this size; the server's own limit is 64 MiB. */
  readonly requestBytesMax?: number
}

/** The server takes 1000 items a request, and 100 rosters. */
const itemsMaxDefault = 1000
const requestBytesMaxDefault = 8 * 1024 * 1024

export type Client = ReturnType<typeof createClient>

export function createClient(options: ClientOptions) {
  const transport = createTransport(options)
  const calls = callBuilder(transport, options.requestBytesMax ?? requestBytesMaxDefault)
  return {
    transport,
    ...streamCalls(calls),
    ...streamReads(calls),
    ...resultCalls(calls),
    ...algorithmCalls(calls),
    ...operatorCalls(transport),
  }
}

type Builder = ReturnType<typeof callBuilder>

/** Event streams: what a producer writes. */
function streamCalls({ single, bulk }: Builder) {
  return {
    createEcosystem: single<wire.EcosystemCreation, { created_ecosystem_uuid: string }>('create_ecosystem'),
    createCourse: single<wire.CourseCreation, { created_course_uuid: string }>('create_course'),
    updateCourseActiveDates: single<wire.ActiveDatesUpdate, { updated_course_uuid: string }>(
      'update_course_active_dates',
    ),
    updateGloballyExcludedExercises: single<wire.ExclusionsUpdate, { status: 'success' }>(
      'update_globally_excluded_exercises',
    ),
    updateCourseExcludedExercises: single<wire.ExclusionsUpdate, { status: 'success' }>(
      'update_course_excluded_exercises',
    ),
    prepareCourseEcosystem: single<wire.EcosystemPreparation, { status: 'accepted' }>('prepare_course_ecosystem'),
    updateRosters: bulk<wire.Roster, { request_uuid: string; updated_course_uuid: string }>({
      endpoint: 'update_rosters',
      items: 'rosters',
      lines: 'updated_rosters',
      itemsMax: 100,
    }),
    updateCourseEcosystems: bulk<
      wire.EcosystemUpdate,
      { request_uuid: string; update_status: wire.EcosystemUpdateStatus }
    >({ endpoint: 'update_course_ecosystems', items: 'update_requests', lines: 'update_responses' }),
    createUpdateAssignments: bulk<wire.AssignmentUpdate, { request_uuid: string; updated_assignment_uuid: string }>({
      endpoint: 'create_update_assignments',
      items: 'assignments',
      lines: 'updated_assignments',
    }),
    /** Answers with the distinct response uuids that are stored now. */
    recordResponses: bulk<wire.ResponseRecord, string>({
      endpoint: 'record_responses',
      items: 'responses',
      lines: 'recorded_response_uuids',
      areLinesDistinct: true,
    }),
    recordNoOps: bulk<wire.NoOp, { request_uuid: string; status: 'accepted' | 'already_filled' }>({
      endpoint: 'record_no_ops',
      items: 'no_ops',
      lines: 'no_op_responses',
    }),
    recordEcosystemPreparationsReady: bulk<string, string>({
      endpoint: 'record_ecosystem_preparations_ready',
      items: 'preparation_uuids',
      lines: 'recorded_preparation_uuids',
      areLinesDistinct: true,
    }),
  }
}

/** Event streams: what producers and consumers read back. */
function streamReads({ single, bulk }: Builder) {
  return {
    fetchStreamStatuses: bulk<reads.StreamStatusLine, reads.StreamStatus>({
      endpoint: 'fetch_stream_statuses',
      items: 'stream_requests',
      lines: 'stream_responses',
    }),
    fetchCourseEcosystemStatuses: single<
      { readonly request_uuid: string; readonly course_uuids: readonly string[] },
      { course_statuses: readonly reads.CourseEcosystemStatus[] }
    >('fetch_course_ecosystem_statuses'),
    fetchEcosystemMetadatas: single<reads.MetadataRequest, { ecosystem_responses: readonly reads.EcosystemMetadata[] }>(
      'fetch_ecosystem_metadatas',
    ),
    fetchCourseMetadatas: single<reads.MetadataRequest, { course_responses: readonly reads.CourseMetadata[] }>(
      'fetch_course_metadatas',
    ),
    /** One request: `max_num_events` and the byte budget are shared by all its lines. */
    fetchEcosystemEvents: single<
      { readonly ecosystem_event_requests: readonly reads.EcosystemEventsLine[]; readonly max_num_events: number },
      { ecosystem_event_responses: readonly reads.EcosystemEventsReply[] }
    >('fetch_ecosystem_events'),
    fetchCourseEvents: single<
      { readonly course_event_requests: readonly reads.CourseEventsLine[]; readonly max_num_events: number },
      { course_event_responses: readonly reads.CourseEventsReply[] }
    >('fetch_course_events'),
  }
}

/** Results: CLUEs and picks, read by the learning platform, written by remote algorithms. */
function resultCalls({ bulk }: Builder) {
  return {
    fetchAssignmentPes: bulk<reads.AssignmentPickLine, reads.AssignmentPicks>({
      endpoint: 'fetch_assignment_pes',
      items: 'pe_requests',
      lines: 'pe_responses',
    }),
    fetchAssignmentSpes: bulk<reads.AssignmentPickLine, reads.AssignmentPicks>({
      endpoint: 'fetch_assignment_spes',
      items: 'spe_requests',
      lines: 'spe_responses',
    }),
    fetchPracticeWorstAreasExercises: bulk<reads.StudentPickLine, reads.StudentPicks>({
      endpoint: 'fetch_practice_worst_areas_exercises',
      items: 'worst_areas_requests',
      lines: 'worst_areas_responses',
    }),
    updateAssignmentPes: bulk<reads.AssignmentPicksUpdate, reads.UpdateAccepted>({
      endpoint: 'update_assignment_pes',
      items: 'pe_updates',
      lines: 'pe_update_responses',
    }),
    updateAssignmentSpes: bulk<reads.AssignmentPicksUpdate, reads.UpdateAccepted>({
      endpoint: 'update_assignment_spes',
      items: 'spe_updates',
      lines: 'spe_update_responses',
    }),
    updatePracticeWorstAreasExercises: bulk<reads.StudentPicksUpdate, reads.UpdateAccepted>({
      endpoint: 'update_practice_worst_areas_exercises',
      items: 'practice_worst_areas_updates',
      lines: 'practice_worst_areas_update_responses',
    }),
    fetchStudentClues: bulk<reads.StudentClueLine, reads.ClueReply>({
      endpoint: 'fetch_student_clues',
      items: 'student_clue_requests',
      lines: 'student_clue_responses',
    }),
    fetchTeacherClues: bulk<reads.TeacherClueLine, reads.ClueReply>({
      endpoint: 'fetch_teacher_clues',
      items: 'teacher_clue_requests',
      lines: 'teacher_clue_responses',
    }),
    updateStudentClues: bulk<reads.StudentClueUpdate, reads.UpdateAccepted>({
      endpoint: 'update_student_clues',
      items: 'student_clue_updates',
      lines: 'student_clue_update_responses',
    }),
    updateTeacherClues: bulk<reads.TeacherClueUpdate, reads.UpdateAccepted>({
      endpoint: 'update_teacher_clues',
      items: 'teacher_clue_updates',
      lines: 'teacher_clue_update_responses',
    }),
    /** Matrices that do not exist are absent from the answer. */
    fetchEcosystemMatrices: bulk<reads.EcosystemMatrixLine, reads.EcosystemMatrix>({
      endpoint: 'fetch_ecosystem_matrices',
      items: 'ecosystem_matrix_requests',
      lines: 'ecosystem_matrix_responses',
      itemsMax: 10,
      audience: 'sparfa',
      areLinesDistinct: true,
    }),
  }
}

/** What remote algorithms owe. */
function algorithmCalls({ single, bulk }: Builder) {
  type Asked = { readonly algorithm_name: string }
  return {
    fetchEcosystemMatrixUpdates: single<Asked, { ecosystem_matrix_updates: readonly due.MatrixUpdateDue[] }>(
      'fetch_ecosystem_matrix_updates',
      'scheduler',
    ),
    fetchExerciseCalculations: single<Asked, { exercise_calculations: readonly due.ExerciseCalculationDue[] }>(
      'fetch_exercise_calculations',
      'scheduler',
    ),
    fetchClueCalculations: single<Asked, { clue_calculations: readonly due.ClueCalculationDue[] }>(
      'fetch_clue_calculations',
      'scheduler',
    ),
    ecosystemMatricesUpdated: bulk<due.MatrixUpdated, due.CalculationReply>({
      endpoint: 'ecosystem_matrices_updated',
      items: 'ecosystem_matrices_updated',
      lines: 'ecosystem_matrix_updated_responses',
      audience: 'scheduler',
    }),
    updateExerciseCalculations: bulk<due.ExerciseCalculationDone, due.CalculationReply>({
      endpoint: 'update_exercise_calculations',
      items: 'exercise_calculation_updates',
      lines: 'exercise_calculation_update_responses',
      itemsMax: 10,
      audience: 'scheduler',
    }),
    updateClueCalculations: bulk<due.ClueCalculationDone, due.CalculationReply>({
      endpoint: 'update_clue_calculations',
      items: 'clue_calculation_updates',
      lines: 'clue_calculation_update_responses',
      audience: 'scheduler',
    }),
    fetchAlgorithmExerciseCalculations: bulk<due.StoredCalculationLine, due.StoredCalculations>({
      endpoint: 'fetch_algorithm_exercise_calculations',
      items: 'algorithm_exercise_calculation_requests',
      lines: 'algorithm_exercise_calculations',
      itemsMax: 10,
      audience: 'scheduler',
      areLinesDistinct: true,
    }),
  }
}

function operatorCalls(transport: Transport) {
  return {
    async fetchStatus(options?: CallOptions): Promise<reads.ServerStatus> {
      const request = { method: 'GET', endpoint: 'status', audience: 'operator' } as const
      return (await transport.send(request, options)) as unknown as reads.ServerStatus
    },
  }
}

interface BulkCall {
  readonly endpoint: string
  /** Key of the request's array, and of the reply's. */
  readonly items: string
  readonly lines: string
  readonly itemsMax?: number
  readonly audience?: Audience
  /** The reply may hold fewer lines than the request has items; otherwise there is one line per item. */
  readonly areLinesDistinct?: boolean
}

function callBuilder(transport: Transport, bytesMax: number) {
  return {
    single<Request, Reply>(endpoint: string, audience: Audience = 'api') {
      return async (request: Request, options?: CallOptions): Promise<Reply> => {
        const body = JSON.stringify(request)
        return (await transport.send({ method: 'POST', endpoint, audience, body }, options)) as Reply
      }
    },

    bulk<Item, Line>(call: BulkCall) {
      const limits = { itemsMax: call.itemsMax ?? itemsMaxDefault, bytesMax }
      return async (items: readonly Item[], options?: CallOptions): Promise<Line[]> => {
        const lines: Line[] = []
        const texts = items.map((item) => JSON.stringify(item))
        for (const slice of sliceItems(texts, limits)) {
          const body = bodyOf(call.items, slice)
          const request = { method: 'POST', endpoint: call.endpoint, audience: call.audience ?? 'api', body } as const
          for (const line of linesOf(call, await transport.send(request, options), slice.length))
            lines.push(line as Line)
        }
        return call.areLinesDistinct === true && typeof lines[0] === 'string' ? [...new Set(lines)] : lines
      }
    },
  }
}

function linesOf(call: BulkCall, reply: JsonObject, itemCount: number): readonly unknown[] {
  const lines = reply[call.lines]
  if (!Array.isArray(lines)) throw new ReplyUnexpected(call.endpoint, `an array "${call.lines}"`)
  if (call.areLinesDistinct !== true && lines.length !== itemCount) {
    throw new ReplyUnexpected(call.endpoint, `one line per item: ${lines.length} for ${itemCount}`)
  }
  return lines
}
