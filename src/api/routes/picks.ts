import type { PickAnswer } from '#answers/answers.ts'
import type { ExplainedPick } from '#answers/pick-explanation.ts'
import { toUuid } from '#domain/ids.ts'
import type { PickResult } from '#due/results.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import {
  fetchPesExample,
  fetchSpesExample,
  fetchWorstAreasExample,
  updatePesExample,
  updateSpesExample,
  updateWorstAreasExample,
} from '../schemas/examples.ts'
import * as schemas from '../schemas/picks.ts'
import { assignedOf } from './assigned.ts'

const fetchDescription =
  'One line per request line, in order. Ready with fewer exercises than asked for, or none, is final; unready means ' +
  'ask again. max_num_exercises cuts the list, absent gives all.'
const updateDescription = 'The last write for a subject and algorithm wins. Safe to repeat.'

const fetchEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'fetch_assignment_pes',
    tag: 'picks',
    summary: 'Personalised exercises of assignments',
    description: fetchDescription,
    request: schemas.fetchAssignmentPesRequest,
    response: schemas.fetchAssignmentPesResponse,
    examples: fetchPesExample,
    views: ['as_of', 'explain'],
    run: async ({ pe_requests: lines }, { answers }, view) => {
      const picks = await answers.assignmentPes(lines.map(assignmentLine), view)
      return JSON.stringify({ pe_responses: assignmentAnswers(lines, picks) })
    },
  }),
  endpoint({
    name: 'fetch_assignment_spes',
    tag: 'picks',
    summary: 'Spaced practice exercises of assignments',
    description: fetchDescription,
    request: schemas.fetchAssignmentSpesRequest,
    response: schemas.fetchAssignmentSpesResponse,
    examples: fetchSpesExample,
    views: ['as_of', 'explain'],
    run: async ({ spe_requests: lines }, { answers }, view) => {
      const picks = await answers.assignmentSpes(lines.map(assignmentLine), view)
      return JSON.stringify({ spe_responses: assignmentAnswers(lines, picks) })
    },
  }),
  endpoint({
    name: 'fetch_practice_worst_areas_exercises',
    tag: 'picks',
    summary: "Exercises from a student's worst areas",
    description: fetchDescription,
    request: schemas.fetchWorstAreasRequest,
    response: schemas.fetchWorstAreasResponse,
    examples: fetchWorstAreasExample,
    views: ['as_of', 'explain'],
    run: async ({ worst_areas_requests: lines }, { answers }, view) => {
      const picks = await answers.worstAreas(
        lines.map((line) => ({ student: toUuid(line.student_uuid), ...pickOptions(line) })),
        view,
      )
      const worstAreas = picks.map((pick, index) => ({
        ...pickHead(pick, lines[index]?.request_uuid),
        student_uuid: lines[index]?.student_uuid,
        exercise_uuids: pick.exercises,
        student_status: `student_${pick.status}`,
        spy_info: pick.spyInfo,
        ...assignedOf(pick),
        ...explanationOf(pick),
      }))
      return JSON.stringify({ worst_areas_responses: worstAreas })
    },
  }),
]

const updateEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'update_assignment_pes',
    tag: 'results',
    summary: 'Upload personalised exercises of assignments',
    description: updateDescription,
    keepsNested: true,
    request: schemas.updateAssignmentPesRequest,
    response: schemas.updateAssignmentPesResponse,
    examples: updatePesExample,
    run: async ({ pe_updates: lines }, { results }) => {
      await results.putPicks(
        'pe',
        lines.map((line) => ({ ...pickResult(line), subject: toUuid(line.assignment_uuid) })),
      )
      return JSON.stringify({ pe_update_responses: lines.map(accepted) })
    },
  }),
  endpoint({
    name: 'update_assignment_spes',
    tag: 'results',
    summary: 'Upload spaced practice exercises of assignments',
    description: updateDescription,
    keepsNested: true,
    request: schemas.updateAssignmentSpesRequest,
    response: schemas.updateAssignmentSpesResponse,
    examples: updateSpesExample,
    run: async ({ spe_updates: lines }, { results }) => {
      await results.putPicks(
        'spe',
        lines.map((line) => ({ ...pickResult(line), subject: toUuid(line.assignment_uuid) })),
      )
      return JSON.stringify({ spe_update_responses: lines.map(accepted) })
    },
  }),
  endpoint({
    name: 'update_practice_worst_areas_exercises',
    tag: 'results',
    summary: "Upload exercises from students' worst areas",
    description: updateDescription,
    keepsNested: true,
    request: schemas.updateWorstAreasRequest,
    response: schemas.updateWorstAreasResponse,
    examples: updateWorstAreasExample,
    run: async ({ practice_worst_areas_updates: lines }, { results }) => {
      await results.putPicks(
        'worst_areas',
        lines.map((line) => ({ ...pickResult(line), subject: toUuid(line.student_uuid) })),
      )
      return JSON.stringify({ practice_worst_areas_update_responses: lines.map(accepted) })
    },
  }),
]

