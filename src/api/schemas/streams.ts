import Type from 'typebox'
import { batch, batchMax, flag, nonNegativeInteger, optional, sequenceNumberMax, uuid } from './values.ts'

/** Exactly one of the two names the stream (checked by the route, because null counts as absent). */
const stream = { course_uuid: optional(uuid), ecosystem_uuid: optional(uuid) }

/** Number 0 belongs to the create event alone. */
export const noOp = Type.Object({
  request_uuid: uuid,
  ...stream,
  sequence_number: Type.Integer({ minimum: 1, maximum: sequenceNumberMax }),
  reason: optional(Type.String({ maxLength: 500 })),
})
export const recordNoOpsRequest = Type.Object({ no_ops: batch(noOp, batchMax) })
export const recordNoOpsResponse = Type.Object({
  no_op_responses: Type.Array(
    Type.Object({
      request_uuid: uuid,
      status: Type.Union([Type.Literal('accepted'), Type.Literal('already_filled')]),
    }),
  ),
})

export const fetchStreamStatusesRequest = Type.Object({
  stream_requests: batch(
    Type.Object({
      request_uuid: uuid,
      ...stream,
      max_num_gaps: optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    }),
    batchMax,
  ),
})
export const fetchStreamStatusesResponse = Type.Object({
  stream_responses: Type.Array(
    Type.Object({
      request_uuid: uuid,
      is_known: flag,
      is_created: flag,
      next_sequence_number: nonNegativeInteger,
      contiguous_sequence_number: nonNegativeInteger,
      gaps: Type.Array(Type.Object({ from: nonNegativeInteger, to: nonNegativeInteger })),
      oldest_blocked_at: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
    }),
  ),
})
