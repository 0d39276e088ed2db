import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { StoredOrdering } from '#due/submitted-orderings.ts'
import { readOrderings } from './exercise-work.ts'
import type { ContractPorts } from './open.ts'

const uuid = (n: number): Uuid => toUuid(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`)
const order = new Array<Uuid>(50_000).fill(uuid(1))

function stored(result: Uuid): StoredOrdering {
  const ids = { student: uuid(2), ecosystem: uuid(3), calculation: uuid(4), matrix: uuid(5), result }
  return { ...ids, algorithm: 'One', position: 1, exercises: order, updatedAt: new Date(0) }
}

/** Every result is there; how many exercises each statement read. */
function portsWith(read: number[]): ContractPorts {
  const byResult = async (results: readonly Uuid[]): Promise<StoredOrdering[]> => {
    read.push(results.length * order.length)
    return results.map(stored)
  }
  return { orderings: { byResult } } as unknown as ContractPorts
}

const request = (from: number, results: number) => ({
  student: undefined,
  algorithm: undefined,
  results: Array.from({ length: results }, (_, n) => uuid(from + n)),
})

test('orders are read back a few at a time, and no more of them than an answer holds', async () => {
  const read: number[] = []
  const ports = portsWith(read)
  const lines = await readOrderings(ports, [request(100, 12), request(200, 8), request(300, 0)])
  assert.deepEqual(
    lines?.map((line) => line.length),
    [12, 8, 0],
  )
  // Whatever is wrong, the orders themselves are too long to be shown.
  assert.ok((await readOrderings(ports, [request(100, 12), request(200, 9)])) === undefined)
  read.length = 0
  assert.ok((await readOrderings(ports, new Array(10).fill(request(100, 100)))) === undefined)
  assert.ok(
    read.reduce((sum, exercises) => sum + exercises, 0) <= 1_500_000,
    `it read ${read.length} times before it gave up`,
  )
  assert.ok(read.every((exercises) => exercises <= 500_000))
})

test('an order that is asked for twice is one line, and filters hold', async () => {
  const twice = { student: undefined, algorithm: 'ONE', results: [uuid(100), uuid(101), uuid(100)] }
  const lines = await readOrderings(portsWith([]), [
    twice,
    { ...twice, algorithm: 'two' },
    { ...twice, student: uuid(9) },
  ])
  assert.deepEqual(
    lines?.map((line) => line.map(({ result }) => result)),
    [[uuid(100), uuid(101)], [], []],
  )
})
