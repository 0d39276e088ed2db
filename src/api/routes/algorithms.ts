import type { CalculationDone, OrderingLine, OrderingRequest } from '#answers/contract/contract.ts'
import { toUuid } from '#domain/ids.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import * as examples from '../schemas/algorithm-examples.ts'
import * as schemas from '../schemas/algorithms.ts'

/*
 * The contract with remote algorithms (scheduler.md §3): they fetch what is due under their name and send what they
 * made of it. Asking reserves nothing.
 */
const fetchDescription =
  'What this algorithm has not answered in its current state. Nothing is reserved: the same items come again, in another ' +
  'order, until they are answered or superseded. An empty list means: ask again in a second.'
const updateDescription =
  'One status per item, in order: `calculation_unknown` for a calculation that does not exist or was replaced. ' +
  'Safe to repeat.'
const audience = 'scheduler'

const fetchEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'fetch_ecosystem_matrix_updates',
    tag: 'algorithms',
    summary: 'Ecosystems whose matrix should be learnt anew',
    description: fetchDescription,
    audience,
    request: schemas.fetchWorkRequest,
    response: schemas.fetchMatrixUpdatesResponse,
    examples: examples.fetchMatrixUpdatesExample,
    run: async ({ algorithm_name: algorithm }, { contract }) => {
      const items = await contract.fetchMatrixUpdates(algorithm)
      return JSON.stringify({
        ecosystem_matrix_updates: items.map(({ calculation, ecosystem }) => ({
          calculation_uuid: calculation,
          ecosystem_uuid: ecosystem,
        })),
      })
    },
  }),
  endpoint({
    name: 'fetch_exercise_calculations',
    tag: 'algorithms',
    summary: 'Students whose exercises should be put in order',
    description: `${fetchDescription} The student 00000000-0000-0000-0000-000000000000 stands for any new one.`,
    audience,
    request: schemas.fetchWorkRequest,
    response: schemas.fetchExerciseCalculationsResponse,
    examples: examples.fetchExerciseCalculationsExample,
    run: async ({ algorithm_name: algorithm }, { contract }) => {
      const items = await contract.fetchExerciseCalculations(algorithm)
      return JSON.stringify({
        exercise_calculations: items.map(({ calculation, ecosystem, student, exercises }) => ({
          calculation_uuid: calculation,
          ecosystem_uuid: ecosystem,
          student_uuid: student,
          exercise_uuids: exercises,
        })),
      })
    },
  }),
  endpoint({
    name: 'fetch_clue_calculations',
    tag: 'algorithms',
    summary: 'CLUEs of students and course containers that should be estimated',
    description: fetchDescription,
    audience,
    request: schemas.fetchWorkRequest,
    response: schemas.fetchClueCalculationsResponse,
    examples: examples.fetchClueCalculationsExample,
    run: async ({ algorithm_name: algorithm }, { contract }) => {
      const items = await contract.fetchClueCalculations(algorithm)
      return JSON.stringify({
        clue_calculations: items.map(({ calculation, ecosystem, students, exercises, responses }) => ({
          calculation_uuid: calculation,
          ecosystem_uuid: ecosystem,
          student_uuids: students,
          exercise_uuids: exercises,
          responses: responses.map(({ response, trial, isCorrect }) => ({
            response_uuid: response,
            trial_uuid: trial,
            is_correct: isCorrect,
          })),
        })),
      })
    },
  }),
]

const updateEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'ecosystem_matrices_updated',
    tag: 'algorithms',
    summary: 'Say that matrices were learnt',
    description: updateDescription,
    audience,
    request: schemas.matricesUpdatedRequest,
    response: schemas.matricesUpdatedResponse,
    examples: examples.matricesUpdatedExample,
    run: async ({ ecosystem_matrices_updated: lines }, { contract }) => {
      const accepted = await contract.matricesUpdated(lines.map(done))
      return JSON.stringify({ ecosystem_matrix_updated_responses: statusLines(lines, accepted) })
    },
  }),
  endpoint({
    name: 'update_exercise_calculations',
    tag: 'algorithms',
    summary: 'Submit orders of exercises, best first',
    description: `${updateDescription} A superseded calculation is accepted; it is used until a newer one is answered.`,
    audience,
    request: schemas.updateExerciseCalculationsRequest,
    response: schemas.updateExerciseCalculationsResponse,
    examples: examples.updateExerciseCalculationsExample,
    run: async ({ exercise_calculation_updates: lines }, { contract }) => {
      const accepted = await contract.updateExerciseCalculations(
        lines.map((line) => ({
          ...done(line),
          matrix: toUuid(line.ecosystem_matrix_uuid),
          exercises: line.exercise_uuids.map(toUuid),
        })),
      )
      return JSON.stringify({ exercise_calculation_update_responses: statusLines(lines, accepted) })
    },
  }),
  endpoint({
    name: 'update_clue_calculations',
    tag: 'algorithms',
    summary: 'Submit CLUEs',
    description: updateDescription,
    audience,
    request: schemas.updateClueCalculationsRequest,
    response: schemas.updateClueCalculationsResponse,
    examples: examples.updateClueCalculationsExample,
    run: async ({ clue_calculation_updates: lines }, { contract }) => {
      const accepted = await contract.updateClueCalculations(
        lines.map((line) => {
          const {
            minimum,
            most_likely: mostLikely,
            maximum,
            is_real: isReal,
            ecosystem_uuid: ecosystem,
          } = line.clue_data
          const clue = { minimum, mostLikely, maximum, isReal }
          return { ...done(line), clue, ecosystem: ecosystem == null ? undefined : toUuid(ecosystem) }
        }),
      )
      return JSON.stringify({ clue_calculation_update_responses: statusLines(lines, accepted) })
    },
  }),
]

const diagnosticEndpoint = endpoint({
  name: 'fetch_algorithm_exercise_calculations',
  tag: 'algorithms',
  summary: 'Read back orders of exercises',
  description:
    'By student and algorithm (what answers the current calculations), or by the uuids that clients were given, ' +
    'superseded ones too. Requests without a match are absent from the answer. One answer holds up to 1,000,000 ' +
    'exercises; beyond that it is 400, and fewer calculations should be asked for at once.',
  audience,
  request: schemas.fetchAlgorithmCalculationsRequest,
  response: schemas.fetchAlgorithmCalculationsResponse,
  examples: examples.fetchAlgorithmCalculationsExample,
  check: ({ algorithm_exercise_calculation_requests: lines }) =>
    lines.flatMap((line: OrderingLineRequest, index) => {
      const { student, algorithm, results } = orderingRequest(line)
      const isComplete = results !== undefined || (student !== undefined && algorithm !== undefined)
      const path = `$.algorithm_exercise_calculation_requests[${index}]`
      return isComplete ? [] : [`${path}: either calculation_uuids, or student_uuid and algorithm_name`]
    }),
  run: async ({ algorithm_exercise_calculation_requests: lines }, { contract }) => {
    const found = await contract.readOrderings(lines.map(orderingRequest))
    if (found === undefined) {
      const tooMany = '$.algorithm_exercise_calculation_requests: these are more than 1,000,000 exercises together'
      return { refused: 'body_invalid', details: [tooMany] }
    }
    const answers = lines.map((line, index) => ({
      request_uuid: line.request_uuid,
      calculations: (found[index] ?? []).map(calculationLine),
    }))
    return JSON.stringify({
      algorithm_exercise_calculations: answers.filter(({ calculations }) => calculations.length > 0),
    })
  },
})

export const algorithmEndpoints: readonly Endpoint[] = [...fetchEndpoints, ...updateEndpoints, diagnosticEndpoint]

interface DoneLine {
  readonly calculation_uuid: string
  readonly algorithm_name: string
}

function done(line: DoneLine): CalculationDone {
  return { calculation: toUuid(line.calculation_uuid), algorithm: line.algorithm_name }
}

function statusLines(lines: readonly DoneLine[], accepted: readonly boolean[]): object[] {
  return lines.map((line, index) => ({
    calculation_uuid: line.calculation_uuid,
    calculation_status: accepted[index] === true ? 'calculation_accepted' : 'calculation_unknown',
  }))
}

interface OrderingLineRequest {
  readonly student_uuid?: string | null
  readonly algorithm_name?: string | null
  readonly calculation_uuids?: readonly string[] | null
}

function orderingRequest(line: OrderingLineRequest): OrderingRequest {
  const { student_uuid: student, algorithm_name: algorithm, calculation_uuids: results } = line
  return {
    student: student == null ? undefined : toUuid(student),
    algorithm: algorithm ?? undefined,
    results: results?.map(toUuid),
  }
}

function calculationLine(line: OrderingLine): object {
  return {
    student_uuid: line.student,
    calculation_uuid: line.result,
    calculated_at: line.calculatedAt.toISOString().replace(/\.\d+Z$/, 'Z'),
    ecosystem_matrix_uuid: line.matrix,
    algorithm_name: line.algorithm,
    exercise_uuids: line.exercises,
  }
}
