import { chance, type Seed } from '#choose/random.ts'

/**
 * Items drawn from a stream of unknown length: each has a number of its own from (seed, key), and those with the
 * smallest are kept. The order in which items come does not matter, and a larger sample holds the smaller one.
 */
export class Sample<Item> {
  readonly #seed: Seed
  readonly #max: number
  #kept: { readonly rank: number; readonly key: string; readonly item: Item }[] = []
  #seen = 0

  constructor(seed: Seed, max: number) {
    this.#seed = seed
    this.#max = max
  }

  offer(key: string, item: Item): void {
    this.#seen += 1
    this.#kept.push({ rank: chance(this.#seed, key), key, item })
    // Pruned now and then: sorting costs little when it is rare.
    if (this.#kept.length >= 2 * this.#max + 1000) this.#prune()
  }

  get seen(): number {
    return this.#seen
  }

  items(): Item[] {
    this.#prune()
    return this.#kept.map(({ item }) => item)
  }

  #prune(): void {
    this.#kept.sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1))
    this.#kept = this.#kept.slice(0, this.#max)
  }
}
