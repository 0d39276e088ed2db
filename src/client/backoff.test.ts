import assert from 'node:assert/strict'
import { test } from 'node:test'
import { delayBeforeRetry, isTransientStatus, parseRetryAfter } from './backoff.ts'

const backoff = { firstDelayMs: 100, delayMsMax: 1000 }
const delay = (attempts: number, random: number, retryAfterMs?: number) =>
  delayBeforeRetry(backoff, { attempts, random, retryAfterMs })

test('the ceiling doubles until its maximum, and jitter takes any share of it', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 1000].map((attempts) => delay(attempts, 1)),
    [100, 200, 400, 800, 1000, 1000],
  )
  assert.equal(delay(3, 0.25), 100)
  assert.equal(delay(3, 0), 0)
})

test('Retry-After is a floor, with jitter on top, and an absurd one is cut to an hour', () => {
  assert.equal(delay(1, 0.5, 5000), 5050)
  assert.equal(delay(1, 0, 86_400_000), 3_600_000)
})

test('Retry-After may be seconds or a date, and nonsense is ignored', () => {
  const now = Date.parse('2026-01-05T10:00:00Z')
  assert.equal(parseRetryAfter('7', now), 7000)
  assert.equal(parseRetryAfter('Mon, 05 Jan 2026 10:00:30 GMT', now), 30_000)
  assert.equal(parseRetryAfter('Mon, 05 Jan 2026 09:00:00 GMT', now), 0)
  assert.equal(parseRetryAfter('soon', now), undefined)
  assert.equal(parseRetryAfter(null, now), undefined)
})

test('only statuses that may pass by themselves are transient', () => {
  assert.deepEqual([408, 425, 429, 500, 502, 503, 504].map(isTransientStatus), new Array(7).fill(true))
  assert.deepEqual([200, 400, 401, 404, 409, 413, 422].map(isTransientStatus), new Array(7).fill(false))
})
