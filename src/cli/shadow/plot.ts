import { type Edge, type Panel, type Point, renderSvg } from '../sparfa/svg-chart.ts'
import type { Compared, ComparedPicks, Pair } from './replay.ts'
import { isOfClues, overlap } from './report.ts'

/** Pictures of a comparison: CLUEs against each other, how far they are apart, and how much exercises overlap. Pure. */
export function shadowPlot(compared: readonly Compared[], labels: Pair<string>): string {
  const likely = compared.filter(isOfClues).map(({ answers: [one, other] }): Point => {
    return [other.clue.mostLikely, one.clue.mostLikely]
  })
  const picks = compared.filter((one) => !isOfClues(one))
  const byKind = Map.groupBy(picks, ({ kind }) => kind)
  return renderSvg([
    ...(likely.length === 0 ? [] : [scatter(likely, labels), differences(likely, labels)]),
    ...[...byKind].map(([kind, all]) => overlaps(kind, all)),
  ])
}

function scatter(points: readonly Point[], [tried, against]: Pair<string>): Panel {
  const exact: Point[] = [
    [0, 0],
    [1, 1],
  ]
  return {
    ...{ title: `CLUEs at ${points.length} positions, most likely value`, xLabel: against, yLabel: tried },
    ...{ x: [0, 1], y: [0, 1] },
    layers: [
      { kind: 'line', points: exact, colour: 'grey', name: 'the same' },
      { kind: 'dots', points, colour: 'blue', name: 'one position' },
    ],
  }
}

function differences(points: readonly Point[], [tried, against]: Pair<string>): Panel {
  const values = points.map(([x, y]) => y - x)
  const title = 'How far the CLUEs are apart'
  return histogram(values, { title, xLabel: `${tried} − ${against}`, x: [-1, 1], bins: 40 })
}

function overlaps(kind: string, all: readonly ComparedPicks[]): Panel {
  const values = all.map(({ answers }) => overlap(answers))
  const title = `Exercises of both, ${kind}, at ${all.length} positions`
  return histogram(values, { title, xLabel: 'exercises in common / exercises in either', x: [0, 1], bins: 10 })
}

interface Histogram {
  readonly title: string
  readonly xLabel: string
  readonly x: readonly [number, number]
  readonly bins: number
}

function histogram(values: readonly number[], { title, xLabel, x, bins }: Histogram): Panel {
  const [least, most] = x
  const width = (most - least) / bins
  const counts = new Array<number>(bins).fill(0)
  for (const value of values) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor((value - least) / width)))
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  const steps = counts.flatMap((count, bin): Edge[] => [
    [least + bin * width, 0, count],
    [least + (bin + 1) * width, 0, count],
  ])
  return {
    ...{ title, xLabel, yLabel: 'positions', x, y: [0, Math.max(1, ...counts)] },
    layers: [{ kind: 'band', points: steps, colour: 'blue' }],
  }
}
