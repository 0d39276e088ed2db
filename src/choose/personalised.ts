import type { Uuid } from '#domain/ids.ts'
import type { Assignment } from '#domain/student.ts'
import type { PickedExercise } from './allocate.ts'
import { type Candidates, gatherCandidates } from './candidates.ts'
import type { EcosystemIndex } from './ecosystem-index.ts'
import { type GroupOf, ownGroups, type StudentExclusions } from './exclusions.ts'
import { fillSlots } from './fill-slots.ts'
import { seededOrder, seedOf } from './random.ts'
import type { Ranking } from './ranking.ts'
import { type Shortage, shortageOf } from './shortage.ts'

/** Exercises per assigned container when the client leaves the goal to us. */
const pesPerContainer = 3

export interface AssignmentContext {
  readonly assignment: Assignment
  /** Index of the assignment's ecosystem. */
  readonly index: EcosystemIndex
  readonly exclusions: StudentExclusions
  readonly groupOf: GroupOf
}

/** What may be given as personalised exercises: the pools of the assigned containers. */
export function personalisedCandidates(context: AssignmentContext): Candidates {
  const { assignment, index, exclusions, groupOf } = context
  return gatherCandidates({
    index,
    containers: assignment.containers,
    assignmentType: assignment.type,
    exclusions,
    own: ownGroups(assignment, groupOf),
  })
}

export interface PersonalisedInput {
  readonly assignment: Assignment
  readonly candidates: Candidates
  readonly ranking: Ranking
  /** What makes this choice differ from others; it should not change from one request to the next. */
  readonly seed: string
}

/** The exercises chosen, in the order to hand out, and everything that explains the choice. */
export interface PersonalisedChoice {
  readonly exercises: readonly Uuid[]
  readonly picks: readonly PickedExercise[]
  readonly goal: number
  readonly shortage: Shortage | undefined
  readonly seed: string
}

/**
 * Personalised exercises of one assignment (scheduler.md §7.3, §9.1): as many as asked, spread evenly over the assigned
 * containers, best ranked first within each. The containers follow each other in an order drawn by the seed.
 */
export function choosePersonalised(input: PersonalisedInput): PersonalisedChoice {
  const { assignment, candidates, seed } = input
  const drawn = seedOf(seed, assignment.uuid, 'personalised')
  const containers = [...candidates.byContainer.keys()]
  const offering = containers.filter((container) => candidates.byContainer.get(container)?.isEmpty === false)
  const goal = assignment.goalPes ?? pesPerContainer * offering.length
  const slots = [{ count: goal, displacement: new Map(containers.map((container) => [container, 0])) }]
  const picks = fillSlots({
    slots,
    candidates,
    ranking: input.ranking,
    seed: drawn,
    containerOrder: seededOrder(drawn, containers),
  })
  const exercises = picks.map(({ exercise }) => exercise.uuid)
  const shortage = goal === 0 && assignment.goalPes === 0 ? undefined : shortageOf(goal, picks.length, candidates)
  return { exercises, picks, goal, shortage, seed }
}
