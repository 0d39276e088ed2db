import type { Uuid } from '#domain/ids.ts'
import { picksMax, type SlotGroup } from './allocate.ts'
import type { Candidates } from './candidates.ts'

/**
 * How many of its best exercises `allocate` can take from each container at most; one that is absent gives none. Where
 * every slot group can be filled with just what it wants, nothing else is taken, and evenly: it is enough to know the
 * first few of a few containers, and the algorithm's order need not be made any further.
 */
export function demandOf(slots: readonly SlotGroup[], candidates: Candidates): ReadonlyMap<Uuid, number> {
  return plannedDemand(slots, candidates) ?? fullDemand(slots, candidates)
}

function fullDemand(slots: readonly SlotGroup[], { byContainer }: Candidates): Map<Uuid, number> {
  const goal = slots.reduce((sum, { count }) => sum + count, 0)
  return new Map(Array.from(byContainer.keys(), (container) => [container, goal]))
}

/** `undefined` when slots have to share containers, or containers exercise groups, or something has to be replaced. */
function plannedDemand(
  slots: readonly SlotGroup[],
  { byContainer, areApart }: Candidates,
): Map<Uuid, number> | undefined {
  if (!areApart || slots.reduce((sum, { count }) => sum + count, 0) > picksMax) return undefined
  const demand = new Map<Uuid, number>()
  for (const { count, displacement } of slots) {
    const wanted = [...byContainer].filter(([container]) => displacement.get(container) === 0)
    const level = waterLevel(
      count,
      wanted.map(([, offer]) => offer.groupCount),
    )
    if (level === undefined) return undefined
    for (const [container] of wanted) {
      if (demand.has(container)) return undefined
      demand.set(container, level)
    }
  }
  return demand
}

/** The least height up to which all have to be filled to hold `count`; `undefined` when they can not hold so much. */
function waterLevel(count: number, capacities: readonly number[]): number | undefined {
  let level = 0
  let held = 0
  while (held < count) {
    const risen = capacities.reduce((sum, capacity) => (capacity > level ? sum + 1 : sum), 0)
    if (risen === 0) return undefined
    held += risen
    level += 1
  }
  return level
}
