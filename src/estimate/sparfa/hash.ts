/**
 * The reproducible hash that splits responses into training, held-out and test rows (sparfa.md §16), and the seeded
 * generator for everything else. All arithmetic is modulo 2^32, so any language gets the same rows.
 */

/** Final mix of MurmurHash3: every input bit reaches every output bit. */
function mix(hash: number): number {
  let h = hash
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  h ^= h >>> 16
  return h >>> 0
}

/** r(l, q, seed) of sparfa.md §16, an unsigned 32-bit integer. */
export function splitHash(learner: number, question: number, seed: number): number {
  return mix(mix(Math.imul(learner, 0x9e3779b1) + seed) ^ Math.imul(question, 0x85ebca77))
}

/** A test row of the random split: one in five. */
export function isTestRow(learner: number, question: number, seed: number): boolean {
  return splitHash(learner, question, seed) % 5 === 0
}

/** Distance between the seed of a split and the seed of the imputation rows inside its training part. */
const IMPUTATION_SEED_OFFSET = 1_000_003

/** A held-out row of imputation-based early stopping: one in ten (sparfa.md §7). */
export function isHeldOutRow(learner: number, question: number, seed: number): boolean {
  return splitHash(learner, question, seed + IMPUTATION_SEED_OFFSET) % 10 === 0
}

/** Seeded numbers in [0, 1): counter-based, so that the n-th number depends on the seed and n alone. */
export function seededUniform(seed: number): () => number {
  let count = 0
  return () => {
    count += 1
    const high = splitHash(count, 1, seed) >>> 5
    const low = splitHash(count, 2, seed) >>> 6
    return (high * 67_108_864 + low) / 9_007_199_254_740_992
  }
}
