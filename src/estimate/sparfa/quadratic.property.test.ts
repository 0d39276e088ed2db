import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { solveNonNegative } from './quadratic.ts'

const size = fc.integer({ min: 1, max: 5 })
const number = fc.double({ min: -3, max: 3, noNaN: true })

test('the solution meets the optimality conditions: no way down that keeps x >= 0', () => {
  const problem = size.chain((n) =>
    fc.record({
      factor: fc.array(fc.array(number, { minLength: n, maxLength: n }), { minLength: n, maxLength: n }),
      vector: fc.array(number, { minLength: n, maxLength: n }),
      start: fc.array(fc.double({ min: 0, max: 3, noNaN: true }), { minLength: n, maxLength: n }),
    }),
  )
  fc.assert(
    fc.property(problem, ({ factor, vector, start }) => {
      const n = vector.length
      const full = factor.map((one, row) =>
        factor.map((other, column) => one.reduce((sum, value, k) => sum + value * other[k]!, row === column ? 1 : 0)),
      )
      const matrix = Float64Array.from(full.flatMap((values, row) => values.slice(0, row + 1)))
      const solution = Float64Array.from(start)
      solveNonNegative({ matrix, vector: Float64Array.from(vector), solution, fixedCount: 0 })
      full.forEach((values, row) => {
        const slope = values.reduce((sum, value, column) => sum + value * solution[column]!, -vector[row]!)
        const isAtBound = row < n - 1 && solution[row] === 0
        assert.ok(row === n - 1 || solution[row]! >= 0)
        assert.ok(isAtBound ? slope >= -1e-5 : Math.abs(slope) < 1e-5, `slope ${slope} of ${row}`)
      })
    }),
    { numRuns: 200 },
  )
})

test('fixed coordinates keep their value', () => {
  const solution = Float64Array.of(7, 1)
  solveNonNegative({ matrix: Float64Array.of(2, 1, 4), vector: Float64Array.of(0, 3), solution, fixedCount: 1 })
  assert.deepEqual([...solution], [7, -1])
})
