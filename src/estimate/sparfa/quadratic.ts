/**
 * Smallest value of x'A x / 2 - b'x over x >= 0 (except its last coordinate, which is free), for the few coordinates of
 * one question.
 */
export interface QuadraticProblem {
  /** Lower triangle of the positive definite A, row by row. */
  readonly matrix: Float64Array
  readonly vector: Float64Array
  /** Where to start, and where the answer is left. */
  readonly solution: Float64Array
  /** The first coordinates that keep their value. */
  readonly fixedCount: number
}

const SWEEPS_MAX = 200
const CHANGE_MIN = 1e-9

/** Coordinate descent: every step solves one coordinate, and never increases the value. */
export function solveNonNegative({ matrix, vector, solution, fixedCount }: QuadraticProblem): void {
  const size = solution.length
  for (let sweep = 0; sweep < SWEEPS_MAX; sweep++) {
    let change = 0
    for (let row = fixedCount; row < size; row++) {
      const rowStart = (row * (row + 1)) / 2
      let slope = vector[row]!
      for (let column = 0; column < row; column++) slope -= matrix[rowStart + column]! * solution[column]!
      for (let below = row + 1; below < size; below++)
        slope -= matrix[(below * (below + 1)) / 2 + row]! * solution[below]!
      const solved = slope / matrix[rowStart + row]!
      const next = row < size - 1 && solved < 0 ? 0 : solved
      change = Math.max(change, Math.abs(next - solution[row]!))
      solution[row] = next
    }
    if (change < CHANGE_MIN) return
  }
}
