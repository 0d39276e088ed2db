import type { Uuid } from '#domain/ids.ts'
import type { MatrixStore } from '#due/matrix-store.ts'
import type { SubmittedClues } from '#due/submitted-clues.ts'
import type { SubmittedOrderings } from '#due/submitted-orderings.ts'
import type { LearningReader } from '#learning/reader.ts'
import type { Answers, Forecasts } from './answers.ts'
import { forecast, studentClues, teacherClues } from './clue-answers.ts'
import { type Explanations, explainClue, explainExercises } from './explain.ts'
import type { InProcessAlgorithm, InProcessAlgorithms } from './in-process.ts'
import type { KeptViews } from './kept-views.ts'
import { assignmentPes, assignmentSpes, worstAreasPicks } from './pick-answers.ts'
import { withSubmitted } from './submitted.ts'

/** Read-your-writes: what was acknowledged before a read began is in what the read sees, within a bounded wait. */
export interface Freshness {
  /** `subjects`: students, assignments or course containers, known or not. */
  untilFresh(subjects: readonly Uuid[]): Promise<void>
}

/** What the answers of one process are made from. */
export interface AnswerPorts extends KeptViews {
  readonly reader: LearningReader
  /** For explanations, which are those of SPARFA. */
  readonly matrices: MatrixStore
  readonly algorithms: InProcessAlgorithms
  readonly submitted: Submitted
  readonly freshness: Freshness
  readonly clock: { now(): number }
}

/** What remote algorithms submitted for work handed out to them. */
export interface Submitted {
  readonly orderings: Pick<SubmittedOrderings, 'inUse'>
  readonly clues: Pick<SubmittedClues, 'read' | 'ofSubjects'>
}

export interface AnswerOptions {
  readonly reader: LearningReader
  readonly views: KeptViews
  readonly submitted: Submitted
  readonly matrices: MatrixStore
  /** Those that answer in this process; the first one is the one people are shown. */
  readonly algorithms: readonly InProcessAlgorithm[]
  readonly freshness: Freshness
  readonly clock: { now(): number }
}

export function openAnswers(options: AnswerOptions): Answers & Forecasts & Explanations {
  const ports: AnswerPorts = {
    ...options,
    ...options.views,
    algorithms: new Map(options.algorithms.map((algorithm) => [algorithm.name.toLowerCase(), algorithm])),
  }
  return {
    studentClues: withSubmitted(
      ports,
      'student_clues',
      ({ student }) => student,
      (lines) => studentClues(ports, lines),
    ),
    teacherClues: withSubmitted(
      ports,
      'teacher_clues',
      ({ courseContainer }) => courseContainer,
      (lines) => teacherClues(ports, lines),
    ),
    assignmentPes: (lines) => assignmentPes(ports, lines),
    assignmentSpes: (lines) => assignmentSpes(ports, lines),
    worstAreas: (lines) => worstAreasPicks(ports, lines),
    forecast: (question) => forecast(ports, question),
    explainClue: (student, bookContainer) => explainClue(ports, student, bookContainer),
    explainExercises: (student, ecosystem, exercises) => explainExercises(ports, student, ecosystem, exercises),
  }
}
