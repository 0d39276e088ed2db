import type { Clue } from '#domain/clue.ts'
import { clueOf } from '#estimate/sparfa/clue.ts'
import type { DataSet } from '#estimate/sparfa/evaluate.ts'
import { estimateLearner } from '#estimate/sparfa/learner.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'

/**
 * What the CLUE of one learner on one concept was after each answer, with one matrix: what the server would have told
 * at that time had it known this matrix then.
 */
export interface ClueHistory {
  readonly learner: number
  /** The one with most of the learner's answers. */
  readonly concept: number
  /** Questions of the concept. */
  readonly questions: number
  readonly confidence: number
  /** After 0, 1, 2, … answers. */
  readonly clues: readonly Clue[]
  /** Answers to questions of the concept; `at` counts answers, this one included. */
  readonly answers: readonly { readonly at: number; readonly isCorrect: boolean }[]
}

/** As the server's, so that the picture shows what users see; drawn from the first answer on. */
const confidence = 0.5
const learnersShown = 4

/** Spread evenly from the learner with most answers to the one in the middle. */
export function learnersToShow({ responses: { start, learnerCount } }: DataSet): number[] {
  const answers = (learner: number): number => start[learner + 1]! - start[learner]!
  const byAnswers = Array.from({ length: learnerCount }, (_, learner) => learner)
    .filter((learner) => answers(learner) > 0)
    .sort((one, other) => answers(other) - answers(one) || one - other)
  const places = Array.from({ length: learnersShown }, (_, at) =>
    Math.floor((at * byAnswers.length) / (2 * learnersShown)),
  )
  return [...new Set(places)].map((place) => byAnswers[place]!)
}

export function clueHistory(matrix: SparfaMatrix, data: DataSet, learner: number): ClueHistory {
  const { responses, order } = data
  const from = responses.start[learner]!
  const rows = Array.from({ length: responses.start[learner + 1]! - from }, (_, at) => from + at)
  rows.sort((one, other) => order[one]! - order[other]!)
  const concept = mainConcept(data, rows)
  const pool = questionsOf(data, concept)
  const inPool = new Set(pool)
  const clues = Array.from({ length: rows.length + 1 }, (_, count) => {
    // Estimates want questions ascending, and rows are sorted by question.
    const known = rows.slice(0, count).sort((one, other) => one - other)
    const question = Int32Array.from(known, (row) => responses.question[row]!)
    const isCorrect = Uint8Array.from(known, (row) => responses.isCorrect[row]!)
    return clueOf(matrix, [estimateLearner(matrix, question, isCorrect)], pool, { confidence, minResponses: 0 })
  })
  const answers = rows.flatMap((row, at) =>
    inPool.has(responses.question[row]!) ? [{ at: at + 1, isCorrect: responses.isCorrect[row] === 1 }] : [],
  )
  return { learner, concept, questions: pool.length, confidence, clues, answers }
}

function mainConcept({ responses, hints, conceptCount }: DataSet, rows: readonly number[]): number {
  const counts = new Int32Array(conceptCount)
  for (const row of rows) {
    const asked = responses.question[row]!
    for (let entry = hints.start[asked]!; entry < hints.start[asked + 1]!; entry++) counts[hints.concept[entry]!]! += 1
  }
  return counts.indexOf(counts.reduce((most, count) => Math.max(most, count), 0))
}

function questionsOf({ responses, hints }: DataSet, concept: number): Int32Array {
  const all = Array.from({ length: responses.questionCount }, (_, question) => question)
  return Int32Array.from(
    all.filter((question) =>
      hints.concept.subarray(hints.start[question]!, hints.start[question + 1]!).includes(concept),
    ),
  )
}
