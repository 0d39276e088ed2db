import Type from 'typebox'
import { assignedFields } from './assigned.ts'
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

const listed = { exercise_uuid: uuid, book_container_uuid: uuid }

/** Ours: only with `explain=1`, and only of lines that are ready and computed here. */
const explanation = Type.Object({
  as_of: Type.String({ format: 'date-time', description: 'Asking again with this as_of gives the same answer' }),
  algorithm_name: Type.String(),
  ecosystem_matrix_uuid: uuid,
  sequence_number: Type.Integer({ description: 'Highest course event number that the choice depends on' }),
  need: Type.String({ description: 'choose; assigned or nothing where there was nothing to choose' }),
  seed: Type.String({ description: 'What draws between equals were made from' }),
  goal: Type.Integer(),
  candidates_in_all: Type.Integer({ description: 'Exercises that could be given; the first 1,000 are listed' }),
  candidates: Type.Array(
    Type.Object({
      ...listed,
      rank: Type.Union([Type.Integer(), Type.Null()], {
        description: 'Place in the order of the algorithm, 0 = first',
      }),
      expected: Type.Union([Type.Number(), Type.Null()], { description: 'Expected share of right answers' }),
    }),
  ),
  excluded_by_reason: Type.Record(Type.String(), Type.Integer()),
  excluded: Type.Array(
    Type.Object({
      ...listed,
      reason: Type.String({
        description: 'course_exercise, course_group, open_work, own_assignment or already_picked; the first 1,000',
      }),
    }),
  ),
  shortage: Type.Union([Type.Object({}), Type.Null()]),
  picks: Type.Array(
    Type.Object({
      ...listed,
      rank: Type.Integer(),
      is_ranked: Type.Boolean({ description: 'False: the algorithm does not know it, its place was drawn' }),
      slot: Type.Integer({ description: 'Which slot of the plan it fills' }),
      displacement: Type.Integer({ description: 'How far its book container is from what the slot wanted' }),
      k_ago: Type.Optional(Type.Integer({ description: 'Spaced: how many assignments ago' })),
      is_random_ago: Type.Optional(Type.Boolean()),
      area: Type.Optional(Type.Integer({ description: 'Worst areas: which one, 0 = the worst' })),
    }),
  ),
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
    ...assignedFields,
    explanation: Type.Optional(explanation),
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
      ...assignedFields,
      explanation: Type.Optional(explanation),
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
