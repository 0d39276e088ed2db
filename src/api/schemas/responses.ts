import Type from 'typebox'
import { batch, batchMax, datetime, flag, optional, sequenceNumber, uuid } from './values.ts'

/** One answer of one student. Old recordings lack `is_real_response`: absent means true. */
export const response = Type.Object({
  response_uuid: uuid,
  course_uuid: uuid,
  sequence_number: sequenceNumber,
  ecosystem_uuid: uuid,
  trial_uuid: uuid,
  student_uuid: uuid,
  exercise_uuid: uuid,
  is_correct: flag,
  is_real_response: optional(flag),
  responded_at: datetime,
})

export const recordResponsesRequest = Type.Object({ responses: batch(response, batchMax) })
export const recordResponsesResponse = Type.Object({ recorded_response_uuids: Type.Array(uuid) })
