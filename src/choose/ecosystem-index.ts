import type { BookContainer, Ecosystem, Exercise } from '#domain/ecosystem.ts'
import type { Uuid } from '#domain/ids.ts'

/** An exercise with the group it stands for: picks and CLUEs compare groups, callers hand out exercises. */
export type PoolExercise = Exercise

/**
 * Lookups derived once from an immutable ecosystem and shared by all requests. Nothing here changes after
 * `indexEcosystem` returns. Pools keep the order in which the client listed them, without duplicates.
 */
export interface EcosystemIndex {
  readonly ecosystem: Uuid
  /** Containers in book order. */
  readonly containers: readonly Uuid[]
  /** Only parents that are containers of this book; the root's parent (in practice the ecosystem) is left out. */
  readonly parentOf: ReadonlyMap<Uuid, Uuid>
  readonly childrenOf: ReadonlyMap<Uuid, readonly Uuid[]>
  /** Containers that are nobody's parent. */
  readonly pages: ReadonlySet<Uuid>
  readonly exercises: ReadonlyMap<Uuid, Exercise>
  /** All versions of a group in this ecosystem, newest first. */
  readonly groups: ReadonlyMap<Uuid, readonly Exercise[]>
  /** Containers with a pool of any kind that lists the exercise, in book order; absent when there is none. */
  readonly containersOf: ReadonlyMap<Uuid, readonly Uuid[]>
  /** CLUE pool of every container that has one: the client's, else what its descendants have. */
  readonly cluePools: ReadonlyMap<Uuid, readonly PoolExercise[]>
  /** Containers whose CLUE pool was derived from the tree. */
  readonly derivedCluePools: ReadonlySet<Uuid>
  /** Assignment type → container → exercises that may be given for it. Read it through `poolFor`. */
  readonly assignmentPools: ReadonlyMap<string, ReadonlyMap<Uuid, readonly PoolExercise[]>>
}

/**
 * Exercises of a container that may be given in assignments of a type (scheduler.md §7.2); empty when there are none.
 */
export function poolFor(index: EcosystemIndex, container: Uuid, assignmentType: string): readonly PoolExercise[] {
  return index.assignmentPools.get(assignmentType)?.get(container) ?? []
}

export function indexEcosystem(ecosystem: Ecosystem): EcosystemIndex {
  const exercises = new Map(ecosystem.exercises.map((exercise) => [exercise.uuid, exercise]))
  const containers = mergeContainers(ecosystem.containers)
  const tree = treeOf(containers)
  const clue = cluePoolsOf(containers, tree.childrenOf, exercises)
  return {
    ecosystem: ecosystem.uuid,
    containers: containers.map((container) => container.uuid),
    ...tree,
    exercises,
    groups: groupsOf(exercises),
    containersOf: containersOf(containers),
    cluePools: clue.pools,
    derivedCluePools: clue.derived,
    assignmentPools: assignmentPoolsOf(containers, exercises),
  }
}

/** A container listed twice keeps its first place and parent and has the pools of both. */
function mergeContainers(listed: readonly BookContainer[]): BookContainer[] {
  const merged = new Map<Uuid, BookContainer>()
  for (const container of listed) {
    const known = merged.get(container.uuid)
    merged.set(container.uuid, known ? { ...known, pools: [...known.pools, ...container.pools] } : container)
  }
  return [...merged.values()]
}

type Tree = Pick<EcosystemIndex, 'parentOf' | 'childrenOf' | 'pages'>

function treeOf(containers: readonly BookContainer[]): Tree {
  const known = new Set(containers.map((container) => container.uuid))
  const parentOf = new Map<Uuid, Uuid>()
  const childrenOf = new Map<Uuid, Uuid[]>()
  for (const { uuid, parent } of containers) {
    if (parent === undefined || parent === uuid || !known.has(parent)) continue
    parentOf.set(uuid, parent)
    append(childrenOf, parent, uuid)
  }
  const pages = new Set(containers.map((container) => container.uuid).filter((uuid) => !childrenOf.has(uuid)))
  return { parentOf, childrenOf, pages }
}

