import type { Uuid } from '#domain/ids.ts'

/**
 * The algorithm's order, best first, as uuids of exercises or of exercise groups; the first of duplicates counts. It is
 * read no further than somebody asks: making it costs more than using the beginning of it.
 */
export class Ranking {
  readonly #rest: Iterator<Uuid>
  /** What may be in the order under its own uuid. */
  readonly #named: ReadonlySet<Uuid>
  readonly #positions = new Map<Uuid, number>()
  readonly #read: Uuid[] = []
  #end = 0

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
      if (!this.#positions.has(next.value)) {
        this.#positions.set(next.value, this.#read.length)
        this.#end = this.#read.length + 1
      }
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
    this.#all()
    return this.#end
  }

  #all(): ReadonlyMap<Uuid, number> {
    this.at(Number.POSITIVE_INFINITY)
    return this.#positions
  }
}
