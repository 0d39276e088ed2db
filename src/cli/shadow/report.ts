import type { ClueAnswer, PickAnswer } from '#answers/answers.ts'
import { measure } from '#estimate/sparfa/metrics.ts'
import type { Compared, ComparedClue, ComparedPicks, Pair, PickRow } from './replay.ts'

/*
 * How much two algorithms differ, from what each would have answered at the same positions. Pure. What is not ready
 * counts as what a client then shows: the default CLUE 0 … 0.5 … 1, no exercises. Measures of nothing are NaN.
 */
export interface ClueRow {
  readonly kind: 'student_clue' | 'teacher_clue'
  readonly positions: number
  /** Share of the positions at which there is an estimate and not the default. */
  readonly estimated: Pair<number>
  /** Of `most_likely`, over all positions. */
  readonly difference: Spread
  readonly correlation: number
  /** Mean of maximum − minimum. */
  readonly width: Pair<number>
  /** How well `most_likely` foretells the answer that came next. */
  readonly auc: Pair<number>
  readonly logLoss: Pair<number>
  /** Share of these answers that were right. */
  readonly right: number
}

/** Of absolute differences. */
export interface Spread {
  readonly mean: number
  readonly median: number
  readonly p90: number
  readonly most: number
}

export interface PicksRow {
  readonly kind: PickRow
  readonly positions: number
  readonly ready: Pair<number>
  /** Mean of exercises in common / exercises in either; alike where both give none. */
  readonly overlap: number
  /** Share of the positions at which both give the same exercises, and in the same order. */
  readonly sameExercises: number
  readonly sameOrder: number
  /** Mean number of exercises given, and wanted but not given. */
  readonly given: Pair<number>
  readonly unfilled: Pair<number>
}

export interface ShadowReport {
  readonly clues: readonly ClueRow[]
  readonly picks: readonly PicksRow[]
}

const pickRows = ['pe', 'spe_student_driven', 'spe_instructor_driven', 'worst_areas'] as const

export function reportOf(compared: readonly Compared[]): ShadowReport {
  const ofClues = compared.filter(isOfClues)
  const ofPicks = compared.filter((one) => !isOfClues(one))
  const clues = (['student_clue', 'teacher_clue'] as const).map((kind) => ofClues.filter((one) => one.kind === kind))
  const picks = pickRows.map((kind) => ofPicks.filter((one) => one.kind === kind))
  return {
    clues: clues.flatMap((all) => (all.length === 0 ? [] : clueRow(all))),
    picks: picks.flatMap((all) => (all.length === 0 ? [] : picksRow(all))),
  }
}

export function isOfClues(compared: Compared): compared is ComparedClue {
  return compared.kind === 'student_clue' || compared.kind === 'teacher_clue'
}

const both = <Value, Result>([one, other]: Pair<Value>, of: (value: Value) => Result): Pair<Result> => [
  of(one),
  of(other),
]

function clueRow(all: readonly ComparedClue[]): ClueRow {
  const sides = sidesOf(all)
  const likely = both(sides, (answers) => Float64Array.from(answers, ({ clue }) => clue.mostLikely))
  const isCorrect = Uint8Array.from(all, ({ position }) => Number(position.isCorrect))
  const foretold = both(likely, (probability) => measure(probability, isCorrect))
  return {
    kind: all[0]?.kind ?? 'student_clue',
    positions: all.length,
    estimated: both(sides, (answers) => share(answers, isEstimated)),
    difference: spread(likely[0].map((value, at) => Math.abs(value - (likely[1][at] ?? 0)))),
    correlation: correlation(...likely),
    width: both(sides, (answers) => mean(answers.map(({ clue }) => clue.maximum - clue.minimum))),
    auc: both(foretold, ({ auc }) => auc),
    logLoss: both(foretold, ({ logLoss }) => logLoss),
    right: share(all, ({ position }) => position.isCorrect),
  }
}

function isEstimated({ status, clue }: ClueAnswer): boolean {
  return status === 'ready' && clue.isReal
}

function picksRow(all: readonly ComparedPicks[]): PicksRow {
  const sides = sidesOf(all)
  return {
    kind: all[0]?.kind ?? 'pe',
    positions: all.length,
    ready: both(sides, (answers) => share(answers, ({ status }) => status === 'ready')),
    overlap: mean(all.map(({ answers }) => overlap(answers))),
    sameExercises: share(all, ({ answers }) => overlap(answers) === 1),
    sameOrder: share(all, ({ answers: [one, other] }) => one.exercises.join() === other.exercises.join()),
    given: both(sides, (answers) => mean(answers.map(({ exercises }) => exercises.length))),
    unfilled: both(sides, (answers) => mean(answers.map(unfilled))),
  }
}

/** Jaccard's index of the two sets. */
export function overlap([one, other]: Pair<Pick<PickAnswer, 'exercises'>>): number {
  const [first, second] = [new Set(one.exercises), new Set(other.exercises)]
  const either = first.union(second).size
  return either === 0 ? 1 : first.intersection(second).size / either
}

function unfilled({ exercises, explanation }: PickAnswer): number {
  return Math.max(0, (explanation?.goal ?? 0) - exercises.length)
}

function sidesOf<Answer>(all: readonly { readonly answers: Pair<Answer> }[]): Pair<readonly Answer[]> {
  return [all.map(({ answers }) => answers[0]), all.map(({ answers }) => answers[1])]
}

function share<Value>(values: readonly Value[], isCounted: (value: Value) => boolean): number {
  return values.filter(isCounted).length / values.length
}

function mean(values: ArrayLike<number> & Iterable<number>): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}

function spread(values: Float64Array): Spread {
  const sorted = values.toSorted()
  // The smallest value that at least this share does not exceed.
  const quantile = (part: number): number => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
  return { mean: mean(values), median: quantile(0.5), p90: quantile(0.9), most: quantile(1) }
}

/** Pearson's; NaN where one of them does not vary. */
function correlation(one: Float64Array, other: Float64Array): number {
  const [meanOne, meanOther] = [mean(one), mean(other)]
  let [together, ofOne, ofOther] = [0, 0, 0]
  one.forEach((value, at) => {
    const [first, second] = [value - meanOne, (other[at] ?? 0) - meanOther]
    together += first * second
    ofOne += first * first
    ofOther += second * second
  })
  return together / Math.sqrt(ofOne * ofOther)
}
