import type { Uuid } from '#domain/ids.ts'
import { type Candidates, countByReason } from './candidates.ts'
import type { ExclusionReason } from './exclusions.ts'

/**
 * Why fewer exercises than wanted were chosen, so that nobody has to guess. `no_container`: there is nothing to choose
 * from, for the assignment names no container or the student has no CLUE yet; `no_pool`: the containers offer nothing
 * for this type of assignment; `excluded`: they would offer enough if nothing were excluded; `pool_too_small`: not even
 * then.
 */
export interface Shortage {
  readonly reason: 'no_container' | 'no_pool' | 'excluded' | 'pool_too_small'
  readonly goal: number
  readonly chosen: number
  readonly excluded: Partial<Record<ExclusionReason, number>>
}

export function shortageOf(goal: number, chosen: number, candidates: Candidates): Shortage | undefined {
  // Without a goal of its own, an assignment falls short when it gets nothing at all.
  if (chosen >= Math.max(goal, 1)) return undefined
  const offered = new Set<Uuid>(candidates.groups)
  for (const { exercise } of candidates.excluded) offered.add(exercise.group)
  return {
    reason: reasonOf(candidates, offered.size, goal),
    goal,
    chosen,
    excluded: countByReason(candidates.excluded),
  }
}

function reasonOf(candidates: Candidates, offered: number, goal: number): Shortage['reason'] {
  if (candidates.byContainer.size === 0) return 'no_container'
  if (offered === 0) return 'no_pool'
  return offered >= goal ? 'excluded' : 'pool_too_small'
}
