import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededUniform } from './hash.ts'
import { LossSum } from './loss-sum.ts'
import { softplus } from './scalar.ts'

test('it is the sum of softplus(z) - y z, over more rows than one product can hold', () => {
  const uniform = seededUniform(2)
  for (const reach of [0.01, 3, 800]) {
    const loss = new LossSum()
    let wanted = 0
    for (let row = 0; row < 5000; row++) {
      const z = reach * (2 * uniform() - 1)
      const isCorrect = uniform() < 0.5 ? 1 : 0
      loss.add(z, isCorrect)
      wanted += softplus(z) - isCorrect * z
    }
    assert.ok(Math.abs(loss.total() / wanted - 1) < 1e-12, `${loss.total()} instead of ${wanted}`)
  }
  assert.equal(new LossSum().total(), 0)
})
