import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readQuota, serve, startServing, takeIn } from './serving-order.ts'

const events = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 12 })
const lines = fc.array(events, { minLength: 1, maxLength: 6 })
const budgets = fc.record({ eventsMax: fc.integer({ min: 1, max: 30 }), bytesMax: fc.integer({ min: 1, max: 400 }) })

/** Reads in small steps of `step`, as the server does, and returns how many events each line got. */
function serveAll(
  sizes: readonly (readonly number[])[],
  budget: { eventsMax: number; bytesMax: number },
  step: number,
) {
  const serving = startServing(
    sizes.map((line) => ({ from: 0, end: line.length })),
    budget,
  )
  while (serve(serving)) {
    serving.lines.forEach((line, index) => {
      if (line.waiting.length > 0 || line.cursor >= line.end) return
      const until = line.cursor + Math.min(step, readQuota(serving))
      const read = (sizes[index] ?? []).slice(line.cursor, until)
      takeIn(
        line,
        read.map((bytes, offset) => ({ number: line.cursor + offset, bytes })),
      )
    })
  }
  return serving.lines.map((line) => line.served.length)
}

/** The rule read literally: all events ordered by rank, then by line; the longest prefix within both budgets. */
function expected(sizes: readonly (readonly number[])[], budget: { eventsMax: number; bytesMax: number }): number[] {
  const ordered = sizes
    .flatMap((line, index) => line.map((bytes, rank) => ({ bytes, rank, index })))
    .sort((left, right) => left.rank - right.rank || left.index - right.index)
  const counts = sizes.map(() => 0)
  let bytesServed = 0
  for (const [position, { bytes, index }] of ordered.entries()) {
    bytesServed += bytes
    const fits = position < budget.eventsMax && (position === 0 || bytesServed < budget.bytesMax)
    if (!fits) break
    counts[index] = (counts[index] ?? 0) + 1
  }
  return counts
}

test('however it is read, exactly the prefix of the serving order within the budgets is served', () => {
  fc.assert(
    fc.property(lines, budgets, fc.integer({ min: 1, max: 5 }), (sizes, budget, step) => {
      assert.deepEqual(serveAll(sizes, budget, step), expected(sizes, budget))
    }),
    { numRuns: 500 },
  )
})

test('something is always served while anything is there', () => {
  fc.assert(
    fc.property(lines, budgets, (sizes, budget) => {
      const total = serveAll(sizes, budget, 3).reduce((sum, count) => sum + count, 0)
      assert.equal(
        total > 0,
        sizes.some((line) => line.length > 0),
      )
    }),
  )
})
