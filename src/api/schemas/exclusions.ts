import Type from 'typebox'
import { datetime, optional, sequenceNumber, softArray, uuid } from './values.ts'

/**
 * One version of an exercise, or all versions (the group form wins when both are given). Neither can not be stored
 * usefully and is refused; both is refused in strict mode only, because a refusal would leave a gap for ever.
 */
const exclusion = Type.Object(
  { exercise_uuid: optional(uuid), exercise_group_uuid: optional(uuid) },
  {
    anyOf: [
      { required: ['exercise_uuid'], properties: { exercise_uuid: { type: 'string' } } },
      { required: ['exercise_group_uuid'], properties: { exercise_group_uuid: { type: 'string' } } },
    ],
    'x-declared': { additionalProperties: false, maxProperties: 1 },
  },
)

export const updateExclusionsRequest = Type.Object({
  request_uuid: uuid,
  course_uuid: uuid,
  sequence_number: sequenceNumber,
  exclusions: softArray(exclusion, 0, 10_000),
  updated_at: datetime,
})
export const updateExclusionsResponse = Type.Object({ status: Type.Literal('success') })
