import type { MadeBy, SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import type { Row } from './protocol.ts'

/** What the commands print, as text for people and as lines of JSON for programs. Pure. */
export function renderTable(rows: readonly Row[]): string {
  const header = ['split', 'seed', 'model', 'rows', 'accuracy', 'AUC', 'log-loss', 'Brier', 'ECE', 'seconds']
  const lines = rows.map(({ model, split, seed, metrics, seconds }) => [
    split,
    `${seed ?? '-'}`,
    model,
    `${Math.round(metrics.rows)}`,
    renderMeasure(metrics.accuracy),
    renderMeasure(metrics.auc),
    renderMeasure(metrics.logLoss),
    renderMeasure(metrics.brier),
    renderMeasure(metrics.calibrationError),
    seconds.toFixed(1),
  ])
  const widths = header.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column]!.length)))
  const text = [header, ...lines].map((line) =>
    line.map((cell, column) => (column < 3 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  '),
  )
  return `${text.join('\n')}\n`
}

/** A split may keep out no answer at all, or only right ones: what cannot be measured is a dash. */
export function renderMeasure(value: number): string {
  return Number.isNaN(value) ? '-' : value.toFixed(4)
}

/** Keys as sparfa.md §16 names the measures; what cannot be measured is `null`. */
export function toJsonLine({ model, split, seed, metrics, seconds }: Row): string {
  return JSON.stringify({
    model,
    split,
    seed: seed ?? null,
    rows: metrics.rows,
    accuracy: metrics.accuracy,
    auc: metrics.auc,
    log_loss: metrics.logLoss,
    brier: metrics.brier,
    calibration_error: metrics.calibrationError,
    seconds,
  })
}

/** What was chosen, in a few words. */
export function renderChoice({ mask, lam_u, lam_g, epochs, stopped_by, held_out_log_loss }: MadeBy): string {
  const heldOut = held_out_log_loss === null ? '' : `, held-out log-loss ${held_out_log_loss.toFixed(4)}`
  return `${mask} mask, lam_u ${short(lam_u)}, lam_g ${short(lam_g)}, ${epochs} epochs (${stopped_by})${heldOut}`
}

export function renderMatrix(matrix: SparfaMatrix, seconds: number): string {
  const { questionIds, conceptIds, weights, hints, easiness, madeBy } = matrix
  const answers = `${madeBy.responses} first answers of ${madeBy.learners} learners`
  return [
    `fitted in ${seconds.toFixed(1)} s from ${answers} to ${questionIds.length} questions on ${conceptIds.length} concepts`,
    `  ${renderChoice(madeBy)}`,
    `  W: ${weights.value.length} weights (${hints.concept.length} hints), ${spread(weights.value)}`,
    `  d: ${spread(easiness)}; larger is easier`,
    `  made_by ${JSON.stringify(madeBy)}`,
    '',
  ].join('\n')
}

function spread(values: Float64Array): string {
  if (values.length === 0) return 'none'
  const sorted = values.toSorted()
  const at = (share: number): string => sorted[Math.round(share * (sorted.length - 1))]!.toFixed(3)
  return `minimum ${at(0)}, quartiles ${at(0.25)} ${at(0.5)} ${at(0.75)}, maximum ${at(1)}`
}

function short(penalty: number | null): string {
  return penalty === null ? 'infinite' : String(Number(penalty.toPrecision(3)))
}
