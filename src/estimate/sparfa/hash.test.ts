import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHeldOutRow, isTestRow, seededUniform, splitHash } from './hash.ts'

test('the split hash gives the published vectors', () => {
  assert.equal(splitHash(0, 0, 1), 804215951)
  assert.equal(splitHash(5, 17, 2), 3942345536)
  assert.equal(splitHash(3113, 17707, 3), 2101543201)
  assert.equal(splitHash(5, 17, 1000004), 3826829399)
})

test('a complete 536 x 20 table has 2,168 test rows with seed 1', () => {
  let count = 0
  for (let learner = 0; learner < 536; learner++)
    for (let question = 0; question < 20; question++) if (isTestRow(learner, question, 1)) count += 1
  assert.equal(count, 2168)
})

test('held-out rows are a tenth of the rows and differ between seeds', () => {
  let first = 0
  let both = 0
  for (let learner = 0; learner < 400; learner++)
    for (let question = 0; question < 100; question++) {
      if (isHeldOutRow(learner, question, 1)) first += 1
      if (isHeldOutRow(learner, question, 1) && isHeldOutRow(learner, question, 2)) both += 1
    }
  assert.ok(Math.abs(first - 4000) < 200, `${first} of 40,000`)
  assert.ok(Math.abs(both - 400) < 100, `${both} of 40,000 in both`)
})

test('the generator repeats itself for a seed and has mean and variance of the uniform distribution', () => {
  const [one, two] = [seededUniform(7), seededUniform(7)]
  let sum = 0
  let squares = 0
  for (let index = 0; index < 20_000; index++) {
    const value = one()
    assert.equal(value, two())
    assert.ok(value >= 0 && value < 1)
    sum += value
    squares += value * value
  }
  assert.ok(Math.abs(sum / 20_000 - 0.5) < 0.01)
  assert.ok(Math.abs(squares / 20_000 - 1 / 3) < 0.01)
  assert.notEqual(seededUniform(8)(), seededUniform(7)())
})
