import Type, { type TSchema } from 'typebox'
import { clueData } from './clues.ts'
import { algorithmName, datetime, flag, optional, uuid } from './values.ts'

/** Outer arrays of scheduler.md §3: declared to hold at least one item, and sometimes fewer than are accepted. */
function items<Schema extends TSchema>(schema: Schema, maxItems: number, declaredMax = maxItems) {
  return Type.Array(schema, { maxItems, 'x-soft-limit': { maxItems: declaredMax }, 'x-declared': { minItems: 1 } })
}

export const fetchWorkRequest = Type.Object({ algorithm_name: algorithmName })

export const fetchMatrixUpdatesResponse = Type.Object({
  ecosystem_matrix_updates: Type.Array(Type.Object({ calculation_uuid: uuid, ecosystem_uuid: uuid })),
})
export const fetchExerciseCalculationsResponse = Type.Object({
  exercise_calculations: Type.Array(
    Type.Object({
      calculation_uuid: uuid,
      ecosystem_uuid: uuid,
      student_uuid: uuid,
      exercise_uuids: Type.Array(uuid),
    }),
  ),
})
export const fetchClueCalculationsResponse = Type.Object({
  clue_calculations: Type.Array(
    Type.Object({
      calculation_uuid: uuid,
      ecosystem_uuid: uuid,
      student_uuids: Type.Array(uuid),
      exercise_uuids: Type.Array(uuid),
      responses: Type.Array(Type.Object({ response_uuid: uuid, trial_uuid: uuid, is_correct: flag })),
    }),
  ),
})

const done = { calculation_uuid: uuid, algorithm_name: algorithmName }
const statuses = Type.Array(
  Type.Object({
    calculation_uuid: uuid,
    calculation_status: Type.Union([Type.Literal('calculation_accepted'), Type.Literal('calculation_unknown')]),
  }),
)

export const matricesUpdatedRequest = Type.Object({ ecosystem_matrices_updated: items(Type.Object(done), 1000) })
export const matricesUpdatedResponse = Type.Object({ ecosystem_matrix_updated_responses: statuses })

export const updateExerciseCalculationsRequest = Type.Object({
  exercise_calculation_updates: items(
    Type.Object({ ...done, ecosystem_matrix_uuid: uuid, exercise_uuids: Type.Array(uuid) }),
    1000,
    10,
  ),
})
export const updateExerciseCalculationsResponse = Type.Object({ exercise_calculation_update_responses: statuses })

export const updateClueCalculationsRequest = Type.Object({
  clue_calculation_updates: items(Type.Object({ ...done, clue_data: clueData }), 2000),
})
export const updateClueCalculationsResponse = Type.Object({ clue_calculation_update_responses: statuses })

export const fetchAlgorithmCalculationsRequest = Type.Object({
  algorithm_exercise_calculation_requests: items(
    Type.Object({
      request_uuid: uuid,
      student_uuid: optional(uuid),
      algorithm_name: optional(Type.String()),
      calculation_uuids: optional(Type.Array(uuid, { maxItems: 1000 })),
    }),
    10,
  ),
})
export const fetchAlgorithmCalculationsResponse = Type.Object({
  algorithm_exercise_calculations: Type.Array(
    Type.Object({
      request_uuid: uuid,
      calculations: Type.Array(
        Type.Object({
          student_uuid: uuid,
          calculation_uuid: uuid,
          calculated_at: datetime,
          ecosystem_matrix_uuid: uuid,
          algorithm_name: algorithmName,
          exercise_uuids: Type.Array(uuid),
        }),
      ),
    }),
  ),
})
