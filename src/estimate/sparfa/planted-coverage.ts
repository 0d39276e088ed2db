import { clueOf } from './clue.ts'
import { estimateLearner } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import type { Planted } from './planted.ts'
import type { Responses } from './responses.ts'
import { sigmoid } from './scalar.ts'

/** Confidences of the intervals that `plantedCoverage` looks at. */
export const confidences: readonly number[] = [0.5, 0.8, 0.95]

/**
 * Whether intervals are honest where the truth is known (sparfa.md §15): the share of (learner, concept) pairs whose
 * true mean probability lies inside the CLUE's interval, by confidence. Learners 0, `every`, 2 `every`…; one hint a
 * question.
 */
export function plantedCoverage(planted: Planted, matrix: SparfaMatrix, responses: Responses, every = 10): number[] {
  const { input, truth, knowledge } = planted
  const conceptCount = input.conceptIds.length
  const pools = Array.from({ length: conceptCount }, (_, concept) =>
    Int32Array.from({ length: responses.questionCount }, (_, question) => question).filter(
      (question) => input.hints.concept[question] === concept,
    ),
  )
  const inside = confidences.map(() => 0)
  let pairs = 0
  for (let learner = 0; learner < responses.learnerCount; learner += every) {
    const rows = [responses.start[learner]!, responses.start[learner + 1]!] as const
    const known = estimateLearner(matrix, responses.question.subarray(...rows), responses.isCorrect.subarray(...rows))
    pools.forEach((pool, concept) => {
      if (pool.length === 0) return
      const u = knowledge[learner * conceptCount + concept]!
      const chance = pool.reduce(
        (sum, one) => sum + sigmoid(truth.weights.value[one]! * u + truth.easiness[one]!) / pool.length,
        0,
      )
      pairs += 1
      confidences.forEach((confidence, at) => {
        const { minimum, maximum } = clueOf(matrix, [known], pool, { confidence, minResponses: 0 })
        if (minimum <= chance && chance <= maximum) inside[at]! += 1
      })
    })
  }
  return inside.map((count) => count / pairs)
}
