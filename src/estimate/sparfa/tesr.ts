/**
 * TeSR (sparfa.md §12): orders questions so that every prefix tells as much as possible about the learner. Greedy
 * maximisation of log det of the posterior precision, with lazy evaluation: gains only shrink as questions are chosen
 * (submodularity), so an outdated gain is an upper bound and most of them never need to be computed again.
 */

import type { SparfaKnowledge } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import { probabilityOf } from './predict.ts'
import { solveForward } from './skyline.ts'

/** Question indices best first; the learner's answered questions follow all others. Duplicates are dropped. */
export function rankQuestions(matrix: SparfaMatrix, learner: SparfaKnowledge, candidates: Int32Array): Int32Array {
  const distinct = Int32Array.from(new Set(candidates)).sort()
  const state = makeState(matrix, learner, distinct)
  const answered = new Set(learner.answered)
  const ranked = new Int32Array(distinct.length)
  let place = 0
  for (const isAnswered of [false, true]) {
    const queue = new CandidateQueue(state, distinct, (candidate) => answered.has(distinct[candidate]!) === isAnswered)
    for (let best = queue.takeBest(); best !== -1; best = queue.takeBest()) {
      ranked[place] = distinct[best]!
      place += 1
      choose(state, best)
    }
  }
  return ranked
}

/** Gains are compared after rounding, so that noise in the last bits cannot decide. */
const GAINS_PER_UNIT = 1e12

interface RankState {
  readonly conceptCount: number
  /** S, the covariance of u over the candidates' concepts: lower triangle of conceptCount x conceptCount, row-major. */
  readonly covariance: Float64Array
  /** Rows of W for the candidates, over the numbering of `covariance`. */
  readonly start: Int32Array
  readonly concept: Int32Array
  readonly weight: Float64Array
  /** v_q = p (1 - p) at the learner's u. */
  readonly curvature: Float64Array
  readonly direction: Float64Array
}

function makeState(matrix: SparfaMatrix, learner: SparfaKnowledge, candidates: Int32Array): RankState {
  const rows = matrix.weights
  const start = new Int32Array(candidates.length + 1)
  for (let candidate = 0; candidate < candidates.length; candidate++) {
    const question = candidates[candidate]!
    start[candidate + 1] = start[candidate]! + rows.start[question + 1]! - rows.start[question]!
  }
  const concept = new Int32Array(start[candidates.length]!)
  const weight = new Float64Array(concept.length)
  const curvature = new Float64Array(candidates.length)
  const numberOf = new Int32Array(matrix.conceptIds.length).fill(-1)
  const concepts: number[] = []
  let place = 0
  for (let candidate = 0; candidate < candidates.length; candidate++) {
    const question = candidates[candidate]!
    const p = probabilityOf(matrix, learner, question)
    curvature[candidate] = p * (1 - p)
    for (let entry = rows.start[question]!; entry < rows.start[question + 1]!; entry++) {
      const met = rows.concept[entry]!
      if (numberOf[met] === -1) {
        numberOf[met] = concepts.length
        concepts.push(met)
      }
      concept[place] = numberOf[met]!
      weight[place] = matrix.bounded.weights[entry]!
      place += 1
    }
  }
  const covariance = covarianceOver(matrix, learner, concepts)
  const direction = new Float64Array(concepts.length)
  return { conceptCount: concepts.length, covariance, start, concept, weight, curvature, direction }
}

/** A column of B = L^-1 (unit vectors of the concepts, each plus g): zero outside from…to - 1 and the last row. */
interface CovarianceColumn {
  readonly value: Float64Array
  readonly from: number
  readonly to: number
  /** In the row of g. */
  readonly last: number
}

/** Posterior covariance of u over some concepts is B' B. */
function covarianceOver(matrix: SparfaMatrix, learner: SparfaKnowledge, concepts: readonly number[]): Float64Array {
  const count = concepts.length
  const columns = concepts.map((concept) => covarianceColumn(matrix, learner, concept))
  const covariance = new Float64Array(count * count)
  for (let row = 0; row < count; row++) {
    const one = columns[row]!
    for (let column = 0; column <= row; column++) {
      const other = columns[column]!
      let sum = one.last * other.last
      const end = Math.min(one.to, other.to)
      for (let at = Math.max(one.from, other.from); at < end; at++) sum += one.value[at]! * other.value[at]!
      covariance[row * count + column] = sum
    }
    if (learner.position[concepts[row]!] === -1) covariance[row * count + row]! += 1 / matrix.lamU
  }
  return covariance
}

