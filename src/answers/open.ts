import type { Uuid } from '#domain/ids.ts'
import type { MatrixStore } from '#due/matrix-store.ts'
import type { LearningReader } from '#learning/reader.ts'
import type { Answers, Forecasts } from './answers.ts'
import { forecast, studentClues, teacherClues } from './clue-answers.ts'
import { type Editions, openEditions } from './editions.ts'
import { type Explanations, explainClue, explainExercises } from './explain.ts'
import type { InProcessAlgorithm, InProcessAlgorithms } from './in-process.ts'
import { createLearnerKeeper, type LearnerKeeper } from './learners.ts'
import { assignmentPes, assignmentSpes, worstAreasPicks } from './pick-answers.ts'
import { openStudentRecords, type StudentRecords } from './student-records.ts'

/** Read-your-writes: what was acknowledged before a read began is in what the read sees, within a bounded wait. */
export interface Freshness {
  /** `subjects`: students, assignments or course containers, known or not. */
  untilFresh(subjects: readonly Uuid[]): Promise<void>
}

/** What the answers of one process are made from. */
export interface AnswerPorts {
  readonly reader: LearningReader
  /** For explanations, which are those of SPARFA. */
  readonly matrices: MatrixStore
  readonly algorithms: InProcessAlgorithms
  readonly editions: Editions
  readonly records: StudentRecords
  readonly learners: LearnerKeeper
  readonly freshness: Freshness
  readonly clock: { now(): number }
}

export interface AnswerOptions {
  readonly reader: LearningReader
  readonly matrices: MatrixStore
  /** Those that answer in this process; the first one is the one people are shown. */
  readonly algorithms: readonly InProcessAlgorithm[]
  readonly freshness: Freshness
  readonly clock: { now(): number }
  /** Design D22: without a feedback time, an answer is withheld until a due time in the future. */
  readonly withholdUntilDue: boolean
}

export function openAnswers(options: AnswerOptions): Answers & Forecasts & Explanations {
  const ports: AnswerPorts = {
    ...options,
    editions: openEditions(options.reader),
    records: openStudentRecords(options.reader),
    algorithms: new Map(options.algorithms.map((algorithm) => [algorithm.name.toLowerCase(), algorithm])),
    learners: createLearnerKeeper(options),
  }
  return {
    studentClues: (lines) => studentClues(ports, lines),
    teacherClues: (lines) => teacherClues(ports, lines),
    assignmentPes: (lines) => assignmentPes(ports, lines),
    assignmentSpes: (lines) => assignmentSpes(ports, lines),
    worstAreas: (lines) => worstAreasPicks(ports, lines),
    forecast: (question) => forecast(ports, question),
    explainClue: (student, bookContainer) => explainClue(ports, student, bookContainer),
    explainExercises: (student, ecosystem, exercises) => explainExercises(ports, student, ecosystem, exercises),
  }
}
