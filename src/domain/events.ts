import { isUuid, toUuid, type Uuid } from './ids.ts'

/** The two families of streams. Each stream is numbered 0, 1, 2, … by its producer. */
export type StreamKind = 'course' | 'ecosystem'

/** Codes are stored; names travel on the wire (api.md §2). */
export const courseEventCodes = {
  no_op: -1,
  create_course: 0,
  prepare_course_ecosystem: 1,
  update_course_ecosystem: 2,
  update_roster: 3,
  update_course_active_dates: 4,
  update_globally_excluded_exercises: 5,
  update_course_excluded_exercises: 6,
  create_update_assignment: 7,
  record_response: 8,
} as const
export const ecosystemEventCodes = { no_op: -1, create_ecosystem: 0 } as const

export type CourseEventType = keyof typeof courseEventCodes
export type EcosystemEventType = keyof typeof ecosystemEventCodes
export type EventType = CourseEventType | EcosystemEventType

/** A JSON object exactly as the producer spelt it (uuid case, fraction digits); see `event_data` in api.md §3.2. */
export type EventData = { readonly [key: string]: unknown }

/** One event as it is appended. `number` is the producer's sequence number within the stream. */
export interface StreamEvent {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly number: number
  readonly eventUuid: Uuid
  readonly type: EventType
  readonly data: EventData
}

/** One event as it is read back. */
export interface StoredEvent extends WorkedOutWhenAsked {}

/**
 * The fields of an event that was read are worked out of its stored form when they are asked for, so they are no
 * properties of its own and are lost when it is spread. Declared as a class's, because the compiler then says so.
 */
declare abstract class WorkedOutWhenAsked {
  get kind(): StreamKind
  get stream(): Uuid
  get number(): number
  get eventUuid(): Uuid
  get type(): EventType
  get data(): EventData
  /** The database's clock when the event became readable. */
  get recordedAt(): Date
}

/** The event with some fields changed, as a plain object. */
export function eventWith(event: StoredEvent, changes: Partial<StoredEvent>): StoredEvent {
  const { kind, stream, number, eventUuid, type, data, recordedAt } = event
  return { kind, stream, number, eventUuid, type, data, recordedAt, ...changes }
}

/** The student whom an event concerns; undefined when it concerns no one student. */
export function studentOf(event: Pick<StoredEvent, 'type' | 'data'>): Uuid | undefined {
  if (event.type !== 'record_response' && event.type !== 'create_update_assignment') return undefined
  const student = event.data['student_uuid']
  return isUuid(student) ? toUuid(student) : undefined
}
