import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid } from '#domain/ids.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { openReceiptQueue } from './receipt-queue.ts'
import { openReceipts, type Receipt } from './receipts.ts'

const { pool } = await openTestDatabase()
const receipts = openReceipts(pool)

const uuid = (n: number) => toUuid(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`)

function receipt(n: number, changes: Partial<Receipt> = {}): Receipt {
  const given = { calculation: uuid(n), kind: 'pe', subject: uuid(1), algorithm: 'biglearn_sparfa' } as const
  const rest = { advisers: ['biglearn_sparfa'], matrix: uuid(2), position: 7, exercisesMax: undefined, asOf: 1000 }
  return { ...given, ...rest, exercises: [uuid(3)], ...changes }
}

const experiment = { name: 'pilot', version: 2 }

test('a choice asked for by name and as assigned at once does not lose the receipts of its batch', async () => {
  const queue = openReceiptQueue({ put: receipts.put, failed: (error) => assert.fail(String(error)), delayMs: 60_000 })
  const others = Array.from({ length: 20 }, (_, n) => receipt(100 + n))
  const [before, after] = [others.slice(0, 10), others.slice(10)]
  for (const one of [...before, receipt(10), ...after, receipt(10, { experiment })]) queue.note(one)
  await queue.close()
  assert.deepEqual(queue.counters, { written: 22, dropped: 0 })
  for (const one of others) assert.deepEqual(await receipts.read(one.calculation), one)
  assert.deepEqual(await receipts.read(uuid(10)), receipt(10, { experiment }))
})

test('of two receipts of one calculation the first stays, with the experiment of the first that has one', async () => {
  const later = { asOf: 2000, exercisesMax: 5 }
  await receipts.put([
    receipt(20, { experiment }),
    receipt(20, { ...later, experiment: { name: 'other', version: 1 } }),
  ])
  assert.deepEqual(await receipts.read(uuid(20)), receipt(20, { experiment }))
  await receipts.put([receipt(21)])
  await receipts.put([receipt(21, later), receipt(21, { ...later, experiment })])
  assert.deepEqual(await receipts.read(uuid(21)), receipt(21, { experiment }))
})
