import assert from 'node:assert/strict'
import { test } from 'node:test'
import { soak, soakDefaults } from '../../bench/soak.ts'

/* A minute of `npm run soak`, more kills and less load: it throws when anything is lost, doubled or out of order. */
test('[S51] under load and kills each acknowledged answer is stored, takes effect and is learnt once', {
  timeout: 280_000,
}, async (context) => {
  const seed = 51
  const load = { courses: 1000, answersPerSecond: 500, consumers: 4 }
  const figures = await soak({ ...soakDefaults, ...load, minutes: 1, killEverySeconds: 6, seed })
  context.diagnostic(JSON.stringify(figures))
  const { acknowledged, stored, applied, learnt, kills } = figures
  assert.deepEqual([stored, applied, learnt], [acknowledged, acknowledged, acknowledged])
  assert.ok(acknowledged > 0)
  assert.ok(Object.keys(kills).length >= 3, 'hardly anything was killed: the run was no test')
})
