/**
 * Reference optimiser: SPARFA-M by accelerated proximal gradient steps (sparfa.md §4; Lan et al. 2014; Beck and
 * Teboulle 2009). All learners with the questions fixed, then all questions with the learners fixed; both convex.
 */
import {
  copyPoint,
  costAt,
  hasGeneral,
  hasSpecific,
  learnerGradient,
  meanLogLoss,
  type Point,
  type Problem,
  questionGradient,
} from './problem.ts'
import { atOnce } from './stages.ts'
import type { Optimiser } from './train.ts'

const INNER_STEPS = 15
const POWER_STEPS = 8
/** Power iteration approaches the largest eigenvalue from below. */
const EIGENVALUE_MARGIN = 1.1
/** Largest second derivative of the logistic loss. */
const CURVATURE_MAX = 0.25

/** `point` is moved in place; one epoch is both half-steps, and neither increases the cost. */
export function fista(problem: Problem, point: Point): Optimiser {
  return {
    point,
    penalties: problem.penalties,
    rowsOf: problem.kernels.rowsOf,
    meanLogLoss: (rows) => atOnce(meanLogLoss(problem, rows, point)),
    epoch() {
      stepLearners(problem, point)
      stepQuestions(problem, point)
      return atOnce(undefined)
    },
  }
}

export function stepLearners(problem: Problem, point: Point, innerSteps = INNER_STEPS): void {
  const { penalties, kernels, responses } = problem
  const bound = learnerBounds(problem, point)
  const rates = {
    specific: new Float64Array(point.specific.length),
    general: new Float64Array(point.general.length),
  }
  const start = kernels.specificStart
  for (let learner = 0; learner < responses.learnerCount; learner++) {
    const rate = hasSpecific(penalties) ? 1 / (bound[learner]! + penalties.lamU) : 0
    rates.specific.fill(rate, start[learner]!, start[learner + 1]!)
    if (hasGeneral(penalties)) rates.general[learner] = 1 / (bound[learner]! + penalties.lamG)
  }
  descendWithoutIncrease(problem, point, innerSteps, {
    gradient: learnerGradient,
    blocks: [
      { of: (place) => place.specific, rate: rates.specific, lasso: undefined },
      { of: (place) => place.general, rate: rates.general, lasso: undefined },
    ],
  })
}

export function stepQuestions(problem: Problem, point: Point, innerSteps = INNER_STEPS): void {
  const { penalties, ridge, support, preset } = problem
  const bound = questionBounds(problem, point)
  const weightRate = new Float64Array(point.weights.length)
  const easinessRate = bound.map((value) => 1 / (value + penalties.lamD))
  for (let question = 0; question < bound.length; question++) {
    for (let entry = support.start[question]!; entry < support.start[question + 1]!; entry++) {
      weightRate[entry] = preset.fitsWeights ? 1 / (bound[question]! + ridge[entry]!) : 0
    }
  }
  descendWithoutIncrease(problem, point, innerSteps, {
    gradient: questionGradient,
    blocks: [
      { of: (place) => place.weights, rate: weightRate, lasso: problem.lasso },
      { of: (place) => place.easiness, rate: easinessRate, lasso: undefined },
    ],
  })
}

/** One array of coordinates; a `lasso` also stands for the constraint x >= 0. */
interface Block {
  readonly of: (point: Point) => Float64Array
  readonly rate: Float64Array
  readonly lasso: Float64Array | undefined
}

interface HalfStep {
  readonly gradient: (problem: Problem, point: Point, gradient: Point, z: Float64Array) => void
  readonly blocks: readonly Block[]
}

/** Momentum may overshoot; then the half-step is repeated without it, which cannot increase the cost. */
function descendWithoutIncrease(problem: Problem, point: Point, innerSteps: number, half: HalfStep): void {
  const before = costAt(problem, point)
  const accelerated = copyPoint(point)
  descend(problem, accelerated, innerSteps, half, true)
  if (costAt(problem, accelerated) > before) {
    descend(problem, point, innerSteps, half, false)
    return
  }
  for (const { of } of half.blocks) of(point).set(of(accelerated))
}

