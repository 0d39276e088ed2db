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
 * w w' is replaced by diag(w sum(w)), which is never smaller, so a step never overshoots; with one hint it is exact.
 */
import type { ResponseRows } from './kernels.ts'
import type { Penalties } from './presets.ts'
import { hasGeneral, hasSpecific, type Point, type Problem } from './problem.ts'
import { solveNonNegative } from './quadratic.ts'
import { softplus } from './scalar.ts'
import type { Optimiser } from './train.ts'

interface State {
  readonly problem: Problem
  penalties: Penalties
  readonly point: Point
  /** Of v given g, and how much v falls when g rises by one; one entry per entry of v. */
  readonly specificVariance: Float64Array
  readonly generalSlope: Float64Array
  /** One entry per learner. */
  readonly generalVariance: Float64Array
  /**
   * What the answers add to the diagonal of the precision, and the gradient, while a learner is worked on. Replacing w
   * w' by diag(w sum(w)) makes the border of the arrow equal to what the diagonal gains.
   */
  readonly evidence: Float64Array
  readonly gradient: Float64Array
  /** omega and omega m + y - p of the learner's answers. */
  readonly omega: Float64Array
  readonly target: Float64Array
  /**
   * Sums of each question: lower triangle of sum omega E[x x'] by rows, then sum target E[x]. Learners are summed in
   * blocks of fixed size first, so that blocks may be worked on anywhere without changing a bit of the result.
   */
  readonly sumStart: Int32Array
  readonly blockSums: Float64Array
  readonly sums: Float64Array
}

const LEARNERS_PER_BLOCK = 512

/** `point` is moved in place. */
export function variational(problem: Problem, point: Point): Optimiser {
  const state = makeState(problem, point)
  const { learnerCount } = problem.responses
  return {
    point,
    epoch() {
      state.sums.fill(0)
      for (let learner = 0; learner < learnerCount; learner += LEARNERS_PER_BLOCK) {
        updateLearners(state, learner, Math.min(learner + LEARNERS_PER_BLOCK, learnerCount))
        for (let at = 0; at < state.sums.length; at++) state.sums[at]! += state.blockSums[at]!
      }
      updateQuestions(state)
      if (problem.preset.learnsGeneral) updateGeneralPrior(state)
    },
    get penalties() {
      return state.penalties
    },
    rowsOf: problem.kernels.rowsOf,
    meanLogLoss: (rows) => averagedLogLoss(state, rows),
  }
}

function makeState(problem: Problem, point: Point): State {
  const { responses, hints, penalties } = problem
  const sumStart = new Int32Array(responses.questionCount + 1)
  for (let question = 0; question < responses.questionCount; question++) {
    const size = hints.start[question + 1]! - hints.start[question]! + 1
    sumStart[question + 1] = sumStart[question]! + (size * (size + 1)) / 2 + size
  }
  let longest = 0
  for (let learner = 0; learner < responses.learnerCount; learner++) {
    longest = Math.max(longest, responses.start[learner + 1]! - responses.start[learner]!)
  }
  const specificCount = point.specific.length
  return {
    problem,
    penalties,
    point,
    specificVariance: new Float64Array(specificCount).fill(1 / penalties.lamU),
    generalSlope: new Float64Array(specificCount),
    generalVariance: new Float64Array(responses.learnerCount).fill(1 / penalties.lamG),
    evidence: new Float64Array(specificCount),
    gradient: new Float64Array(specificCount),
    omega: new Float64Array(longest),
    target: new Float64Array(longest),
    sumStart,
    blockSums: new Float64Array(sumStart[responses.questionCount]!),
    sums: new Float64Array(sumStart[responses.questionCount]!),
  }
}

function updateLearners(state: State, from: number, to: number): void {
  const { start } = state.problem.responses
  state.blockSums.fill(0)
  for (let learner = from; learner < to; learner++) {
    if (start[learner] === start[learner + 1]) continue
    updateLearner(state, learner)
    addToQuestions(state, learner)
  }
}

