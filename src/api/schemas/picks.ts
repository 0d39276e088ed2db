import Type from 'typebox'
import { algorithmName, batch, batchMax, optional, uuid } from './values.ts'

const nullableUuid = Type.Union([uuid, Type.Null()])
const exercisesMax = optional(Type.Integer({ minimum: 0, maximum: 1000 }))
const spyInfo = Type.Object({})

const assignmentLine = Type.Object({
  request_uuid: uuid,
  assignment_uuid: uuid,
  algorithm_name: optional(Type.String()),
  max_num_exercises: exercisesMax,
})
const studentLine = Type.Object({
  request_uuid: uuid,
  student_uuid: uuid,
  algorithm_name: optional(Type.String()),
  max_num_exercises: exercisesMax,
})

const assignmentPicks = Type.Array(
  Type.Object({
    request_uuid: uuid,
    calculation_uuid: nullableUuid,
    ecosystem_matrix_uuid: nullableUuid,
    assignment_uuid: uuid,
    exercise_uuids: Type.Array(uuid),
    assignment_status: Type.String({ description: 'assignment_ready, assignment_unready or assignment_unknown' }),
    spy_info: spyInfo,
  }),
)

export const fetchAssignmentPesRequest = Type.Object({ pe_requests: batch(assignmentLine, batchMax) })
export const fetchAssignmentPesResponse = Type.Object({ pe_responses: assignmentPicks })
export const fetchAssignmentSpesRequest = Type.Object({ spe_requests: batch(assignmentLine, batchMax) })
export const fetchAssignmentSpesResponse = Type.Object({ spe_responses: assignmentPicks })
export const fetchWorstAreasRequest = Type.Object({ worst_areas_requests: batch(studentLine, batchMax) })
export const fetchWorstAreasResponse = Type.Object({
  worst_areas_responses: Type.Array(
    Type.Object({
      request_uuid: uuid,
      calculation_uuid: nullableUuid,
      ecosystem_matrix_uuid: nullableUuid,
      student_uuid: uuid,
      exercise_uuids: Type.Array(uuid),
      student_status: Type.String({ description: 'student_ready, student_unready or student_unknown' }),
      spy_info: spyInfo,
    }),
  ),
})

const result = {
  request_uuid: uuid,
  algorithm_name: algorithmName,
  calculation_uuid: uuid,
  ecosystem_matrix_uuid: uuid,
  exercise_uuids: Type.Array(uuid, { maxItems: 1000 }),
  spy_info: optional(spyInfo),
}
const assignmentResult = Type.Object({ ...result, assignment_uuid: uuid })
const studentResult = Type.Object({ ...result, student_uuid: uuid })
const accepted = Type.Array(Type.Object({ request_uuid: uuid, update_status: Type.Literal('accepted') }))

export const updateAssignmentPesRequest = Type.Object({ pe_updates: batch(assignmentResult, batchMax) })
export const updateAssignmentPesResponse = Type.Object({ pe_update_responses: accepted })
export const updateAssignmentSpesRequest = Type.Object({ spe_updates: batch(assignmentResult, batchMax) })
export const updateAssignmentSpesResponse = Type.Object({ spe_update_responses: accepted })
export const updateWorstAreasRequest = Type.Object({ practice_worst_areas_updates: batch(studentResult, batchMax) })
export const updateWorstAreasResponse = Type.Object({ practice_worst_areas_update_responses: accepted })
