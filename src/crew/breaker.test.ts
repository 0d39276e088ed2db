import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CircuitBreaker } from './breaker.ts'

const courses = Array.from({ length: 20 }, (_, index) => `course ${index}`)

test('one poisoned course among many never opens it', () => {
  const breaker = new CircuitBreaker()
  for (let nowMs = 0; nowMs < 60_000; nowMs += 100) {
    breaker.failed('poisoned', nowMs)
    breaker.succeeded(courses, nowMs)
    assert.equal(breaker.state(nowMs), 'closed')
  }
})

test('two failing courses of two, in two slots, are not enough to blame a dependency', () => {
  const breaker = new CircuitBreaker()
  for (const name of ['0/0', '1/0', 'a', 'b']) breaker.failed(name, 0)
  assert.equal(breaker.state(2), 'closed')
})

test('successes from before the trouble do not hide it', () => {
  const breaker = new CircuitBreaker()
  breaker.succeeded(courses, 0)
  for (const course of ['a', 'b', 'c', 'd', 'e']) breaker.failed(course, 100)
  assert.equal(breaker.state(101), 'open')
})

test('more than a fifth within ten seconds opens it, older failures do not count', () => {
  const breaker = new CircuitBreaker()
  for (const course of ['a', 'b', 'c']) breaker.failed(course, 0)
  breaker.succeeded(courses, 10_500)
  for (const course of ['d', 'e', 'f', 'g', 'h']) breaker.failed(course, 10_600)
  assert.equal(breaker.state(10_600), 'closed', 'five of twenty-five')
  breaker.failed('i', 10_700)
  assert.equal(breaker.state(10_700), 'open', 'six of twenty-six')
})

test('probes are further and further apart, up to half a minute, and one success closes it', () => {
  const breaker = new CircuitBreaker()
  const pauses: number[] = []
  let nowMs = 0
  breaker.open(nowMs)
  for (let probe = 0; probe < 7; probe += 1) {
    const untilMs = breaker.openUntilMs() ?? 0
    pauses.push(untilMs - nowMs)
    assert.equal(breaker.state(untilMs - 1), 'open')
    assert.equal(breaker.state(untilMs), 'probing')
    nowMs = untilMs
    breaker.open(nowMs)
  }
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  breaker.close()
  assert.equal(breaker.state(nowMs), 'closed')
})
