import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { exp } from './exponential.ts'
import { seededUniform } from './hash.ts'

test('it is the double next to the true value, or the one beside that (fixtures/make_exponentials.py)', () => {
  const text = readFileSync(new URL('./fixtures/exponentials.json', import.meta.url), 'utf8')
  const pairs = JSON.parse(text) as readonly { readonly x: number; readonly exp: number }[]
  assert.ok(pairs.length > 200)
  for (const { x, exp: wanted } of pairs) {
    const unit = 2 ** (Math.floor(Math.log2(wanted)) - 52)
    assert.ok(Math.abs(exp(x) - wanted) <= unit, `exp(${x}) = ${exp(x)}, not ${wanted}`)
  }
})

test('it is within one unit in the last place and a half of the engine’s function, everywhere', () => {
  const uniform = seededUniform(1)
  for (const reach of [1e-12, 0.1, 1, 30, 499]) {
    for (let draw = 0; draw < 20_000; draw++) {
      const x = reach * (2 * uniform() - 1)
      const wanted = Math.exp(x)
      assert.ok(Math.abs(exp(x) - wanted) <= 1.5 * Number.EPSILON * wanted, `exp(${x}) = ${exp(x)}, not ${wanted}`)
    }
  }
})

test('it is exact at zero, never falls from one number to a later one, and is cut far out', () => {
  assert.equal(exp(0), 1)
  assert.equal(exp(-0), 1)
  let before = 0
  for (let step = -60_000; step <= 60_000; step++) {
    assert.ok(exp(step / 2000) > before)
    before = exp(step / 2000)
  }
  assert.equal(exp(1e300), exp(500))
  assert.equal(exp(Number.NEGATIVE_INFINITY), exp(-500))
  assert.ok(exp(-1e300) > 0)
  assert.ok(Number.isNaN(exp(Number.NaN)))
})
