import Type from 'typebox'
import { batch, batchMax, flag, nonNegativeInteger, optional, sequenceNumber, uuid } from './values.ts'

/** Names that are not known select nothing (M17), so the list stays open; an empty list is refused. */
const eventTypes = optional(
  Type.Array(Type.String(), { minItems: 1, description: 'absent: all types, no_op included' }),
)

const eventsMax = Type.Integer({ minimum: 1, maximum: 1000 })

const event = Type.Object({
  sequence_number: sequenceNumber,
  event_uuid: uuid,
  event_type: Type.String(),
  event_data: Type.Object({}),
})

export const fetchCourseEventsRequest = Type.Object({
  course_event_requests: batch(
    Type.Object({
      request_uuid: uuid,
      course_uuid: uuid,
      sequence_number_offset: nonNegativeInteger,
      event_types: eventTypes,
    }),
    batchMax,
  ),
  max_num_events: eventsMax,
})
export const fetchCourseEventsResponse = Type.Object({
  course_event_responses: Type.Array(
    Type.Object({ request_uuid: uuid, course_uuid: uuid, events: Type.Array(event), is_gap: flag, is_end: flag }),
  ),
})

export const fetchEcosystemEventsRequest = Type.Object({
  ecosystem_event_requests: batch(
    Type.Object({
      request_uuid: uuid,
      ecosystem_uuid: uuid,
      sequence_number_offset: nonNegativeInteger,
      event_types: eventTypes,
    }),
    batchMax,
  ),
  max_num_events: eventsMax,
})
export const fetchEcosystemEventsResponse = Type.Object({
  ecosystem_event_responses: Type.Array(
    Type.Object({ request_uuid: uuid, ecosystem_uuid: uuid, events: Type.Array(event), is_gap: flag, is_end: flag }),
  ),
})
