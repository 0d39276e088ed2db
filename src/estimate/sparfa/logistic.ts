/** Ridge logistic regression on sparse features, by Newton steps on one coefficient after another. */
export interface SparseRows {
  readonly featureCount: number
  /** Features of row i are feature[start[i]…start[i + 1] - 1], each at most once a row. */
  readonly start: Int32Array
  readonly feature: Int32Array
  readonly value: Float64Array
}

export interface LogisticOptions {
  /** L2 penalty of every coefficient, the intercept's too. */
  readonly ridge: number
  readonly sweepsMax: number
}

/** A coefficient may move this far in one step: far from the optimum the quadratic model promises too much. */
const STEP_MAX = 1
const CHANGE_MIN = 1e-4

export function fitLogistic(rows: SparseRows, isCorrect: Uint8Array, options: LogisticOptions): Float64Array {
  const columns = transpose(rows)
  const coefficient = new Float64Array(rows.featureCount)
  const z = new Float64Array(isCorrect.length)
  for (let sweep = 0; sweep < options.sweepsMax; sweep++) {
    let change = 0
    for (let feature = 0; feature < rows.featureCount; feature++) {
      const begin = columns.start[feature]!
      const end = columns.start[feature + 1]!
      let slope = options.ridge * coefficient[feature]!
      let bend = options.ridge
      for (let entry = begin; entry < end; entry++) {
        const row = columns.row[entry]!
        const value = columns.value[entry]!
        const p = 1 / (1 + Math.exp(-z[row]!))
        slope += (p - isCorrect[row]!) * value
        bend += p * (1 - p) * value * value
      }
      const step = Math.min(Math.max(-slope / bend, -STEP_MAX), STEP_MAX)
      coefficient[feature]! += step
      change = Math.max(change, Math.abs(step))
      for (let entry = begin; entry < end; entry++) z[columns.row[entry]!]! += step * columns.value[entry]!
    }
    if (change < CHANGE_MIN) break
  }
  return coefficient
}

export function predictLogistic(rows: SparseRows, coefficient: Float64Array): Float64Array {
  const probability = new Float64Array(rows.start.length - 1)
  for (let row = 0; row < probability.length; row++) {
    let z = 0
    for (let entry = rows.start[row]!; entry < rows.start[row + 1]!; entry++) {
      z += coefficient[rows.feature[entry]!]! * rows.value[entry]!
    }
    probability[row] = 1 / (1 + Math.exp(-z))
  }
  return probability
}

function transpose({ featureCount, start, feature, value }: SparseRows): {
  start: Int32Array
  row: Int32Array
  value: Float64Array
} {
  const columnStart = new Int32Array(featureCount + 1)
  for (const one of feature) columnStart[one + 1]! += 1
  for (let one = 0; one < featureCount; one++) columnStart[one + 1]! += columnStart[one]!
  const next = columnStart.slice(0, featureCount)
  const rowOf = new Int32Array(feature.length)
  const amountOf = new Float64Array(feature.length)
  for (let row = 0; row + 1 < start.length; row++) {
    for (let entry = start[row]!; entry < start[row + 1]!; entry++) {
      const place = next[feature[entry]!]!
      next[feature[entry]!] = place + 1
      rowOf[place] = row
      amountOf[place] = value[entry]!
    }
  }
  return { start: columnStart, row: rowOf, value: amountOf }
}
