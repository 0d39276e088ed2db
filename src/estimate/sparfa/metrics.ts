/** How good predicted probabilities of right answers are (sparfa.md §16). */
export interface Metrics {
  readonly rows: number
  /** Share of rows whose more likely outcome came true. */
  readonly accuracy: number
  /** Probability that a right answer was given a higher chance than a wrong one; ties count half. */
  readonly auc: number
  readonly logLoss: number
  readonly brier: number
  /** Expected calibration error: ten bins, |mean prediction - share right| weighted by rows. */
  readonly calibrationError: number
}

/** Keeps the log-loss of a prediction of exactly 0 or 1 finite. */
const PROBABILITY_MIN = 1e-12
const BINS = 10

export function measure(probability: Float64Array, isCorrect: Uint8Array): Metrics {
  const rows = probability.length
  let accurate = 0
  let logLoss = 0
  let brier = 0
  for (let row = 0; row < rows; row++) {
    const p = probability[row]!
    const y = isCorrect[row]!
    if (p > 0.5 === (y === 1)) accurate += 1
    logLoss += logLossOf(p, y)
    brier += (p - y) ** 2
  }
  const bins = reliability(probability, isCorrect)
  const deviation = bins.reduce((sum, { predicted, right }) => sum + Math.abs(predicted - right), 0)
  return {
    rows,
    accuracy: accurate / rows,
    auc: areaUnderCurve(probability, isCorrect),
    logLoss: logLoss / rows,
    brier: brier / rows,
    calibrationError: deviation / rows,
  }
}

/** The rows whose prediction lies in one tenth of 0…1. */
export interface ReliabilityBin {
  rows: number
  /** Sum of the predictions. */
  predicted: number
  /** Right answers. */
  right: number
}

export function reliability(probability: Float64Array, isCorrect: Uint8Array): ReliabilityBin[] {
  const bins = Array.from({ length: BINS }, (): ReliabilityBin => ({ rows: 0, predicted: 0, right: 0 }))
  probability.forEach((p, row) => {
    const bin = bins[Math.min(Math.floor(p * BINS), BINS - 1)]!
    bin.rows += 1
    bin.predicted += p
    bin.right += isCorrect[row]!
  })
  return bins
}

/** Log-loss of every row. */
export function logLosses(probability: Float64Array, isCorrect: Uint8Array): Float64Array {
  return probability.map((p, row) => logLossOf(p, isCorrect[row]!))
}

function logLossOf(probability: number, outcome: number): number {
  return -Math.log(Math.max(outcome === 1 ? probability : 1 - probability, PROBABILITY_MIN))
}

/** Mann-Whitney statistic from mean ranks; NaN when all answers are alike. */
function areaUnderCurve(probability: Float64Array, isCorrect: Uint8Array): number {
  const order = Int32Array.from(probability, (_, row) => row).sort(
    (one, other) => probability[one]! - probability[other]!,
  )
  let right = 0
  let rankSum = 0
  for (let begin = 0; begin < order.length; ) {
    let end = begin
    let rightHere = 0
    while (end < order.length && probability[order[end]!] === probability[order[begin]!]) {
      rightHere += isCorrect[order[end]!]!
      end += 1
    }
    rankSum += rightHere * ((begin + end + 1) / 2)
    right += rightHere
    begin = end
  }
  return (rankSum - (right * (right + 1)) / 2) / (right * (order.length - right))
}

export function meanMetrics(all: readonly Metrics[]): Metrics {
  const mean = (of: (metrics: Metrics) => number): number => all.reduce((sum, one) => sum + of(one), 0) / all.length
  return {
    rows: mean((metrics) => metrics.rows),
    accuracy: mean((metrics) => metrics.accuracy),
    auc: mean((metrics) => metrics.auc),
    logLoss: mean((metrics) => metrics.logLoss),
    brier: mean((metrics) => metrics.brier),
    calibrationError: mean((metrics) => metrics.calibrationError),
  }
}
