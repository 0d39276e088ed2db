/**
 * Cholesky factor of a symmetric positive definite matrix in skyline (envelope) storage: row i holds the columns
 * first[i]…i, and the factor fills nothing outside them. Independent concepts therefore cost nothing on one another,
 * while the row of the general ability, placed last, spans everything.
 */
export interface Skyline {
  /** Column of the first stored entry of each row. */
  readonly first: Int32Array
  /** `value[base[row] + column]` is the entry at (row, column). */
  readonly base: Int32Array
  readonly value: Float64Array
}

export function makeSkyline(first: Int32Array): Skyline {
  const base = new Int32Array(first.length)
  let length = 0
  for (let row = 0; row < first.length; row++) {
    base[row] = length - first[row]!
    length += row - first[row]! + 1
  }
  return { first, base, value: new Float64Array(length) }
}

/** Replaces the lower triangle of A by L with A = L L'. The caller guarantees that A is positive definite. */
export function factorise({ first, base, value }: Skyline): void {
  for (let row = 0; row < first.length; row++) {
    const rowBase = base[row]!
    const rowFirst = first[row]!
    let pivot = value[rowBase + row]!
    for (let column = rowFirst; column < row; column++) {
      const columnBase = base[column]!
      const columnFirst = first[column]!
      let sum = value[rowBase + column]!
      for (let k = Math.max(rowFirst, columnFirst); k < column; k++) {
        sum -= value[rowBase + k]! * value[columnBase + k]!
      }
      const entry = sum / value[columnBase + column]!
      value[rowBase + column] = entry
      pivot -= entry * entry
    }
    // Rounding may push the pivot of a nearly singular matrix to or below zero; every pivot is bounded by a prior.
    value[rowBase + row] = Math.sqrt(Math.max(pivot, SMALLEST_PIVOT))
  }
}

const SMALLEST_PIVOT = 1e-12

/** x <- L^-1 x, starting at `from` when everything before it is zero. */
export function solveForward({ first, base, value }: Skyline, x: Float64Array, from = 0): void {
  for (let row = from; row < first.length; row++) {
    const rowBase = base[row]!
    let sum = x[row]!
    for (let k = Math.max(first[row]!, from); k < row; k++) sum -= value[rowBase + k]! * x[k]!
    x[row] = sum / value[rowBase + row]!
  }
}

/** x <- L'^-1 x. */
export function solveBackward({ first, base, value }: Skyline, x: Float64Array): void {
  for (let row = first.length - 1; row >= 0; row--) {
    const rowBase = base[row]!
    const solved = x[row]! / value[rowBase + row]!
    x[row] = solved
    for (let k = first[row]!; k < row; k++) x[k]! -= value[rowBase + k]! * solved
  }
}
