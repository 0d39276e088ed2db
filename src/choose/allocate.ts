import type { Uuid } from '#domain/ids.ts'
import type { RankedCandidates, RankedExercise } from './candidates.ts'
import { FlowNetwork } from './min-cost-flow.ts'

/** Slots that want the same thing. `displacement` says how far from it each container is, 0 = exactly what is wanted. */
export interface SlotGroup {
  readonly count: number
  readonly displacement: ReadonlyMap<Uuid, number>
}

export interface AllocationInput {
  readonly slots: readonly SlotGroup[]
  readonly candidates: RankedCandidates
  /** Containers in the order that breaks the last ties, drawn by the seed. */
  readonly containerOrder: readonly Uuid[]
}

export interface PickedExercise extends RankedExercise {
  /** Which of the slot groups it fills. */
  readonly slot: number
  readonly container: Uuid
  readonly displacement: number
}

/** The wire carries no longer list (api.md §6.16), so larger goals mean this many. */
export const picksMax = 1000

/**
 * The best filling of the slots (scheduler.md §9.1), each exercise group at most once. In this order of importance: as
 * many slots filled as there are groups for; least total displacement; evenness, as the least sum of squares of
 * the number of picks per container; least sum of positions; containers early in `containerOrder`. For slot groups with
 * containers of their own this is the water-filling of the specification, and displaced picks are spread as well. Exact:
 * a min-cost flow source → slot group → container → exercise group → sink. The order of the inputs does not matter, but
 * for `slots`, which are what they are.
 */
export function allocate(input: AllocationInput): PickedExercise[] {
  const goal = Math.min(
    picksMax,
    input.slots.reduce((sum, { count }) => sum + count, 0),
  )
  const containers = input.containerOrder.filter((container) => (input.candidates.get(container)?.length ?? 0) > 0)
  const network = new FlowNetwork()
  const [source, sink] = [network.addNode(), network.addNode()]
  const weights = { displacement: goal * goal + 1, position: goal * containers.length + 1 }
  const inlets = containers.map(() => network.addNode())
  const offers = addExercises({ network, input, containers, inlets, sink, goal, weights })
  const uses: Use[] = []
  for (const [slot, group] of input.slots.entries()) {
    if (group.count <= 0) continue
    const node = network.addNode()
    network.addArc(source, node, Math.min(group.count, goal))
    for (const [at, container] of containers.entries()) {
      const displacement = group.displacement.get(container)
      if (displacement === undefined) continue
      const cost = { major: displacement * weights.displacement, minor: 0 }
      const arc = network.addArc(node, inlets[at] as number, Math.min(group.count, goal), cost)
      uses.push({ arc, slot, container, displacement })
    }
  }
  network.run(source, sink)
  return collect(network, uses, offers)
}

interface Use {
  readonly arc: number
  readonly slot: number
  readonly container: Uuid
  readonly displacement: number
}

interface Offer {
  readonly arc: number
  readonly container: Uuid
  readonly ranked: RankedExercise
}

interface ExercisePart {
  readonly network: FlowNetwork
  readonly input: AllocationInput
  readonly containers: readonly Uuid[]
  readonly inlets: readonly number[]
  readonly sink: number
  readonly goal: number
  readonly weights: { readonly displacement: number; readonly position: number }
}

/**
 * Container → exercise → sink. Of each container only its best `goal` exercises matter: were a later one used, one of the
 * better ones would be free and could take its place at the same displacement and evenness.
 */
function addExercises({ network, input, containers, inlets, sink, goal, weights }: ExercisePart): Offer[] {
  const groups = new Map<Uuid, number>()
  const offers: Offer[] = []
  for (const [at, container] of containers.entries()) {
    const best = input.candidates.get(container)?.slice(0, goal) ?? []
    const outlet = network.addNode()
    // 1 + 3 + 5 + … = n²: the sum of squares as a cost per unit.
    network.addArc(inlets[at] as number, outlet, best.length, { major: 1, minor: at, growth: 2 })
    for (const ranked of best) {
      const { group } = ranked.exercise
      let node = groups.get(group)
      if (node === undefined) {
        node = network.addNode()
        groups.set(group, node)
        network.addArc(node, sink, 1)
      }
      const cost = { major: 0, minor: ranked.position * weights.position }
      offers.push({ arc: network.addArc(outlet, node, 1, cost), container, ranked })
    }
  }
  return offers
}

/** A container's picks, best first, go to the slots that use it in plan order: within a container they are exchangeable. */
function collect(network: FlowNetwork, uses: readonly Use[], offers: readonly Offer[]): PickedExercise[] {
  const taken = new Map<Uuid, RankedExercise[]>()
  for (const { arc, container, ranked } of offers) {
    if (network.flowOf(arc) === 0) continue
    const list = taken.get(container)
    if (list === undefined) taken.set(container, [ranked])
    else list.push(ranked)
  }
  const picks: PickedExercise[] = []
  const next = new Map<Uuid, number>()
  for (const { arc, slot, container, displacement } of uses) {
    const from = next.get(container) ?? 0
    const until = from + network.flowOf(arc)
    next.set(container, until)
    for (const ranked of (taken.get(container) ?? []).slice(from, until)) {
      picks.push({ ...ranked, slot, container, displacement })
    }
  }
  return picks
}
