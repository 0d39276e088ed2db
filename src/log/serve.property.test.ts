import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Budget, type Candidate, type ServedLine, serve, turnCame } from './serve.ts'

const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 12 })
const requests = fc.array(sizes, { minLength: 1, maxLength: 6 })
const limits = fc.record({ events: fc.integer({ min: 1, max: 30 }), bytes: fc.integer({ min: 1, max: 400 }) })

interface Served {
  readonly counts: readonly number[]
  readonly turns: readonly boolean[]
}

/** Reads each line `step` candidates at a time, as they are needed. */
function serveInSteps(
  all: readonly (readonly number[])[],
  limit: { events: number; bytes: number },
  step: number,
): Served {
  const lines = all.map((): ServedLine<Candidate> => ({ candidates: [], served: 0, isExhausted: false }))
  const budget: Budget = { ...limit, isFirst: true, stop: undefined }
  while (serve(lines, budget) === 'read more') {
    lines.forEach((line, index) => {
      if (line.isExhausted || line.served < line.candidates.length) return
      const read = (all[index] ?? []).slice(line.served, line.served + step)
      line.candidates.push(...read.map((wireBytes) => ({ wireBytes })))
      line.isExhausted = read.length < step
    })
  }
  return {
    counts: lines.map(({ served }) => served),
    turns: lines.map(({ served }, index) => turnCame(budget, served, index)),
  }
}

/** The rules read literally: all candidates by rank, then by line, each line closed by its end; walk until a limit. */
function serveLiterally(all: readonly (readonly number[])[], limit: { events: number; bytes: number }): Served {
  const order = all
    .flatMap((line, index) => [...line, undefined].map((bytes, rank) => ({ bytes, rank, index })))
    .sort((left, right) => left.rank - right.rank || left.index - right.index)
  const counts = all.map(() => 0)
  const turns = all.map(() => false)
  let events = 0
  let total = 0
  for (const { bytes, index } of order) {
    if (bytes === undefined) {
      turns[index] = true
      continue
    }
    total += bytes
    if (events > 0 && total >= limit.bytes) break
    counts[index] = (counts[index] ?? 0) + 1
    events += 1
    if (events === limit.events) break
  }
  return { counts, turns }
}

test('however it is read, the longest prefix of the serving order within both limits is served', () => {
  fc.assert(
    fc.property(requests, limits, fc.integer({ min: 1, max: 5 }), (all, limit, step) => {
      assert.deepEqual(serveInSteps(all, limit, step).counts, serveLiterally(all, limit).counts)
    }),
    { numRuns: 500 },
  )
})

test('the turn of a served-out line came exactly when the limits had not stopped the serving before it', () => {
  fc.assert(
    fc.property(requests, limits, fc.integer({ min: 1, max: 5 }), (all, limit, step) => {
      const actual = serveInSteps(all, limit, step)
      const wanted = serveLiterally(all, limit)
      all.forEach((line, index) => {
        if (actual.counts[index] === line.length) assert.equal(actual.turns[index], wanted.turns[index])
      })
    }),
    { numRuns: 500 },
  )
})

test('something is served whenever anything is there, however large', () => {
  fc.assert(
    fc.property(requests, (all) => {
      const total = serveInSteps(all, { events: 1, bytes: 1 }, 2).counts.reduce((sum, count) => sum + count, 0)
      assert.equal(total, all.some((line) => line.length > 0) ? 1 : 0)
    }),
  )
})
