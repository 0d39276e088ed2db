import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ClueHistory, clueHistory, type GivenAnswer, learnersToShow } from '#estimate/sparfa/clue-history.ts'
import type { DataSet } from '#estimate/sparfa/evaluate.ts'
import type { FitProgress } from '#estimate/sparfa/fit.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import { type ReliabilityBin, reliability } from '#estimate/sparfa/metrics.ts'
import type { AnswersData } from './data-set.ts'
import type { Seen } from './protocol.ts'
import { type Layer, type Panel, type Point, type Range, renderSvg } from './svg-chart.ts'

/** Pictures of one fit: how it went, whether its probabilities hold, and what it says of learners as they answer. */
export type Drawn = Pick<Seen, 'matrix' | 'epochs'> & Partial<Pick<Seen, 'parts' | 'probability'>>

export interface Picture {
  readonly name: 'epochs' | 'reliability' | 'clues'
  readonly svg: string
}

/** A learner and a concept, as titles call them. */
export interface NamedHistory {
  readonly learner: string
  readonly concept: string
  readonly history: ClueHistory
}

/** Those that there is something to show in. */
export function picturesOf(
  epochs: readonly FitProgress[],
  bins: readonly ReliabilityBin[] | undefined,
  histories: readonly NamedHistory[],
): Picture[] {
  const pictures: { readonly name: Picture['name']; readonly panels: readonly Panel[] }[] = [
    { name: 'epochs', panels: epochs.length === 0 ? [] : [epochsPanel(epochs)] },
    { name: 'reliability', panels: bins === undefined ? [] : [reliabilityPanel(bins)] },
    { name: 'clues', panels: histories.map(cluePanel) },
  ]
  return pictures
    .filter(({ panels }) => panels.length > 0)
    .map(({ name, panels }) => ({ name, svg: renderSvg(panels) }))
}

/** Reliability only where answers were kept out. Returns the files written. */
export async function drawPlots(folder: string, answers: AnswersData, drawn: Drawn): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const { probability, parts, matrix, epochs } = drawn
  const isKept = probability !== undefined && parts !== undefined
  const bins = isKept ? reliability(probability, parts.test.isCorrect) : undefined
  const pictures = picturesOf(epochs, bins, historiesOf(answers, matrix))
  return Promise.all(
    pictures.map(async ({ name, svg }) => {
      const path = join(folder, `${name}.svg`)
      await writeFile(path, svg)
      return path
    }),
  )
}

function historiesOf({ data, learnerLabels, conceptLabels }: AnswersData, matrix: SparfaMatrix): NamedHistory[] {
  const { start, learnerCount } = data.responses
  const counts = Array.from({ length: learnerCount }, (_, learner) => start[learner + 1]! - start[learner]!)
  return learnersToShow(counts).map((learner) => {
    const history = clueHistory(matrix, data.hints, givenBy(data, learner))
    return { learner: String(learnerLabels[learner]), concept: String(conceptLabels[history.concept]), history }
  })
}

function givenBy({ responses, order }: DataSet, learner: number): GivenAnswer[] {
  const from = responses.start[learner]!
  const rows = Array.from({ length: responses.start[learner + 1]! - from }, (_, at) => from + at)
  rows.sort((one, other) => order[one]! - order[other]!)
  return rows.map((row) => ({ question: responses.question[row]!, isCorrect: responses.isCorrect[row] === 1 }))
}

