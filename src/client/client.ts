import type {
  AlgorithmCalls,
  Bulk,
  Client,
  OperatorCalls,
  ResultCalls,
  Single,
  StreamCalls,
  SubscriptionCalls,
} from './calls.ts'
import { ReplyUnexpected } from './errors.ts'
import { bodyOf, sliceItems } from './slices.ts'
import {
  type Audience,
  type CallOptions,
  createTransport,
  type JsonObject,
  type Transport,
  type TransportOptions,
  type TransportRequest,
} from './transport.ts'
import type { ServerStatus } from './wire-reads.ts'

export type { Client } from './calls.ts'
export * from './errors.ts'
export type * from './wire.ts'
export type * from './wire-algorithms.ts'
export type * from './wire-reads.ts'
export type * from './wire-subscriptions.ts'

/**
 * Biglearn's wire contract as typed calls. Lists of any length are cut into requests that the server accepts, sent one
 * after the other so that a stream's events arrive in order; answers come back in the order of the items. Every write
 * may be repeated with the same uuids at any time, so a write is tried until it is answered unless the call says
 * otherwise.
 */
export interface ClientOptions extends TransportOptions {
  /** Requests are cut at this size; the server's own limit is 64 MiB. */
  readonly requestBytesMax?: number
  /** How long a `fetch…` call is repeated at most, unless the call says otherwise: somebody waits for it. */
  readonly readMsMax?: number
}

/** The server takes 1000 items a request, and 100 rosters. */
const itemsMaxDefault = 1000
const requestBytesMaxDefault = 8 * 1024 * 1024
const readMsMaxDefault = 60_000

export function createClient(options: ClientOptions): Client {
  const transport = createTransport(options)
  const calls = callBuilder(transport, {
    bytesMax: options.requestBytesMax ?? requestBytesMaxDefault,
    readMsMax: options.readMsMax ?? readMsMaxDefault,
  })
  return {
    transport,
    position: () => transport.position(),
    ...streamCalls(calls),
    ...resultCalls(calls),
    ...algorithmCalls(calls),
    ...operatorCalls(transport),
    subscription: (name) => subscriptionCalls(calls, name),
  }
}

function streamCalls({ single, bulk }: Builder): StreamCalls {
  return {
    createEcosystem: single('create_ecosystem'),
    createCourse: single('create_course'),
    updateCourseActiveDates: single('update_course_active_dates'),
    updateGloballyExcludedExercises: single('update_globally_excluded_exercises'),
    updateCourseExcludedExercises: single('update_course_excluded_exercises'),
    prepareCourseEcosystem: single('prepare_course_ecosystem'),
    updateRosters: bulk('update_rosters', { items: 'rosters', lines: 'updated_rosters', itemsMax: 100 }),
    updateCourseEcosystems: bulk('update_course_ecosystems', { items: 'update_requests', lines: 'update_responses' }),
    createUpdateAssignments: bulk('create_update_assignments', { items: 'assignments', lines: 'updated_assignments' }),
    recordResponses: bulk('record_responses', {
      items: 'responses',
      lines: 'recorded_response_uuids',
      linesAre: 'distinct uuids',
    }),
    recordNoOps: bulk('record_no_ops', { items: 'no_ops', lines: 'no_op_responses' }),
    fetchStreamStatuses: bulk('fetch_stream_statuses', { items: 'stream_requests', lines: 'stream_responses' }),
    recordEcosystemPreparationsReady: bulk('record_ecosystem_preparations_ready', {
      items: 'preparation_uuids',
      lines: 'recorded_preparation_uuids',
      linesAre: 'distinct uuids',
    }),
    fetchCourseEcosystemStatuses: single('fetch_course_ecosystem_statuses'),
    fetchEcosystemMetadatas: single('fetch_ecosystem_metadatas'),
    fetchCourseMetadatas: single('fetch_course_metadatas'),
    fetchEcosystemEvents: single('fetch_ecosystem_events'),
    fetchCourseEvents: single('fetch_course_events'),
  }
}

function resultCalls({ bulk }: Builder): ResultCalls {
  return {
    fetchAssignmentPes: bulk('fetch_assignment_pes', { items: 'pe_requests', lines: 'pe_responses' }),
    fetchAssignmentSpes: bulk('fetch_assignment_spes', { items: 'spe_requests', lines: 'spe_responses' }),
    fetchPracticeWorstAreasExercises: bulk('fetch_practice_worst_areas_exercises', {
      items: 'worst_areas_requests',
      lines: 'worst_areas_responses',
    }),
    updateAssignmentPes: bulk('update_assignment_pes', { items: 'pe_updates', lines: 'pe_update_responses' }),
    updateAssignmentSpes: bulk('update_assignment_spes', { items: 'spe_updates', lines: 'spe_update_responses' }),
    updatePracticeWorstAreasExercises: bulk('update_practice_worst_areas_exercises', {
      items: 'practice_worst_areas_updates',
      lines: 'practice_worst_areas_update_responses',
    }),
    fetchStudentClues: bulk('fetch_student_clues', { items: 'student_clue_requests', lines: 'student_clue_responses' }),
    fetchTeacherClues: bulk('fetch_teacher_clues', { items: 'teacher_clue_requests', lines: 'teacher_clue_responses' }),
    updateStudentClues: bulk('update_student_clues', {
      items: 'student_clue_updates',
      lines: 'student_clue_update_responses',
    }),
    updateTeacherClues: bulk('update_teacher_clues', {
      items: 'teacher_clue_updates',
      lines: 'teacher_clue_update_responses',
    }),
    fetchEcosystemMatrices: bulk('fetch_ecosystem_matrices', {
      items: 'ecosystem_matrix_requests',
      lines: 'ecosystem_matrix_responses',
      itemsMax: 10,
      audience: 'sparfa',
      linesAre: 'only of known items',
    }),
  }
}

