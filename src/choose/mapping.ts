import type { Uuid } from '#domain/ids.ts'
import type { ContainerMap } from '#domain/student.ts'

/** One announced preparation's map of book containers, pairs in the order given (scheduler.md §2.2). */
export interface AnnouncedMap {
  readonly from: Uuid
  readonly to: Uuid
  readonly pairs: readonly { readonly from: Uuid; readonly to: Uuid }[]
}

/**
 * All container maps that follow from the announced ones, in the order of announcement: the pairs themselves (the first
 * pair of a container wins), their reverse unless several containers were merged into one, and every chain of these.
 * When several chains lead into an ecosystem, the one with the fewest steps counts. Closed under composition, so it
 * does not depend on which preparation came first, except where two of them contradict each other.
 */
export function closeMaps(announced: readonly AnnouncedMap[]): ContainerMap[] {
  const edges = new Edges()
  for (const map of announced) {
    for (const pair of map.pairs) edges.add({ ecosystem: map.from, container: pair.from }, map.to, pair.to)
  }
  edges.reverseAll()
  const images = new Map<Uuid, Map<Uuid, Map<Uuid, Uuid>>>()
  for (const node of edges.nodes()) {
    for (const [ecosystem, container] of edges.reach(node)) {
      const byTarget = images.get(node.ecosystem) ?? new Map<Uuid, Map<Uuid, Uuid>>()
      const byContainer = byTarget.get(ecosystem) ?? new Map<Uuid, Uuid>()
      images.set(node.ecosystem, byTarget.set(ecosystem, byContainer.set(node.container, container)))
    }
  }
  return [...images].flatMap(([from, byTarget]) => [...byTarget].map(([to, pairs]) => ({ from, to, images: pairs })))
}

/** Finds the images of containers; `preimages` are all containers, of any ecosystem, that map to one container. */
export interface Mapping {
  image(container: Uuid, from: Uuid, to: Uuid): Uuid | undefined
  preimages(container: Uuid, to: Uuid): readonly Preimage[]
}

export interface Preimage {
  readonly ecosystem: Uuid
  readonly container: Uuid
}

/** Lookups over a set of maps. A container is its own image in its own ecosystem. */
export function indexMaps(maps: readonly ContainerMap[]): Mapping {
  const forward = new Map<string, ReadonlyMap<Uuid, Uuid>>()
  const backward = new Map<string, Preimage[]>()
  for (const map of maps) {
    forward.set(`${map.from} ${map.to}`, map.images)
    for (const [container, image] of map.images) {
      const key = `${map.to} ${image}`
      const sources = backward.get(key) ?? []
      sources.push({ ecosystem: map.from, container })
      backward.set(key, sources)
    }
  }
  return {
    image: (container, from, to) => (from === to ? container : forward.get(`${from} ${to}`)?.get(container)),
    preimages: (container, to) => backward.get(`${to} ${container}`) ?? [],
  }
}

/** The graph of single steps: a node is a container of an ecosystem, an edge its image in one other ecosystem. */
class Edges {
  readonly #steps = new Map<string, Map<Uuid, Uuid>>()
  readonly #nodes = new Map<string, Preimage>()

  add(node: Preimage, ecosystem: Uuid, container: Uuid): void {
    const steps = this.#stepsOf(node)
    if (!steps.has(ecosystem)) steps.set(ecosystem, container)
    this.#stepsOf({ ecosystem, container })
  }

  /** Only now, with all pairs known, is it certain which containers are merges and have no way back. */
  reverseAll(): void {
    const sources = new Map<string, Map<Uuid, Uuid[]>>()
    for (const [key, node] of this.#nodes) {
      for (const [ecosystem, container] of this.#steps.get(key) ?? []) {
        const target = keyOf({ ecosystem, container })
        const byEcosystem = sources.get(target) ?? new Map<Uuid, Uuid[]>()
        const found = byEcosystem.get(node.ecosystem) ?? []
        found.push(node.container)
        sources.set(target, byEcosystem.set(node.ecosystem, found))
      }
    }
    for (const [target, byEcosystem] of sources) {
      const node = this.#nodes.get(target)
      for (const [ecosystem, containers] of byEcosystem) {
        const [only, ...others] = containers
        if (node && only !== undefined && others.length === 0) this.add(node, ecosystem, only)
      }
    }
  }

  nodes(): Iterable<Preimage> {
    return [...this.#nodes.values()]
  }

  /**
   * Breadth first, one container per ecosystem: the fewest steps win, then the order of announcement. The start stands
   * for its own ecosystem, so a pair announced within one ecosystem leads nowhere.
   */
  reach(start: Preimage): Map<Uuid, Uuid> {
    const found = new Map<Uuid, Uuid>([[start.ecosystem, start.container]])
    const ahead = [start]
    for (const node of ahead) {
      for (const [ecosystem, container] of this.#steps.get(keyOf(node)) ?? []) {
        if (found.has(ecosystem)) continue
        found.set(ecosystem, container)
        ahead.push({ ecosystem, container })
      }
    }
    found.delete(start.ecosystem)
    return found
  }

  #stepsOf(node: Preimage): Map<Uuid, Uuid> {
    const key = keyOf(node)
    const steps = this.#steps.get(key) ?? new Map<Uuid, Uuid>()
    this.#steps.set(key, steps)
    if (!this.#nodes.has(key)) this.#nodes.set(key, node)
    return steps
  }
}

function keyOf(node: Preimage): string {
  return `${node.ecosystem} ${node.container}`
}
