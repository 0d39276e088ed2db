import assert from 'node:assert/strict'
import { once } from 'node:events'
import { getPriority } from 'node:os'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

test('a thread that lets others go first has less priority, and so has a thread of its own, but not its process', async (t) => {
  if (process.platform !== 'linux') return t.skip('threads have a priority of their own on Linux only')
  const before = getPriority()
  const program = `
    const { getPriority } = require('node:os')
    const { parentPort, Worker } = require('node:worker_threads')
    const tell = "require('node:worker_threads').parentPort.postMessage(require('node:os').getPriority())"
    void import('${new URL('./priority.ts', import.meta.url)}').then(({ letOthersGoFirst }) => {
      letOthersGoFirst()
      new Worker(tell, { eval: true }).once('message', (ofHelper) => parentPort.postMessage([getPriority(), ofHelper]))
    })`
  const [priorities] = await once(new Worker(program, { eval: true }), 'message')
  const wanted = Math.max(before, 10)
  assert.deepEqual(priorities, [wanted, wanted])
  assert.equal(getPriority(), before)
})
