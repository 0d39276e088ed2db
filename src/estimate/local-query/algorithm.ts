/**
 * The reference algorithm without a model (scheduler.md §3.4): a CLUE from the answers inside the pool alone, and
 * exercises in a random order that the seed decides. It knows every exercise group.
 */
import { type Clue, unknownClue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Algorithm } from '../algorithm.ts'

export interface LocalQueryModel {
  /** Same seed, same order of exercises; draw a new one for a new order. */
  readonly seed: number
}

/** Latest answer by exercise group. */
export type LocalQueryKnowledge = ReadonlyMap<Uuid, boolean>

export const localQuery: Algorithm<LocalQueryModel, LocalQueryKnowledge> = {
  name: 'local_query',

  know(_model, answers) {
    return new Map(answers.map(({ group, isCorrect }) => [group, isCorrect]))
  },

  clue(_model, learners, pool, options) {
    const groups = new Set(pool)
    let count = 0
    let right = 0
    for (const learner of new Set(learners)) {
      for (const group of groups) {
        const isCorrect = learner.get(group)
        if (isCorrect === undefined) continue
        count += 1
        if (isCorrect) right += 1
      }
    }
    return clueOfCounts(count, right, options.minResponses)
  },

  rank(model, _learner, { pools, withoutGroups }) {
    const candidates = [...new Set(pools.flat())].filter((group) => !withoutGroups.has(group))
    const keyed = candidates.map((group) => ({ group, key: hashOf(group, model.seed) }))
    keyed.sort((one, other) => one.key - other.key || (one.group < other.group ? -1 : 1))
    return keyed.map(({ group }) => group)
  },
}

/** The original's normal quantile for its interval of one half. */
const Z = 0.68

/**
 * Wilson's centre p = (s + z^2/2) / (n + z^2), reach w = z sqrt(p (1 - p) / (n + z^2)) + 0.1 sqrt(v) + 0.05, where v is
 * the variance of the single answers around p. One answer has no variance.
 */
export function clueOfCounts(count: number, right: number, countMin: number): Clue {
  if (count === 0 || count < countMin) return unknownClue
  const squared = Z * Z
  const p = (right + squared / 2) / (count + squared)
  const variance = count === 1 ? 0 : (right * (1 - p) ** 2 + (count - right) * p ** 2) / (count - 1)
  const reach = Z * Math.sqrt((p * (1 - p)) / (count + squared)) + 0.1 * Math.sqrt(variance) + 0.05
  return { minimum: Math.max(p - reach, 0), mostLikely: p, maximum: Math.min(p + reach, 1), isReal: true }
}

/** FNV-1a over the uuid's characters, started from the seed, then mixed so that near ids come far apart. */
function hashOf(group: Uuid, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) | 0
  for (let at = 0; at < group.length; at++) hash = Math.imul(hash ^ group.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
