/**
 * Production optimiser for a hard mask: expectation-maximisation with a Gaussian posterior of every learner.
 *
 * A joint maximum over W and U inflates W, because nothing accounts for how uncertain U is, and has to be stopped
 * early. Here the weights are fitted to the learners' means *and* variances, so the scale comes out right (planted
 * data, 80 answers a question: mean weight 0.92 of the truth instead of 2 times it), more epochs do no harm, and two or
 * three are usually enough. With z ~ N(m, s^2) under the posterior of one answer, t = 1 / sqrt(1 + pi s^2 / 8) and p =
 * sigma(t m):
 *
 *     E[y - sigma(z)] = y - p,   E[sigma'(z)] = t p (1 - p) = omega   (MacKay's approximation)
 *
 *     learner:   precision = Lambda + sum omega a a',  mean += precision^-1 (sum (y - p) a - Lambda mean),  a = (w, sum
 * w)
 *     question:  (sum omega E[x x'] + penalties) (w, d) = sum (omega m + y - p) E[x] + penalties,  x = (u, 1),  w >= 0
 *
 * The learner's precision is kept as an arrow: a diagonal for v, and the row of g. Where a question has several hints,
 * w w' is replaced by diag(w sum(w)), which is never smaller, so a step never overshoots; with one hint it is exact. It
 * also makes the border of the arrow equal to what the diagonal gains: with e of it, v has the variance 1 / (lam_u + e)
 * given g, and falls by e / (lam_u + e) when g rises by one; one number, the share lam_u / (lam_u + e), tells both.
 */
import { type HardArrays, makeHardWork, setGeneralPrior } from './hard-work.ts'
import { makeRecentre } from './offset.ts'
import type { Penalties } from './presets.ts'
import type { Point, Problem } from './problem.ts'
import type { Optimiser } from './train.ts'
import { bestKernel } from './wasm.ts'
import type { KernelName } from './workspace.ts'

/** Starts from a copy of `start`. */
export function variational(problem: Problem, start: Point, kernel: KernelName = bestKernel()): Optimiser {
  const work = makeHardWork(problem, start, kernel)
  const { arrays } = work
  const blocks = arrays.losses.length
  const point: Point = arrays
  const recentre = problem.preset.learnsOffsets ? makeRecentre(problem) : undefined
  let penalties = problem.penalties
  let hasRows = false
  return {
    point,
    *epoch() {
      if (!hasRows) yield { task: 'hardRows', work, rows: problem.rows, blocks }
      hasRows = true
      yield { task: 'hardLearners', work, blocks }
      yield { task: 'hardQuestions', work, blocks }
      recentre?.(arrays.easiness, arrays.easinessCentre)
      if (!problem.preset.learnsGeneral) return
      penalties = { ...penalties, lamG: generalPrior(problem, arrays) }
      setGeneralPrior(arrays, penalties.lamG)
    },
    get penalties() {
      return penalties
    },
    rowsOf: problem.kernels.rowsOf,
    *meanLogLoss(rows) {
      yield { task: 'hardLosses', work, rows, blocks }
      return arrays.losses.reduce((sum, loss) => sum + loss, 0) / rows.question.length
    },
  }
}

/** As if so many more learners had been seen with variance one: a few learners cannot move the prior far. */
const PRIOR_LEARNERS = 10

/** 1 / lam_g = mean of E[g^2] over the learners with answers. */
function generalPrior({ responses }: Problem, { general, generalVariance }: HardArrays): Penalties['lamG'] {
  let count = PRIOR_LEARNERS
  let sum = PRIOR_LEARNERS
  for (let learner = 0; learner < general.length; learner++) {
    if (responses.start[learner] === responses.start[learner + 1]) continue
    count += 1
    sum += general[learner]! * general[learner]! + generalVariance[learner]!
  }
  return count / sum
}
