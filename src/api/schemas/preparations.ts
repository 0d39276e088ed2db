import Type from 'typebox'
import { batch, batchMax, datetime, flag, sequenceNumber, softArray, uuid } from './values.ts'

const ecosystemMap = Type.Object({
  from_ecosystem_uuid: uuid,
  to_ecosystem_uuid: uuid,
  book_container_mappings: softArray(
    Type.Object({ from_book_container_uuid: uuid, to_book_container_uuid: uuid }),
    0,
    500,
  ),
  exercise_mappings: softArray(Type.Object({ from_exercise_uuid: uuid, to_book_container_uuid: uuid }), 0, 10_000),
})

export const prepareCourseEcosystemRequest = Type.Object({
  preparation_uuid: uuid,
  course_uuid: uuid,
  sequence_number: sequenceNumber,
  next_ecosystem_uuid: uuid,
  ecosystem_map: ecosystemMap,
  prepared_at: datetime,
})
export const prepareCourseEcosystemResponse = Type.Object({ status: Type.Literal('accepted') })

export const ecosystemUpdate = Type.Object({
  request_uuid: uuid,
  course_uuid: uuid,
  sequence_number: sequenceNumber,
  preparation_uuid: uuid,
  updated_at: datetime,
})
export const updateCourseEcosystemsRequest = Type.Object({ update_requests: batch(ecosystemUpdate, batchMax) })
export const updateCourseEcosystemsResponse = Type.Object({
  update_responses: Type.Array(
    Type.Object(
      {
        request_uuid: uuid,
        update_status: Type.Union([
          Type.Literal('preparation_unknown'),
          Type.Literal('updated_but_unready'),
          Type.Literal('updated_and_ready'),
        ]),
      },
      { additionalProperties: false },
    ),
  ),
})

export const fetchCourseEcosystemStatusesRequest = Type.Object({
  request_uuid: uuid,
  course_uuids: batch(uuid, batchMax),
})
const nullableUuid = Type.Union([uuid, Type.Null()])
const ecosystemStatus = Type.Object({
  ecosystem_uuid: nullableUuid,
  ecosystem_is_known: flag,
  ecosystem_is_prepared: flag,
  precompute_is_complete: flag,
})
export const fetchCourseEcosystemStatusesResponse = Type.Object({
  course_statuses: Type.Array(
    Type.Object({
      course_uuid: uuid,
      course_is_known: flag,
      current_ecosystem_preparation_uuid: nullableUuid,
      current_ecosystem_status: ecosystemStatus,
      next_ecosystem_status: ecosystemStatus,
    }),
  ),
})

export const recordPreparationsReadyRequest = Type.Object({ preparation_uuids: batch(uuid, batchMax) })
export const recordPreparationsReadyResponse = Type.Object({ recorded_preparation_uuids: Type.Array(uuid) })