/** Fits of one search stand behind one another, each with a mark where it began. */
function epochsPanel(epochs: readonly FitProgress[]): Panel {
  const fits = startsOfFits(epochs)
  const losses = epochs.flatMap((one) => [one.trainingLogLoss, one.heldOutLogLoss]).filter((loss) => loss !== undefined)
  const curve = (of: (progress: FitProgress) => number | undefined): Point[][] =>
    fits.map(({ from, to }) =>
      epochs.slice(from, to).flatMap((progress, at): Point[] => {
        const loss = of(progress)
        return loss === undefined ? [] : [[from + at, loss]]
      }),
    )
  const line = (points: Point[], colour: 'blue' | 'orange', name: string, at: number): Layer => ({
    kind: 'line',
    points,
    colour,
    ...(at === 0 ? { name } : {}),
  })
  return {
    title: 'Log-loss by epoch',
    xLabel: 'epochs; a new fit begins at each mark (its lam_u, or a soft mask)',
    yLabel: 'mean log-loss',
    x: [0, Math.max(epochs.length - 1, 1)],
    y: padded(losses),
    layers: [
      ...fits.map(({ from }): Layer => {
        const { mask, lamU } = epochs[from]!
        return { kind: 'mark', x: from, text: mask === 'soft' ? 'soft' : `${lamU}` }
      }),
      ...curve((one) => one.trainingLogLoss).map((points, at) => line(points, 'blue', 'answers trained on', at)),
      ...curve((one) => one.heldOutLogLoss).map((points, at) => line(points, 'orange', 'answers kept back', at)),
    ],
  }
}

function startsOfFits(epochs: readonly FitProgress[]): { from: number; to: number }[] {
  const starts = epochs.flatMap(({ epoch }, at) => (epoch === 0 ? [at] : []))
  return starts.map((from, at) => ({ from, to: starts[at + 1] ?? epochs.length }))
}

/** Share right against mean prediction, in ten bins; bars are two standard deviations of chance. */
function reliabilityPanel(all: readonly ReliabilityBin[]): Panel {
  const bins = all.filter(({ rows }) => rows > 0)
  const answers = bins.reduce((sum, { rows }) => sum + rows, 0)
  const points = bins.map(({ rows, predicted, right }): Point => [predicted / rows, right / rows])
  const chance = bins.map(({ rows, predicted, right }): Layer => {
    const [mean, share] = [predicted / rows, right / rows]
    const reach = 2 * Math.sqrt((mean * (1 - mean)) / rows)
    const ends: Point[] = [share - reach, share + reach].map((y): Point => [mean, Math.min(Math.max(y, 0), 1)])
    return { kind: 'line', points: ends, colour: 'blue' }
  })
  const exact: Point[] = [
    [0, 0],
    [1, 1],
  ]
  return {
    title: `Reliability on ${answers} answers that were kept out`,
    xLabel: 'mean predicted probability, ten bins',
    yLabel: 'share right',
    x: [0, 1],
    y: [0, 1],
    layers: [
      { kind: 'line', points: exact, colour: 'grey', name: 'exact' },
      ...chance,
      { kind: 'dots', points, colour: 'blue', name: 'share right, two standard deviations' },
    ],
  }
}

function cluePanel({ learner, concept, history }: NamedHistory): Panel {
  const { clues, answers } = history
  const dots = (isCorrect: boolean): Point[] =>
    answers.filter((answer) => answer.isCorrect === isCorrect).map(({ at }): Point => [at, isCorrect ? 1 : 0])
  return {
    title: `CLUE of learner ${learner} on concept ${concept} (${history.questions} questions)`,
    xLabel: 'answers so far, other concepts included',
    yLabel: 'chance of a right answer',
    x: [0, clues.length - 1],
    y: [0, 1],
    layers: [
      {
        kind: 'band',
        points: clues.map((clue, at) => [at, clue.minimum, clue.maximum]),
        colour: 'blue',
        name: `interval, ${history.confidence * 100} %`,
      },
      { kind: 'line', points: clues.map((clue, at) => [at, clue.mostLikely]), colour: 'blue', name: 'most likely' },
      { kind: 'dots', points: dots(true), colour: 'green', name: 'right' },
      { kind: 'dots', points: dots(false), colour: 'orange', name: 'wrong' },
    ],
  }
}

function padded(values: readonly number[]): Range {
  if (values.length === 0) return [0, 1]
  const [least, most] = values.reduce(([low, high], one) => [Math.min(low, one), Math.max(high, one)] as const, [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ] as const)
  const margin = Math.max((most - least) * 0.05, 1e-4)
  return [least - margin, most + margin]
}
