import type { Uuid } from '#domain/ids.ts'
import type { Assignment } from '#domain/student.ts'
import type { PickedExercise, SlotGroup } from './allocate.ts'
import { type Candidates, gatherCandidates } from './candidates.ts'
import { ownGroups } from './exclusions.ts'
import { fillSlots } from './fill-slots.ts'
import type { HistoryEntry, HistoryType } from './history.ts'
import type { AssignmentContext } from './personalised.ts'
import { goalSpesDefault, type PlanEntry, randomAgoFrom, spacedPlan } from './plan.ts'
import { seededOrder, seedOf } from './random.ts'
import type { Ranking } from './ranking.ts'
import { type Shortage, shortageOf } from './shortage.ts'

export interface SpacedContext extends AssignmentContext {
  /** Entries k = 0…5 of `mappedHistory`. */
  readonly entries: readonly HistoryEntry[]
  /** Groups chosen as personalised exercises of this assignment, by any algorithm. */
  readonly personalised: ReadonlySet<Uuid>
}

/** What may be given as spaced exercises: the pools of all containers of the history and of the assignment itself. */
export function spacedCandidates(context: SpacedContext): Candidates {
  const { assignment, index, exclusions, groupOf, entries, personalised } = context
  return gatherCandidates({
    index,
    containers: entries.flatMap(({ containers }) => containers),
    assignmentType: assignment.type,
    exclusions,
    own: ownGroups(assignment, groupOf),
    picked: personalised,
  })
}

/** Where a slot goes whose own k-ago has nothing left: to other spaced containers first, or to the assigned ones. */
export type Fallback = 'spaced_first' | 'personalised_first'

export interface SpacedInput {
  readonly assignment: Assignment
  readonly historyType: HistoryType
  readonly entries: readonly HistoryEntry[]
  /** The assignment's number in that history. */
  readonly number: number
  readonly candidates: Candidates
  readonly ranking: Ranking
  /** What makes this choice differ from others; it should not change from one request to the next. */
  readonly seed: string
  readonly fallback?: Fallback
}

export interface SpacedPick extends PickedExercise {
  /** Where the container really stands in the history; 0 is this assignment itself. */
  readonly kAgo: number
  readonly isRandomAgo: boolean
}

export interface SpacedChoice {
  readonly exercises: readonly Uuid[]
  readonly picks: readonly SpacedPick[]
  readonly historyType: HistoryType
  readonly entries: readonly HistoryEntry[]
  readonly plan: readonly PlanEntry[]
  readonly goal: number
  readonly shortage: Shortage | undefined
  readonly seed: string
}

/**
 * Spaced exercises of one assignment for one history (scheduler.md §7.4, §9.1). A slot whose k-ago is missing or used
 * up is filled from elsewhere rather than left open. Order: as planned; within a slot what was wanted before what
 * replaces it.
 */
export function chooseSpaced(input: SpacedInput): SpacedChoice {
  const { assignment, historyType, entries, candidates, seed } = input
  const goal = assignment.goalSpes ?? goalSpesDefault
  const plan = spacedPlan(goal, historyType === 'student_driven' && input.number >= randomAgoFrom)
  const kOf = kAgoOf(entries)
  const drawn = seedOf(seed, assignment.uuid, historyType)
  const slots = plan.map((entry) => slotOf(entry, kOf, input.fallback ?? 'spaced_first'))
  const allocated = fillSlots({
    slots,
    candidates,
    ranking: input.ranking,
    seed: drawn,
    containerOrder: seededOrder(drawn, kOf.keys()),
  })
  const picks = allocated.map((pick): SpacedPick => {
    const isRandomAgo = plan[pick.slot]?.kind === 'random_ago' && pick.displacement === 0
    return { ...pick, kAgo: kOf.get(pick.container) ?? 0, isRandomAgo }
  })
  picks.sort((a, b) => a.slot - b.slot || a.displacement - b.displacement)
  const exercises = picks.map(({ exercise }) => exercise.uuid)
  const shortage = goal === 0 ? undefined : shortageOf(goal, picks.length, candidates)
  return { exercises, picks, historyType, entries, plan, goal, shortage, seed }
}

export interface SpacedReport {
  readonly assignment_type: string
  readonly exercise_algorithm_name: string
  readonly history_type: HistoryType
  readonly assignment_history: Readonly<Record<string, HistoryReport>>
  readonly exercises: Readonly<Record<Uuid, { readonly k_ago: number; readonly is_random_ago: boolean }>>
  readonly shortage?: Shortage
}

interface HistoryReport {
  readonly assignment_uuid: Uuid | null
  readonly book_container_uuids: readonly Uuid[]
}

/** The `spy_info` that Tutor and researchers read (scheduler.md §7.5). */
export function spacedReport(choice: SpacedChoice, assignmentType: string, algorithm: string): SpacedReport {
  const history = choice.entries.map(({ assignment, containers }, k): [string, HistoryReport] => [
    String(k),
    { assignment_uuid: assignment ?? null, book_container_uuids: containers },
  ])
  const exercises = choice.picks.map(
    ({ exercise, kAgo, isRandomAgo }) => [exercise.uuid, { k_ago: kAgo, is_random_ago: isRandomAgo }] as const,
  )
  return {
    assignment_type: assignmentType,
    exercise_algorithm_name: algorithm,
    history_type: choice.historyType,
    assignment_history: Object.fromEntries(history),
    exercises: Object.fromEntries(exercises),
    ...(choice.shortage && { shortage: choice.shortage }),
  }
}

/** Container → its most recent k. */
function kAgoOf(entries: readonly HistoryEntry[]): Map<Uuid, number> {
  const kOf = new Map<Uuid, number>()
  for (const [k, { containers }] of entries.entries()) {
    for (const container of containers) if (!kOf.has(container)) kOf.set(container, k)
  }
  return kOf
}

/** Cost table of §9.1: 0 for the planned k's, then the two ways out in the order of `fallback`. */
function slotOf(entry: PlanEntry, kOf: ReadonlyMap<Uuid, number>, fallback: Fallback): SlotGroup {
  const [spaced, personalised] = fallback === 'spaced_first' ? [1, 2] : [2, 1]
  const wanted = new Set<number>(entry.ks)
  const displacement = new Map<Uuid, number>()
  for (const [container, k] of kOf) displacement.set(container, wanted.has(k) ? 0 : k === 0 ? personalised : spaced)
  return { count: entry.count, displacement }
}