function groupsOf(exercises: ReadonlyMap<Uuid, Exercise>): Map<Uuid, Exercise[]> {
  const groups = new Map<Uuid, Exercise[]>()
  for (const exercise of exercises.values()) append(groups, exercise.group, exercise)
  for (const versions of groups.values()) versions.sort(newestFirst)
  return groups
}

/** Versions of one group: the newest first, equal versions by uuid. */
export function newestFirst(a: Exercise, b: Exercise): number {
  return b.version - a.version || (a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0)
}

function containersOf(containers: readonly BookContainer[]): Map<Uuid, Uuid[]> {
  const found = new Map<Uuid, Uuid[]>()
  for (const container of containers) {
    const listed = new Set(container.pools.flatMap((pool) => pool.exercises))
    for (const exercise of listed) append(found, exercise, container.uuid)
  }
  return found
}

type Exercises = ReadonlyMap<Uuid, Exercise>

/** Exercises that a pool lists but the ecosystem does not have are dropped: nobody knows their group. */
function poolOf(listed: readonly Uuid[], exercises: Exercises): PoolExercise[] {
  const pool: PoolExercise[] = []
  for (const uuid of new Set(listed)) {
    const exercise = exercises.get(uuid)
    if (exercise) pool.push(exercise)
  }
  return pool
}

function assignmentPoolsOf(
  containers: readonly BookContainer[],
  exercises: Exercises,
): Map<string, Map<Uuid, PoolExercise[]>> {
  const byType = new Map<string, Map<Uuid, PoolExercise[]>>()
  for (const container of containers) {
    const listed = new Map<string, Uuid[]>()
    for (const pool of container.pools) {
      for (const type of pool.assignmentTypes) append(listed, type, ...pool.exercises)
    }
    for (const [type, uuids] of listed) {
      const byContainer = byType.get(type) ?? new Map<Uuid, PoolExercise[]>()
      byType.set(type, byContainer.set(container.uuid, poolOf(uuids, exercises)))
    }
  }
  return byType
}

interface CluePools {
  readonly pools: Map<Uuid, PoolExercise[]>
  readonly derived: Set<Uuid>
}

/**
 * A container that has children but no CLUE pool of its own gets the union of its children's (design §6), so that
 * chapters and books have CLUEs. Containers in a parent cycle, which a damaged book may have, derive nothing from
 * each other twice: each is visited once on a walk.
 */
function cluePoolsOf(
  containers: readonly BookContainer[],
  childrenOf: ReadonlyMap<Uuid, readonly Uuid[]>,
  exercises: Exercises,
): CluePools {
  const own = new Map<Uuid, PoolExercise[]>()
  for (const { uuid, pools } of containers) {
    const forClue = pools.filter((pool) => pool.useForClue)
    const listed = forClue.flatMap((pool) => pool.exercises)
    if (forClue.length > 0) own.set(uuid, poolOf(listed, exercises))
  }
  const pools = new Map(own)
  const derived = new Set<Uuid>()
  for (const { uuid } of containers) {
    if (own.has(uuid) || !childrenOf.has(uuid)) continue
    const union = new Set<PoolExercise>()
    let isSent = false
    for (const source of nearestSources(uuid, childrenOf, own)) {
      isSent = true
      for (const exercise of own.get(source) ?? []) union.add(exercise)
    }
    if (isSent) pools.set(uuid, [...union])
    if (isSent) derived.add(uuid)
  }
  return { pools, derived }
}

/** On each path downwards, the first containers below `from` with an entry in `own`, in book order. */
export function nearestSources(
  from: Uuid,
  childrenOf: ReadonlyMap<Uuid, readonly Uuid[]>,
  own: { has(container: Uuid): boolean },
): Uuid[] {
  const sources: Uuid[] = []
  const seen = new Set<Uuid>([from])
  const ahead = [...(childrenOf.get(from) ?? [])].reverse()
  while (ahead.length > 0) {
    const container = ahead.pop()
    if (container === undefined || seen.has(container)) continue
    seen.add(container)
    if (own.has(container)) sources.push(container)
    else ahead.push(...[...(childrenOf.get(container) ?? [])].reverse())
  }
  return sources
}

function append<Key, Value>(lists: Map<Key, Value[]>, key: Key, ...values: readonly Value[]): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [...values])
  else for (const value of values) list.push(value)
}
