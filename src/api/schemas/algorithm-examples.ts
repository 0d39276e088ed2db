/* Examples of the contract with remote algorithms; see examples.ts. */
const algorithm = 'my_algorithm'
const ecosystem = 'e0000000-0000-4000-8000-000000000001'
const matrix = 'f0000000-0000-4000-8000-000000000001'
const student = '50000000-0000-4000-8000-000000000001'
const exercise = 'a0000000-0000-4000-8000-000000000001'
const trial = '70000000-0000-4000-8000-000000000002'
const calculation = '80000000-0000-4000-8000-000000000001'
const responseUuid = '10000000-0000-4000-8000-000000000002'
const requestUuid = '10000000-0000-4000-8000-000000000100'

const unknownStatus = [{ calculation_uuid: calculation, calculation_status: 'calculation_unknown' }]

export const fetchMatrixUpdatesExample = {
  request: { algorithm_name: algorithm },
  response: { ecosystem_matrix_updates: [{ calculation_uuid: calculation, ecosystem_uuid: ecosystem }] },
}

export const matricesUpdatedExample = {
  request: { ecosystem_matrices_updated: [{ calculation_uuid: calculation, algorithm_name: algorithm }] },
  response: { ecosystem_matrix_updated_responses: unknownStatus },
}

export const fetchExerciseCalculationsExample = {
  request: { algorithm_name: algorithm },
  response: {
    exercise_calculations: [
      {
        calculation_uuid: calculation,
        ecosystem_uuid: ecosystem,
        student_uuid: student,
        exercise_uuids: [exercise],
      },
    ],
  },
}

export const updateExerciseCalculationsExample = {
  request: {
    exercise_calculation_updates: [
      {
        calculation_uuid: calculation,
        algorithm_name: algorithm,
        ecosystem_matrix_uuid: matrix,
        exercise_uuids: [exercise],
      },
    ],
  },
  response: { exercise_calculation_update_responses: unknownStatus },
}

export const fetchClueCalculationsExample = {
  request: { algorithm_name: algorithm },
  response: {
    clue_calculations: [
      {
        calculation_uuid: calculation,
        ecosystem_uuid: ecosystem,
        student_uuids: [student],
        exercise_uuids: [exercise],
        responses: [{ response_uuid: responseUuid, trial_uuid: trial, is_correct: true }],
      },
    ],
  },
}

export const updateClueCalculationsExample = {
  request: {
    clue_calculation_updates: [
      {
        calculation_uuid: calculation,
        algorithm_name: algorithm,
        clue_data: { minimum: 0.4, most_likely: 0.6, maximum: 0.8, is_real: true, ecosystem_uuid: ecosystem },
      },
    ],
  },
  response: { clue_calculation_update_responses: unknownStatus },
}

export const fetchAlgorithmCalculationsExample = {
  request: {
    algorithm_exercise_calculation_requests: [
      { request_uuid: requestUuid, student_uuid: student, algorithm_name: algorithm },
    ],
  },
  response: { algorithm_exercise_calculations: [] },
}