function descend(problem: Problem, point: Point, innerSteps: number, half: HalfStep, hasMomentum: boolean): void {
  const ahead = copyPoint(point)
  const gradient = copyPoint(point)
  const z = new Float64Array(problem.responses.question.length)
  let t = 1
  for (let step = 0; step < innerSteps; step++) {
    half.gradient(problem, ahead, gradient, z)
    const nextT = (1 + Math.sqrt(1 + 4 * t * t)) / 2
    const momentum = hasMomentum ? (t - 1) / nextT : 0
    for (const { of, rate, lasso } of half.blocks) {
      proximalStep(of(point), of(ahead), of(gradient), { rate, lasso, momentum })
    }
    t = nextT
  }
}

function proximalStep(
  x: Float64Array,
  ahead: Float64Array,
  gradient: Float64Array,
  { rate, lasso, momentum }: { rate: Float64Array; lasso: Float64Array | undefined; momentum: number },
): void {
  for (let at = 0; at < x.length; at++) {
    let next = ahead[at]! - rate[at]! * gradient[at]!
    if (lasso !== undefined) next = Math.max(next - rate[at]! * lasso[at]!, 0)
    ahead[at] = next + momentum * (next - x[at]!)
    x[at] = next
  }
}

/** Bound of the largest eigenvalue of each question's Hessian without penalties. */
function questionBounds(problem: Problem, point: Point): Float64Array {
  const { kernels, rows, support } = problem
  const z = new Float64Array(problem.responses.question.length)
  const vector = { ...copyPoint(point), weights: new Float64Array(point.weights.length).fill(1) }
  vector.easiness.fill(1)
  const image = copyPoint(vector)
  const norm = new Float64Array(point.easiness.length)
  for (let step = 0; step < POWER_STEPS; step++) {
    kernels.forward(rows, vector, z)
    kernels.ontoQuestions(rows, z, point, image)
    for (let question = 0; question < norm.length; question++) {
      const begin = support.start[question]!
      const end = support.start[question + 1]!
      const before = Math.hypot(vector.easiness[question]!, length(vector.weights, begin, end))
      const after = Math.hypot(image.easiness[question]!, length(image.weights, begin, end))
      norm[question] = before > 0 ? after / before : 0
      const scale = 1 / Math.max(after, Number.MIN_VALUE * 2 ** 53)
      vector.easiness[question] = image.easiness[question]! * scale
      for (let entry = begin; entry < end; entry++) vector.weights[entry] = image.weights[entry]! * scale
    }
  }
  return norm.map((value) => EIGENVALUE_MARGIN * CURVATURE_MAX * value)
}

/** Bound of the largest eigenvalue of each learner's Hessian without penalties. */
function learnerBounds(problem: Problem, point: Point): Float64Array {
  const { kernels, rows, penalties } = problem
  const z = new Float64Array(problem.responses.question.length)
  const specific = new Float64Array(point.specific.length).fill(hasSpecific(penalties) ? 1 : 0)
  if (problem.preset.mask === 'hard') specific[specific.length - 1] = 0
  const general = new Float64Array(point.general.length).fill(hasGeneral(penalties) ? 1 : 0)
  const vector = { ...copyPoint(point), easiness: new Float64Array(point.easiness.length), specific, general }
  const image = copyPoint(vector)
  const norm = new Float64Array(point.general.length)
  const start = kernels.specificStart
  for (let step = 0; step < POWER_STEPS; step++) {
    kernels.forward(rows, vector, z)
    kernels.ontoLearners(rows, z, point, image)
    if (!hasSpecific(penalties)) image.specific.fill(0)
    if (!hasGeneral(penalties)) image.general.fill(0)
    for (let learner = 0; learner < norm.length; learner++) {
      const begin = start[learner]!
      const end = start[learner + 1]!
      const before = Math.hypot(general[learner]!, length(specific, begin, end))
      const after = Math.hypot(image.general[learner]!, length(image.specific, begin, end))
      norm[learner] = before > 0 ? after / before : 0
      const scale = 1 / Math.max(after, Number.MIN_VALUE * 2 ** 53)
      general[learner] = image.general[learner]! * scale
      for (let entry = begin; entry < end; entry++) specific[entry] = image.specific[entry]! * scale
    }
  }
  return norm.map((value) => EIGENVALUE_MARGIN * CURVATURE_MAX * value)
}

function length(values: Float64Array, begin: number, end: number): number {
  let sum = 0
  for (let at = begin; at < end; at++) sum += values[at]! * values[at]!
  return Math.sqrt(sum)
}
