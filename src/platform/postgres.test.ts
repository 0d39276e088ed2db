import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { checkServer, isPassing, isStorageFull, parseTime, withRetry } from './postgres.ts'

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

const failing = (code: string) => Object.assign(new Error(`getaddrinfo ${code} primary`), { code })

test('a name that is not found for a moment, or a network that is down, was final during a failover', async () => {
  const codes = 'ENOTFOUND EAI_AGAIN EAI_FAIL EHOSTDOWN ENETDOWN ENETRESET EADDRNOTAVAIL ECONNABORTED'.split(' ')
  for (const code of codes) assert.ok(isPassing(failing(code)), code)
  let attempts = 0
  const work = async () => {
    attempts += 1
    if (attempts < 3) throw failing('ENOTFOUND')
    return 'found'
  }
  assert.equal(await withRetry(work, { budgetMs: 10_000 }), 'found')
})

test('a host that does not exist ends the start after ten seconds, with a clear error', async () => {
  let nowMs = 0
  const time = {
    monotonicMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms
    },
    random: () => 0.5,
  }
  const query = () => Promise.reject(failing('ENOTFOUND'))
  await assert.rejects(checkServer({ query } as unknown as pg.Pool, time), /can not be reached: getaddrinfo ENOTFOUND/)
  assert.ok(nowMs > 5000 && nowMs <= 10_000, `${nowMs} ms`)
})

test('times are those that the driver finds in the same text', () => {
  const ofDriver = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ, 'text') as (text: string) => Date
  const millis = Array.from({ length: 1000 }, (_, ms) => `.${String(ms).padStart(3, '0')}`.replace(/\.?0+$/, ''))
  const fractions = [...millis, '.000001', '.999999', '.1234', '.00009']
  const texts = [
    ...fractions.map((fraction) => `2026-11-21 21:31:29${fraction}+00`),
    ...['1969-12-31 23:59:59.999999+00', '2024-02-29 00:00:00.1+00', '2026-11-21 21:31:29.5-03:30'],
    ...['2026-11-21 21:31:29+02', '0099-03-15 10:00:00+00', '0044-03-15 10:00:00+00 BC', '12026-11-21 21:31:29.12+00'],
    ...['infinity', '-infinity'],
  ]
  for (const text of texts) assert.deepEqual(parseTime(text), ofDriver(text), text)
})
