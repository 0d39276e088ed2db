import type { Static } from 'typebox'
import type { CourseEventType, EventData, StreamEvent } from '#domain/events.ts'
import { toUuid } from '#domain/ids.ts'
import type { assignment } from './schemas/assignments.ts'
import type { createCourseRequest, updateCourseActiveDatesRequest } from './schemas/courses.ts'
import type { createEcosystemRequest } from './schemas/ecosystems.ts'
import type { updateExclusionsRequest } from './schemas/exclusions.ts'
import type { ecosystemUpdate, prepareCourseEcosystemRequest } from './schemas/preparations.ts'
import type { response } from './schemas/responses.ts'
import type { roster } from './schemas/rosters.ts'
import type { noOp } from './schemas/streams.ts'

/*
 * From the wire to events: the one place that says which fields `event_data` holds (api.md §3.2) and which uuid makes
 * a request idempotent. Listed keys are kept as they were received, others are dropped, null means absent. Pure.
 */

const createEcosystemKeys = ['ecosystem_uuid', 'sequence_number', 'book', 'exercises', 'imported_at'] as const
const createCourseKeys = [
  'course_uuid',
  'sequence_number',
  'ecosystem_uuid',
  'is_real_course',
  'starts_at',
  'ends_at',
  'created_at',
] as const
const activeDatesKeys = [
  'request_uuid',
  'course_uuid',
  'sequence_number',
  'starts_at',
  'ends_at',
  'updated_at',
] as const
const rosterKeys = ['request_uuid', 'course_uuid', 'sequence_number', 'course_containers', 'students'] as const
const preparationKeys = [
  'preparation_uuid',
  'course_uuid',
  'sequence_number',
  'ecosystem_uuid',
  'ecosystem_map',
  'prepared_at',
] as const
const ecosystemUpdateKeys = [
  'request_uuid',
  'course_uuid',
  'sequence_number',
  'preparation_uuid',
  'updated_at',
] as const
const exclusionsKeys = ['request_uuid', 'course_uuid', 'sequence_number', 'exclusions', 'updated_at'] as const
const assignmentKeys = [
  'request_uuid',
  'course_uuid',
  'sequence_number',
  'assignment_uuid',
  'is_deleted',
  'ecosystem_uuid',
  'student_uuid',
  'assignment_type',
  'exclusion_info',
  'pes',
  'spes',
  'assigned_book_container_uuids',
  'goal_num_tutor_assigned_spes',
  'spes_are_assigned',
  'goal_num_tutor_assigned_pes',
  'pes_are_assigned',
  'assigned_exercises',
  'created_at',
  'updated_at',
] as const
const noOpKeys = ['request_uuid', 'course_uuid', 'ecosystem_uuid', 'sequence_number', 'reason'] as const

function pick(source: { readonly [key: string]: unknown }, keys: readonly string[]): EventData {
  const data: Record<string, unknown> = {}
  for (const key of keys) {
    const value = source[key]
    if (value !== undefined && value !== null) data[key] = value
  }
  return data
}

interface CourseLine {
  readonly course_uuid: string
  readonly sequence_number: number
}

function courseEvent(type: CourseEventType, line: CourseLine, eventUuid: string, data: EventData): StreamEvent {
  return {
    kind: 'course',
    stream: toUuid(line.course_uuid),
    number: line.sequence_number,
    eventUuid: toUuid(eventUuid),
    type,
    data,
  }
}

export function ecosystemCreated(body: Static<typeof createEcosystemRequest>): StreamEvent {
  const ecosystem = toUuid(body.ecosystem_uuid)
  const source = { ...body, sequence_number: 0, book: withoutNullExercises(body.book) }
  return {
    kind: 'ecosystem',
    stream: ecosystem,
    number: 0,
    eventUuid: ecosystem,
    type: 'create_ecosystem',
    data: pick(source, createEcosystemKeys),
  }
}

