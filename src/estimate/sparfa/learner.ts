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
  const design = makeDesign(matrix, answered, isCorrect, { position, specificCount })
  const first = design.full === undefined ? firstColumns(design, specificCount, size) : new Int32Array(size)
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
  /**
   * The same weights row-major, rows x specific concepts, where most questions have most concepts. Rows of zeros make
   * their number a multiple of four.
   */
  readonly full: Float64Array | undefined
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
      else if (parent[met] === parent[concept[begin]!]) continue
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

interface Numbering {
  readonly position: Int32Array
  readonly specificCount: number
}

function makeDesign(
  matrix: SparfaMatrix,
  answered: Int32Array,
  isCorrect: Uint8Array,
  { position: positionOf, specificCount }: Numbering,
): Design {
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
  const probability = new Float64Array(answered.length)
  const rows = { start, position, weight }
  return { ...rows, weightSum, easiness, isCorrect, probability, full: fullRows(rows, specificCount) }
}

/** From this share of weights that are not zero on, four rows at a time are faster than one weight after the other. */
const FULL_SHARE = 0.3
const FULL_CONCEPTS_MIN = 8

function fullRows(
  { start, position, weight }: Pick<Design, 'start' | 'position' | 'weight'>,
  specificCount: number,
): Float64Array | undefined {
  const rows = start.length - 1
  if (specificCount < FULL_CONCEPTS_MIN || weight.length < FULL_SHARE * rows * specificCount) return undefined
  const full = new Float64Array(Math.ceil(rows / 4) * 4 * specificCount)
  for (let row = 0; row < rows; row++) {
    for (let entry = start[row]!; entry < start[row + 1]!; entry++) {
      full[row * specificCount + position[entry]!] = weight[entry]!
    }
  }
  return full
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
  const step = new Float64Array(mean.length)
  const trial = new Float64Array(mean.length)
  // With many concepts to a question the precision costs far more than anything else: it is used for several steps.
  const stepsPerPrecision = design.full === undefined ? 1 : FULL_STEPS
  let cost = evaluate(matrix, design, posterior, mean)
  for (let iteration = 0; iteration < NEWTON_STEPS_MAX; iteration++) {
    fillPrecision(matrix, design, posterior)
    factorise(factor)
    for (let turn = 0; turn < stepsPerPrecision; turn++) {
      fillGradient(matrix, design, posterior, step)
      solveForward(factor, step)
      let decrement = 0
      for (const value of step) decrement += value * value
      solveBackward(factor, step)
      if (decrement < NEWTON_DECREMENT_MIN) {
        // The last step is so short that neither cost nor precision need another look, if the precision is of here.
        for (let at = 0; at < mean.length; at++) mean[at]! -= step[at]!
        if (turn === 0) return
        cost = evaluate(matrix, design, posterior, mean)
        break
      }
      cost = stepDown(matrix, design, posterior, { step, trial, cost, decrement })
    }
  }
  fillPrecision(matrix, design, posterior)
  factorise(factor)
}

const FULL_STEPS = 3

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

/** Fills `gradient` with A'(p - y) + prior. */
function fillGradient(
  matrix: SparfaMatrix,
  design: Design,
  { mean, specificCount, hasGeneral }: Posterior,
  gradient: Float64Array,
): void {
  const { start, position, weight, weightSum, isCorrect, probability } = design
  for (let at = 0; at < specificCount; at++) gradient[at] = matrix.lamU * mean[at]!
  if (hasGeneral) gradient[specificCount] = matrix.lamG * mean[specificCount]!
  for (let row = 0; row < isCorrect.length; row++) {
    const residual = probability[row]! - isCorrect[row]!
    if (hasGeneral) gradient[specificCount]! += residual * weightSum[row]!
    if (specificCount === 0) continue
    for (let entry = start[row]!; entry < start[row + 1]!; entry++) {
      gradient[position[entry]!]! += residual * weight[entry]!
    }
  }
}

/** Fills the factor's place with the precision, prior + A' diag(p(1 - p)) A. */
function fillPrecision(matrix: SparfaMatrix, design: Design, posterior: Posterior): void {
  const { factor, specificCount, hasGeneral } = posterior
  const { start, position, weight, weightSum, probability, full } = design
  const { base, value } = factor
  value.fill(0)
  for (let at = 0; at < specificCount; at++) value[base[at]! + at] = matrix.lamU
  const border = hasGeneral ? base[specificCount]! : 0
  if (hasGeneral) value[border + specificCount] = matrix.lamG
  if (full !== undefined) addFullRows(design, full, posterior)
  for (let row = 0; row < probability.length; row++) {
    const p = probability[row]!
    const curvature = p * (1 - p)
    const sum = weightSum[row]!
    if (hasGeneral) value[border + specificCount]! += curvature * sum * sum
    if (specificCount === 0) continue
    for (let entry = start[row]!; entry < start[row + 1]!; entry++) {
      const at = position[entry]!
      const scaled = curvature * weight[entry]!
      if (hasGeneral) value[border + at]! += scaled * sum
      if (full !== undefined) continue
      for (let other = start[row]!; other <= entry; other++) {
        value[base[at]! + position[other]!]! += scaled * weight[other]!
      }
    }
  }
}

/** Four rows at a time: the precision is then read and written a quarter as often. */
function addFullRows({ probability }: Design, full: Float64Array, { factor, specificCount }: Posterior): void {
  const { base, value } = factor
  const curvatureOf = (row: number): number => {
    const p = row < probability.length ? probability[row]! : 0
    return p * (1 - p)
  }
  for (let row = 0; row < probability.length; row += 4) {
    const [one, two, three, four] = [row, row + 1, row + 2, row + 3].map(curvatureOf) as [
      number,
      number,
      number,
      number,
    ]
    const at = row * specificCount
    const [second, third, fourth] = [at + specificCount, at + 2 * specificCount, at + 3 * specificCount]
    for (let concept = 0; concept < specificCount; concept++) {
      const a = one * full[at + concept]!
      const b = two * full[second + concept]!
      const c = three * full[third + concept]!
      const d = four * full[fourth + concept]!
      const place = base[concept]!
      for (let other = 0; other <= concept; other++) {
        value[place + other]! +=
          a * full[at + other]! + b * full[second + other]! + c * full[third + other]! + d * full[fourth + other]!
      }
    }
  }
}
