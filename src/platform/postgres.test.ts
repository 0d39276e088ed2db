import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPassing, isStorageFull, withRetry } from './postgres.ts'

test('[S63] a full disk passes, so nobody is blamed for it, but no request waits for it', async () => {
  const full = Object.assign(new Error('could not extend file: No space left on device'), { code: '53100' })
  assert.ok(isPassing(full))
  assert.ok(isStorageFull(full))
  let attempts = 0
  const work = () => {
    attempts += 1
    return Promise.reject(full)
  }
  await assert.rejects(withRetry(work, { budgetMs: 10_000 }), /No space left/)
  assert.equal(attempts, 1)
})

test('a connection that broke or did not answer passes; a wrong statement does not', () => {
  for (const message of ['Query read timeout', 'timeout expired', 'connect ECONNREFUSED', 'connect ETIMEDOUT']) {
    assert.ok(isPassing(new Error(message)), message)
  }
  assert.ok(!isPassing(Object.assign(new Error('syntax error'), { code: '42601' })))
})
