/**
 * Evaluation protocol (sparfa.md §16) over answers that were read from anywhere: first answers only, a split that any
 * language can repeat, predictions from the training part, metrics on the rest.
 */
import { type FitOptions, fitMatrix } from './fit.ts'
import { isTestRow } from './hash.ts'
import { divide } from './hold-out.ts'
import type { FitInput } from './input.ts'
import { type ConceptRows, conceptRows, type SparfaMatrix } from './matrix.ts'
import { type Metrics, measure } from './metrics.ts'
import { numberedId } from './numbered-id.ts'
import { predictWith } from './predict.ts'
import { type Asked, type Responses, sortResponses } from './responses.ts'

/** One answer of a data set; learners, questions and concepts are numbered from 0. */
export interface AnswerRow {
  readonly learner: number
  readonly question: number
  /** The same for every row of a question. */
  readonly concepts: readonly number[]
  readonly isCorrect: boolean
  /** Position in the learner's own sequence. */
  readonly order: number
}

export interface DataSet {
  /** First answers, sorted by (learner, question). */
  readonly responses: Responses
  /** Place of each response among its learner's first answers. */
  readonly order: Int32Array
  readonly hints: ConceptRows
  readonly conceptCount: number
}

/** `random`: a fifth of the rows by hash; `future`: the last fifth of each learner's answers. */
export type Split = { readonly kind: 'random'; readonly seed: number } | { readonly kind: 'future' }

export interface Parts {
  readonly training: DataSet
  readonly test: Responses
  /** Place of each test row among its learner's answers, training answers included. */
  readonly testOrder: Int32Array
}

/** What a predictor is given: the test part without its outcomes. */
export interface Task extends Omit<Parts, 'test'> {
  readonly test: Asked
}

/** P(right) for every row of the test part, learnt from the training part. */
export type Predictor = (task: Task) => Float64Array

export function makeDataSet(rows: Iterable<AnswerRow>): DataSet {
  const sorted = [...rows].sort(
    (one, other) => one.learner - other.learner || one.question - other.question || one.order - other.order,
  )
  const isFirst = (row: AnswerRow, at: number): boolean =>
    at === 0 || sorted[at - 1]!.learner !== row.learner || sorted[at - 1]!.question !== row.question
  const first = sorted.filter(isFirst)
  const learnerCount = first.reduce((most, row) => Math.max(most, row.learner + 1), 0)
  const questionCount = first.reduce((most, row) => Math.max(most, row.question + 1), 0)
  const conceptCount = first.reduce((most, row) => Math.max(most, ...row.concepts.map((one) => one + 1)), 0)
  const columns = {
    learner: Int32Array.from(first, (row) => row.learner),
    question: Int32Array.from(first, (row) => row.question),
    isCorrect: Uint8Array.from(first, (row) => (row.isCorrect ? 1 : 0)),
  }
  return {
    responses: sortResponses(columns, { learnerCount, questionCount }),
    order: Int32Array.from(first, (row) => row.order),
    hints: conceptRows(
      questionCount,
      first.flatMap((row) => row.concepts.map((concept) => [row.question, concept] as const)),
    ),
    conceptCount,
  }
}

export function split(data: DataSet, how: Split): Parts {
  const isTest = how.kind === 'random' ? aFifth(data, how.seed) : lastFifth(data)
  const [training, test] = divide(data.responses, isTest)
  return {
    training: {
      ...data,
      responses: training,
      order: data.order.filter((_, row) => isTest[row] === 0),
    },
    test,
    testOrder: data.order.filter((_, row) => isTest[row] === 1),
  }
}

export function evaluate(data: DataSet, how: Split, predictor: Predictor): Metrics {
  const parts = split(data, how)
  return measure(predictor(taskOf(parts)), parts.test.isCorrect)
}

/** The outcomes of the test part go to `measure` alone: here they are taken away, and not by type only. */
export function taskOf({ training, test, testOrder }: Parts): Task {
  const { learnerCount, questionCount, start, question } = test
  return { training, test: { learnerCount, questionCount, start, question }, testOrder }
}

/** SPARFA as the server uses it: the matrix from all training answers, u from the learner's own. */
export function sparfaPredictor(options: FitOptions, onFit?: (matrix: SparfaMatrix) => void): Predictor {
  return ({ training, test }) => {
    const matrix = fitMatrix(fitInputOf(training), options)
    onFit?.(matrix)
    return predictWith(matrix, training.responses, test)
  }
}

export function fitInputOf({ responses, hints, conceptCount }: DataSet): FitInput {
  const learner = new Int32Array(responses.question.length)
  for (let who = 0; who < responses.learnerCount; who++) {
    learner.fill(who, responses.start[who]!, responses.start[who + 1]!)
  }
  return {
    questionIds: Array.from({ length: responses.questionCount }, (_, index) => numberedId('question', index)),
    conceptIds: Array.from({ length: conceptCount }, (_, index) => numberedId('concept', index)),
    hints,
    learnerCount: responses.learnerCount,
    responses: { learner, question: responses.question, isCorrect: responses.isCorrect },
  }
}

/** Marks a fifth of the rows, by hash. */
function aFifth({ responses }: DataSet, seed: number): Uint8Array {
  const isTest = new Uint8Array(responses.question.length)
  for (let learner = 0; learner < responses.learnerCount; learner++) {
    for (let row = responses.start[learner]!; row < responses.start[learner + 1]!; row++) {
      if (isTestRow(learner, responses.question[row]!, seed)) isTest[row] = 1
    }
  }
  return isTest
}

/** Marks the rows at or after place ceil(0.8 n) of each learner's n answers. */
function lastFifth({ responses, order }: DataSet): Uint8Array {
  const isTest = new Uint8Array(order.length)
  for (let learner = 0; learner < responses.learnerCount; learner++) {
    const begin = responses.start[learner]!
    const count = responses.start[learner + 1]! - begin
    const rows = Array.from({ length: count }, (_, at) => begin + at).sort((one, other) => order[one]! - order[other]!)
    for (const row of rows.slice(Math.ceil(0.8 * count))) isTest[row] = 1
  }
  return isTest
}
