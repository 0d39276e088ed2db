import type { Uuid } from '#domain/ids.ts'
import { allocate, type PickedExercise, type SlotGroup } from './allocate.ts'
import { type Candidates, rankCandidates } from './candidates.ts'
import { demandOf } from './demand.ts'
import type { Seed } from './random.ts'
import type { Ranking } from './ranking.ts'

export interface SlotsInput {
  readonly slots: readonly SlotGroup[]
  readonly candidates: Candidates
  readonly ranking: Ranking
  readonly seed: Seed
  /** Containers in the order that breaks the last ties. */
  readonly containerOrder: readonly Uuid[]
}

/** The best filling of the slots (`allocate`), with no more of the algorithm's order made than it can need. */
export function fillSlots({ slots, candidates, ranking, seed, containerOrder }: SlotsInput): PickedExercise[] {
  const demand = demandOf(slots, candidates)
  return allocate({ slots, candidates: rankCandidates({ candidates, ranking, seed, demand }), containerOrder })
}
