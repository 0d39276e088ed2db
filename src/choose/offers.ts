import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import { newestFirst, type PoolExercise } from './ecosystem-index.ts'

/** A pool with its exercises by group and by uuid, made once for as long as the ecosystem's index is kept. */
export interface Pool {
  readonly exercises: readonly PoolExercise[]
  /** Distinct. */
  readonly groups: readonly Uuid[]
  /** All versions, newest first. */
  readonly ofGroup: ReadonlyMap<Uuid, readonly PoolExercise[]>
  readonly ofUuid: ReadonlyMap<Uuid, PoolExercise>
}

const kept = new WeakMap<readonly PoolExercise[], Pool>()

export function poolOf(exercises: readonly PoolExercise[]): Pool {
  return remembered(kept, exercises, () => {
    const ofGroup = new Map<Uuid, PoolExercise[]>()
    for (const exercise of exercises) remembered(ofGroup, exercise.group, () => []).push(exercise)
    for (const versions of ofGroup.values()) versions.sort(newestFirst)
    const ofUuid = new Map(exercises.map((exercise) => [exercise.uuid, exercise]))
    return { exercises, groups: [...ofGroup.keys()], ofGroup, ofUuid }
  })
}

const keptSharing = new WeakMap<PoolsByContainer, ReadonlySet<readonly PoolExercise[]>>()

type PoolsByContainer = ReadonlyMap<Uuid, readonly PoolExercise[]>

/** Those of the pools that have an exercise group in common with another one. */
export function sharingPools(pools: PoolsByContainer): ReadonlySet<readonly PoolExercise[]> {
  return remembered(keptSharing, pools, () => {
    const sharing = new Set<readonly PoolExercise[]>()
    const firstWith = new Map<Uuid, readonly PoolExercise[]>()
    for (const pool of pools.values()) {
      for (const { group } of pool) {
        const first = remembered(firstWith, group, () => pool)
        if (first !== pool) sharing.add(first).add(pool)
      }
    }
    return sharing
  })
}

/** What one container offers: a pool without what may not be given now. */
export class Offer {
  readonly pool: Pool
  /** Usually few or none, so that nothing is done for each exercise of the pool. */
  readonly removed: ReadonlySet<PoolExercise>

  constructor(pool: Pool, removed: ReadonlySet<PoolExercise>) {
    this.pool = pool
    this.removed = removed
  }

  get isEmpty(): boolean {
    return this.removed.size === this.pool.exercises.length
  }

  get exercises(): readonly PoolExercise[] {
    const { exercises } = this.pool
    return this.removed.size === 0 ? exercises : exercises.filter((exercise) => !this.removed.has(exercise))
  }

  /** Versions of a group that may be given, newest first. */
  ofGroup(group: Uuid): readonly PoolExercise[] {
    const versions = this.pool.ofGroup.get(group) ?? []
    return this.removed.size === 0 ? versions : versions.filter((exercise) => !this.removed.has(exercise))
  }

  /** `undefined` if it may not be given. */
  ofUuid(uuid: Uuid): PoolExercise | undefined {
    const exercise = this.pool.ofUuid.get(uuid)
    return exercise !== undefined && this.removed.has(exercise) ? undefined : exercise
  }

  /** How many groups have something that may be given. */
  get groupCount(): number {
    return this.pool.groups.length - this.removedGroups().length
  }

  /** Groups of which nothing may be given. */
  removedGroups(): Uuid[] {
    const groups = new Set(Array.from(this.removed, ({ group }) => group))
    return [...groups].filter((group) => this.ofGroup(group).length === 0)
  }
}
