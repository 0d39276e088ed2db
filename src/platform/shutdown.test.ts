import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createShutdown, onSignal } from './shutdown.ts'

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

test('a second signal counts when it is no echo of the first', (context) => {
  let nowMs = 0
  context.mock.method(performance, 'now', () => nowMs)
  const heard: string[] = []
  const before = process.listeners('SIGINT').length
  onSignal(
    (signal) => heard.push(signal),
    () => heard.push('again'),
  )
  for (nowMs of [0, 1, 1900, 2100, 9000]) process.emit('SIGINT')
  assert.deepEqual(heard, ['SIGINT', 'again', 'again'])
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    for (const listener of process.listeners(signal).slice(before)) process.off(signal, listener)
  }
})

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((done) => setImmediate(done))
}
