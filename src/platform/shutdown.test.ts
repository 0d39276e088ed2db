import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createShutdown } from './shutdown.ts'

test('the step registered last stops first, and one that fails does not hold up the next', async () => {
  const said: string[] = []
  const shutdown = createShutdown((line) => said.push(line))
  shutdown.add('the first', 1000, async () => said.push('first'))
  shutdown.add('the second', 1000, () => Promise.reject(new Error('broken')))
  await shutdown.stop('test')
  assert.deepEqual(said, ['stopping (test)', 'stopping the second: broken', 'first'])
})

test('what an interrupted start opened while stopping was closed too late, or never', async () => {
  const said: string[] = []
  const shutdown = createShutdown((line) => said.push(line))
  const late = Promise.withResolvers<void>()
  shutdown.add('what is there', 5000, async () => {
    await late.promise
    said.push('there')
  })
  const stopped = shutdown.stop('test')
  shutdown.add('what came meanwhile', 5000, async () => {
    said.push('meanwhile')
    late.resolve()
  })
  await stopped
  shutdown.add('what came afterwards', 5000, async () => said.push('afterwards'))
  assert.deepEqual(said, ['stopping (test)', 'meanwhile', 'there', 'afterwards'])
})

test('stopping waits for what was opened meanwhile', async () => {
  const shutdown = createShutdown(() => undefined)
  let isClosed = false
  shutdown.add('what is there', 5000, () => turns(1))
  const stopped = shutdown.stop('test')
  shutdown.add('what came meanwhile', 5000, async () => {
    await turns(20)
    isClosed = true
  })
  await stopped
  assert.ok(isClosed)
})

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((done) => setImmediate(done))
}
