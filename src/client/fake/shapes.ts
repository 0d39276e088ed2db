import type { Data } from './streams.ts'

/**
 * What the fake server demands of a request: fields that are there and have their type. Only what the contract
 * enforces; unknown keys are ignored.
 */
export type Field =
  | 'uuid'
  | 'uuid?'
  | 'number'
  | 'number?'
  | 'boolean'
  | 'time'
  | 'text'
  | 'list'
  | 'object'
  | 'object?'
export type Shape = { readonly [field: string]: Field }

const sequenced: Shape = { course_uuid: 'uuid', sequence_number: 'number' }
const picksRead: Shape = { request_uuid: 'uuid', max_num_exercises: 'number?' }
const picksUpdate: Shape = {
  request_uuid: 'uuid',
  algorithm_name: 'text',
  calculation_uuid: 'uuid',
  ecosystem_matrix_uuid: 'uuid',
  exercise_uuids: 'list',
}
const clueRead: Shape = { request_uuid: 'uuid', book_container_uuid: 'uuid' }
const clueUpdate: Shape = { ...clueRead, algorithm_name: 'text', calculation_uuid: 'uuid', clue_data: 'object' }
const exclusions: Shape = { ...sequenced, request_uuid: 'uuid', exclusions: 'list', updated_at: 'time' }
const metadata: Shape = { metadata_sequence_number_offset: 'number', max_num_metadatas: 'number' }
const noOp: Shape = { request_uuid: 'uuid', course_uuid: 'uuid?', ecosystem_uuid: 'uuid?', sequence_number: 'number' }
const asked: Shape = { algorithm_name: 'text' }
const calculationDone: Shape = { calculation_uuid: 'uuid', algorithm_name: 'text' }

/** The request itself, or the items of its list. */
export interface RequestShape {
  readonly list?: string
  readonly itemsMax?: number
  readonly item: Shape
}

