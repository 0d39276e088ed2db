/**
 * Exact min-cost flow on small networks by successive shortest paths, one unit at a time. A cost has two parts that are
 * compared in order, so that lexicographic goals need no weights beyond what a double holds exactly. An arc may grow
 * dearer with use (convex cost), which is how evenness is asked for. Deterministic: same arcs in the same order, same flow.
 */
export interface ArcCost {
  /** Compared first. */
  readonly major: number
  /** Compared when the major parts are equal. */
  readonly minor: number
  /** The major part grows by this much with each unit that passes. */
  readonly growth?: number
}

export class FlowNetwork {
  readonly #from: number[] = []
  readonly #to: number[] = []
  readonly #capacity: number[] = []
  readonly #major: number[] = []
  readonly #minor: number[] = []
  readonly #growth: number[] = []
  readonly #flow: number[] = []
  readonly #arcsOf: number[][] = []

  addNode(): number {
    this.#arcsOf.push([])
    return this.#arcsOf.length - 1
  }

  /** Returns the arc's number, by which `flowOf` asks for its flow. */
  addArc(from: number, to: number, capacity: number, cost: ArcCost = { major: 0, minor: 0 }): number {
    const arc = this.#from.length
    this.#from.push(from)
    this.#to.push(to)
    this.#capacity.push(capacity)
    this.#major.push(cost.major)
    this.#minor.push(cost.minor)
    this.#growth.push(cost.growth ?? 0)
    this.#flow.push(0)
    this.#arcsOf[from]?.push(arc)
    this.#arcsOf[to]?.push(arc)
    return arc
  }

  flowOf(arc: number): number {
    return this.#flow[arc] ?? 0
  }

  /** Sends as much as possible at the least cost for that amount; returns how much. */
  run(source: number, sink: number): number {
    let sent = 0
    for (let path = this.#cheapestPath(source, sink); path !== undefined; path = this.#cheapestPath(source, sink)) {
      for (const step of path) this.#flow[step >> 1] = this.flowOf(step >> 1) + ((step & 1) === 0 ? 1 : -1)
      sent += 1
    }
    return sent
  }

  /**
   * Bellman-Ford with a queue: residual arcs may cost less than nothing, and the networks here have tens of nodes. A
   * step is twice the number of its arc, plus one when the arc is taken backwards.
   */
  #cheapestPath(source: number, sink: number): number[] | undefined {
    const nodes = this.#arcsOf.length
    const major = new Float64Array(nodes).fill(Number.POSITIVE_INFINITY)
    const minor = new Float64Array(nodes)
    const stepInto = new Int32Array(nodes).fill(-1)
    const isQueued = new Uint8Array(nodes)
    const queue = [source]
    major[source] = 0
    for (let head = 0; head < queue.length; head += 1) {
      const node = queue[head] as number
      isQueued[node] = 0
      for (const arc of this.#arcsOf[node] as number[]) {
        const isForward = this.#from[arc] === node
        const flow = this.#flow[arc] as number
        if (isForward ? flow >= (this.#capacity[arc] as number) : flow <= 0) continue
        const next = (isForward ? this.#to[arc] : this.#from[arc]) as number
        const unit = (this.#major[arc] as number) + (this.#growth[arc] as number) * (isForward ? flow : flow - 1)
        const sign = isForward ? 1 : -1
        const majorHere = (major[node] as number) + sign * unit
        const minorHere = (minor[node] as number) + sign * (this.#minor[arc] as number)
        const isCheaper =
          majorHere === major[next] ? minorHere < (minor[next] as number) : majorHere < (major[next] as number)
        if (!isCheaper) continue
        major[next] = majorHere
        minor[next] = minorHere
        stepInto[next] = 2 * arc + (isForward ? 0 : 1)
        if (isQueued[next] === 0) {
          isQueued[next] = 1
          queue.push(next)
        }
      }
    }
    return major[sink] === Number.POSITIVE_INFINITY ? undefined : this.#pathTo(source, sink, stepInto)
  }

  #pathTo(source: number, sink: number, stepInto: Int32Array): number[] {
    const path: number[] = []
    for (let node = sink; node !== source; ) {
      const step = stepInto[node] as number
      path.push(step)
      node = ((step & 1) === 0 ? this.#from[step >> 1] : this.#to[step >> 1]) as number
    }
    return path
  }
}
