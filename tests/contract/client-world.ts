import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { Client } from '#client/client.ts'
import { RequestRefused } from '#client/errors.ts'
import type { AssignmentUpdate, ResponseRecord } from '#client/wire.ts'
import type { CourseEventType } from '#client/wire-reads.ts'

/* Small requests, and short ways to ask, for the contract suite of the client. */
export const time = '2026-03-01T08:00:00Z'
export const uuid = (): string => randomUUID()

/** Results under this name are uploaded, never computed. */
export const algorithm_name = 'contract_suite'

export const course = (course_uuid: string, ecosystem_uuid = uuid()) => ({
  course_uuid,
  ecosystem_uuid,
  is_real_course: true,
  starts_at: time,
  ends_at: time,
  created_at: time,
})
export const dates = (course_uuid: string, sequence_number: number, request_uuid = uuid()) => ({
  request_uuid,
  course_uuid,
  sequence_number,
  starts_at: time,
  ends_at: time,
  updated_at: time,
})
export const response = (course_uuid: string, sequence_number: number, response_uuid = uuid()): ResponseRecord => ({
  response_uuid,
  course_uuid,
  sequence_number,
  ecosystem_uuid: uuid(),
  trial_uuid: uuid(),
  student_uuid: uuid(),
  exercise_uuid: uuid(),
  is_correct: true,
  is_real_response: true,
  responded_at: time,
})
export const assignment = (
  course_uuid: string,
  sequence_number: number,
  assignment_uuid: string,
): AssignmentUpdate => ({
  request_uuid: uuid(),
  course_uuid,
  sequence_number,
  assignment_uuid,
  ecosystem_uuid: uuid(),
  student_uuid: uuid(),
  is_deleted: false,
  assignment_type: 'reading',
  assigned_book_container_uuids: [uuid()],
  spes_are_assigned: false,
  pes_are_assigned: false,
  assigned_exercises: [],
  created_at: time,
  updated_at: time,
})
export const ecosystem = (ecosystem_uuid: string, page: string) => ({
  ecosystem_uuid,
  book: {
    cnx_identity: `${uuid()}@1`,
    contents: [{ container_uuid: page, container_parent_uuid: ecosystem_uuid, pools: [] }],
  },
  exercises: [],
  imported_at: time,
})

export interface Asked {
  readonly offset?: number
  readonly types?: readonly CourseEventType[]
  readonly max?: number
}

export async function events(client: Client, course_uuid: string, { offset = 0, types, max = 1000 }: Asked = {}) {
  const line = { request_uuid: uuid(), course_uuid, sequence_number_offset: offset }
  const { course_event_responses } = await client.fetchCourseEvents({
    course_event_requests: [types === undefined ? line : { ...line, event_types: types }],
    max_num_events: max,
  })
  const { events: found, is_gap, is_end } = course_event_responses[0]!
  return { numbers: found.map((event) => event.sequence_number), is_gap, is_end, found }
}

export async function refusal(call: Promise<unknown>): Promise<RequestRefused> {
  try {
    await call
  } catch (error) {
    if (error instanceof RequestRefused) return error
    throw error
  }
  throw new assert.AssertionError({ message: 'the call was not refused' })
}

export async function statusOf(client: Client, course_uuid: string) {
  const [status] = await client.fetchStreamStatuses([{ request_uuid: uuid(), course_uuid }])
  return status!
}

/** A course whose numbers are exactly these; number 0 is its creation, the others have the types given. */
export async function courseWith(client: Client, numbers: readonly number[]): Promise<string> {
  const id = uuid()
  for (const number of numbers) {
    if (number === 0) await client.createCourse(course(id))
    else if (number % 2 === 0) await client.updateCourseActiveDates(dates(id, number))
    else await client.recordResponses([response(id, number)])
  }
  return id
}
