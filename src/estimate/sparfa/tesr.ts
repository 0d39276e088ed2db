/**
 * TeSR (sparfa.md §12): orders questions so that every prefix tells as much as possible about the learner. Greedy
 * maximisation of log det of the posterior precision, with lazy evaluation: gains only shrink as questions are chosen
 * (submodularity), so an outdated gain is an upper bound and most of them never need to be computed again.
 */

import type { SparfaKnowledge } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import { probabilityOf } from './predict.ts'
import type { Skyline } from './skyline.ts'

/**
 * Question indices best first; the learner's answered questions follow all others. Duplicates are dropped. Only the
 * first `greedyCount` are chosen one after the other; the rest follows by the gains that were last computed, which are
 * upper bounds. Nobody gives a student hundreds of exercises at once, and the greedy order costs the more the longer.
 */
export function rankQuestions(
  matrix: SparfaMatrix,
  learner: SparfaKnowledge,
  candidates: Int32Array,
  greedyCount = Number.POSITIVE_INFINITY,
): Int32Array {
  const distinct = Int32Array.from(new Set(candidates)).sort()
  const state = makeState(matrix, learner, distinct)
  const answered = new Set(learner.answered)
  const ranked = new Int32Array(distinct.length)
  let place = 0
  for (const isAnswered of [false, true]) {
    const queue = new CandidateQueue(state, distinct, (candidate) => answered.has(distinct[candidate]!) === isAnswered)
    while (place < greedyCount) {
      const best = queue.takeBest()
      if (best === -1) break
      ranked[place] = distinct[best]!
      place += 1
      choose(state, best)
    }
    for (const candidate of queue.takeRest()) {
      ranked[place] = distinct[candidate]!
      place += 1
    }
  }
  return ranked
}

/** Gains are compared after rounding, so that noise in the last bits cannot decide. */
const GAINS_PER_UNIT = 1e12

/**
 * The posterior of u over the candidates' concepts, as u = mean + gamma (g - E g) + e, with e ~ N(0, C) independent of
 * g. C is zero between concepts that no question joins, so a choice touches a handful of entries instead of all of S.
 */
interface RankState {
  readonly conceptCount: number
  /** C, conceptCount x conceptCount. */
  readonly covariance: Float64Array
  readonly gamma: Float64Array
  /** Variance of g; zero when the prior has no general ability. */
  generalVariance: number
  /** The concepts that C joins with each concept, itself included. */
  readonly groups: Int32Array[]
  /** Rows of W for the candidates, over the numbering of `covariance`. */
  readonly start: Int32Array
  readonly concept: Int32Array
  readonly weight: Float64Array
  /** v_q = p (1 - p) at the learner's u. */
  readonly curvature: Float64Array
  /** Working space: C w. */
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
  return { ...priorOver(matrix, learner, concepts), start, concept, weight, curvature }
}

type Prior = Pick<RankState, 'conceptCount' | 'covariance' | 'gamma' | 'generalVariance' | 'groups' | 'direction'>

/** C and gamma before the first choice, from the learner's factor: with B = L_vv^-1, C = B'B and gamma = 1 - B' l_g. */
function priorOver(matrix: SparfaMatrix, learner: SparfaKnowledge, concepts: readonly number[]): Prior {
  const { position, mean, factor } = learner
  const count = concepts.length
  const hasGeneral = Number.isFinite(matrix.lamG)
  const specificCount = hasGeneral ? mean.length - 1 : mean.length
  const covariance = new Float64Array(count * count)
  const gamma = new Float64Array(count).fill(hasGeneral ? 1 : 0)
  const ends = groupEnds(factor, specificCount)
  const groups = groupsOf(concepts, position, ends)
  const columns = concepts.map((concept) => unitColumn(factor, position[concept]!, ends))
  for (let row = 0; row < count; row++) {
    const at = position[concepts[row]!]!
    if (at === -1) {
      covariance[row * count + row] = 1 / matrix.lamU
      continue
    }
    const column = columns[row]!
    const border = hasGeneral ? factor.base[specificCount]! : 0
    for (let k = at; hasGeneral && k < ends[at]!; k++) gamma[row]! -= column[k - at]! * factor.value[border + k]!
    for (const other of groups[row]!) {
      covariance[row * count + other] = overlap(column, at, columns[other]!, position[concepts[other]!]!)
    }
  }
  const generalVariance = hasGeneral ? 1 / factor.value[factor.base[specificCount]! + specificCount]! ** 2 : 0
  return { conceptCount: count, covariance, gamma, generalVariance, groups, direction: new Float64Array(count) }
}

/** For every position of v, where its group of joined concepts ends; groups stand together in the skyline. */
function groupEnds({ first }: Skyline, specificCount: number): Int32Array {
  const ends = new Int32Array(specificCount)
  let end = specificCount
  let lowest = specificCount
  for (let row = specificCount - 1; row >= 0; row--) {
    ends[row] = end
    lowest = Math.min(lowest, first[row]!)
    if (lowest === row) end = row
  }
  return ends
}

