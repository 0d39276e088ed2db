import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGate } from './gate.ts'

test('who leaves the queue is passed over, and the others keep their order', async () => {
  const gate = createGate(1)
  const first = Promise.withResolvers<void>()
  const began: string[] = []
  const work = (name: string) => async () => void began.push(name)
  const stop = new AbortController()
  const running = gate.run(() => first.promise)
  const left = gate.run(work('left'), stop.signal)
  const second = gate.run(work('second'))
  const third = gate.run(work('third'))
  stop.abort(new Error('no longer wanted'))
  await assert.rejects(left, /no longer wanted/)
  first.resolve()
  await Promise.all([running, second, third])
  await gate.run(work('fourth'))
  assert.deepEqual(began, ['second', 'third', 'fourth'])
})
