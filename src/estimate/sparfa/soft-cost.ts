/**
 * What a soft mask costs: the fit in time and memory, and afterwards every learner who is estimated by it. Its weights
 * join nearly all concepts, so what is known of a learner has no gaps: ten weights a question do that as well as sixty.
 */
import type { Responses } from './responses.ts'

export interface FitSize {
  readonly responses: number
  readonly learners: number
  readonly questions: number
  readonly concepts: number
}

/**
 * A soft epoch costs 1.2 ns for each response and concept, or 7 ns with the plain kernel, and a fit has some sixty of
 * them. The limit must not depend on the kernel, because what is tried must not.
 */
const PAIRS_MAX = 3e8
/**
 * Memory of a fit by concept, answers and copies included; measured with 80,000 learners and 1,000 questions, and with
 * 1,000 and 30,000. It is bounded apart from the time, because a learner may have a single answer.
 */
const BYTES_PER_LEARNER = 53
const BYTES_PER_QUESTION = 137
const BYTES_MAX = 1e9
/**
 * Of the factor of one learner, which is kept with a record of some 100 kB: 139 concepts. Then an estimate from 100
 * answers and the first 20 of 100 exercises take 1.7 + 6.9 ms, with 250 concepts (253 kB) 24 + 30; picks may take 10.
 */
const FACTOR_BYTES_MAX = 80_000

export function sizeOf({ question, learnerCount, questionCount }: Responses, concepts: number): FitSize {
  return { responses: question.length, learners: learnerCount, questions: questionCount, concepts }
}

/** Whether a fit costs seconds, not hours, and no more than a gigabyte. */
export function isSoftAffordable({ responses, learners, questions, concepts }: FitSize): boolean {
  const bytes = concepts * (BYTES_PER_LEARNER * learners + BYTES_PER_QUESTION * questions)
  return responses * concepts <= PAIRS_MAX && bytes <= BYTES_MAX
}

/** Whether learners can be estimated by a matrix with a soft mask each time that somebody asks. */
export function isSoftServable(concepts: number): boolean {
  return factorBytes(concepts) <= FACTOR_BYTES_MAX
}

/** The lower triangle for a learner who has met every concept, g included. */
export function factorBytes(concepts: number): number {
  return Float64Array.BYTES_PER_ELEMENT * (((concepts + 1) * (concepts + 2)) / 2)
}
