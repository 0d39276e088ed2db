import { createHash } from 'node:crypto'
import type { EventData, EventType, StreamEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'

/** Events for tests, made from names so that a failing test can be read. */
export function uuidOf(name: string): Uuid {
  const hex = createHash('sha256').update(name).digest('hex')
  return toUuid(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
  )
}

export function courseOf(name: string): Uuid {
  return uuidOf(`course ${name}`)
}

/** The answer of a student of `course` at `number`; the same arguments give the same event. */
export function responseOf(course: Uuid, number: number, name = ''): StreamEvent {
  const eventUuid = uuidOf(`response ${course} ${number} ${name}`)
  const data: EventData = {
    response_uuid: eventUuid,
    course_uuid: course,
    sequence_number: number,
    ecosystem_uuid: uuidOf('ecosystem'),
    trial_uuid: uuidOf(`trial ${course} ${number}`),
    student_uuid: uuidOf(`student ${course} ${number % 30}`),
    exercise_uuid: uuidOf(`exercise ${number % 100}`),
    is_correct: number % 3 !== 0,
    is_real_response: true,
    responded_at: new Date(1_700_000_000_000 + (number % 1_000_000) * 1000).toISOString(),
  }
  return { kind: 'course', stream: course, number, eventUuid, type: 'record_response', data }
}

/** An event that is not a response, with a payload of about `bytes`. */
export function eventOf(course: Uuid, number: number, type: EventType, bytes = 10): StreamEvent {
  const eventUuid = uuidOf(`${type} ${course} ${number}`)
  const data = { request_uuid: eventUuid, course_uuid: course, sequence_number: number, note: 'x'.repeat(bytes) }
  return { kind: 'course', stream: course, number, eventUuid, type, data }
}

export function createCourseOf(course: Uuid, ecosystem: Uuid): StreamEvent {
  const data = { course_uuid: course, sequence_number: 0, ecosystem_uuid: ecosystem, is_real_course: true }
  return { kind: 'course', stream: course, number: 0, eventUuid: course, type: 'create_course', data }
}

export function createEcosystemOf(ecosystem: Uuid): StreamEvent {
  const data = { ecosystem_uuid: ecosystem, sequence_number: 0, book: { contents: [] }, exercises: [] }
  return { kind: 'ecosystem', stream: ecosystem, number: 0, eventUuid: ecosystem, type: 'create_ecosystem', data }
}

/** As it was appended: what is read can not be compared as it is. */
export function bareEvent({ kind, stream, number, eventUuid, type, data }: StreamEvent): StreamEvent {
  return { kind, stream, number, eventUuid, type, data }
}

export function numbersOf(events: readonly StreamEvent[]): number[] {
  return events.map(({ number }) => number)
}
