import type { Uuid } from '#domain/ids.ts'

/**
 * The algorithm's order, best first, as uuids of exercises or of exercise groups; the first of duplicates counts. It is
 * read no further than somebody asks: making it costs more than using the beginning of it.
 */
export class Ranking {
  readonly #rest: Iterator<Uuid>
  /** What may be in the order under its own uuid. */
  readonly #named: ReadonlySet<Uuid>
  readonly #read: Uuid[] = []
  /** Of the whole order: made when somebody asks where something stands. */
  #positions: ReadonlyMap<Uuid, number> | undefined

  private constructor(bestFirst: Iterable<Uuid>, named: ReadonlySet<Uuid>) {
    this.#rest = bestFirst[Symbol.iterator]()
    this.#named = named
  }

  /** Exercises and groups, mixed. */
  static of(bestFirst: readonly Uuid[]): Ranking {
    return new Ranking(bestFirst, new Set(bestFirst))
  }

  static ofGroups(bestFirst: Iterable<Uuid>): Ranking {
    return new Ranking(bestFirst, new Set())
  }

  /** `undefined` behind the last. */
  at(position: number): Uuid | undefined {
    while (this.#read.length <= position) {
      const next = this.#rest.next()
      if (next.done === true) return undefined
      this.#read.push(next.value)
    }
    return this.#read[position]
  }

  /** An exercise that stands in the order itself has its own place there, whatever that of its group. */
  names(exercise: Uuid): boolean {
    return this.#named.has(exercise)
  }

  /** Of an exercise; `undefined` when neither it nor its group is in the order. */
  positionOf(exercise: Uuid, group: Uuid): number | undefined {
    const positions = this.#all()
    return (this.names(exercise) ? positions.get(exercise) : undefined) ?? positions.get(group)
  }

  knows(group: Uuid): boolean {
    return this.#all().has(group)
  }

  /** The position behind the last. */
  get end(): number {
    return this.#all()
      .values()
      .reduce((end, position) => Math.max(end, position + 1), 0)
  }

  #all(): ReadonlyMap<Uuid, number> {
    if (this.#positions === undefined) {
      this.at(Number.POSITIVE_INFINITY)
      // The first of duplicates counts, so it is written last.
      this.#positions = new Map(this.#read.map((uuid, position) => [uuid, position] as const).reverse())
    }
    return this.#positions
  }
}