/** Concepts of one group share one list; a concept without evidence is alone. */
function groupsOf(concepts: readonly number[], position: Int32Array, ends: Int32Array): Int32Array[] {
  const members = new Map<number, number[]>()
  concepts.forEach((concept, number) => {
    const at = position[concept]!
    const group = at === -1 ? -1 - number : ends[at]!
    const list = members.get(group)
    if (list === undefined) members.set(group, [number])
    else list.push(number)
  })
  const groups = new Array<Int32Array>(concepts.length)
  for (const list of members.values()) {
    const group = Int32Array.from(list)
    for (const number of list) groups[number] = group
  }
  return groups
}

/** Rows at…end of L^-1 e_at; all others are zero. */
function unitColumn({ first, base, value }: Skyline, at: number, ends: Int32Array): Float64Array {
  if (at === -1) return new Float64Array(0)
  const column = new Float64Array(ends[at]! - at)
  column[0] = 1 / value[base[at]! + at]!
  for (let row = at + 1; row < ends[at]!; row++) {
    let sum = 0
    for (let k = Math.max(first[row]!, at); k < row; k++) sum -= value[base[row]! + k]! * column[k - at]!
    column[row - at] = sum / value[base[row]! + row]!
  }
  return column
}

function overlap(one: Float64Array, from: number, other: Float64Array, otherFrom: number): number {
  let sum = 0
  const begin = Math.max(from, otherFrom)
  for (let k = begin; k < from + one.length; k++) sum += one[k - from]! * other[k - otherFrom]!
  return sum
}

/** log(1 + v w' S w), rounded, with S = C + gamma gamma' Var(g). */
function gainOf(state: RankState, candidate: number): number {
  const { conceptCount, covariance, gamma, generalVariance, start, concept, weight, curvature } = state
  let spread = 0
  let slope = 0
  for (let entry = start[candidate]!; entry < start[candidate + 1]!; entry++) {
    const row = concept[entry]! * conceptCount
    let sum = 0
    for (let other = start[candidate]!; other < start[candidate + 1]!; other++) {
      sum += covariance[row + concept[other]!]! * weight[other]!
    }
    spread += weight[entry]! * sum
    slope += weight[entry]! * gamma[concept[entry]!]!
  }
  const variance = Math.max(spread + slope * slope * generalVariance, 0)
  return Math.round(Math.log1p(curvature[candidate]! * variance) * GAINS_PER_UNIT) / GAINS_PER_UNIT
}

/**
 * An answer to a question is an observation of w'u with variance 1 / v. Given g it changes e as usual, and e's reaction
 * to g changes gamma:  k = v / (1 + v w'C w),  C <- C - k C w w'C,  gamma <- gamma - k C w (w'gamma),
 * 1 / Var(g) <- 1 / Var(g) + k (w'gamma)^2.
 */
function choose(state: RankState, candidate: number): void {
  const { conceptCount, covariance, gamma, start, concept, weight, direction, curvature } = state
  const begin = start[candidate]!
  const end = start[candidate + 1]!
  if (begin === end) return
  const group = joinGroups(state, concept.subarray(begin, end))
  let spread = 0
  let slope = 0
  for (const at of group) direction[at] = 0
  for (let entry = begin; entry < end; entry++) {
    const row = concept[entry]! * conceptCount
    for (const at of group) direction[at]! += covariance[row + at]! * weight[entry]!
  }
  for (let entry = begin; entry < end; entry++) {
    spread += weight[entry]! * direction[concept[entry]!]!
    slope += weight[entry]! * gamma[concept[entry]!]!
  }
  const factor = curvature[candidate]! / (1 + curvature[candidate]! * spread)
  for (const row of group) {
    const scaled = factor * direction[row]!
    gamma[row]! -= scaled * slope
    for (const column of group) covariance[row * conceptCount + column]! -= scaled * direction[column]!
  }
  state.generalVariance /= 1 + factor * slope * slope * state.generalVariance
}

/** All concepts joined with these, which from now on are one group. */
function joinGroups({ groups }: RankState, concepts: Int32Array): Int32Array {
  const first = groups[concepts[0]!]!
  if (concepts.every((concept) => groups[concept] === first)) return first
  const joined = Int32Array.from(new Set(Array.from(concepts).flatMap((concept) => Array.from(groups[concept]!))))
  for (const concept of joined) groups[concept] = joined
  return joined
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

  /** All that are left, in the order of the gains that are known. */
  takeRest(): number[] {
    const rest = this.#heap.splice(0)
    return rest.sort((one, other) => (this.#precedes(one, other) ? -1 : 1))
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
