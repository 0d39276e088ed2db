import type { Clue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'
import type { PickedExercise } from './allocate.ts'
import { Candidates, gatherCandidates } from './candidates.ts'
import type { EcosystemIndex } from './ecosystem-index.ts'
import type { StudentExclusions } from './exclusions.ts'
import { fillSlots } from './fill-slots.ts'
import type { Offer } from './offers.ts'
import { seedOf } from './random.ts'
import type { Ranking } from './ranking.ts'
import { type Shortage, shortageOf } from './shortage.ts'

/** One CLUE of the student, by the algorithm that also ranks. */
export interface Area {
  readonly container: Uuid
  readonly clue: Clue
}

/** Exercises of one practice. */
const practiceSize = 5
const practiceType = 'practice'
/** Slots of the worst areas, worst first, by how many areas there are (scheduler.md §7.6). */
const slotTable: readonly (readonly number[])[] = [[], [5], [3, 2], [2, 2, 1], [2, 1, 1, 1], [1, 1, 1, 1, 1]]

/**
 * The areas to practise, worst first ([B] of §7.6): only those of this ecosystem, real CLUEs before defaults, pages
 * only when there are CLUEs of both pages and what contains them; equal ones in book order.
 */
export function worstAreas(areas: readonly Area[], index: EcosystemIndex): Area[] {
  const place = new Map(index.containers.map((container, at) => [container, at]))
  const here = areas.filter(({ container }) => place.has(container))
  const pages = here.filter(({ container }) => index.pages.has(container))
  const chosen = new Map((pages.length > 0 ? pages : here).map((area) => [area.container, area]))
  return [...chosen.values()].sort(
    (a, b) =>
      Number(b.clue.isReal) - Number(a.clue.isReal) ||
      a.clue.mostLikely - b.clue.mostLikely ||
      (place.get(a.container) ?? 0) - (place.get(b.container) ?? 0),
  )
}

export interface PracticeContext {
  readonly areas: readonly Area[]
  readonly index: EcosystemIndex
  readonly exclusions: StudentExclusions
}

/**
 * What may be practised: the five worst of the areas that `worstAreas` returned, and further ones only as long as these
 * cannot fill the practice.
 */
export function practiceCandidates({ areas, index, exclusions }: PracticeContext): Candidates {
  const byContainer = new Map<Uuid, Offer>()
  const groups = new Set<Uuid>()
  for (const [at, { container }] of areas.entries()) {
    if (at >= practiceSize && groups.size >= practiceSize) break
    const found = gatherCandidates({ index, containers: [container], assignmentType: practiceType, exclusions })
    for (const [one, offer] of found.byContainer) byContainer.set(one, offer)
    for (const group of found.groups) groups.add(group)
  }
  return new Candidates(byContainer, { index, assignmentType: practiceType, exclusions })
}

export interface PracticeInput {
  readonly student: Uuid
  /** Worst first, as `worstAreas` returns them. */
  readonly areas: readonly Area[]
  readonly candidates: Candidates
  readonly ranking: Ranking
  readonly seed: string
}

export interface PracticePick extends PickedExercise {
  /** Which area it practises, 0 = the worst. */
  readonly area: number
}

export interface PracticeChoice {
  readonly exercises: readonly Uuid[]
  readonly picks: readonly PracticePick[]
  readonly goal: number
  readonly shortage: Shortage | undefined
  readonly seed: string
}

/**
 * Exercises for practising the worst areas. What an area cannot give comes from the area nearest in rank, also from
 * beyond the fifth. Worst area first, best ranked first within it.
 */
export function choosePractice(input: PracticeInput): PracticeChoice {
  const { areas, candidates, seed } = input
  const drawn = seedOf(seed, input.student, 'practice_worst_areas')
  const containers = areas.map(({ container }) => container).filter((one) => candidates.byContainer.has(one))
  const counts = slotTable[Math.min(areas.length, practiceSize)] ?? []
  const slots = counts.map((count, own) => ({
    count,
    displacement: new Map(containers.map((container, at) => [container, Math.abs(at - own)])),
  }))
  const allocated = fillSlots({
    slots,
    candidates,
    ranking: input.ranking,
    seed: drawn,
    // Not drawn: between equals the worse area comes first.
    containerOrder: containers,
  })
  const place = new Map(containers.map((container, at) => [container, at]))
  const picks = allocated.map((pick): PracticePick => ({ ...pick, area: place.get(pick.container) ?? 0 }))
  picks.sort((a, b) => a.area - b.area || a.position - b.position)
  const exercises = picks.map(({ exercise }) => exercise.uuid)
  const shortage = shortageOf(practiceSize, picks.length, candidates)
  return { exercises, picks, goal: practiceSize, shortage, seed }
}