function algorithmCalls({ single, bulk }: Builder): AlgorithmCalls {
  const audience = 'scheduler'
  return {
    fetchEcosystemMatrixUpdates: single('fetch_ecosystem_matrix_updates', audience),
    fetchExerciseCalculations: single('fetch_exercise_calculations', audience),
    fetchClueCalculations: single('fetch_clue_calculations', audience),
    ecosystemMatricesUpdated: bulk('ecosystem_matrices_updated', {
      items: 'ecosystem_matrices_updated',
      lines: 'ecosystem_matrix_updated_responses',
      audience,
    }),
    updateExerciseCalculations: bulk('update_exercise_calculations', {
      items: 'exercise_calculation_updates',
      lines: 'exercise_calculation_update_responses',
      itemsMax: 10,
      audience,
    }),
    updateClueCalculations: bulk('update_clue_calculations', {
      items: 'clue_calculation_updates',
      lines: 'clue_calculation_update_responses',
      audience,
    }),
    fetchAlgorithmExerciseCalculations: bulk('fetch_algorithm_exercise_calculations', {
      items: 'algorithm_exercise_calculation_requests',
      lines: 'algorithm_exercise_calculations',
      itemsMax: 10,
      audience,
      linesAre: 'only of known items',
    }),
  }
}

function subscriptionCalls({ single }: Builder, name: string): SubscriptionCalls {
  const path = `subscriptions/${encodeURIComponent(name)}`
  const audience = 'consumer'
  return {
    create: single(path, audience),
    fetch: single(`${path}/fetch`, audience, { waits: true }),
    confirm: single(`${path}/confirm`, audience),
    nack: single(`${path}/nack`, audience),
    extend: single(`${path}/extend`, audience),
    release: single(`${path}/release`, audience),
  }
}

function operatorCalls(transport: Transport): OperatorCalls {
  return {
    async fetchStatus(options) {
      const request = { method: 'GET', endpoint: 'status', audience: 'operator' } as const
      const reply = await transport.send(request, options)
      if (!Array.isArray(reply['ecosystems'])) throw new ReplyUnexpected('status', 'an array "ecosystems"')
      return reply as unknown as ServerStatus
    },
  }
}

interface BulkCall {
  /** Key of the request's array, and of the reply's. */
  readonly items: string
  readonly lines: string
  readonly itemsMax?: number
  readonly audience?: Audience
  /** Absent: one line per item, in the order of the items. */
  readonly linesAre?: 'distinct uuids' | 'only of known items'
}

type Travel = Pick<TransportRequest, 'waits'>

interface Builder {
  single<Request, Reply>(endpoint: string, audience?: Audience, travel?: Travel): Single<Request, Reply>
  bulk<Item, Line>(endpoint: string, call: BulkCall): Bulk<Item, Line>
}

function callBuilder(transport: Transport, limits: { readonly bytesMax: number; readonly readMsMax: number }): Builder {
  const post = (
    endpoint: string,
    audience: Audience,
    { body, call, ...travel }: Travel & { body: string; call: CallOptions | undefined },
  ) => {
    const isRead = endpoint.startsWith('fetch_')
    const deadline = isRead ? { giveUpAfterMs: limits.readMsMax } : {}
    return transport.send({ method: 'POST', endpoint, audience, body, ...travel }, { ...deadline, ...call })
  }
  return {
    single<Request, Reply>(endpoint: string, audience: Audience = 'api', travel: Travel = {}): Single<Request, Reply> {
      return async (request, call) =>
        (await post(endpoint, audience, { ...travel, body: JSON.stringify(request), call })) as Reply
    },

    bulk<Item, Line>(endpoint: string, shape: BulkCall): Bulk<Item, Line> {
      const { itemsMax = itemsMaxDefault, audience = 'api' } = shape
      return async (items, call) => {
        const lines: Line[] = []
        const texts = items.map((item) => JSON.stringify(item))
        for (const slice of sliceItems(texts, { itemsMax, bytesMax: limits.bytesMax })) {
          const reply = await post(endpoint, audience, { body: bodyOf(shape.items, slice), call })
          for (const line of linesOf(endpoint, shape, { reply, itemCount: slice.length })) lines.push(line as Line)
        }
        return shape.linesAre === 'distinct uuids' ? [...new Set(lines)] : lines
      }
    },
  }
}

function linesOf(
  endpoint: string,
  call: BulkCall,
  { reply, itemCount }: { readonly reply: JsonObject; readonly itemCount: number },
): readonly unknown[] {
  const lines = reply[call.lines]
  if (!Array.isArray(lines)) throw new ReplyUnexpected(endpoint, `an array "${call.lines}"`)
  if (call.linesAre === undefined && lines.length !== itemCount) {
    throw new ReplyUnexpected(endpoint, `one line per item: ${lines.length} for ${itemCount}`)
  }
  return lines
}
