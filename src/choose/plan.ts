import { kAgoMax } from './history.ts'

/** Slots of spaced practice for one part of the history (scheduler.md §7.4). */
export type PlanEntry =
  | { readonly kind: 'k_ago'; readonly ks: readonly [number]; readonly count: number }
  | { readonly kind: 'random_ago'; readonly ks: readonly number[]; readonly count: number }

/** The goal when the client leaves it to us. */
export const goalSpesDefault = 4

/** A student-driven history draws at random only from its fifth assignment on. */
export const randomAgoFrom = 5

/** The k's that are practised on purpose, most recent first. */
const plannedKs = [1, 3, 5] as const

/**
 * One slot is kept for last: drawn from the k's not planned, or from this assignment itself (0-ago). The others are
 * spread evenly over 1-, 3- and 5-ago, the surplus to the more recent.
 */
export function spacedPlan(goal: number, hasRandomAgo: boolean): PlanEntry[] {
  if (goal <= 0) return []
  const plan: PlanEntry[] = []
  const spread = goal - 1
  const each = Math.floor(spread / plannedKs.length)
  const surplus = spread % plannedKs.length
  for (const [at, k] of plannedKs.entries()) {
    const count = each + (at < surplus ? 1 : 0)
    if (count > 0) plan.push({ kind: 'k_ago', ks: [k], count })
  }
  if (!hasRandomAgo) return [...plan, { kind: 'k_ago', ks: [0], count: 1 }]
  const named = new Set(plan.flatMap(({ ks }) => [...ks]))
  const others = Array.from({ length: kAgoMax }, (_, at) => at + 1).filter((k) => !named.has(k))
  return [...plan, { kind: 'random_ago', ks: others, count: 1 }]
}
