/**
 * Whether CLUE intervals are honest on real answers, where nobody knows the true chance (sparfa.md §16): for each
 * learner and concept with enough held-out answers, how far the share right lies from the prediction, in standard
 * deviations of what is not known (the posterior) and of chance (the answers themselves).
 */
import { makeScratch, shareOf } from './clue.ts'
import type { Parts } from './evaluate.ts'
import { estimateLearner } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import { probabilityOf } from './predict.ts'

export interface Coverage {
  /** Pairs of learner and concept that were looked at. */
  readonly pairs: number
  /** Shares of pairs within 0.674, 1.282 and 1.960 standard deviations; honest intervals have 0.5, 0.8 and 0.95. */
  readonly within: readonly [half: number, fourFifths: number, nineteenTwentieths: number]
}

const QUANTILES = [0.674, 1.282, 1.96] as const
const ANSWERS_MIN = 5

export function heldOutCoverage(matrix: SparfaMatrix, { training, test }: Parts): Coverage {
  const { start, question, isCorrect } = training.responses
  const scratch = makeScratch(matrix)
  let pairs = 0
  const counts: [number, number, number] = [0, 0, 0]
  for (let learner = 0; learner < test.learnerCount; learner++) {
    const pools = rowsByConcept({ training, test }, learner).filter((rows) => rows.length >= ANSWERS_MIN)
    if (pools.length === 0) continue
    const known = [start[learner]!, start[learner + 1]!] as const
    const knowledge = estimateLearner(matrix, question.subarray(...known), isCorrect.subarray(...known))
    for (const rows of pools) {
      const pool = Int32Array.from(rows, (row) => test.question[row]!)
      const { mean, variance } = shareOf(matrix, knowledge, pool, scratch)
      let right = 0
      let chance = 0
      for (const row of rows) {
        const p = probabilityOf(matrix, knowledge, test.question[row]!)
        right += test.isCorrect[row]! / rows.length
        chance += (p * (1 - p)) / rows.length ** 2
      }
      const deviations = Math.abs(right - mean) / Math.sqrt(variance + chance)
      pairs += 1
      QUANTILES.forEach((quantile, at) => {
        if (deviations < quantile) counts[at]! += 1
      })
    }
  }
  return { pairs, within: [counts[0] / pairs, counts[1] / pairs, counts[2] / pairs] }
}

/** Held-out rows of one learner on each concept that has any. */
function rowsByConcept({ training, test }: Pick<Parts, 'training' | 'test'>, learner: number): number[][] {
  const { hints } = training
  const rows = new Map<number, number[]>()
  for (let row = test.start[learner]!; row < test.start[learner + 1]!; row++) {
    const asked = test.question[row]!
    for (let entry = hints.start[asked]!; entry < hints.start[asked + 1]!; entry++) {
      const concept = hints.concept[entry]!
      rows.set(concept, [...(rows.get(concept) ?? []), row])
    }
  }
  return [...rows.values()]
}
