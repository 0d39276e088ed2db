import type { Clue } from '#domain/clue.ts'
import { clueOf } from './clue.ts'
import { estimateLearner } from './learner.ts'
import type { ConceptRows, SparfaMatrix } from './matrix.ts'

/**
 * What the CLUE of one learner on one concept was after each answer, with one matrix: what the server would have told
 * at that time had it known this matrix then.
 */
export interface ClueHistory {
  /** Index of the concept with most of the learner's answers. */
  readonly concept: number
  /** Questions of the concept. */
  readonly questions: number
  readonly confidence: number
  /** After 0, 1, 2, … answers. */
  readonly clues: readonly Clue[]
  /** Answers to questions of the concept; `at` counts answers, this one included. */
  readonly answers: readonly { readonly at: number; readonly isCorrect: boolean }[]
}

/** One answer of the learner, in the order of giving; at most one to a question. */
export interface GivenAnswer {
  readonly question: number
  readonly isCorrect: boolean
}

/** As the server's, so that the picture shows what users see; drawn from the first answer on. */
const confidence = 0.5
const learnersShown = 4

/** Spread evenly from the learner with most answers to the one in the middle; `answers[learner]` is how many. */
export function learnersToShow(answers: ArrayLike<number>): number[] {
  const byAnswers = Array.from({ length: answers.length }, (_, learner) => learner)
    .filter((learner) => answers[learner]! > 0)
    .sort((one, other) => answers[other]! - answers[one]! || one - other)
  const places = Array.from({ length: learnersShown }, (_, at) =>
    Math.floor((at * byAnswers.length) / (2 * learnersShown)),
  )
  return [...new Set(places)].flatMap((place) => byAnswers[place] ?? [])
}

/** `hints` are those of the fit; at least one answer. */
export function clueHistory(matrix: SparfaMatrix, hints: ConceptRows, given: readonly GivenAnswer[]): ClueHistory {
  const concept = mainConcept(hints, given, matrix.conceptIds.length)
  const pool = questionsOf(hints, concept)
  const inPool = new Set(pool)
  const clues = Array.from({ length: given.length + 1 }, (_, count) => {
    const known = given.slice(0, count).sort((one, other) => one.question - other.question)
    const question = Int32Array.from(known, (answer) => answer.question)
    const isCorrect = Uint8Array.from(known, (answer) => (answer.isCorrect ? 1 : 0))
    return clueOf(matrix, [estimateLearner(matrix, question, isCorrect)], pool, { confidence, minResponses: 0 })
  })
  const answers = given.flatMap(({ question, isCorrect }, at) =>
    inPool.has(question) ? [{ at: at + 1, isCorrect }] : [],
  )
  return { concept, questions: pool.length, confidence, clues, answers }
}

function mainConcept(hints: ConceptRows, given: readonly GivenAnswer[], conceptCount: number): number {
  const counts = new Int32Array(conceptCount)
  for (const { question } of given) {
    for (let entry = hints.start[question]!; entry < hints.start[question + 1]!; entry++) {
      counts[hints.concept[entry]!]! += 1
    }
  }
  return counts.indexOf(counts.reduce((most, count) => Math.max(most, count), 0))
}

function questionsOf(hints: ConceptRows, concept: number): Int32Array {
  const all = Array.from({ length: hints.start.length - 1 }, (_, question) => question)
  return Int32Array.from(
    all.filter((question) =>
      hints.concept.subarray(hints.start[question]!, hints.start[question + 1]!).includes(concept),
    ),
  )
}
