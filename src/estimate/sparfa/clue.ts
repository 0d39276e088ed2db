/**
 * CLUE of a set of learners over a pool of questions (sparfa.md §11): mean probability of a right answer, with an
 * interval on the logit scale from the Fisher information. The interval cannot leave 0…1.
 */
import { type Clue, unknownClue } from '#domain/clue.ts'
import { remembered } from '#domain/remembered.ts'
import type { ClueOptions } from '../algorithm.ts'
import type { SparfaKnowledge } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import { logit, normalQuantile, sigmoid } from './scalar.ts'
import { solveForward } from './skyline.ts'

/** Lower bound on the information about logit(m). */
const INFORMATION_MIN = 1e-6
/** Keeps the logit of the mean finite. */
const MEAN_MIN = 1e-9

/** `pool` holds question indices, ascending and without duplicates; `learners` are distinct people. */
export function clueOf(
  matrix: SparfaMatrix,
  learners: readonly SparfaKnowledge[],
  pool: Int32Array,
  options: ClueOptions,
): Clue {
  let responses = 0
  for (const learner of learners) responses += learner.answered.length
  if (pool.length === 0 || learners.length === 0 || responses < options.minResponses) return unknownClue
  const means = new Float64Array(learners.length)
  const variances = new Float64Array(learners.length)
  const scratch = makeScratch(matrix)
  learners.forEach((learner, index) => {
    const share = shareOf(matrix, learner, pool, scratch)
    means[index] = share.mean
    variances[index] = share.variance
  })
  const mean = sumSorted(means) / learners.length
  return interval(mean, sumSorted(variances) / (learners.length * learners.length), options.confidence)
}

/** What one learner adds to a CLUE. */
export interface Share {
  readonly mean: number
  readonly variance: number
}

/** Working space for all learners of a CLUE: making it anew for each of a class costs more than using it. */
export interface ShareScratch {
  /** One number per concept, as `ability`: what the learner knows of each. */
  readonly gradient: Float64Array
  readonly ability: Float64Array
  /** One per coordinate of a learner, at most. */
  readonly projected: Float64Array
}

export function makeScratch({ conceptIds }: SparfaMatrix): ShareScratch {
  return {
    gradient: new Float64Array(conceptIds.length),
    ability: new Float64Array(conceptIds.length),
    projected: new Float64Array(conceptIds.length + 1),
  }
}

const keptShares = new WeakMap<SparfaKnowledge, Map<Int32Array, Share>>()

/**
 * A class's CLUE is the sum of its learners' shares, and between two looks at it few learners have answered: the shares
 * of the others are kept as long as what is known about them (which belongs to one matrix) and the pool.
 */
export function shareOf(
  matrix: SparfaMatrix,
  learner: SparfaKnowledge,
  pool: Int32Array,
  scratch: ShareScratch,
): Share {
  const ofLearner = remembered(keptShares, learner, () => new Map<Int32Array, Share>())
  return remembered(ofLearner, pool, () => {
    const mean = meanProbability(matrix, learner, pool, scratch)
    return { mean, variance: posteriorVariance(matrix, learner, scratch) }
  })
}

/** Interval for a mean probability with this variance. */
function interval(mean: number, variance: number, confidence: number): Clue {
  const mostLikely = Math.min(Math.max(mean, MEAN_MIN), 1 - MEAN_MIN)
  const centre = logit(mostLikely)
  const slope = mostLikely * (1 - mostLikely)
  const information = Math.max((slope * slope) / variance, INFORMATION_MIN)
  const reach = normalQuantile((1 + confidence) / 2) / Math.sqrt(information)
  return {
    // The logit and back may move the last bit, which must not put the ends on the wrong side.
    minimum: Math.min(sigmoid(centre - reach), mostLikely),
    mostLikely,
    maximum: Math.max(sigmoid(centre + reach), mostLikely),
    isReal: true,
  }
}

/** Mean over the pool of P(right), with its derivative by u in `gradient`. */
function meanProbability(
  matrix: SparfaMatrix,
  { position, mean, general }: SparfaKnowledge,
  pool: Int32Array,
  { gradient, ability }: ShareScratch,
): number {
  const { start, concept } = matrix.weights
  const { weights, easiness } = matrix.bounded
  gradient.fill(0)
  for (let at = 0; at < ability.length; at++) {
    const place = position[at]!
    ability[at] = (place === -1 ? 0 : mean[place]!) + general
  }
  let sum = 0
  for (const question of pool) {
    const [begin, end] = [start[question]!, start[question + 1]!]
    let z = easiness[question]!
    for (let entry = begin; entry < end; entry++) z += weights[entry]! * ability[concept[entry]!]!
    const p = sigmoid(z)
    const slope = (p * (1 - p)) / pool.length
    sum += p
    for (let entry = begin; entry < end; entry++) gradient[concept[entry]!]! += slope * weights[entry]!
  }
  return sum / pool.length
}

/** gradient' V gradient: concepts without evidence add their prior variance, the others go through the factor. */
function posteriorVariance(matrix: SparfaMatrix, learner: SparfaKnowledge, scratch: ShareScratch): number {
  const { position, mean, factor } = learner
  const { gradient } = scratch
  const projected = scratch.projected.fill(0)
  const priorVariance = 1 / matrix.lamU
  let variance = 0
  let generalSlope = 0
  let first = mean.length
  for (let concept = 0; concept < gradient.length; concept++) {
    const slope = gradient[concept]!
    const at = position[concept]!
    generalSlope += slope
    if (at === -1) {
      variance += slope * slope * priorVariance
    } else if (slope !== 0) {
      projected[at] = slope
      if (at < first) first = at
    }
  }
  if (Number.isFinite(matrix.lamG)) {
    projected[mean.length - 1] = generalSlope
    if (mean.length - 1 < first) first = mean.length - 1
  }
  solveForward(factor, projected, first)
  for (let at = first; at < mean.length; at++) variance += projected[at]! * projected[at]!
  return variance
}

/** Sum in ascending order, so that the order of the learners cannot matter. */
function sumSorted(values: Float64Array): number {
  let sum = 0
  for (const value of values.sort()) sum += value
  return sum
}
