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
 * first `greedyCount` are chosen one after the other; the rest follows by the gains that are left after those. Nobody
 * gives a student hundreds of exercises at once, and each one costs when it is asked for.
 */
export function* rankQuestions(
  matrix: SparfaMatrix,
  learner: SparfaKnowledge,
  candidates: Int32Array,
  greedyCount = Number.POSITIVE_INFINITY,
): Generator<number, void> {
  const distinct = ascending(candidates)
  const state = makeState(matrix, learner, distinct)
  const isAnswered = contained(distinct, learner.answered)
  let place = 0
  for (const answered of [0, 1]) {
    const queue = new CandidateQueue(linesOf(state, isAnswered, answered))
    for (let best = queue.takeBest(); best !== -1; best = queue.takeBest()) {
      yield distinct[best]!
      place += 1
      if (place <= greedyCount) choose(state, best)
    }
  }
}

function ascending(questions: Int32Array): Int32Array {
  const isAscending = questions.every((question, at) => at === 0 || questions[at - 1]! < question)
  return isAscending ? questions : questions.toSorted().filter((question, at, all) => question !== all[at - 1])
}

/** 1 where a member of `all` is one of `some`; both ascend. */
function contained(all: Int32Array, some: Int32Array): Uint8Array {
  const isContained = new Uint8Array(all.length)
  let other = 0
  for (let at = 0; at < all.length; at++) {
    while (other < some.length && some[other]! < all[at]!) other += 1
    if (some[other] === all[at]) isContained[at] = 1
  }
  return isContained
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
  for (let at = 0; at < group.length; at++) direction[at] = 0
  for (let entry = begin; entry < end; entry++) {
    const row = concept[entry]! * conceptCount
    const one = weight[entry]!
    for (let at = 0; at < group.length; at++) direction[at]! += covariance[row + group[at]!]! * one
  }
  for (let entry = begin; entry < end; entry++) {
    spread += weight[entry]! * direction[group.indexOf(concept[entry]!)]!
    slope += weight[entry]! * gamma[concept[entry]!]!
  }
  const factor = curvature[candidate]! / (1 + curvature[candidate]! * spread)
  for (let at = 0; at < group.length; at++) {
    const scaled = factor * direction[at]!
    const row = group[at]! * conceptCount
    gamma[group[at]!]! -= scaled * slope
    for (let other = 0; other < group.length; other++) covariance[row + group[other]!]! -= scaled * direction[other]!
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

/**
 * Candidates of which nobody overtakes the one before as long as others are chosen. The gain of a question on one
 * concept follows from v w^2 and from what is not known about the concept: so all of a concept's stand in one line, and
 * only its head has to be looked at. A question on several concepts is a line of its own.
 */
class Line {
  /** Of the head, when it was last looked at; since then it can only have shrunk. */
  gain = 0
  head: number
  readonly #state: RankState
  readonly #candidates: readonly number[]
  #taken = 0

  constructor(state: RankState, candidates: readonly number[]) {
    this.#state = state
    this.#candidates = candidates
    this.head = candidates[0]!
    this.look()
  }

  look(): void {
    this.gain = gainOf(this.#state, this.head)
  }

  /** Removes the head; false when it was the last. */
  advance(): boolean {
    this.#taken += 1
    if (this.#taken === this.#candidates.length) return false
    this.head = this.#candidates[this.#taken]!
    this.look()
    return true
  }

  /** By gain, then by v, then by index. */
  precedes(other: Line): boolean {
    if (this.gain !== other.gain) return this.gain > other.gain
    const { curvature } = this.#state
    const curvatures = curvature[this.head]! - curvature[other.head]!
    return curvatures !== 0 ? curvatures > 0 : this.head < other.head
  }
}

function linesOf(state: RankState, isAnswered: Uint8Array, answered: number): Line[] {
  const { start, concept, weight, curvature, conceptCount } = state
  const lines: number[][] = Array.from({ length: conceptCount }, () => [])
  const strength = new Float64Array(isAnswered.length)
  for (let candidate = 0; candidate < isAnswered.length; candidate++) {
    if (isAnswered[candidate] !== answered) continue
    const begin = start[candidate]!
    if (start[candidate + 1]! - begin !== 1) {
      lines.push([candidate])
      continue
    }
    strength[candidate] = Math.round(curvature[candidate]! * weight[begin]! ** 2 * GAINS_PER_UNIT)
    lines[concept[begin]!]!.push(candidate)
  }
  // The order of equals is that of candidates, which ascend.
  const byStrength = (one: number, other: number): number =>
    strength[other]! - strength[one]! || curvature[other]! - curvature[one]!
  return lines.filter(({ length }) => length > 0).map((line) => new Line(state, line.sort(byStrength)))
}

/** Binary heap of lines by their heads; the gains in it may be outdated, never too small. */
class CandidateQueue {
  readonly #heap: Line[]

  constructor(lines: Line[]) {
    this.#heap = lines.sort((one, other) => (one.precedes(other) ? -1 : 1))
  }

  /** Takes the candidate that comes first under current gains; -1 when none is left. */
  takeBest(): number {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      const before = top.gain
      top.look()
      const best = top.gain < before ? -1 : top.head
      if (best === -1 || top.advance()) this.#sink()
      else this.#removeTop()
      if (best !== -1) return best
    }
    return -1
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
      if (child + 1 < heap.length && heap[child + 1]!.precedes(heap[child]!)) child += 1
      if (!heap[child]!.precedes(moved)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = moved
  }
}
