/**
 * Reproducible random numbers: the same seed gives the same class on every machine. The generator is splitmix32, small
 * and of full period 2^32; a class of a few thousand students draws some hundred thousand numbers.
 */
export interface SeededRandom {
  /** Uniform in [0, 1). */
  uniform(): number
  /** Standard normal. */
  normal(): number
  /** `count` different indices below `size`, in random order. */
  sample(size: number, count: number): number[]
}

/** Streams of the same seed with different labels are independent of each other. */
export function seededRandom(seed: number, label: string): SeededRandom {
  let state = hashOf(`${seed}/${label}`)

  function uniform(): number {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    mixed ^= mixed >>> 15
    return (mixed >>> 0) / 2 ** 32
  }

  return {
    uniform,
    // Box and Muller (1958); 1 - u keeps the logarithm finite.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    sample(size, count) {
      const indices = Array.from({ length: size }, (_, index) => index)
      for (let taken = 0; taken < count; taken += 1) {
        const other = taken + Math.floor(uniform() * (size - taken))
        const index = indices[taken]!
        indices[taken] = indices[other]!
        indices[other] = index
      }
      return indices.slice(0, count)
    },
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash
}
