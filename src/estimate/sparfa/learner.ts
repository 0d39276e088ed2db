/**
 * What one learner knows, given the matrix (sparfa.md §10): the maximum a posteriori point and the Laplace posterior.
 * Coordinates are x = (v of the concepts met so far, g), with u_c = v_c + g; concepts without evidence keep their
 * prior, so the cost depends on the learner's answers and never on the number of concepts.
 */
import { fullRows } from './full-rows.ts'
import { areFull, firstColumns, type LearnerAnswers, type LearnerRows, plainRows, sizeOf } from './learner-rows.ts'
import type { SparfaMatrix } from './matrix.ts'
import { makeSkyline, type Skyline, solveBackward, solveForward } from './skyline.ts'
import { bestKernel } from './wasm.ts'
import type { KernelName } from './workspace.ts'

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

/** `answered` ascending and without duplicates; `isCorrect` is aligned with it. Both kernels give the same bits. */
export function estimateLearner(
  matrix: SparfaMatrix,
  answered: Int32Array,
  isCorrect: Uint8Array,
  kernel: KernelName = bestKernel(),
): SparfaKnowledge {
  const hasGeneral = Number.isFinite(matrix.lamG)
  const position = new Int32Array(matrix.conceptIds.length).fill(-1)
  const specificCount = Number.isFinite(matrix.lamU) ? placeConcepts(matrix, answered, position) : 0
  const answers: LearnerAnswers = { answered, isCorrect, position, specificCount, hasGeneral }
  const isFull = areFull(matrix, answers)
  const first = isFull ? new Int32Array(sizeOf(answers)) : firstColumns(matrix, answers)
  const posterior: Posterior = { mean: new Float64Array(sizeOf(answers)), factor: makeSkyline(first) }
  const rows = isFull && kernel === 'wasm' ? fullRows(matrix, answers) : plainRows(matrix, answers, isFull)
  // With many concepts to a question the precision costs far more than anything else: it is used for several steps.
  maximise(rows, posterior, isFull ? FULL_STEPS : 1)
  const { mean, factor } = posterior
  return { answered, position, mean, general: hasGeneral ? mean[specificCount]! : 0, factor }
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

interface Posterior {
  readonly mean: Float64Array
  readonly factor: Skyline
}

const FULL_STEPS = 3
const NEWTON_STEPS_MAX = 50
const NEWTON_DECREMENT_MIN = 1e-10
const ARMIJO = 1e-4
const SHORTEST_STEP = 1e-8
/** Cost differences below this share of the cost are rounding noise and must not shorten a step. */
const COST_NOISE = 1e-14

/** Newton's method with halving; leaves the factor of the precision in `posterior.factor`. */
function maximise(rows: LearnerRows, { mean, factor }: Posterior, stepsPerFactor: number): void {
  const step = new Float64Array(mean.length)
  const trial = new Float64Array(mean.length)
  let cost = rows.evaluate(mean)
  for (let iteration = 0; iteration < NEWTON_STEPS_MAX; iteration++) {
    rows.fillFactor(factor)
    for (let turn = 0; turn < stepsPerFactor; turn++) {
      rows.fillGradient(step)
      solveForward(factor, step)
      let decrement = 0
      for (const value of step) decrement += value * value
      solveBackward(factor, step)
      if (decrement < NEWTON_DECREMENT_MIN) {
        // The last step is so short that neither cost nor precision need another look, if the precision is of here.
        for (let at = 0; at < mean.length; at++) mean[at]! -= step[at]!
        if (turn === 0) return
        cost = rows.evaluate(mean)
        break
      }
      cost = stepDown(rows, mean, { step, trial, cost, decrement })
    }
  }
  rows.fillFactor(factor)
}

interface NewtonStep {
  readonly step: Float64Array
  /** Working space. */
  readonly trial: Float64Array
  readonly cost: number
  readonly decrement: number
}

/** Halves the step until the cost falls enough; moves the mean and returns its cost. */
function stepDown(rows: LearnerRows, mean: Float64Array, { step, trial, cost, decrement }: NewtonStep): number {
  let next = cost
  for (let length = 1; length > SHORTEST_STEP; length /= 2) {
    for (let at = 0; at < mean.length; at++) trial[at] = mean[at]! - length * step[at]!
    next = rows.evaluate(trial)
    if (next <= cost - ARMIJO * length * decrement + COST_NOISE * cost) break
  }
  mean.set(trial)
  return next
}
