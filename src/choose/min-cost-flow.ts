/**
 * Exact min-cost flow on small networks by successive shortest paths, one unit at a time. A cost has two parts that are
 * compared in order, so that lexicographic goals need no weights beyond what a double holds exactly. An arc may grow
 * dearer with use, never cheaper: that is how evenness is asked for, and how one arc stands for many items of which the
 * best go first. Deterministic: same arcs in the same order, same flow.
 */
export interface ArcCost {
  /** Compared first. */
  readonly major: number
  /** The major part grows by this much with each unit that passes. */
  readonly growth: number
  /** Compared when the major parts are equal: the same for each unit, or one number per unit in ascending order. */
  readonly minor: number | readonly number[]
}

export interface Arc {
  readonly from: FlowNode
  readonly to: FlowNode
  readonly capacity: number
  readonly cost: ArcCost
  /** Units that pass, once `sendAll` is done. */
  flow: number
}

/** A node, with what the search for the cheapest path knows of it. */
export interface FlowNode {
  /** Arcs that start or end here. */
  readonly arcs: Arc[]
  major: number
  minor: number
  /** The arc by which the cheapest path arrives, forwards or backwards. */
  arrival: Arc | undefined
  isQueued: boolean
}

const freeOfCost: ArcCost = { major: 0, growth: 0, minor: 0 }

export class FlowNetwork {
  readonly #nodes: FlowNode[] = []

  addNode(): FlowNode {
    const node = { arcs: [], major: 0, minor: 0, arrival: undefined, isQueued: false }
    this.#nodes.push(node)
    return node
  }

  addArc(from: FlowNode, to: FlowNode, capacity: number, cost: ArcCost = freeOfCost): Arc {
    const arc = { from, to, capacity, cost, flow: 0 }
    from.arcs.push(arc)
    to.arcs.push(arc)
    return arc
  }

  /** Sends as much as possible at the least cost for that amount. */
  sendAll(source: FlowNode, sink: FlowNode): void {
    while (this.#findCheapestPath(source, sink)) {
      for (let node = sink; node !== source; ) {
        const arc = node.arrival
        if (arc === undefined) throw new Error('a path that was found must lead back to its source')
        const isForward = arc.to === node
        arc.flow += isForward ? 1 : -1
        node = isForward ? arc.from : arc.to
      }
    }
  }

  /**
   * Bellman-Ford with a queue: an arc taken backwards gives its cost back, and the networks here have tens of nodes.
   */
  #findCheapestPath(source: FlowNode, sink: FlowNode): boolean {
    for (const node of this.#nodes) node.major = Number.POSITIVE_INFINITY
    source.major = 0
    source.minor = 0
    const queue = [source]
    for (const node of queue) {
      node.isQueued = false
      for (const arc of node.arcs) {
        const next = arriveBy(arc, node)
        if (next === undefined || next.isQueued) continue
        next.isQueued = true
        queue.push(next)
      }
    }
    return sink.major < Number.POSITIVE_INFINITY
  }
}

/** The node at the other end, if one more unit may go there and it is cheaper than what was known. */
function arriveBy(arc: Arc, node: FlowNode): FlowNode | undefined {
  const isForward = arc.from === node
  if (isForward ? arc.flow >= arc.capacity : arc.flow <= 0) return undefined
  const next = isForward ? arc.to : arc.from
  const sign = isForward ? 1 : -1
  const unit = isForward ? arc.flow : arc.flow - 1
  const major = node.major + sign * (arc.cost.major + arc.cost.growth * unit)
  const minor = node.minor + sign * minorOf(arc.cost.minor, unit)
  const isCheaper = major === next.major ? minor < next.minor : major < next.major
  if (!isCheaper) return undefined
  next.major = major
  next.minor = minor
  next.arrival = arc
  return next
}

function minorOf(minor: ArcCost['minor'], unit: number): number {
  return typeof minor === 'number' ? minor : (minor[unit] ?? 0)
}