export const requestShapes: { readonly [endpoint: string]: RequestShape } = {
  create_ecosystem: { item: { ecosystem_uuid: 'uuid', book: 'object', exercises: 'list', imported_at: 'time' } },
  create_course: {
    item: {
      course_uuid: 'uuid',
      ecosystem_uuid: 'uuid',
      is_real_course: 'boolean',
      starts_at: 'time',
      ends_at: 'time',
      created_at: 'time',
    },
  },
  update_course_active_dates: {
    item: { ...sequenced, request_uuid: 'uuid', starts_at: 'time', ends_at: 'time', updated_at: 'time' },
  },
  update_globally_excluded_exercises: { item: exclusions },
  update_course_excluded_exercises: { item: exclusions },
  prepare_course_ecosystem: {
    item: {
      ...sequenced,
      preparation_uuid: 'uuid',
      next_ecosystem_uuid: 'uuid',
      ecosystem_map: 'object',
      prepared_at: 'time',
    },
  },
  update_rosters: {
    list: 'rosters',
    itemsMax: 100,
    item: { ...sequenced, request_uuid: 'uuid', course_containers: 'list', students: 'list' },
  },
  update_course_ecosystems: {
    list: 'update_requests',
    item: { ...sequenced, request_uuid: 'uuid', preparation_uuid: 'uuid', updated_at: 'time' },
  },
  create_update_assignments: {
    list: 'assignments',
    item: {
      ...sequenced,
      request_uuid: 'uuid',
      assignment_uuid: 'uuid',
      ecosystem_uuid: 'uuid',
      student_uuid: 'uuid',
      is_deleted: 'boolean',
      assignment_type: 'text',
      exclusion_info: 'object?',
      assigned_book_container_uuids: 'list',
      spes_are_assigned: 'boolean',
      pes_are_assigned: 'boolean',
      assigned_exercises: 'list',
      created_at: 'time',
      updated_at: 'time',
    },
  },
  record_responses: {
    list: 'responses',
    item: {
      ...sequenced,
      response_uuid: 'uuid',
      ecosystem_uuid: 'uuid',
      trial_uuid: 'uuid',
      student_uuid: 'uuid',
      exercise_uuid: 'uuid',
      is_correct: 'boolean',
      responded_at: 'time',
    },
  },
  record_no_ops: { list: 'no_ops', item: noOp },
  fetch_stream_statuses: {
    list: 'stream_requests',
    item: { request_uuid: 'uuid', course_uuid: 'uuid?', ecosystem_uuid: 'uuid?', max_num_gaps: 'number?' },
  },
  record_ecosystem_preparations_ready: { item: { preparation_uuids: 'list' } },
  fetch_course_ecosystem_statuses: { item: { request_uuid: 'uuid', course_uuids: 'list' } },
  fetch_course_metadatas: { item: metadata },
  fetch_ecosystem_metadatas: { item: metadata },
  fetch_course_events: {
    list: 'course_event_requests',
    item: { request_uuid: 'uuid', course_uuid: 'uuid', sequence_number_offset: 'number' },
  },
  fetch_ecosystem_events: {
    list: 'ecosystem_event_requests',
    item: { request_uuid: 'uuid', ecosystem_uuid: 'uuid', sequence_number_offset: 'number' },
  },
  fetch_assignment_pes: { list: 'pe_requests', item: { ...picksRead, assignment_uuid: 'uuid' } },
  fetch_assignment_spes: { list: 'spe_requests', item: { ...picksRead, assignment_uuid: 'uuid' } },
  fetch_practice_worst_areas_exercises: { list: 'worst_areas_requests', item: { ...picksRead, student_uuid: 'uuid' } },
  update_assignment_pes: { list: 'pe_updates', item: { ...picksUpdate, assignment_uuid: 'uuid' } },
  update_assignment_spes: { list: 'spe_updates', item: { ...picksUpdate, assignment_uuid: 'uuid' } },
  update_practice_worst_areas_exercises: {
    list: 'practice_worst_areas_updates',
    item: { ...picksUpdate, student_uuid: 'uuid' },
  },
  fetch_student_clues: { list: 'student_clue_requests', item: { ...clueRead, student_uuid: 'uuid' } },
  fetch_teacher_clues: { list: 'teacher_clue_requests', item: { ...clueRead, course_container_uuid: 'uuid' } },
  update_student_clues: { list: 'student_clue_updates', item: { ...clueUpdate, student_uuid: 'uuid' } },
  update_teacher_clues: { list: 'teacher_clue_updates', item: { ...clueUpdate, course_container_uuid: 'uuid' } },
  fetch_ecosystem_matrices: {
    list: 'ecosystem_matrix_requests',
    itemsMax: 10,
    item: { request_uuid: 'uuid', ecosystem_uuid: 'uuid?', ecosystem_matrix_uuid: 'uuid?' },
  },
  fetch_ecosystem_matrix_updates: { item: asked },
  fetch_exercise_calculations: { item: asked },
  fetch_clue_calculations: { item: asked },
  fetch_algorithm_exercise_calculations: {
    list: 'algorithm_exercise_calculation_requests',
    itemsMax: 10,
    item: { request_uuid: 'uuid' },
  },
  ecosystem_matrices_updated: { list: 'ecosystem_matrices_updated', item: calculationDone },
  update_exercise_calculations: {
    list: 'exercise_calculation_updates',
    item: { ...calculationDone, ecosystem_matrix_uuid: 'uuid', exercise_uuids: 'list' },
  },
  update_clue_calculations: { list: 'clue_calculation_updates', item: { ...calculationDone, clue_data: 'object' } },
}

/** What is wrong with the request, each with its place; empty when nothing is. */
export function problemsOf(shape: RequestShape, request: Data): string[] {
  if (shape.list === undefined) return problemsOfItem(shape.item, request, '$')
  const items = request[shape.list]
  if (!Array.isArray(items)) return [`$.${shape.list} must be an array`]
  const itemsMax = shape.itemsMax ?? 1000
  if (items.length > itemsMax) return [`$.${shape.list} must not have more than ${itemsMax} items`]
  return items.flatMap((item, index) => {
    const path = `$.${shape.list}[${index}]`
    return isObject(item) ? problemsOfItem(shape.item, item, path) : [`${path} must be an object`]
  })
}

function problemsOfItem(shape: Shape, item: Data, path: string): string[] {
  return Object.entries(shape).flatMap(([name, field]) => {
    const value = item[name] ?? undefined
    const isOptional = field.endsWith('?')
    if (value === undefined) return isOptional ? [] : [`${path}.${name} is required`]
    const type = field.replace('?', '') as keyof typeof checks
    return checks[type](value) ? [] : [`${path}.${name} must be a ${type}`]
  })
}

const checks = {
  uuid: (value: unknown) =>
    typeof value === 'string' && /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(value),
  number: (value: unknown) => Number.isInteger(value) && (value as number) >= 0,
  boolean: (value: unknown) => typeof value === 'boolean',
  time: (value: unknown) =>
    typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(value),
  text: (value: unknown) => typeof value === 'string',
  list: (value: unknown) => Array.isArray(value),
  object: isObject,
}

export function isObject(value: unknown): value is Data {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