function covarianceColumn(
  matrix: SparfaMatrix,
  { position, mean, factor }: SparfaKnowledge,
  concept: number,
): CovarianceColumn {
  const hasGeneral = Number.isFinite(matrix.lamG)
  const specificCount = hasGeneral ? mean.length - 1 : mean.length
  const value = new Float64Array(mean.length)
  const at = position[concept]!
  const from = at === -1 ? specificCount : at
  if (at !== -1) value[at] = 1
  if (hasGeneral) value[specificCount] = 1
  solveForward(factor, value, from)
  let to = specificCount
  while (to > from && value[to - 1] === 0) to -= 1
  return { value, from, to, last: hasGeneral ? value[specificCount]! : 0 }
}

/** log(1 + v w' S w), rounded. */
function gainOf(state: RankState, candidate: number): number {
  const { conceptCount, covariance, start, concept, weight, curvature } = state
  let spread = 0
  for (let entry = start[candidate]!; entry < start[candidate + 1]!; entry++) {
    const row = concept[entry]!
    spread += weight[entry]! * weight[entry]! * covariance[row * conceptCount + row]!
    for (let other = start[candidate]!; other < entry; other++) {
      const across = concept[other]!
      const place = across < row ? row * conceptCount + across : across * conceptCount + row
      spread += 2 * weight[entry]! * weight[other]! * covariance[place]!
    }
  }
  return Math.round(Math.log1p(curvature[candidate]! * Math.max(spread, 0)) * GAINS_PER_UNIT) / GAINS_PER_UNIT
}

/** S <- S - v S w w' S / (1 + v w' S w). */
function choose(state: RankState, candidate: number): void {
  const { conceptCount, covariance, start, concept, weight, direction } = state
  const begin = start[candidate]!
  const end = start[candidate + 1]!
  if (begin === end) return
  direction.fill(0)
  for (let entry = begin; entry < end; entry++) {
    const row = concept[entry]!
    const factor = weight[entry]!
    for (let at = 0; at < row; at++) direction[at]! += covariance[row * conceptCount + at]! * factor
    for (let at = row; at < conceptCount; at++) direction[at]! += covariance[at * conceptCount + row]! * factor
  }
  let spread = 0
  for (let entry = begin; entry < end; entry++) spread += weight[entry]! * direction[concept[entry]!]!
  const curvature = state.curvature[candidate]!
  const factor = curvature / (1 + curvature * spread)
  for (let row = 0; row < conceptCount; row++) {
    const scaled = factor * direction[row]!
    const base = row * conceptCount
    for (let column = 0; column <= row; column++) covariance[base + column]! -= scaled * direction[column]!
  }
}

/** Binary heap of candidates under (gain, v, smaller index); the gains in it may be outdated, never too small. */
class CandidateQueue {
  readonly #state: RankState
  readonly #heap: number[]
  readonly #gain: Float64Array

  constructor(state: RankState, candidates: Int32Array, belongs: (candidate: number) => boolean) {
    this.#state = state
    this.#gain = new Float64Array(candidates.length)
    this.#heap = []
    for (let candidate = 0; candidate < candidates.length; candidate++) {
      if (!belongs(candidate)) continue
      this.#gain[candidate] = gainOf(state, candidate)
      this.#heap.push(candidate)
    }
    this.#heap.sort((one, other) => (this.#precedes(one, other) ? -1 : 1))
  }

  /** The candidate that comes first under current gains, or -1 when none is left. */
  takeBest(): number {
    while (this.#heap.length > 0) {
      const top = this.#heap[0]!
      const gain = gainOf(this.#state, top)
      const isCurrent = gain >= this.#gain[top]!
      this.#gain[top] = Math.min(gain, this.#gain[top]!)
      if (isCurrent) {
        this.#removeTop()
        return top
      }
      this.#sink()
    }
    return -1
  }

  #precedes(one: number, other: number): boolean {
    const gains = this.#gain[one]! - this.#gain[other]!
    if (gains !== 0) return gains > 0
    const curvatures = this.#state.curvature[one]! - this.#state.curvature[other]!
    return curvatures !== 0 ? curvatures > 0 : one < other
  }

  #removeTop(): void {
    const last = this.#heap.pop()!
    if (this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink()
  }

  #sink(): void {
    const heap = this.#heap
    const moved = heap[0]!
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#precedes(heap[child + 1]!, heap[child]!)) child += 1
      if (!this.#precedes(heap[child]!, moved)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = moved
  }
}