export const pickEndpoints: readonly Endpoint[] = [...fetchEndpoints, ...updateEndpoints]

interface PickLine {
  readonly request_uuid: string
  readonly algorithm_name?: string | null
  readonly max_num_exercises?: number | null
}

function pickOptions(line: PickLine): { algorithm: string | undefined; exercisesMax: number | undefined } {
  return { algorithm: line.algorithm_name ?? undefined, exercisesMax: line.max_num_exercises ?? undefined }
}

function assignmentLine(line: PickLine & { readonly assignment_uuid: string }) {
  return { assignment: toUuid(line.assignment_uuid), ...pickOptions(line) }
}

function assignmentAnswers(
  lines: readonly { readonly request_uuid: string; readonly assignment_uuid: string }[],
  picks: readonly PickAnswer[],
): object[] {
  return picks.map((pick, index) => ({
    ...pickHead(pick, lines[index]?.request_uuid),
    assignment_uuid: lines[index]?.assignment_uuid,
    exercise_uuids: pick.exercises,
    assignment_status: `assignment_${pick.status}`,
    spy_info: pick.spyInfo,
    ...assignedOf(pick),
    ...explanationOf(pick),
  }))
}

function pickHead(pick: PickAnswer, requestUuid: string | undefined): object {
  return {
    request_uuid: requestUuid,
    calculation_uuid: pick.calculation ?? null,
    ecosystem_matrix_uuid: pick.matrix ?? null,
  }
}

function explanationOf({ explanation }: PickAnswer): object {
  if (explanation === undefined) return {}
  const { asOf, matrix, position, candidatesInAll, candidates, excludedByReason, excluded, picks } = explanation
  const { algorithm, need, seed, goal, shortage } = explanation
  return {
    explanation: {
      as_of: new Date(asOf).toISOString(),
      algorithm_name: algorithm,
      ecosystem_matrix_uuid: matrix,
      sequence_number: position,
      need,
      seed,
      goal,
      candidates_in_all: candidatesInAll,
      candidates: candidates.map(({ exercise, container, rank, expected }) => ({
        exercise_uuid: exercise,
        book_container_uuid: container,
        rank: rank ?? null,
        expected: expected ?? null,
      })),
      excluded_by_reason: excludedByReason,
      excluded: excluded.map(({ exercise, container, reason }) => ({
        exercise_uuid: exercise,
        book_container_uuid: container,
        reason,
      })),
      shortage: shortage ?? null,
      picks: picks.map(pickReason),
    },
  }
}

function pickReason(pick: ExplainedPick): object {
  const { exercise, container, rank, isRanked, slot, displacement, kAgo, isRandomAgo, area } = pick
  return {
    exercise_uuid: exercise,
    book_container_uuid: container,
    rank,
    is_ranked: isRanked,
    slot,
    displacement,
    ...(kAgo !== undefined && { k_ago: kAgo, is_random_ago: isRandomAgo }),
    ...(area !== undefined && { area }),
  }
}

interface PickUpdate {
  readonly algorithm_name: string
  readonly calculation_uuid: string
  readonly ecosystem_matrix_uuid: string
  readonly exercise_uuids: readonly string[]
  readonly spy_info?: object | null
}

function pickResult(line: PickUpdate): Omit<PickResult, 'subject'> {
  return {
    algorithm: line.algorithm_name,
    calculation: toUuid(line.calculation_uuid),
    matrix: toUuid(line.ecosystem_matrix_uuid),
    exercises: line.exercise_uuids.map(toUuid),
    spyInfo: { ...line.spy_info },
  }
}

function accepted(line: { readonly request_uuid: string }): object {
  return { request_uuid: line.request_uuid, update_status: 'accepted' }
}
