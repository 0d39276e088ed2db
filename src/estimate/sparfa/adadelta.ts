/**
 * Adadelta with decaying rates (sparfa.md §5; M. Zeiler, arXiv 1212.5701). Without the decay the steps never shrink and
 * the fit circles the optimum at a height that grows with epsilon; with it the fit converges.
 */
import {
  copyPoint,
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

export interface AdadeltaOptions {
  /** Its square root sets the first step. */
  readonly epsilon: number
  /** Rates are divided by 1 + epoch / decay; infinite is plain Adadelta. */
  readonly decay: number
}

export const adadeltaDefaults: AdadeltaOptions = { epsilon: 1e-3, decay: 50 }

const RHO = 0.95

/** Moving averages of squared gradients and squared applied steps, per coordinate. */
interface Averages {
  readonly gradient: Float64Array
  readonly step: Float64Array
}

/** `point` is moved in place: first every learner takes a step, then every question. */
export function adadelta(problem: Problem, point: Point, options: AdadeltaOptions = adadeltaDefaults): Optimiser {
  const gradient = copyPoint(point)
  const z = new Float64Array(problem.responses.question.length)
  const averages = {
    weights: makeAverages(point.weights.length),
    easiness: makeAverages(point.easiness.length),
    specific: makeAverages(point.specific.length),
    general: makeAverages(point.general.length),
  }
  const unconstrained = new Float64Array(0)
  return {
    point,
    penalties: problem.penalties,
    rowsOf: problem.kernels.rowsOf,
    meanLogLoss: (rows) => atOnce(meanLogLoss(problem, rows, point)),
    epoch(epoch) {
      const rate = { epsilon: options.epsilon, factor: 1 / (1 + epoch / options.decay) }
      learnerGradient(problem, point, gradient, z)
      if (hasSpecific(problem.penalties)) {
        descend(point.specific, gradient.specific, averages.specific, rate, unconstrained)
      }
      if (hasGeneral(problem.penalties)) {
        descend(point.general, gradient.general, averages.general, rate, unconstrained)
      }
      questionGradient(problem, point, gradient, z)
      if (problem.preset.fitsWeights) {
        descend(point.weights, gradient.weights, averages.weights, rate, problem.lasso)
      }
      descend(point.easiness, gradient.easiness, averages.easiness, rate, unconstrained)
      return atOnce(undefined)
    },
  }
}

function makeAverages(length: number): Averages {
  return { gradient: new Float64Array(length), step: new Float64Array(length) }
}

/**
 * One step per coordinate. With a `lasso` (one entry per coordinate) the step ends in the proximal map of the L1
 * penalty and of x >= 0, and the step that was applied in the end is what the average remembers.
 */
function descend(
  x: Float64Array,
  gradient: Float64Array,
  averages: Averages,
  { epsilon, factor }: { epsilon: number; factor: number },
  lasso: Float64Array,
): void {
  const isConstrained = lasso.length === x.length && x.length > 0
  const { gradient: squaredGradient, step: squaredStep } = averages
  for (let at = 0; at < x.length; at++) {
    const slope = gradient[at]!
    const seen = RHO * squaredGradient[at]! + (1 - RHO) * slope * slope
    squaredGradient[at] = seen
    const eta = factor * Math.sqrt((squaredStep[at]! + epsilon) / (seen + epsilon))
    let step = -eta * slope
    if (isConstrained) {
      const next = x[at]! + step - eta * lasso[at]!
      step = Math.max(next, 0) - x[at]!
    }
    x[at]! += step
    squaredStep[at] = RHO * squaredStep[at]! + (1 - RHO) * step * step
  }
}
