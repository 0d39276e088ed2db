import type { Uuid } from '#domain/ids.ts'
import { type EcosystemIndex, type PoolExercise, poolFor } from './ecosystem-index.ts'
import { courseExclusion, type ExclusionReason, holds, type StudentExclusions } from './exclusions.ts'
import { Offer, type Pool, poolOf, sharingPools } from './offers.ts'
import { type Seed, seededOrder } from './random.ts'
import type { Ranking } from './ranking.ts'

/** An exercise that a pool offers and that may not be given, and why. */
export interface ExcludedExercise {
  readonly container: Uuid
  readonly exercise: PoolExercise
  readonly reason: ExclusionReason
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

type Rules = Pick<CandidateInput, 'exclusions' | 'own' | 'picked'>

/** What may be given from some containers, before any order of preference. */
export class Candidates {
  readonly byContainer: ReadonlyMap<Uuid, Offer>
  readonly #rules: Rules
  readonly #sharing: ReadonlySet<readonly PoolExercise[]>

  /** Any containers of one ecosystem, for one type of assignment. */
  constructor(byContainer: ReadonlyMap<Uuid, Offer>, rules: Rules & Pick<CandidateInput, 'index' | 'assignmentType'>) {
    this.byContainer = byContainer
    this.#rules = rules
    this.#sharing = sharingPools(rules.index.assignmentPools.get(rules.assignmentType) ?? new Map())
  }

  /** Whether each exercise group is in the pool of one container only. */
  get areApart(): boolean {
    return (
      this.#sharing.size === 0 || [...this.byContainer.values()].every(({ pool }) => !this.#sharing.has(pool.exercises))
    )
  }

  /** Exercise groups of the containers' whole pools, a list each, which are the same lists each time. */
  get pools(): readonly (readonly Uuid[])[] {
    return Array.from(this.byContainer.values(), ({ pool }) => pool.groups)
  }

  /** Groups of these of which no container offers anything. */
  get withoutGroups(): ReadonlySet<Uuid> {
    const offers = [...this.byContainer.values()]
    const removed = offers.flatMap((offer) => offer.removedGroups())
    return new Set(removed.filter((group) => offers.every((offer) => offer.ofGroup(group).length === 0)))
  }

  /** Distinct exercise groups that may be given. */
  get groups(): readonly Uuid[] {
    const without = this.withoutGroups
    return [...new Set(this.pools.flat())].filter((group) => !without.has(group))
  }

  get excluded(): readonly ExcludedExercise[] {
    return [...this.byContainer].flatMap(([container, { pool, removed }]) =>
      pool.exercises.flatMap((exercise) => {
        const reason = removed.has(exercise) ? reasonAgainst(exercise, this.#rules) : undefined
        return reason === undefined ? [] : [{ container, exercise, reason }]
      }),
    )
  }
}

export function gatherCandidates(input: CandidateInput): Candidates {
  const pools = Array.from(new Set(input.containers), (container) => ({
    container,
    pool: poolOf(poolFor(input.index, container, input.assignmentType)),
  }))
  const named = namedBy(input)
  const byContainer = new Map(
    pools.map(({ container, pool }) => [container, new Offer(pool, removedFrom(pool, named, input))]),
  )
  return new Candidates(byContainer, input)
}

/** Exercises and groups that some rule speaks of. */
function namedBy({ exclusions: { course, openWork }, own, picked }: Rules): readonly Uuid[] {
  return [course.exercises, course.groups, openWork, own ?? [], picked ?? []].flatMap((some) => [...some])
}

const nothingRemoved: ReadonlySet<PoolExercise> = new Set()

/** Looks at the exercises that are named, or at those of the pool, whichever are fewer. */
function removedFrom(pool: Pool, named: readonly Uuid[], rules: Rules): ReadonlySet<PoolExercise> {
  const suspects =
    named.length < pool.exercises.length ? named.flatMap((uuid) => exercisesOf(pool, uuid)) : pool.exercises
  const removed = suspects.filter((exercise) => reasonAgainst(exercise, rules) !== undefined)
  return removed.length === 0 ? nothingRemoved : new Set(removed)
}

function exercisesOf(pool: Pool, uuid: Uuid): readonly PoolExercise[] {
  const exercise = pool.ofUuid.get(uuid)
  return [...(pool.ofGroup.get(uuid) ?? []), ...(exercise === undefined ? [] : [exercise])]
}

/** Number of exercises excluded for each reason. */
export function countByReason(excluded: readonly ExcludedExercise[]): Partial<Record<ExclusionReason, number>> {
  const counts: Partial<Record<ExclusionReason, number>> = {}
  for (const { reason } of excluded) counts[reason] = (counts[reason] ?? 0) + 1
  return counts
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
  /** How many of each container are needed at most; none of those that are absent. */
  readonly demand: ReadonlyMap<Uuid, number>
}

/**
 * The best candidates of each container in order. Those that the ranking does not know come after all others, in an
 * order drawn by the seed (sparfa.md §12). Of several versions of a group that rank equally the newest is taken.
 */
export function rankCandidates({ candidates, ranking, seed, demand }: RankInput): RankedCandidates {
  const lists = [...candidates.byContainer].map(
    ([container, offer]) => new BestOf(container, offer, demand.get(container) ?? 0),
  )
  let open = lists.filter((list) => !list.isComplete)
  for (let position = 0; open.length > 0; position += 1) {
    const uuid = ranking.at(position)
    if (uuid === undefined) break
    let isAnyComplete = false
    for (const list of open) {
      list.take(uuid, position, ranking)
      isAnyComplete ||= list.isComplete
    }
    if (isAnyComplete) open = open.filter((list) => !list.isComplete)
  }
  if (open.length > 0) {
    const unranked = unrankedPositions(candidates, ranking, seed)
    for (const list of open) list.fill(unranked)
  }
  return new Map(lists.map(({ container, best }) => [container, best]))
}

/** The list of one container, as it grows from the best on. */
class BestOf {
  readonly container: Uuid
  readonly best: RankedExercise[] = []
  readonly #offer: Offer
  readonly #limit: number
  readonly #groups = new Set<Uuid>()

