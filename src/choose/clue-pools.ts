import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Answer, Exclusions } from '#domain/student.ts'
import { type EcosystemIndex, nearestSources, type PoolExercise } from './ecosystem-index.ts'
import { courseExclusion, type GroupOf } from './exclusions.ts'
import type { Mapping } from './mapping.ts'

/**
 * The exercises that count for the CLUE of each container of one ecosystem: its own CLUE pool and those of all
 * containers of other editions that map to it (scheduler.md §5.3), so that a student who moves to a new edition keeps
 * what was learnt. A chapter whose pool is derived takes in what its pages take in. Built once per ecosystem and set of
 * maps.
 */
export interface CluePools {
  readonly ecosystem: Uuid
  /** Only containers that have a CLUE; a container that is absent here has none (worked example 35). */
  readonly pools: ReadonlyMap<Uuid, readonly PoolExercise[]>
  /** Exercise group → the containers whose CLUE it counts for, in book order. */
  readonly containersOfGroup: ReadonlyMap<Uuid, readonly Uuid[]>
}

/** `others` are the editions known besides; maps from editions that are not there (yet) add nothing. */
export function cluePoolsOf(
  index: EcosystemIndex,
  others: ReadonlyMap<Uuid, EcosystemIndex>,
  mapping: Mapping,
): CluePools {
  const own = new Map<Uuid, Map<Uuid, PoolExercise>>()
  for (const container of index.containers) {
    if (index.derivedCluePools.has(container)) continue
    const pool = withEarlier(index.cluePools.get(container), container, index.ecosystem, others, mapping)
    if (pool.size > 0) own.set(container, pool)
  }
  const pools = new Map<Uuid, readonly PoolExercise[]>()
  for (const container of index.containers) {
    const pool = index.derivedCluePools.has(container)
      ? derive(container, index, own, others, mapping)
      : own.get(container)
    if (pool !== undefined && pool.size > 0) pools.set(container, [...pool.values()])
  }
  return { ecosystem: index.ecosystem, pools, containersOfGroup: containersOfGroup(pools) }
}

/** Exercise groups in pool order, and the same for looking up. */
export interface CountingPool {
  readonly groups: readonly Uuid[]
  readonly members: ReadonlySet<Uuid>
}

/**
 * A container's CLUE pool without what the course excludes. A book's pool holds thousands of exercises and is asked for
 * with every forecast, so the answer is kept; courses that exclude the same share it.
 */
export function countingPool(pools: CluePools, container: Uuid, exclusions: Exclusions): CountingPool {
  const kept = remembered(keptPools, pools, (): KeptPools => ({ bySignature: new Map(), byExclusions: new WeakMap() }))
  const ofCourse = remembered(kept.byExclusions, exclusions, () => poolsOfSignature(kept.bySignature, exclusions))
  return remembered(ofCourse, container, () => makeCountingPool(pools, container, exclusions))
}

interface KeptPools {
  readonly bySignature: Map<string, Map<Uuid, CountingPool>>
  readonly byExclusions: WeakMap<Exclusions, Map<Uuid, CountingPool>>
}

const keptPools = new WeakMap<CluePools, KeptPools>()
/** Different sets of exclusions kept for one edition; beyond it the oldest is made again when asked for. */
const signaturesMax = 32

function poolsOfSignature(bySignature: KeptPools['bySignature'], exclusions: Exclusions): Map<Uuid, CountingPool> {
  // A group may have the uuid of one of its exercises.
  const signature = [exclusions.groups, exclusions.exercises].map((some) => [...some].sort().join(' ')).join(' | ')
  const oldest = bySignature.keys().next()
  const isFull = bySignature.size >= signaturesMax && !bySignature.has(signature)
  if (isFull && oldest.done !== true) bySignature.delete(oldest.value)
  return remembered(bySignature, signature, () => new Map<Uuid, CountingPool>())
}

function makeCountingPool(pools: CluePools, container: Uuid, exclusions: Exclusions): CountingPool {
  const members = new Set<Uuid>()
  for (const { uuid, group } of pools.pools.get(container) ?? []) {
    if (courseExclusion(exclusions, uuid, group) === undefined) members.add(group)
  }
  return { groups: [...members], members }
}

export interface OrphanInput {
  readonly pools: CluePools
  readonly indexes: ReadonlyMap<Uuid, EcosystemIndex>
  readonly mapping: Mapping
  readonly groupOf: GroupOf
}

/**
 * Answers given in another edition in containers that nothing maps into this one, and whose exercise group this edition
 * does not have: they count for no CLUE here (worked example 34 [B]) and should be reported, for the map has a hole.
 */
export function orphanedAnswers(answers: readonly Answer[], input: OrphanInput): Answer[] {
  const current = input.indexes.get(input.pools.ecosystem)
  return answers.filter((answer) => {
    if (answer.ecosystem === input.pools.ecosystem) return false
    const group = input.groupOf(answer.exercise)
    if (group !== undefined && (input.pools.containersOfGroup.has(group) || current?.groups.has(group))) return false
    const containers = input.indexes.get(answer.ecosystem)?.containersOf.get(answer.exercise) ?? []
    return !containers.some((container) => input.mapping.image(container, answer.ecosystem, input.pools.ecosystem))
  })
}

type Pool = Map<Uuid, PoolExercise>

function withEarlier(
  own: readonly PoolExercise[] | undefined,
  container: Uuid,
  ecosystem: Uuid,
  others: ReadonlyMap<Uuid, EcosystemIndex>,
  mapping: Mapping,
): Pool {
  const pool: Pool = new Map(own?.map((exercise) => [exercise.uuid, exercise]))
  for (const source of mapping.preimages(container, ecosystem)) {
    for (const exercise of others.get(source.ecosystem)?.cluePools.get(source.container) ?? []) {
      if (!pool.has(exercise.uuid)) pool.set(exercise.uuid, exercise)
    }
  }
  return pool
}

function derive(
  container: Uuid,
  index: EcosystemIndex,
  own: ReadonlyMap<Uuid, Pool>,
  others: ReadonlyMap<Uuid, EcosystemIndex>,
  mapping: Mapping,
): Pool {
  const union = withEarlier(undefined, container, index.ecosystem, others, mapping)
  for (const source of nearestSources(container, index.childrenOf, own)) {
    for (const [uuid, exercise] of own.get(source) ?? []) if (!union.has(uuid)) union.set(uuid, exercise)
  }
  return union
}

function containersOfGroup(pools: ReadonlyMap<Uuid, readonly PoolExercise[]>): Map<Uuid, Uuid[]> {
  const found = new Map<Uuid, Uuid[]>()
  for (const [container, pool] of pools) {
    for (const group of new Set(pool.map((exercise) => exercise.group))) {
      const containers = found.get(group)
      if (containers === undefined) found.set(group, [container])
      else containers.push(container)
    }
  }
  return found
}
