import type { ClueAnswer, ClueExplanation } from '#answers/answers.ts'
import { toUuid } from '#domain/ids.ts'
import type { ClueResult } from '#due/results.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import {
  fetchStudentCluesRequest,
  fetchStudentCluesResponse,
  fetchTeacherCluesRequest,
  fetchTeacherCluesResponse,
  updateStudentCluesRequest,
  updateStudentCluesResponse,
  updateTeacherCluesRequest,
  updateTeacherCluesResponse,
} from '../schemas/clues.ts'
import {
  fetchStudentCluesExample,
  fetchTeacherCluesExample,
  updateStudentCluesExample,
  updateTeacherCluesExample,
} from '../schemas/examples.ts'
import { assignedOf } from './assigned.ts'

const fetchDescription =
  'One line per request line, in order, always with clue_data: the default interval 0…1 where nothing is known.'
const updateDescription = 'The last write for a subject, book container and algorithm wins. Safe to repeat.'

const fetchEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'fetch_student_clues',
    tag: 'clues',
    summary: 'How well students understand book containers',
    description: fetchDescription,
    request: fetchStudentCluesRequest,
    response: fetchStudentCluesResponse,
    examples: fetchStudentCluesExample,
    views: ['as_of', 'explain'],
    run: async ({ student_clue_requests: lines }, { answers }, view) => {
      const clues = await answers.studentClues(
        lines.map((line) => ({
          student: toUuid(line.student_uuid),
          bookContainer: toUuid(line.book_container_uuid),
          algorithm: line.algorithm_name ?? undefined,
        })),
        view,
      )
      return JSON.stringify({ student_clue_responses: clueLines(lines, clues, 'student') })
    },
  }),
  endpoint({
    name: 'fetch_teacher_clues',
    tag: 'clues',
    summary: 'How well course containers understand book containers',
    description: fetchDescription,
    request: fetchTeacherCluesRequest,
    response: fetchTeacherCluesResponse,
    examples: fetchTeacherCluesExample,
    views: ['as_of', 'explain'],
    run: async ({ teacher_clue_requests: lines }, { answers }, view) => {
      const clues = await answers.teacherClues(
        lines.map((line) => ({
          courseContainer: toUuid(line.course_container_uuid),
          bookContainer: toUuid(line.book_container_uuid),
          algorithm: line.algorithm_name ?? undefined,
        })),
        view,
      )
      return JSON.stringify({ teacher_clue_responses: clueLines(lines, clues, 'course_container') })
    },
  }),
]

const updateEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'update_student_clues',
    tag: 'results',
    summary: 'Upload CLUEs of students',
    description: updateDescription,
    request: updateStudentCluesRequest,
    response: updateStudentCluesResponse,
    examples: updateStudentCluesExample,
    run: async ({ student_clue_updates: lines }, { results }) => {
      await results.putClues(
        'student',
        lines.map((line) => ({ ...clueResult(line), subject: toUuid(line.student_uuid) })),
      )
      return JSON.stringify({ student_clue_update_responses: lines.map(accepted) })
    },
  }),
  endpoint({
    name: 'update_teacher_clues',
    tag: 'results',
    summary: 'Upload CLUEs of course containers',
    description: updateDescription,
    request: updateTeacherCluesRequest,
    response: updateTeacherCluesResponse,
    examples: updateTeacherCluesExample,
    run: async ({ teacher_clue_updates: lines }, { results }) => {
      await results.putClues(
        'teacher',
        lines.map((line) => ({ ...clueResult(line), subject: toUuid(line.course_container_uuid) })),
      )
      return JSON.stringify({ teacher_clue_update_responses: lines.map(accepted) })
    },
  }),
]

export const clueEndpoints: readonly Endpoint[] = [...fetchEndpoints, ...updateEndpoints]

type SubjectName = 'student' | 'course_container'

function clueLines(
  lines: readonly { readonly request_uuid: string }[],
  clues: readonly ClueAnswer[],
  subject: SubjectName,
): object[] {
  return clues.map((clue, index) => ({
    request_uuid: lines[index]?.request_uuid,
    calculation_uuid: clue.calculation ?? null,
    clue_data: {
      minimum: clue.clue.minimum,
      most_likely: clue.clue.mostLikely,
      maximum: clue.clue.maximum,
      is_real: clue.clue.isReal,
      ...(clue.ecosystem === undefined ? {} : { ecosystem_uuid: clue.ecosystem }),
    },
    clue_status: clueStatus(clue.status, subject),
    ...assignedOf(clue),
    ...(clue.explanation && { explanation: explanationText(clue.explanation) }),
  }))
}

function explanationText(explanation: ClueExplanation): object {
  const { asOf, matrix, position, poolSize, countedAnswers, orphanedAnswers, answers, answersInAll } = explanation
  return {
    as_of: new Date(asOf).toISOString(),
    ecosystem_matrix_uuid: matrix,
    sequence_number: position,
    exercise_groups: poolSize,
    counted_answers: countedAnswers,
    orphaned_answers: orphanedAnswers,
    answers_in_all: answersInAll,
    answers: answers.map(({ response, student, verdict, visibleAt }) => ({
      response_uuid: response,
      student_uuid: student,
      verdict,
      ...(visibleAt === undefined ? {} : { visible_at: new Date(visibleAt).toISOString() }),
    })),
  }
}

function clueStatus(status: ClueAnswer['status'], subject: SubjectName): string {
  if (status === 'subject_unknown') return `${subject}_unknown`
  return status === 'book_container_unknown' ? status : `clue_${status}`
}

interface ClueUpdate {
  readonly book_container_uuid: string
  readonly algorithm_name: string
  readonly calculation_uuid: string
  readonly clue_data: {
    readonly minimum: number
    readonly most_likely: number
    readonly maximum: number
    readonly is_real: boolean
    readonly ecosystem_uuid?: string | null
  }
}

function clueResult(line: ClueUpdate): Omit<ClueResult, 'subject'> {
  const { minimum, most_likely: mostLikely, maximum, is_real: isReal, ecosystem_uuid: ecosystem } = line.clue_data
  return {
    bookContainer: toUuid(line.book_container_uuid),
    algorithm: line.algorithm_name,
    calculation: toUuid(line.calculation_uuid),
    clue: { minimum, mostLikely, maximum, isReal },
    ecosystem: ecosystem === undefined || ecosystem === null ? undefined : toUuid(ecosystem),
  }
}

function accepted(line: { readonly request_uuid: string }): object {
  return { request_uuid: line.request_uuid, update_status: 'accepted' }
}
