import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unknownClue } from '#domain/clue.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { clueOfCounts, type LocalQueryKnowledge, localQuery } from './algorithm.ts'

const options = { confidence: 0.5, minResponses: 3 }
const model = { seed: 1 }

function group(index: number): Uuid {
  return toUuid(`00000000-0000-4000-8000-${index.toString().padStart(12, '0')}`)
}

/** A learner who answered the first groups, the first `right` of them rightly. */
function learnerWith(count: number, right: number): LocalQueryKnowledge {
  const answers = Array.from({ length: count }, (_, index) => ({ group: group(index), isCorrect: index < right }))
  return localQuery.know(model, answers)
}

const pool = Array.from({ length: 10 }, (_, index) => group(index))

test('worked example 26: two trials give the default', () => {
  assert.deepEqual(localQuery.clue(model, [learnerWith(2, 1)], pool, options), unknownClue)
})

for (const [right, count, minimum, mostLikely, maximum] of [
  [0, 3, 0, 0.0668, 0.2162],
  [1, 3, 0.0729, 0.3556, 0.6383],
  [2, 3, 0.3617, 0.6444, 0.9271],
  [3, 3, 0.7838, 0.9332, 1],
  [2, 4, 0.2313, 0.5, 0.7687],
  [5, 10, 0.2922, 0.5, 0.7078],
  [9, 10, 0.7329, 0.8823, 1],
  [10, 10, 0.8947, 0.9779, 1],
] as const) {
  test(`worked examples 27 and 28: ${right} of ${count} right`, () => {
    const clue = localQuery.clue(model, [learnerWith(count, right)], pool, options)
    assert.ok(clue.isReal)
    assert.ok(Math.abs(clue.minimum - minimum) < 1e-4, `${clue.minimum}`)
    assert.ok(Math.abs(clue.mostLikely - mostLikely) < 1e-4, `${clue.mostLikely}`)
    assert.ok(Math.abs(clue.maximum - maximum) < 1e-4, `${clue.maximum}`)
  })
}

test('answers outside the pool do not count, answers of several learners add up', () => {
  const one = learnerWith(5, 5)
  assert.deepEqual(localQuery.clue(model, [one], pool.slice(3), options), unknownClue)
  const two = localQuery.clue(model, [one, learnerWith(5, 0)], [...pool, ...pool], options)
  assert.deepEqual(two, clueOfCounts(10, 5, 3))
})

test('a threshold below two still gives finite numbers', () => {
  assert.deepEqual(clueOfCounts(0, 0, 0), unknownClue)
  const { minimum, mostLikely, maximum } = clueOfCounts(1, 1, 1)
  assert.ok(minimum >= 0 && minimum < mostLikely && mostLikely < maximum && maximum <= 1)
})

test('the order is a permutation that depends on the seed and not on the order given', () => {
  const many = Array.from({ length: 50 }, (_, index) => group(index))
  const rank = (seed: number, ...pools: Uuid[][]) => [
    ...localQuery.rank({ seed }, learnerWith(0, 0), { pools, withoutGroups: new Set() }),
  ]
  const ranked = rank(model.seed, many)
  assert.deepEqual(ranked.toSorted(), many)
  assert.notDeepEqual(ranked, many)
  assert.deepEqual(rank(model.seed, many.toReversed(), [many[0]!]), ranked)
  assert.notDeepEqual(rank(2, many), ranked)
  const left = { pools: [many], withoutGroups: new Set(ranked.slice(0, 2)) }
  assert.deepEqual([...localQuery.rank(model, learnerWith(0, 0), left)], ranked.slice(2))
})