/** One Newton step of the learner's mean, and the variances that go with it. */
function updateLearner(state: State, learner: number): void {
  const { point, evidence, gradient, specificVariance, generalSlope } = state
  const { penalties } = state
  const { lamU, lamG } = penalties
  const { kernels } = state.problem
  const begin = kernels.specificRows.start[learner]!
  const end = hasSpecific(penalties) ? kernels.specificRows.start[learner + 1]! : begin
  for (let at = begin; at < end; at++) {
    evidence[at] = 0
    gradient[at] = -lamU * point.specific[at]!
  }
  collected.precision = lamG
  collected.gradient = hasGeneral(penalties) ? -lamG * point.general[learner]! : 0
  collectAnswers(state, learner)
  let schur = collected.precision
  let slope = collected.gradient
  for (let at = begin; at < end; at++) {
    const variance = 1 / (lamU + evidence[at]!)
    const ratio = evidence[at]! * variance
    specificVariance[at] = variance
    generalSlope[at] = ratio
    schur -= evidence[at]! * ratio
    slope -= gradient[at]! * ratio
  }
  const step = slope / schur
  point.general[learner]! += step
  state.generalVariance[learner] = 1 / schur
  for (let at = begin; at < end; at++) {
    point.specific[at]! += specificVariance[at]! * gradient[at]! - generalSlope[at]! * step
  }
}

/** What `collectAnswers` adds up for g; a module variable, so that the inner loop allocates nothing. */
const collected = { precision: 0, gradient: 0 }

/** Adds the learner's answers to evidence and gradient, with everything expanded at the current point. */
function collectAnswers(state: State, learner: number): void {
  const { specificVariance, generalSlope, evidence, gradient, omega, target } = state
  const { weights, easiness, specific } = state.point
  const { start, question, isCorrect, placeStart, place } = state.problem.rows
  const hintStart = state.problem.hints.start
  const general = state.point.general[learner]!
  const generalVariance = state.generalVariance[learner]!
  const begin = start[learner]!
  let generalPrecision = collected.precision
  let generalGradient = collected.gradient
  for (let row = begin; row < start[learner + 1]!; row++) {
    const asked = question[row]!
    const firstWeight = hintStart[asked]!
    const firstPlace = placeStart[row]!
    const hints = placeStart[row + 1]! - firstPlace
    let mean = easiness[asked]!
    let variance = 0
    let weightSum = 0
    let slope = 0
    for (let hint = 0; hint < hints; hint++) {
      const at = place[firstPlace + hint]!
      const weight = weights[firstWeight + hint]!
      mean += weight * (specific[at]! + general)
      variance += weight * weight * specificVariance[at]!
      slope += weight * (1 - generalSlope[at]!)
      weightSum += weight
    }
    variance += slope * slope * generalVariance
    const shrink = 1 / Math.sqrt(1 + (Math.PI / 8) * variance)
    const p = 1 / (1 + Math.exp(-shrink * mean))
    const curvature = shrink * p * (1 - p)
    const residual = isCorrect[row]! - p
    omega[row - begin] = curvature
    target[row - begin] = residual + curvature * mean
    const scaled = curvature * weightSum
    generalPrecision += scaled * weightSum
    generalGradient += residual * weightSum
    for (let hint = 0; hint < hints; hint++) {
      const at = place[firstPlace + hint]!
      const weight = weights[firstWeight + hint]!
      gradient[at]! += residual * weight
      evidence[at]! += scaled * weight
    }
  }
  collected.precision = generalPrecision
  collected.gradient = generalGradient
}

