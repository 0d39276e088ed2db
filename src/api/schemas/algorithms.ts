import Type, { type TSchema } from 'typebox'
import { clueData } from './clues.ts'
import { algorithmName, datetime, flag, optional, uuid } from './values.ts'

/** Outer arrays of scheduler.md §3: declared to hold at least one item, and sometimes fewer than are accepted. */
function items<Schema extends TSchema>(schema: Schema, maxItems: number, declaredMax = maxItems) {
  return Type.Array(schema, { maxItems, 'x-soft-limit': { maxItems: declaredMax }, 'x-declared': { minItems: 1 } })
}

/*
 * Limits inside of those. An algorithm sends what it was handed out, so they are far beyond what it has to send, and
 * they keep what is stored in a row and made into an answer small enough for the memory of a process.
 */
/** An order lists the exercises of a book, which the original declared to have 10,000 at most. */
const exercisesOfOrderMax = 100_000
/** The original declared 2: a student has one for each book in use. */
const calculationsOfRequestMax = 100

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
    Type.Object({
      ...done,
      ecosystem_matrix_uuid: uuid,
      exercise_uuids: Type.Array(uuid, { maxItems: exercisesOfOrderMax }),
    }),
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
      algorithm_name: optional(algorithmName),
      calculation_uuids: optional(Type.Array(uuid, { maxItems: calculationsOfRequestMax })),
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
