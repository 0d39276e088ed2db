import Type from 'typebox'
import {
  batch,
  batchMax,
  datetime,
  declaredClosed,
  flag,
  nonNegativeInteger,
  optional,
  sequenceNumber,
  softArray,
  uuid,
} from './values.ts'

/** Later clients send `closes_at` instead of `feedback_at`; any further key is kept (M25). */
const exclusionInfo = Type.Object({
  opens_at: optional(datetime),
  due_at: optional(datetime),
  feedback_at: optional(datetime),
  closes_at: optional(datetime),
})

/** Which calculation supplied exercises that are assigned already. */
const calculationReference = Type.Object({
  calculation_uuid: optional(uuid),
  ecosystem_matrix_uuid: optional(uuid),
})

const assignedExercise = Type.Object(
  { trial_uuid: uuid, exercise_uuid: uuid, is_spe: flag, is_pe: flag },
  declaredClosed,
)

export const assignment = Type.Object({
  request_uuid: uuid,
  course_uuid: uuid,
  sequence_number: sequenceNumber,
  assignment_uuid: uuid,
  is_deleted: flag,
  ecosystem_uuid: uuid,
  student_uuid: uuid,
  assignment_type: Type.String({ 'x-soft-limit': { minLength: 1, maxLength: 100 } }),
  exclusion_info: optional(exclusionInfo),
  pes: optional(calculationReference),
  spes: optional(calculationReference),
  assigned_book_container_uuids: softArray(Type.Union([uuid, Type.Null()]), 0, 500),
  goal_num_tutor_assigned_spes: optional(nonNegativeInteger),
  spes_are_assigned: flag,
  goal_num_tutor_assigned_pes: optional(nonNegativeInteger),
  pes_are_assigned: flag,
  assigned_exercises: softArray(assignedExercise, 0, 1000),
  created_at: datetime,
  updated_at: datetime,
})

export const createUpdateAssignmentsRequest = Type.Object({ assignments: batch(assignment, batchMax) })
export const createUpdateAssignmentsResponse = Type.Object({
  updated_assignments: Type.Array(Type.Object({ request_uuid: uuid, updated_assignment_uuid: uuid })),
})
