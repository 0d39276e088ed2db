import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBodyBudget } from './body-budget.ts'

test('bodies beyond the budget wait outside until others are done', () => {
  const bodies = createBodyBudget(100)
  assert.equal(bodies.reserve(60), true)
  assert.equal(bodies.reserve(60), false)
  assert.equal(bodies.reserve(40), true)
  bodies.release(60)
  assert.equal(bodies.reserve(60), true)
})

test('one body is always let in', () => {
  const bodies = createBodyBudget(100)
  assert.equal(bodies.reserve(500), true)
  assert.equal(bodies.reserve(1), false)
  bodies.release(500)
  assert.equal(bodies.reserve(500), true)
})
