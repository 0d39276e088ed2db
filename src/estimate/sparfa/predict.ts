/**
 * Chance of a right answer of one learner to one question, with and without the learner's uncertainty (sparfa.md §10).
 */
import { estimateLearner, type SparfaKnowledge } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import type { Asked, Responses } from './responses.ts'
import { sigmoid } from './scalar.ts'
import { solveForward } from './skyline.ts'

/** z = w'u + d at the most likely u. */
function scoreOf(matrix: SparfaMatrix, learner: SparfaKnowledge, question: number): number {
  const { start, concept } = matrix.weights
  const { weights, easiness } = matrix.bounded
  let z = easiness[question]!
  for (let entry = start[question]!; entry < start[question + 1]!; entry++) {
    const at = learner.position[concept[entry]!]!
    z += weights[entry]! * ((at === -1 ? 0 : learner.mean[at]!) + learner.general)
  }
  return z
}

/** P(right) at the most likely u: what CLUEs and rankings are made of. */
export function probabilityOf(matrix: SparfaMatrix, learner: SparfaKnowledge, question: number): number {
  return sigmoid(scoreOf(matrix, learner, question))
}

/** P(right) averaged over the posterior, by MacKay's approximation: closer to 1/2 where little is known. */
function averagedProbabilityOf(matrix: SparfaMatrix, learner: SparfaKnowledge, question: number): number {
  const spread = spreadOf(matrix, learner, question)
  return sigmoid(scoreOf(matrix, learner, question) / Math.sqrt(1 + (Math.PI / 8) * spread))
}

/** w'V w. In coordinates (v, g) it is |L^-1 a|^2 with a = (w, sum of w), plus the prior variance of unmet concepts. */
function spreadOf(matrix: SparfaMatrix, learner: SparfaKnowledge, question: number): number {
  const { position, mean, factor } = learner
  const { start, concept } = matrix.weights
  const { weights } = matrix.bounded
  const projected = new Float64Array(mean.length)
  let spread = 0
  let sum = 0
  let first = mean.length
  for (let entry = start[question]!; entry < start[question + 1]!; entry++) {
    const at = position[concept[entry]!]!
    const weight = weights[entry]!
    sum += weight
    if (at === -1) {
      spread += (weight * weight) / matrix.lamU
    } else {
      projected[at] = weight
      first = Math.min(first, at)
    }
  }
  if (Number.isFinite(matrix.lamG)) {
    projected[mean.length - 1] = sum
    first = Math.min(first, mean.length - 1)
  }
  solveForward(factor, projected, first)
  for (let at = first; at < projected.length; at++) spread += projected[at]! * projected[at]!
  return spread
}

/** How a prediction treats what is uncertain about the learner: averages over it, or takes what is most likely. */
export type PosteriorUse = 'averaged' | 'likeliest'

/** P(right) of every asked row, with what each learner's `known` responses tell; both of the same learners. */
export function predictWith(
  matrix: SparfaMatrix,
  known: Responses,
  asked: Asked,
  posterior: PosteriorUse = 'averaged',
): Float64Array {
  const predict = posterior === 'averaged' ? averagedProbabilityOf : probabilityOf
  const probability = new Float64Array(asked.question.length)
  for (let learner = 0; learner < asked.learnerCount; learner++) {
    if (asked.start[learner] === asked.start[learner + 1]) continue
    const rows = [known.start[learner]!, known.start[learner + 1]!] as const
    const knowledge = estimateLearner(matrix, known.question.subarray(...rows), known.isCorrect.subarray(...rows))
    for (let row = asked.start[learner]!; row < asked.start[learner + 1]!; row++) {
      probability[row] = predict(matrix, knowledge, asked.question[row]!)
    }
  }
  return probability
}
