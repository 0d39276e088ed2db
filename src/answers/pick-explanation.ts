import { type Candidates, countByReason } from '#choose/candidates.ts'
import type { ExclusionReason } from '#choose/exclusions.ts'
import type { Need } from '#choose/need.ts'
import type { Ranking } from '#choose/ranking.ts'
import type { Shortage } from '#choose/shortage.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'

/** How exercises were chosen, from the very values that the choice was made of. */
export interface PickExplanation {
  /** Asking again with this `asOf` gives the same answer. */
  readonly asOf: Instant
  readonly algorithm: string
  readonly matrix: Uuid
  /** Highest number of a course event that the choice depends on. */
  readonly position: number
  /** Anything but `choose`: nothing was chosen, because the exercises are assigned already or none are wanted. */
  readonly need: Need
  /** What the draws between equals were made from. */
  readonly seed: string
  readonly goal: number
  /** What could be given, best first: the first thousand. */
  readonly candidates: readonly ExplainedCandidate[]
  readonly candidatesInAll: number
  /** What could not, and why: the first thousand, and the number for each reason. */
  readonly excluded: readonly ExplainedExclusion[]
  readonly excludedByReason: Partial<Record<ExclusionReason, number>>
  readonly shortage: Shortage | undefined
  readonly picks: readonly ExplainedPick[]
}

export interface ExplainedCandidate {
  readonly exercise: Uuid
  readonly container: Uuid
  /** Place in the algorithm's order, 0 = give first; `undefined` where it does not know the exercise. */
  readonly rank: number | undefined
  /** Expected share of right answers, where the algorithm estimates it. */
  readonly expected: number | undefined
}

export interface ExplainedExclusion {
  readonly exercise: Uuid
  readonly container: Uuid
  readonly reason: ExclusionReason
}

export interface ExplainedPick {
  readonly exercise: Uuid
  readonly container: Uuid
  /** Place in the algorithm's order; what it does not know was drawn by the seed and comes after. */
  readonly rank: number
  readonly isRanked: boolean
  /** Which slot of the plan it fills, and how far its container is from what the slot wanted. */
  readonly slot: number
  readonly displacement: number
  /** Spaced exercises: how many assignments ago the container was worked on. */
  readonly kAgo?: number
  readonly isRandomAgo?: boolean
  /** Worst areas: which one it practises, 0 = the worst. */
  readonly area?: number
}

/** A choice of whatever kind, as far as an explanation needs it. */
export interface ExplainedChoice {
  readonly picks: readonly Pick[]
  readonly goal: number
  readonly seed: string
  readonly shortage: Shortage | undefined
}

interface Pick {
  readonly exercise: { readonly uuid: Uuid }
  readonly container: Uuid
  readonly position: number
  readonly isRanked: boolean
  readonly slot: number
  readonly displacement: number
  readonly kAgo?: number
  readonly isRandomAgo?: boolean
  readonly area?: number
}

type Basis = 'asOf' | 'algorithm' | 'matrix' | 'position'

const listedMax = 1000

export interface ChosenFrom {
  readonly choice: ExplainedChoice
  readonly candidates: Candidates
  readonly ranking: Ranking
  readonly expected: (group: Uuid) => number | undefined
}

export function explainChoice(chosen: ChosenFrom): Omit<PickExplanation, Basis> {
  const { choice, candidates } = chosen
  const ranked = rankedCandidates(chosen)
  return {
    need: 'choose',
    seed: choice.seed,
    goal: choice.goal,
    candidates: ranked.slice(0, listedMax).map(({ group, ...candidate }) => ({
      ...candidate,
      expected: chosen.expected(group),
    })),
    candidatesInAll: ranked.length,
    excluded: candidates.excluded.slice(0, listedMax).map(({ exercise, container, reason }) => ({
      exercise: exercise.uuid,
      container,
      reason,
    })),
    excludedByReason: countByReason(candidates.excluded),
    shortage: choice.shortage,
    picks: choice.picks.map(explainPick),
  }
}

/** Nothing was chosen: what was assigned is the answer. */
export function explainAssigned(need: Need, seed: string, goal: number): Omit<PickExplanation, Basis> {
  const nothing = { candidates: [], candidatesInAll: 0, excluded: [], excludedByReason: {}, picks: [] }
  return { need, seed, goal, shortage: undefined, ...nothing }
}

function explainPick({ exercise, position, ...pick }: Pick): ExplainedPick {
  const { container, isRanked, slot, displacement, kAgo, isRandomAgo, area } = pick
  return {
    exercise: exercise.uuid,
    container,
    rank: position,
    isRanked,
    slot,
    displacement,
    ...(kAgo !== undefined && { kAgo }),
    ...(isRandomAgo !== undefined && { isRandomAgo }),
    ...(area !== undefined && { area }),
  }
}

/** Each exercise once, under the first container that offers it; those without a rank last. */
function rankedCandidates({ candidates, ranking }: ChosenFrom) {
  const seen = new Set<Uuid>()
  const found: { exercise: Uuid; group: Uuid; container: Uuid; rank: number | undefined }[] = []
  for (const [container, { exercises }] of candidates.byContainer) {
    for (const { uuid, group } of exercises) {
      if (seen.has(uuid)) continue
      seen.add(uuid)
      found.push({ exercise: uuid, group, container, rank: ranking.positionOf(uuid, group) })
    }
  }
  const last = Number.MAX_SAFE_INTEGER
  return found.sort((a, b) => (a.rank ?? last) - (b.rank ?? last))
}
