import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReadiness } from './readiness.ts'

function build(outcomes: readonly boolean[]) {
  let clock = 0
  let runs = 0
  const readiness = createReadiness({
    checks: [
      {
        name: 'database',
        run: async () => {
          const ok = outcomes[runs++] ?? true
          if (!ok) throw new Error('password of user x is wrong')
          return 'select 1'
        },
      },
    ],
    now: () => clock,
    checkEveryMs: 1000,
    timeLimitMs: 20,
  })
  const next = async () => {
    clock += 1000
    return (await readiness.check()).ready
  }
  return { readiness, next, runs: () => runs }
}

test('not ready before the first check passes', async () => {
  const { readiness, next } = build([false, true])
  assert.deepEqual([await next(), await next()], [false, true])
  readiness.close()
})

test('stays ready through two failures in a row, not through three', async () => {
  const { readiness, next } = build([true, false, false, true, false, false, false, true])
  const seen: boolean[] = []
  const failing: boolean[] = []
  for (let round = 0; round < 8; round += 1) {
    seen.push(await next())
    failing.push(readiness.isFailing())
  }
  assert.deepEqual(seen, [true, true, true, true, true, true, false, true])
  assert.deepEqual(failing, [false, false, false, false, false, false, true, false])
  readiness.close()
})

test('is cached between checks', async () => {
  const { readiness, next, runs } = build([])
  await next()
  await Promise.all([readiness.check(), readiness.check()])
  assert.equal(runs(), 1)
  readiness.close()
})

test('a check that hangs has failed, and a failure shows no details of the database', async () => {
  const hanging = createReadiness({
    checks: [
      { name: 'slow', run: () => new Promise(() => undefined) },
      { name: 'wrong', run: () => Promise.reject(new Error('password of user x is wrong')) },
    ],
    now: () => 0,
    timeLimitMs: 10,
  })
  const { ready, checks } = await hanging.check()
  assert.equal(ready, false)
  assert.equal(checks['slow']?.detail, 'no answer within 10 ms')
  assert.equal(checks['wrong']?.detail, 'failed')
  hanging.close()
})

test('stopping is unready at once', async () => {
  const { readiness, next } = build([])
  await next()
  readiness.stopping()
  const { ready, checks } = await readiness.check()
  assert.equal(ready, false)
  assert.equal(checks['stopping']?.ok, false)
  readiness.close()
})