type Book = Static<typeof createEcosystemRequest>['book']

/** Old clients put nulls among a pool's exercises (M35); anything else in the book stays as it came. */
function withoutNullExercises(book: Book): Book {
  const hasNull = book.contents.some((container) => container.pools.some((pool) => pool.exercise_uuids.includes(null)))
  if (!hasNull) return book
  const contents = book.contents.map((container) => ({
    ...container,
    pools: container.pools.map((pool) => ({ ...pool, exercise_uuids: withoutNulls(pool.exercise_uuids) })),
  }))
  return { ...book, contents }
}

function withoutNulls<Value>(values: readonly (Value | null)[]): Value[] {
  return values.filter((value) => value !== null)
}

export function courseCreated(body: Static<typeof createCourseRequest>): StreamEvent {
  const line = { ...body, sequence_number: 0 }
  return courseEvent('create_course', line, body.course_uuid, pick(line, createCourseKeys))
}

export function activeDatesUpdated(body: Static<typeof updateCourseActiveDatesRequest>): StreamEvent {
  return courseEvent('update_course_active_dates', body, body.request_uuid, pick(body, activeDatesKeys))
}

export function rosterUpdated(line: Static<typeof roster>): StreamEvent {
  return courseEvent('update_roster', line, line.request_uuid, pick(line, rosterKeys))
}

/** The consumer reads `ecosystem_uuid`, which the request calls `next_ecosystem_uuid` (M11). */
export function ecosystemPrepared(body: Static<typeof prepareCourseEcosystemRequest>): StreamEvent {
  const source = { ...body, ecosystem_uuid: body.next_ecosystem_uuid }
  return courseEvent('prepare_course_ecosystem', body, body.preparation_uuid, pick(source, preparationKeys))
}

export function ecosystemUpdated(line: Static<typeof ecosystemUpdate>): StreamEvent {
  return courseEvent('update_course_ecosystem', line, line.request_uuid, pick(line, ecosystemUpdateKeys))
}

type ExclusionsEventType = 'update_globally_excluded_exercises' | 'update_course_excluded_exercises'

export function exclusionsUpdated(
  type: ExclusionsEventType,
  body: Static<typeof updateExclusionsRequest>,
): StreamEvent {
  return courseEvent(type, body, body.request_uuid, pick(body, exclusionsKeys))
}

export function assignmentUpdated(line: Static<typeof assignment>): StreamEvent {
  const containers = withoutNulls(line.assigned_book_container_uuids)
  const source = { ...line, assigned_book_container_uuids: containers }
  return courseEvent('create_update_assignment', line, line.request_uuid, pick(source, assignmentKeys))
}

/** The hot path: an object literal of one shape instead of a loop over keys. */
export function responseRecorded(line: Static<typeof response>): StreamEvent {
  const data = {
    response_uuid: line.response_uuid,
    course_uuid: line.course_uuid,
    sequence_number: line.sequence_number,
    ecosystem_uuid: line.ecosystem_uuid,
    trial_uuid: line.trial_uuid,
    student_uuid: line.student_uuid,
    exercise_uuid: line.exercise_uuid,
    is_correct: line.is_correct,
  }
  const isReal = line.is_real_response
  const complete =
    isReal === undefined || isReal === null
      ? { ...data, responded_at: line.responded_at }
      : { ...data, is_real_response: isReal, responded_at: line.responded_at }
  return courseEvent('record_response', line, line.response_uuid, complete)
}

export function noOpRecorded(line: Static<typeof noOp>): StreamEvent {
  const course = line.course_uuid ?? undefined
  const stream = course ?? line.ecosystem_uuid ?? ''
  return {
    kind: course === undefined ? 'ecosystem' : 'course',
    stream: toUuid(stream),
    number: line.sequence_number,
    eventUuid: toUuid(line.request_uuid),
    type: 'no_op',
    data: pick(line, noOpKeys),
  }
}
