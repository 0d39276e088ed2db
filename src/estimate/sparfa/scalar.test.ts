import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logit, normalQuantile, sigmoid, softplus } from './scalar.ts'

test('sigmoid and softplus are finite, monotone and mirror themselves, far into both tails', () => {
  let before = 0
  for (const z of [-1e300, -1000, -500, -40, -3, 0, 3, 36]) {
    assert.ok(sigmoid(z) >= before && sigmoid(z) <= 1)
    before = sigmoid(z)
    assert.ok(Math.abs(sigmoid(z) + sigmoid(-z) - 1) < 1e-15)
    assert.ok(Math.abs(softplus(-z) - softplus(z) + z) <= 1e-12 * Math.abs(z))
  }
  assert.ok(sigmoid(-1e300) > 0)
  assert.equal(sigmoid(1e300), 1)
  assert.equal(softplus(1000), 1000)
  assert.equal(softplus(0), Math.log(2))
  assert.ok(Math.abs(softplus(-30) - Math.exp(-30)) < 1e-25)
})

test('logit undoes sigmoid', () => {
  for (const z of [-20, -2, 0, 0.3, 15]) assert.ok(Math.abs(logit(sigmoid(z)) - z) < 1e-8)
})

test('normal quantiles agree with published values, in the middle and in both tails', () => {
  for (const [probability, quantile] of [
    [0.5, 0],
    [0.75, 0.674489750196082],
    [0.9, 1.281551565544601],
    [0.975, 1.959963984540054],
    [0.999, 3.090232306167813],
    [1e-9, -5.997807015007686],
    [1e-20, -9.262340089798409],
  ] as const) {
    assert.ok(
      Math.abs(normalQuantile(probability) - quantile) < 1e-12 * Math.max(1, Math.abs(quantile)),
      `${probability}`,
    )
  }
  assert.deepEqual([normalQuantile(0), normalQuantile(1)], [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY])
  assert.ok(Number.isNaN(normalQuantile(1.1)))
})
