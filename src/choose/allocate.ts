import type { Uuid } from '#domain/ids.ts'
import type { RankedCandidates, RankedExercise } from './candidates.ts'
import { type Arc, FlowNetwork, type FlowNode } from './min-cost-flow.ts'

/**
 * Slots that want the same thing. `displacement` says how far from it each container is, 0 = exactly what is wanted.
 */
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
 * containers of their own this is the water-filling of the specification, and displaced picks are spread as well.
 * Exact: a min-cost flow source → all slots → slot group → container → exercise group → sink. The order of the inputs
 * does not matter, but for `slots`, which are what they are.
 */
export function allocate(input: AllocationInput): PickedExercise[] {
  const wanted = input.slots.reduce((sum, { count }) => sum + count, 0)
  const goal = Math.min(picksMax, wanted)
  const network = new FlowNetwork()
  const [source, all, sink] = [network.addNode(), network.addNode(), network.addNode()]
  network.addArc(source, all, goal)
  const supplies = addSupplies(network, sink, input, goal)
  const uses: Use[] = []
  for (const [slot, { count, displacement }] of input.slots.entries()) {
    const node = network.addNode()
    network.addArc(all, node, Math.min(count, goal))
    for (const supply of supplies) {
      const distance = displacement.get(supply.container)
      if (distance === undefined) continue
      // Evenness sums to at most goal², so one step of displacement outweighs it.
      const cost = { major: distance * (goal * goal + 1), growth: 0, minor: 0 }
      uses.push({ arc: network.addArc(node, supply.inlet, goal, cost), slot, supply, displacement: distance })
    }
  }
  network.sendAll(source, sink)
  return collect(uses)
}

/** A container with exercises to give, as a part of the network. */
interface Supply {
  readonly container: Uuid
  readonly inlet: FlowNode
  readonly offers: Offer[]
}

/** Exercises of one container behind one arc: as many of them as it carries, best first, are taken. */
interface Offer {
  readonly arc: Arc
  readonly ranked: readonly RankedExercise[]
}

/** The arc from a slot group to a container. */
interface Use {
  readonly arc: Arc
  readonly slot: number
  readonly supply: Supply
  readonly displacement: number
}

/**
 * Container → sink for all exercises that only this container offers, container → exercise group → sink for those that
 * several do. Of each container only its best `goal` exercises matter: were a later one used, one of the better ones
 * would be free and could take its place at the same displacement and evenness.
 */
function addSupplies(network: FlowNetwork, sink: FlowNode, input: AllocationInput, goal: number): Supply[] {
  const lists = input.containerOrder
    .map((container) => ({ container, best: input.candidates.get(container)?.slice(0, goal) ?? [] }))
    .filter(({ best }) => best.length > 0)
  const offering = countOffering(lists.map(({ best }) => best))
  // The places of containers sum to less than this, so one step of position outweighs them.
  const positionWeight = goal * lists.length + 1
  const shared = new Map<Uuid, FlowNode>()
  return lists.map(({ container, best }, place) => {
    const [inlet, outlet] = [network.addNode(), network.addNode()]
    // 1 + 3 + 5 + … = n²: the sum of squares as a cost per unit.
    network.addArc(inlet, outlet, best.length, { major: 1, growth: 2, minor: place })
    const offers: Offer[] = []
    const addOffer = (to: FlowNode, ranked: readonly RankedExercise[]) => {
      const minor = ranked.map(({ position }) => position * positionWeight)
      offers.push({ arc: network.addArc(outlet, to, ranked.length, { major: 0, growth: 0, minor }), ranked })
    }
    const isShared = ({ exercise }: RankedExercise) => (offering.get(exercise.group) ?? 0) > 1
    for (const ranked of best.filter(isShared)) {
      const { group } = ranked.exercise
      const node = shared.get(group) ?? network.addNode()
      if (!shared.has(group)) network.addArc(node, sink, 1)
      shared.set(group, node)
      addOffer(node, [ranked])
    }
    addOffer(
      sink,
      best.filter((ranked) => !isShared(ranked)),
    )
    return { container, inlet, offers }
  })
}

/** Exercise group → how many of the containers offer it. */
function countOffering(lists: readonly (readonly RankedExercise[])[]): Map<Uuid, number> {
  const counts = new Map<Uuid, number>()
  for (const list of lists) {
    for (const { exercise } of list) counts.set(exercise.group, (counts.get(exercise.group) ?? 0) + 1)
  }
  return counts
}

/**
 * A container's picks, best first, go to the slots that use it in plan order: within a container they are exchangeable.
 */
function collect(uses: readonly Use[]): PickedExercise[] {
  const taken = new Map<Supply, RankedExercise[]>()
  const picks: PickedExercise[] = []
  for (const { arc, slot, supply, displacement } of uses) {
    const left = taken.get(supply) ?? takenFrom(supply)
    taken.set(supply, left)
    for (const ranked of left.splice(0, arc.flow)) {
      picks.push({ ...ranked, slot, container: supply.container, displacement })
    }
  }
  return picks
}

function takenFrom(supply: Supply): RankedExercise[] {
  const taken = supply.offers.flatMap(({ arc, ranked }) => ranked.slice(0, arc.flow))
  return taken.sort((a, b) => a.position - b.position)
}
