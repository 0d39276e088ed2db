import type { Uuid } from '#domain/ids.ts'
import type { Assignment } from '#domain/student.ts'
import { type EcosystemIndex, newestFirst, type PoolExercise, poolFor } from './ecosystem-index.ts'
import { type ExclusionReason, exclusionOf, type StudentExclusions } from './exclusions.ts'
import { chance, type Seed } from './random.ts'

/** An exercise that a pool offers and that may not be given, and why. */
export interface ExcludedExercise {
  readonly container: Uuid
  readonly exercise: PoolExercise
  readonly reason: ExclusionReason
}

/** What may be given from some containers, before any order of preference. */
export interface Candidates {
  readonly byContainer: ReadonlyMap<Uuid, readonly PoolExercise[]>
  /** Distinct exercise groups: what an algorithm is asked to rank. */
  readonly groups: readonly Uuid[]
  readonly excluded: readonly ExcludedExercise[]
}

export interface CandidateInput {
  readonly index: EcosystemIndex
  readonly containers: Iterable<Uuid>
  readonly assignmentType: string
  readonly exclusions: StudentExclusions
  /** Groups of the assignment's own exercises. */
  readonly own?: ReadonlySet<Uuid>
  /** Groups that another part of the same assignment takes. */
  readonly picked?: ReadonlySet<Uuid>
}

export function gatherCandidates(input: CandidateInput): Candidates {
  const byContainer = new Map<Uuid, PoolExercise[]>()
  const groups = new Set<Uuid>()
  const excluded: ExcludedExercise[] = []
  for (const container of new Set(input.containers)) {
    const allowed: PoolExercise[] = []
    for (const exercise of poolFor(input.index, container, input.assignmentType)) {
      const reason = reasonAgainst(exercise, input)
      if (reason !== undefined) {
        excluded.push({ container, exercise, reason })
        continue
      }
      allowed.push(exercise)
      groups.add(exercise.group)
    }
    byContainer.set(container, allowed)
  }
  return { byContainer, groups: [...groups], excluded }
}

/** Number of exercises excluded for each reason. */
export function countByReason(excluded: readonly ExcludedExercise[]): Partial<Record<ExclusionReason, number>> {
  const counts: Partial<Record<ExclusionReason, number>> = {}
  for (const { reason } of excluded) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
}

/** Position of an exercise or of an exercise group in the algorithm's order, 0 = give first. */
export type Ranking = ReadonlyMap<Uuid, number>

/** The algorithm's order, best first, as uuids of exercises or of groups; the first of duplicates counts. */
export function rankingOf(bestFirst: readonly Uuid[]): Ranking {
  const ranking = new Map<Uuid, number>()
  for (const [at, uuid] of bestFirst.entries()) if (!ranking.has(uuid)) ranking.set(uuid, at)
  return ranking
}

export interface RankedExercise {
  readonly exercise: PoolExercise
  /** Place in the order of all candidates; versions of a group that rank equally share it. */
  readonly position: number
  readonly isRanked: boolean
}

/** Container → one exercise per group, best first. */
export type RankedCandidates = ReadonlyMap<Uuid, readonly RankedExercise[]>

/**
 * Puts the candidates of each container in order. Those that the ranking does not know come after all others, in an
 * order drawn by the seed (sparfa.md §12). Of several versions of a group that rank equally the newest is taken.
 */
export function rankCandidates(candidates: Candidates, ranking: Ranking, seed: Seed): RankedCandidates {
  const keys = new Map<PoolExercise, number>()
  for (const pool of candidates.byContainer.values()) {
    for (const exercise of pool) if (!keys.has(exercise)) keys.set(exercise, sortKey(exercise, ranking, seed))
  }
  const sorted = [...keys].sort((a, b) => a[1] - b[1] || newestFirst(a[0], b[0]))
  const ranked = new Map<PoolExercise, RankedExercise>()
  let position = -1
  let before = Number.NaN
  for (const [exercise, key] of sorted) {
    if (key !== before) position += 1
    before = key
    ranked.set(exercise, { exercise, position, isRanked: key < unrankedFrom })
  }
  return byContainerInOrder(candidates, ranked)
}

/** Above any position in a ranking; unranked exercises get this plus a number in [0, 1) times itself. */
const unrankedFrom = 2 ** 30

function sortKey(exercise: PoolExercise, ranking: Ranking, seed: Seed): number {
  const known = ranking.get(exercise.uuid) ?? ranking.get(exercise.group)
  return known ?? unrankedFrom * (1 + chance(seed, exercise.group))
}

function byContainerInOrder(
  candidates: Candidates,
  ranked: ReadonlyMap<PoolExercise, RankedExercise>,
): RankedCandidates {
  const lists = new Map<Uuid, RankedExercise[]>()
  for (const [container, pool] of candidates.byContainer) {
    const best = new Map<Uuid, RankedExercise>()
    for (const exercise of pool) {
      const one = ranked.get(exercise)
      const known = best.get(exercise.group)
      if (one !== undefined && (known === undefined || bestFirst(one, known) < 0)) best.set(exercise.group, one)
    }
    lists.set(container, [...best.values()].sort(bestFirst))
  }
  return lists
}

function bestFirst(a: RankedExercise, b: RankedExercise): number {
  return a.position - b.position || newestFirst(a.exercise, b.exercise)
}

function reasonAgainst(exercise: PoolExercise, input: CandidateInput): ExclusionReason | undefined {
  const reason = exclusionOf(input.exclusions, exercise)
  if (reason !== undefined && reason !== 'open_work') return reason
  // The assignment's own exercises are open work too while it is open; the nearer reason explains more.
  if (input.own?.has(exercise.group) || input.own?.has(exercise.uuid)) return 'own_assignment'
  if (reason !== undefined) return reason
  return input.picked?.has(exercise.group) ? 'already_picked' : undefined
}

/** What an assignment still needs: a choice, what it already has (design D23), or nothing. */
export type Need = 'choose' | 'assigned' | 'nothing'

export function needOfPes(assignment: Assignment): Need {
  return needOf(assignment, assignment.pesAreAssigned, assignment.goalPes)
}

export function needOfSpes(assignment: Assignment): Need {
  return needOf(assignment, assignment.spesAreAssigned, assignment.goalSpes)
}

function needOf(assignment: Assignment, isAssigned: boolean, goal: number | undefined): Need {
  if (assignment.isDeleted) return 'nothing'
  if (isAssigned) return 'assigned'
  return goal === undefined || goal > 0 ? 'choose' : 'nothing'
}
