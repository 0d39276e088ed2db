/**
 * What one learner knows, given the matrix (sparfa.md §10): the maximum a posteriori point and the Laplace posterior.
 * Coordinates are x = (v of the concepts met so far, g), with u_c = v_c + g; concepts without evidence keep their
 * prior, so the cost depends on the learner's answers and never on the number of concepts.
 */
import { exp } from './exponential.ts'
import type { SparfaMatrix } from './matrix.ts'
import { factorise, makeSkyline, type Skyline, solveBackward, solveForward } from './skyline.ts'

export interface SparfaKnowledge {
  /** Question indices, ascending. */
  readonly answered: Int32Array
  /** Position of each concept's v in `mean`, -1 for a concept without evidence. */
  readonly position: Int32Array
  /** v of the concepts with evidence, then g if the prior has one. */
  readonly mean: Float64Array
  /** 0 when the prior has no general ability. */
  readonly general: number
  /** Cholesky factor of the posterior precision of `mean`. */
  readonly factor: Skyline
}

/** `answered` ascending and without duplicates; `isCorrect` is aligned with it. */
export function estimateLearner(matrix: SparfaMatrix, answered: Int32Array, isCorrect: Uint8Array): SparfaKnowledge {
  const hasGeneral = Number.isFinite(matrix.lamG)
  const position = new Int32Array(matrix.conceptIds.length).fill(-1)
  const specificCount = Number.isFinite(matrix.lamU) ? placeConcepts(matrix, answered, position) : 0
  const size = specificCount + (hasGeneral ? 1 : 0)
  const design = makeDesign(matrix, answered, isCorrect, position)
  const first = firstColumns(design, specificCount, size)
  const posterior: Posterior = { mean: new Float64Array(size), factor: makeSkyline(first), specificCount, hasGeneral }
  maximise(matrix, design, posterior)
  const { mean, factor } = posterior
  return { answered, position, mean, general: hasGeneral ? mean[specificCount]! : 0, factor }
}

/** Rows of the learner's design matrix: only answered questions, concepts already replaced by positions. */
interface Design {
  readonly start: Int32Array
  readonly position: Int32Array
  readonly weight: Float64Array
  /** Sum of the question's weights: the coefficient of g. */
  readonly weightSum: Float64Array
  readonly easiness: Float64Array
  readonly isCorrect: Uint8Array
  /** P(right) at the point evaluated last. */
  readonly probability: Float64Array
}

interface Posterior {
  readonly mean: Float64Array
  readonly factor: Skyline
  readonly specificCount: number
  readonly hasGeneral: boolean
}

/**
 * Numbers the concepts met so that those joined by a question stand together: the skyline is then as narrow as the
 * joined groups. Groups and their members ascend by concept, so nothing depends on the order of answers.
 */
function placeConcepts(matrix: SparfaMatrix, answered: Int32Array, position: Int32Array): number {
  const { start, concept } = matrix.weights
  const parent = new Int32Array(position.length).fill(-1)
  const root = (of: number): number => {
    let at = of
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!
      at = parent[at]!
    }
    return at
  }
  for (const question of answered) {
    const begin = start[question]!
    for (let entry = begin; entry < start[question + 1]!; entry++) {
      const met = concept[entry]!
      if (parent[met] === -1) parent[met] = met
      const [one, other] = [root(met), root(concept[begin]!)]
      if (one < other) parent[other] = one
      else parent[one] = other
    }
  }
  // The root is the smallest concept of its group, so it is met first and can hold the group's next free position.
  const groupSize = new Int32Array(position.length)
  for (let met = 0; met < parent.length; met++) if (parent[met] !== -1) groupSize[root(met)]! += 1
  let count = 0
  const nextFree = groupSize
  for (let met = 0; met < parent.length; met++) {
    if (parent[met] === -1) continue
    const group = root(met)
    if (group === met) {
      const size = groupSize[met]!
      nextFree[met] = count
      count += size
    }
    position[met] = nextFree[group]!
    nextFree[group]! += 1
  }
  return count
}

function makeDesign(matrix: SparfaMatrix, answered: Int32Array, isCorrect: Uint8Array, positionOf: Int32Array): Design {
  const { start: rowStart, concept } = matrix.weights
  const { weights, easiness: allEasiness } = matrix.bounded
  const start = new Int32Array(answered.length + 1)
  for (let row = 0; row < answered.length; row++) {
    start[row + 1] = start[row]! + rowStart[answered[row]! + 1]! - rowStart[answered[row]!]!
  }
  const position = new Int32Array(start[answered.length]!)
  const weight = new Float64Array(position.length)
  const weightSum = new Float64Array(answered.length)
  const easiness = new Float64Array(answered.length)
  for (let row = 0; row < answered.length; row++) {
    const question = answered[row]!
    easiness[row] = allEasiness[question]!
    let place = start[row]!
    let sum = 0
    for (let entry = rowStart[question]!; entry < rowStart[question + 1]!; entry++) {
      position[place] = positionOf[concept[entry]!]!
      weight[place] = weights[entry]!
      sum += weights[entry]!
      place += 1
    }
    weightSum[row] = sum
  }
  return { start, position, weight, weightSum, easiness, isCorrect, probability: new Float64Array(answered.length) }
}

function firstColumns({ start, position }: Design, specificCount: number, size: number): Int32Array {
  const first = new Int32Array(size)
  for (let row = 0; row < specificCount; row++) first[row] = row
  if (specificCount === 0) return first
  for (let row = 0; row + 1 < start.length; row++) {
    let lowest = specificCount
    for (let entry = start[row]!; entry < start[row + 1]!; entry++) {
      if (position[entry]! < lowest) lowest = position[entry]!
    }
    for (let entry = start[row]!; entry < start[row + 1]!; entry++) {
      const at = position[entry]!
      if (lowest < first[at]!) first[at] = lowest
    }
  }
  return first
}