  constructor(container: Uuid, offer: Offer, limit: number) {
    this.container = container
    this.#offer = offer
    this.#limit = Math.min(limit, offer.groupCount)
  }

  get isComplete(): boolean {
    return this.best.length >= this.#limit
  }

  /** What stands at this position of the ranking, if the container offers it. */
  take(uuid: Uuid, position: number, ranking: Ranking): void {
    // Most of what a ranking names is some other container's.
    const { pool } = this.#offer
    if (!pool.ofGroup.has(uuid) && !pool.ofUuid.has(uuid)) return
    const ofGroup = this.#offer.ofGroup(uuid).find((exercise) => !ranking.names(exercise.uuid))
    const exercise = (ranking.names(uuid) ? this.#offer.ofUuid(uuid) : undefined) ?? ofGroup
    if (exercise !== undefined) this.#add({ exercise, position, isRanked: true })
  }

  /** What the ranking does not know, which has positions of its own. */
  fill(unranked: ReadonlyMap<Uuid, number>): void {
    const left = this.#offer.pool.groups.flatMap((group): RankedExercise[] => {
      const exercise = this.#offer.ofGroup(group)[0]
      const position = unranked.get(group)
      return exercise === undefined || position === undefined ? [] : [{ exercise, position, isRanked: false }]
    })
    left.sort((a, b) => a.position - b.position)
    for (const ranked of left) if (!this.isComplete) this.#add(ranked)
  }

  #add(ranked: RankedExercise): void {
    if (this.#groups.has(ranked.exercise.group)) return
    this.#groups.add(ranked.exercise.group)
    this.best.push(ranked)
  }
}

/** Positions after the last of the ranking for groups with an exercise that it does not know. */
function unrankedPositions(candidates: Candidates, ranking: Ranking, seed: Seed): Map<Uuid, number> {
  const unknown = candidates.groups.filter((group) => !ranking.knows(group))
  return new Map(seededOrder(seed, unknown).map((group, at) => [group, ranking.end + at]))
}

function reasonAgainst(exercise: PoolExercise, rules: Rules): ExclusionReason | undefined {
  const { course, openWork } = rules.exclusions
  const reason = courseExclusion(course, exercise.uuid, exercise.group)
  if (reason !== undefined) return reason
  // The assignment's own exercises are open work too while it is open; the nearer reason explains more.
  if (rules.own !== undefined && holds(rules.own, exercise)) return 'own_assignment'
  if (holds(openWork, exercise)) return 'open_work'
  return rules.picked?.has(exercise.group) ? 'already_picked' : undefined
}
