import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid } from '#domain/ids.ts'
import { openReceiptQueue } from './receipt-queue.ts'
import type { AnyReceipt } from './receipts.ts'

function receipt(index: number): AnyReceipt {
  const calculation = toUuid(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`)
  return {
    calculation,
    kind: 'pe',
    subject: calculation,
    algorithm: 'biglearn_sparfa',
    advisers: ['biglearn_sparfa'],
    matrix: calculation,
    position: index,
    asOf: index,
    exercisesMax: undefined,
    exercises: [],
  }
}

const failed = (error: unknown): never => assert.fail(String(error))

function places(batches: readonly (readonly AnyReceipt[])[]): number[][] {
  return batches.map((batch) => batch.map(({ position }) => position))
}

test('receipts go in batches, each calculation once, and what is left when closing', async () => {
  const batches: (readonly AnyReceipt[])[] = []
  const put = async (batch: readonly AnyReceipt[]) => void batches.push(batch)
  const queue = openReceiptQueue({ put, failed, batchMax: 2, delayMs: 60_000 })
  for (const index of [1, 2, 1, 3, 2]) queue.note(receipt(index))
  assert.deepEqual(batches, [])
  await queue.close()
  assert.deepEqual(places(batches), [[1, 2], [3]])
  assert.deepEqual(queue.counters, { written: 3, dropped: 0 })
  queue.note(receipt(4))
  assert.deepEqual(queue.counters, { written: 3, dropped: 1 })
})

test('a full queue drops and counts; what was dropped may come again', async () => {
  const batches: (readonly AnyReceipt[])[] = []
  const writing = Promise.withResolvers<void>()
  const put = async (batch: readonly AnyReceipt[]) => {
    batches.push(batch)
    await writing.promise
  }
  const queue = openReceiptQueue({ put, failed, receiptsMax: 2, delayMs: 60_000 })
  for (const index of [1, 2, 3]) queue.note(receipt(index))
  assert.deepEqual(queue.counters, { written: 0, dropped: 1 })
  const closing = queue.close()
  writing.resolve()
  await closing
  assert.deepEqual(places(batches), [[1, 2]])
})

test('a batch that can not be written is counted and tried again when its calculation is given again', async () => {
  const batches: (readonly AnyReceipt[])[] = []
  const failures: unknown[] = []
  const put = async (batch: readonly AnyReceipt[]) => {
    batches.push(batch)
    if (batches.length === 1) throw new Error('the database is away')
  }
  const queue = openReceiptQueue({ put, failed: (error) => failures.push(error), delayMs: 0 })
  queue.note(receipt(1))
  while (failures.length === 0) await new Promise((done) => setTimeout(done, 1))
  assert.deepEqual(queue.counters, { written: 0, dropped: 1 })
  queue.note(receipt(1))
  await queue.close()
  assert.deepEqual(places(batches), [[1], [1]])
  assert.deepEqual(queue.counters, { written: 1, dropped: 1 })
})
