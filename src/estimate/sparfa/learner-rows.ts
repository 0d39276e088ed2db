/**
 * The answers of one learner as rows of a logistic regression, z = d + w'v + g sum(w), and what Newton's method asks of
 * them. Concepts are already replaced by positions, so the cost depends on the learner's answers alone. These plain
 * loops are the definition; where rows are full, `full-rows.ts` gives the same bits faster.
 */
import { exp } from './exponential.ts'
import type { SparfaMatrix } from './matrix.ts'
import { factorise, type Skyline } from './skyline.ts'

export interface LearnerRows {
  /** Negative log-posterior at `point` (v, then g); the others are of the point evaluated last. */
  evaluate(point: Float64Array): number
  /** Fills `gradient` with A'(p - y) + prior. */
  fillGradient(gradient: Float64Array): void
  /** Fills `factor` with that of the precision, prior + A' diag(p(1 - p)) A. */
  fillFactor(factor: Skyline): void
}

/** Who answered what, and how concepts are numbered. */
export interface LearnerAnswers {
  /** Question indices, ascending. */
  readonly answered: Int32Array
  readonly isCorrect: Uint8Array
  /** Position of each concept's v, -1 for a concept without evidence. */
  readonly position: Int32Array
  /** Concepts with evidence; g follows them if the prior has one. */
  readonly specificCount: number
  readonly hasGeneral: boolean
}

/** Only answered questions, concepts already replaced by positions. */
interface Design {
  readonly start: Int32Array
  readonly position: Int32Array
  readonly weight: Float64Array
  /** Sum of the question's weights: the coefficient of g. */
  readonly weightSum: Float64Array
  readonly easiness: Float64Array
  readonly isCorrect: Uint8Array
  readonly specificCount: number
  readonly hasGeneral: boolean
  /** z, exp(-|z|) and P(right) at the point evaluated last. */
  readonly z: Float64Array
  readonly decay: Float64Array
  readonly probability: Float64Array
  /**
   * The same weights row-major, rows x specific concepts, where most questions have most concepts. Rows of zeros make
   * their number a multiple of four.
   */
  readonly full: Float64Array | undefined
}

/** `isFull` says how the precision is summed, which shows in its last bits. */
export function plainRows(matrix: SparfaMatrix, answers: LearnerAnswers, isFull: boolean): LearnerRows {
  const design = makeDesign(matrix, answers, isFull)
  const last = new Float64Array(sizeOf(answers))
  return {
    evaluate(point) {
      last.set(point)
      predict(design, point)
      return costOf(design, priorCost(matrix, answers, point))
    },
    fillGradient: (gradient) => fillGradient(matrix, design, last, gradient),
    fillFactor(factor) {
      fillPrecision(matrix, design, factor)
      factorise(factor)
    },
  }
}

/** How many coordinates the learner has. */
export function sizeOf({ specificCount, hasGeneral }: LearnerAnswers): number {
  return hasGeneral ? specificCount + 1 : specificCount
}

/** From this share of weights that are not zero on, four rows at a time are faster than one weight after the other. */
const FULL_SHARE = 0.3
const FULL_CONCEPTS_MIN = 8

/** Whether most questions have most concepts. */
export function areFull({ weights: { start } }: SparfaMatrix, { answered, specificCount }: LearnerAnswers): boolean {
  if (specificCount < FULL_CONCEPTS_MIN) return false
  let weights = 0
  for (let row = 0; row < answered.length; row++) weights += start[answered[row]! + 1]! - start[answered[row]!]!
  return weights >= FULL_SHARE * answered.length * specificCount
}

/** Column of the first entry of each row of the precision, for a skyline. */
export function firstColumns(matrix: SparfaMatrix, answers: LearnerAnswers): Int32Array {
  const { start, concept } = matrix.weights
  const { answered, position, specificCount } = answers
  const first = new Int32Array(sizeOf(answers))
  for (let row = 0; row < specificCount; row++) first[row] = row
  if (specificCount === 0) return first
  for (const question of answered) {
    let lowest = specificCount
    for (let entry = start[question]!; entry < start[question + 1]!; entry++) {
      lowest = Math.min(lowest, position[concept[entry]!]!)
    }
    for (let entry = start[question]!; entry < start[question + 1]!; entry++) {
      const at = position[concept[entry]!]!
      if (lowest < first[at]!) first[at] = lowest
    }
  }
  return first
}

/** What the prior adds to the negative log-posterior. */
export function priorCost({ lamU, lamG }: SparfaMatrix, answers: LearnerAnswers, point: Float64Array): number {
  const { specificCount, hasGeneral } = answers
  let cost = 0
  for (let at = 0; at < specificCount; at++) cost += lamU * point[at]! * point[at]!
  if (hasGeneral) cost += lamG * point[specificCount]! * point[specificCount]!
  return 0.5 * cost
}