const NEWTON_STEPS_MAX = 50
const NEWTON_DECREMENT_MIN = 1e-10
const ARMIJO = 1e-4
const SHORTEST_STEP = 1e-8
/** Cost differences below this share of the cost are rounding noise and must not shorten a step. */
const COST_NOISE = 1e-14

/** Newton's method with halving; leaves the factor of the precision in `posterior.factor`. */
function maximise(matrix: SparfaMatrix, design: Design, posterior: Posterior): void {
  const { mean, factor } = posterior
  const gradient = new Float64Array(mean.length)
  const trial = new Float64Array(mean.length)
  let cost = evaluate(matrix, design, posterior, mean)
  for (let iteration = 0; iteration < NEWTON_STEPS_MAX; iteration++) {
    const step = gradientAndPrecision(matrix, design, posterior, gradient)
    factorise(factor)
    solveForward(factor, step)
    let decrement = 0
    for (const value of step) decrement += value * value
    solveBackward(factor, step)
    if (decrement < NEWTON_DECREMENT_MIN) {
      // The last step is so short that neither cost nor precision need another look.
      for (let at = 0; at < mean.length; at++) mean[at]! -= step[at]!
      return
    }
    cost = stepDown(matrix, design, posterior, { step, trial, cost, decrement })
  }
  gradientAndPrecision(matrix, design, posterior, gradient)
  factorise(factor)
}

interface NewtonStep {
  readonly step: Float64Array
  /** Working space. */
  readonly trial: Float64Array
  readonly cost: number
  readonly decrement: number
}

/** Halves the step until the cost falls enough; moves the mean and returns its cost. */
function stepDown(matrix: SparfaMatrix, design: Design, posterior: Posterior, newton: NewtonStep): number {
  const { mean } = posterior
  const { step, trial, cost, decrement } = newton
  let next = cost
  for (let length = 1; length > SHORTEST_STEP; length /= 2) {
    for (let at = 0; at < mean.length; at++) trial[at] = mean[at]! - length * step[at]!
    next = evaluate(matrix, design, posterior, trial)
    if (next <= cost - ARMIJO * length * decrement + COST_NOISE * cost) break
  }
  mean.set(trial)
  return next
}

const PRODUCT_MAX = 1e300

/** Negative log-posterior at `point`; leaves the probabilities in the design. */
function evaluate(matrix: SparfaMatrix, design: Design, posterior: Posterior, point: Float64Array): number {
  const { start, position, weight, weightSum, easiness, isCorrect, probability } = design
  const { specificCount, hasGeneral } = posterior
  const general = hasGeneral ? point[specificCount]! : 0
  let cost = 0
  // Sum of log(1 + decay), as the logarithm of a product that is cut before it can overflow.
  let product = 1
  for (let at = 0; at < specificCount; at++) cost += matrix.lamU * point[at]! * point[at]!
  if (hasGeneral) cost += matrix.lamG * general * general
  cost *= 0.5
  for (let row = 0; row < easiness.length; row++) {
    let z = easiness[row]! + weightSum[row]! * general
    if (specificCount > 0) {
      for (let entry = start[row]!; entry < start[row + 1]!; entry++) z += weight[entry]! * point[position[entry]!]!
    }
    const size = Math.abs(z)
    const decay = exp(-size)
    probability[row] = (z >= 0 ? 1 : decay) / (1 + decay)
    // softplus(z) - y z, written so that nothing large cancels.
    const isSurprising = isCorrect[row] === 1 ? z < 0 : z > 0
    if (isSurprising) cost += size
    product *= 1 + decay
    if (product > PRODUCT_MAX) {
      cost += Math.log(product)
      product = 1
    }
  }
  return cost + Math.log(product)
}

/** Fills `gradient` (A'(p - y) + prior) and the precision (prior + A' diag(p(1 - p)) A); returns `gradient`. */
function gradientAndPrecision(
  matrix: SparfaMatrix,
  design: Design,
  { mean, factor, specificCount, hasGeneral }: Posterior,
  gradient: Float64Array,
): Float64Array {
  const { start, position, weight, weightSum, isCorrect, probability } = design
  const { base, value } = factor
  value.fill(0)
  for (let at = 0; at < specificCount; at++) {
    gradient[at] = matrix.lamU * mean[at]!
    value[base[at]! + at] = matrix.lamU
  }
  const border = hasGeneral ? base[specificCount]! : 0
  if (hasGeneral) {
    gradient[specificCount] = matrix.lamG * mean[specificCount]!
    value[border + specificCount] = matrix.lamG
  }
  for (let row = 0; row < isCorrect.length; row++) {
    const p = probability[row]!
    const residual = p - isCorrect[row]!
    const curvature = p * (1 - p)
    const sum = weightSum[row]!
    if (hasGeneral) {
      gradient[specificCount]! += residual * sum
      value[border + specificCount]! += curvature * sum * sum
    }
    if (specificCount === 0) continue
    for (let entry = start[row]!; entry < start[row + 1]!; entry++) {
      const at = position[entry]!
      const scaled = curvature * weight[entry]!
      gradient[at]! += residual * weight[entry]!
      if (hasGeneral) value[border + at]! += scaled * sum
      for (let other = start[row]!; other <= entry; other++)
        value[base[at]! + position[other]!]! += scaled * weight[other]!
    }
  }
  return gradient
}
