/**
 * Scale calibration (sparfa.md §9). A joint fit of W and U makes W too large and U too small; intervals come out too
 * wide. The factor s makes the posterior second moment of u agree with the prior's:
 *
 *     mean over learners of ( u'Lambda u + trace(Lambda V) ) = number of concepts.
 *
 * Since trace(Lambda V) = concepts - sum over answers of p(1 - p) w'V w, the condition is evaluated as
 * sum of u'Lambda u = sum of p(1 - p) w'V w, over answered concepts alone.
 */

import { estimateLearner } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import { probabilityOf, spreadOf } from './predict.ts'
import type { Responses } from './responses.ts'

const LEARNERS_MAX = 500
const LARGEST_FACTOR = 8
const LOG_TOLERANCE = 1e-3
const EVALUATIONS_MAX = 40

/** `scaled(s)` is the matrix with s W. Returns s, between 1/8 and 8; 1 when there is nothing to learn it from. */
export function calibrateScale(scaled: (factor: number) => SparfaMatrix, responses: Responses): number {
  const sample = sampleLearners(responses)
  if (sample.length === 0) return 1
  const excessAt = (logFactor: number): number => {
    const matrix = scaled(Math.exp(logFactor))
    let excess = 0
    for (const learner of sample) excess += momentExcess(matrix, responses, learner)
    return excess
  }
  return Math.exp(decreasingRoot(excessAt, Math.log(LARGEST_FACTOR)))
}

/** Learners with answers, evenly spaced. */
function sampleLearners({ learnerCount, start }: Responses): number[] {
  const withAnswers: number[] = []
  for (let learner = 0; learner < learnerCount; learner++) {
    if (start[learner + 1]! > start[learner]!) withAnswers.push(learner)
  }
  const count = Math.min(withAnswers.length, LEARNERS_MAX)
  return Array.from({ length: count }, (_, index) => withAnswers[Math.floor((index * withAnswers.length) / count)]!)
}

/** u'Lambda u minus the sum of p(1 - p) w'V w of one learner: positive when u is larger than the prior expects. */
function momentExcess(matrix: SparfaMatrix, responses: Responses, learner: number): number {
  const rows = [responses.start[learner]!, responses.start[learner + 1]!] as const
  const knowledge = estimateLearner(matrix, responses.question.subarray(...rows), responses.isCorrect.subarray(...rows))
  const { mean } = knowledge
  let excess = 0
  const specificCount = Number.isFinite(matrix.lamG) ? mean.length - 1 : mean.length
  for (let at = 0; at < specificCount; at++) excess += matrix.lamU * mean[at]! * mean[at]!
  if (Number.isFinite(matrix.lamG)) excess += matrix.lamG * knowledge.general * knowledge.general
  for (const question of knowledge.answered) {
    const p = probabilityOf(matrix, knowledge, question)
    excess -= p * (1 - p) * spreadOf(matrix, knowledge, question)
  }
  return excess
}

/** Root of a decreasing function on [-reach, reach] by false position with the Illinois rule; the nearer end if none. */
function decreasingRoot(valueAt: (x: number) => number, reach: number): number {
  let [low, high] = [-reach, reach]
  let [atLow, atHigh] = [valueAt(low), valueAt(high)]
  if (atLow <= 0) return low
  if (atHigh >= 0) return high
  let lastSide = 0
  for (let count = 0; count < EVALUATIONS_MAX && high - low > LOG_TOLERANCE; count++) {
    const middle = (low * atHigh - high * atLow) / (atHigh - atLow)
    const value = valueAt(middle)
    if (Math.abs(middle - low) < LOG_TOLERANCE / 4 || Math.abs(high - middle) < LOG_TOLERANCE / 4) return middle
    if (value > 0) {
      if (lastSide === 1) atHigh /= 2
      ;[low, atLow, lastSide] = [middle, value, 1]
    } else {
      if (lastSide === -1) atLow /= 2
      ;[high, atHigh, lastSide] = [middle, value, -1]
    }
  }
  return (low + high) / 2
}