/** Adds E[x x'] and E[x] of the learner's answers to the sums of the questions. */
function addToQuestions(state: State, learner: number): void {
  const { omega, target, sumStart, blockSums } = state
  const { specificVariance, generalSlope } = state
  const { specific } = state.point
  const { start, question, placeStart, place } = state.problem.rows
  const general = state.point.general[learner]!
  const generalVariance = state.generalVariance[learner]!
  const begin = start[learner]!
  for (let row = begin; row < start[learner + 1]!; row++) {
    const curvature = omega[row - begin]!
    const wanted = target[row - begin]!
    const firstPlace = placeStart[row]!
    const hints = placeStart[row + 1]! - firstPlace
    let sum = sumStart[question[row]!]!
    for (let hint = 0; hint < hints; hint++) {
      const at = place[firstPlace + hint]!
      const known = specific[at]! + general
      const slope = (1 - generalSlope[at]!) * generalVariance
      for (let other = 0; other < hint; other++) {
        const across = place[firstPlace + other]!
        blockSums[sum++]! += curvature * (known * (specific[across]! + general) + slope * (1 - generalSlope[across]!))
      }
      const variance = specificVariance[at]! + slope * (1 - generalSlope[at]!)
      blockSums[sum++]! += curvature * (known * known + variance)
    }
    for (let hint = 0; hint < hints; hint++) {
      const known = specific[place[firstPlace + hint]!]! + general
      blockSums[sum]! += curvature * known
      blockSums[sum + hints + 1]! += wanted * known
      sum += 1
    }
    blockSums[sum]! += curvature
    blockSums[sum + hints + 1]! += wanted
  }
}

/** Solves every question's small quadratic problem. */
function updateQuestions({ problem, point, sumStart, sums }: State): void {
  const { hints, ridge, weightCentre, easinessCentre, penalties, preset } = problem
  for (let question = 0; question < easinessCentre.length; question++) {
    const begin = hints.start[question]!
    const hintCount = hints.start[question + 1]! - begin
    const size = hintCount + 1
    const matrix = sums.subarray(sumStart[question]!, sumStart[question + 1]! - size)
    const vector = sums.subarray(sumStart[question + 1]! - size, sumStart[question + 1]!)
    const solution = new Float64Array(size)
    for (let hint = 0; hint < hintCount; hint++) {
      matrix[(hint * (hint + 3)) / 2]! += ridge[begin + hint]!
      vector[hint]! += ridge[begin + hint]! * weightCentre[begin + hint]!
      solution[hint] = point.weights[begin + hint]!
    }
    matrix[(hintCount * (hintCount + 3)) / 2]! += penalties.lamD
    vector[hintCount]! += penalties.lamD * easinessCentre[question]!
    solution[hintCount] = point.easiness[question]!
    solveNonNegative({ matrix, vector, solution, fixedCount: preset.fitsWeights ? 0 : hintCount })
    for (let hint = 0; hint < hintCount; hint++) point.weights[begin + hint] = solution[hint]!
    point.easiness[question] = solution[hintCount]!
  }
}

/** As if so many more learners had been seen with variance one: a few learners cannot move the prior far. */
const PRIOR_LEARNERS = 10

/** 1 / lam_g = mean of E[g^2] over the learners with answers. */
function updateGeneralPrior(state: State): void {
  const { responses } = state.problem
  const { general } = state.point
  let count = PRIOR_LEARNERS
  let sum = PRIOR_LEARNERS
  for (let learner = 0; learner < general.length; learner++) {
    if (responses.start[learner] === responses.start[learner + 1]) continue
    count += 1
    sum += general[learner]! * general[learner]! + state.generalVariance[learner]!
  }
  state.penalties = { ...state.penalties, lamG: count / sum }
}

/** Mean log-loss of rows that were not trained on, with probabilities averaged over the posterior. */
function averagedLogLoss(state: State, rows: ResponseRows): number {
  const { weights, easiness, specific, general } = state.point
  const { specificVariance, generalSlope, generalVariance } = state
  const hintStart = state.problem.hints.start
  let sum = 0
  for (let learner = 0; learner < rows.learnerCount; learner++) {
    for (let row = rows.start[learner]!; row < rows.start[learner + 1]!; row++) {
      const asked = rows.question[row]!
      let entry = hintStart[asked]!
      let mean = easiness[asked]!
      let variance = 0
      let slope = 0
      for (let place = rows.placeStart[row]!; place < rows.placeStart[row + 1]!; place++) {
        const at = rows.place[place]!
        const weight = weights[entry]!
        mean += weight * (specific[at]! + general[learner]!)
        variance += weight * weight * specificVariance[at]!
        slope += weight * (1 - generalSlope[at]!)
        entry += 1
      }
      variance += slope * slope * generalVariance[learner]!
      const z = mean / Math.sqrt(1 + (Math.PI / 8) * variance)
      sum += softplus(z) - rows.isCorrect[row]! * z
    }
  }
  return sum / rows.question.length
}
