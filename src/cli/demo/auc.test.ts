import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areaUnderCurve, type Scored } from './auc.ts'
import { seededRandom } from './seeded-random.ts'

const right = (score: number): Scored => ({ score, isCorrect: true })
const wrong = (score: number): Scored => ({ score, isCorrect: false })

/** The definition itself, over all pairs. */
function byPairs(items: readonly Scored[]): number {
  let sum = 0
  let pairs = 0
  for (const one of items.filter((item) => item.isCorrect)) {
    for (const other of items.filter((item) => !item.isCorrect)) {
      sum += one.score > other.score ? 1 : one.score === other.score ? 0.5 : 0
      pairs += 1
    }
  }
  return sum / pairs
}

test('perfect, reversed and useless scores', () => {
  assert.equal(areaUnderCurve([wrong(0.1), wrong(0.2), right(0.3)]), 1)
  assert.equal(areaUnderCurve([right(0.1), wrong(0.2), wrong(0.3)]), 0)
  assert.equal(areaUnderCurve([right(0.5), wrong(0.5), wrong(0.5), right(0.5)]), 0.5)
})

test('ties count half', () => {
  assert.equal(areaUnderCurve([wrong(1), right(1), right(2)]), 0.75)
  assert.equal(areaUnderCurve([wrong(1), wrong(2), right(2), right(3)]), 0.875)
})

test('equals the comparison of all pairs, with many ties', () => {
  const random = seededRandom(7, 'auc')
  const items = Array.from({ length: 300 }, () => ({
    score: Math.floor(random.uniform() * 12),
    isCorrect: random.uniform() < 0.6,
  }))
  assert.ok(Math.abs(areaUnderCurve(items)! - byPairs(items)) < 1e-12)
})

test('there is no AUC without both right and wrong answers', () => {
  assert.equal(areaUnderCurve([]), undefined)
  assert.equal(areaUnderCurve([right(1), right(2)]), undefined)
  assert.equal(areaUnderCurve([wrong(1)]), undefined)
})
