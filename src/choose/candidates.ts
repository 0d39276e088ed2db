import type { Uuid } from '#domain/ids.ts'
import { type EcosystemIndex, newestFirst, type PoolExercise, poolFor } from './ecosystem-index.ts'
import { courseExclusion, type ExclusionReason, holds, type StudentExclusions } from './exclusions.ts'
import { type Seed, seededOrder } from './random.ts'

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
  /** Place in the algorithm's order; those it does not know follow after it. */
  readonly position: number
  readonly isRanked: boolean
}

/** Container → one exercise per group, best first. */
export type RankedCandidates = ReadonlyMap<Uuid, readonly RankedExercise[]>

export interface RankInput {
  readonly candidates: Candidates
  readonly ranking: Ranking
  readonly seed: Seed
  /** More than this many of one container are never needed. */
  readonly limit: number
}

/**
 * The best candidates of each container in order. Those that the ranking does not know come after all others, in an
 * order drawn by the seed (sparfa.md §12). Of several versions of a group that rank equally the newest is taken.
 */
export function rankCandidates({ candidates, ranking, seed, limit }: RankInput): RankedCandidates {
  let unranked: ReadonlyMap<Uuid, number> | undefined
  const ranked = new Map<Uuid, RankedExercise[]>()
  for (const [container, pool] of candidates.byContainer) {
    const best: RankedExercise[] = []
    for (const exercise of pool) {
      const known = ranking.get(exercise.uuid) ?? ranking.get(exercise.group)
      if (known === undefined) unranked ??= unrankedPositions(candidates, ranking, seed)
      const position = known ?? unranked?.get(exercise.group) ?? 0
      // Most candidates end here, so that no pool has to be sorted.
      if (best.length >= limit && position > (best.at(-1)?.position ?? -1)) continue
      insert(best, { exercise, position, isRanked: known !== undefined }, limit)
    }
    ranked.set(container, best)
  }
  return ranked
}

/** Positions after the last of the ranking for groups with an exercise that it does not know. */
function unrankedPositions(candidates: Candidates, ranking: Ranking, seed: Seed): Map<Uuid, number> {
  const unknown = candidates.groups.filter((group) => !ranking.has(group))
  let after = 0
  for (const position of ranking.values()) after = Math.max(after, position + 1)
  return new Map(seededOrder(seed, unknown).map((group, at) => [group, after + at]))
}

/** Into a list that is in order, has one exercise per group, and keeps its best `limit`. */
function insert(best: RankedExercise[], one: RankedExercise, limit: number): void {
  const same = best.find(({ exercise }) => exercise.group === one.exercise.group)
  if (same !== undefined) {
    if (bestFirst(same, one) <= 0) return
    best.splice(best.indexOf(same), 1)
  }
  const before = best.findLastIndex((other) => bestFirst(other, one) < 0)
  best.splice(before + 1, 0, one)
  if (best.length > limit) best.pop()
}

function bestFirst(a: RankedExercise, b: RankedExercise): number {
  return a.position - b.position || newestFirst(a.exercise, b.exercise)
}

function reasonAgainst(exercise: PoolExercise, input: CandidateInput): ExclusionReason | undefined {
  const { course, openWork } = input.exclusions
  const reason = courseExclusion(course, exercise.uuid, exercise.group)
  if (reason !== undefined) return reason
  // The assignment's own exercises are open work too while it is open; the nearer reason explains more.
  if (input.own !== undefined && holds(input.own, exercise)) return 'own_assignment'
  if (holds(openWork, exercise)) return 'open_work'
  return input.picked?.has(exercise.group) ? 'already_picked' : undefined
}
