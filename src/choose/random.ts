import type { Uuid } from '#domain/ids.ts'

/**
 * Seeded chance without a stream: every item gets its own number from (seed, item), as in rendezvous hashing. So the
 * outcome does not depend on the order in which items are asked, and an item that comes or goes leaves the order of the
 * others alone: a repeated request does not reshuffle.
 */
export type Seed = readonly [number, number]

/** 64 bits of a text: two lanes of multiply-rotate mixing (MurmurHash3's constants), finished by `mix`. */
export function seedOf(...parts: readonly string[]): Seed {
  let high = 0x9e3779b9
  let low = 0x85ebca6b
  for (const part of parts) {
    for (let index = 0; index < part.length; index += 1) {
      const code = part.charCodeAt(index)
      high = Math.imul(rotate(high ^ Math.imul(code, 0xcc9e2d51), 13), 5) + 0xe6546b64
      low = Math.imul(rotate(low ^ Math.imul(code, 0x1b873593), 15), 0x2545f491) ^ code
    }
    // The boundary counts, so that ('ab', 'c') and ('a', 'bc') differ.
    high = mix(high ^ 0x1f)
    low = mix(low ^ part.length)
  }
  return [mix(high ^ low), mix(low + Math.imul(high, 0x9e3779b1))]
}

/** A number in [0, 1) with 53 random bits, always the same for the same seed and item. */
export function chance(seed: Seed, item: string): number {
  const [high, low] = seedOf(item)
  const first = mix(high ^ seed[0])
  const second = mix(low ^ seed[1] ^ Math.imul(first, 0x9e3779b1))
  const mixed = mix(first + Math.imul(second, 0x85ebca6b))
  return ((mixed >>> 0) * 0x200000 + (second >>> 11)) / 0x20000000000000
}

/** The distinct items in an order drawn by the seed; the order given does not matter. */
export function seededOrder<Item extends Uuid>(seed: Seed, items: Iterable<Item>): Item[] {
  const drawn = [...new Set(items)].map((item) => ({ item, chance: chance(seed, item) }))
  drawn.sort((a, b) => a.chance - b.chance || (a.item < b.item ? -1 : 1))
  return drawn.map(({ item }) => item)
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

/** The 32-bit finaliser of MurmurHash3: each input bit flips each output bit with probability near one half. */
function mix(value: number): number {
  let bits = value
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return bits ^ (bits >>> 16)
}