const PRODUCT_MAX = 1e300

/** The prior's cost and that of all rows, softplus(z) - y z, written so that nothing large cancels. */
export function costOf({ z, decay, isCorrect }: Pick<Design, 'z' | 'decay' | 'isCorrect'>, prior: number): number {
  let cost = prior
  // Sum of log(1 + decay), as the logarithm of a product that is cut before it can overflow.
  let product = 1
  for (let row = 0; row < isCorrect.length; row++) {
    const isSurprising = isCorrect[row] === 1 ? z[row]! < 0 : z[row]! > 0
    if (isSurprising) cost += Math.abs(z[row]!)
    product *= 1 + decay[row]!
    if (product > PRODUCT_MAX) {
      cost += Math.log(product)
      product = 1
    }
  }
  return cost + Math.log(product)
}

function makeDesign(matrix: SparfaMatrix, answers: LearnerAnswers, isFull: boolean): Design {
  const { answered, isCorrect, position: positionOf, specificCount, hasGeneral } = answers
  const { start: rowStart, concept } = matrix.weights
  const { weights, easiness: allEasiness } = matrix.bounded
  const count = answered.length
  const start = new Int32Array(count + 1)
  for (let row = 0; row < count; row++) {
    start[row + 1] = start[row]! + rowStart[answered[row]! + 1]! - rowStart[answered[row]!]!
  }
  const position = new Int32Array(start[count]!)
  const weight = new Float64Array(position.length)
  const weightSum = new Float64Array(count)
  const easiness = new Float64Array(count)
  for (let row = 0; row < count; row++) {
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
  const rows = { start, position, weight, specificCount }
  const numbers = { z: new Float64Array(count), decay: new Float64Array(count), probability: new Float64Array(count) }
  const full = isFull ? fullRows(rows) : undefined
  return { ...rows, ...numbers, weightSum, easiness, isCorrect, hasGeneral, full }
}

type Rows = Pick<Design, 'start' | 'position' | 'weight' | 'specificCount'>

function fullRows({ start, position, weight, specificCount }: Rows): Float64Array {
  const rows = start.length - 1
  const full = new Float64Array(Math.ceil(rows / 4) * 4 * specificCount)
  for (let row = 0; row < rows; row++) {
    for (let entry = start[row]!; entry < start[row + 1]!; entry++) {
      full[row * specificCount + position[entry]!] = weight[entry]!
    }
  }
  return full
}

function predict(design: Design, point: Float64Array): void {
  const { start, position, weight, weightSum, easiness, specificCount, hasGeneral } = design
  const general = hasGeneral ? point[specificCount]! : 0
  for (let row = 0; row < easiness.length; row++) {
    let z = easiness[row]! + weightSum[row]! * general
    if (specificCount > 0) {
      for (let entry = start[row]!; entry < start[row + 1]!; entry++) z += weight[entry]! * point[position[entry]!]!
    }
    const decay = exp(-Math.abs(z))
    design.z[row] = z
    design.decay[row] = decay
    design.probability[row] = (z >= 0 ? 1 : decay) / (1 + decay)
  }
}

function fillGradient(matrix: SparfaMatrix, design: Design, point: Float64Array, gradient: Float64Array): void {
  const { start, position, weight, weightSum, isCorrect, probability, specificCount, hasGeneral } = design
  for (let at = 0; at < specificCount; at++) gradient[at] = matrix.lamU * point[at]!
  if (hasGeneral) gradient[specificCount] = matrix.lamG * point[specificCount]!
  for (let row = 0; row < isCorrect.length; row++) {
    const residual = probability[row]! - isCorrect[row]!
    if (hasGeneral) gradient[specificCount]! += residual * weightSum[row]!
    if (specificCount === 0) continue
    for (let entry = start[row]!; entry < start[row + 1]!; entry++) {
      gradient[position[entry]!]! += residual * weight[entry]!
    }
  }
}

/** Fills the factor's place with the precision. */
function fillPrecision(matrix: SparfaMatrix, design: Design, { base, value }: Skyline): void {
  const { start, position, weight, weightSum, probability, full, specificCount, hasGeneral } = design
  value.fill(0)
  for (let at = 0; at < specificCount; at++) value[base[at]! + at] = matrix.lamU
  const border = hasGeneral ? base[specificCount]! : 0
  if (hasGeneral) value[border + specificCount] = matrix.lamG
  if (full !== undefined) addFullRows(design, full, { base, value })
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
function addFullRows(
  { probability, specificCount }: Design,
  full: Float64Array,
  { base, value }: Pick<Skyline, 'base' | 'value'>,
): void {
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
