import { assignmentPicks } from './picks-assignments.ts'
import { classClues } from './picks-class.ts'
import { printLine } from './support/figures.ts'

/* What an assignment page and a class page of Tutor wait for: `serve` as a process of its own, durable. */
export interface PicksOptions {
  readonly seconds: number
  /** Of fetches that are not measured: what is measured is a service that has been running, not one that begins. */
  readonly warmUp: number
  /** Fetches of assignments' exercises a second. */
  readonly rate: number
  readonly shapes: readonly string[]
  /** Of the assignments; all when absent. */
  readonly layout: string | undefined
  readonly seed: number
}

const shapes: Readonly<Record<string, (options: PicksOptions) => Promise<readonly object[]>>> = {
  assignments: assignmentPicks,
  class_clues: classClues,
}

export const picksShapes: readonly string[] = Object.keys(shapes)

export async function picks(options: PicksOptions): Promise<void> {
  for (const name of options.shapes) {
    const measure = shapes[name]
    if (measure === undefined) throw new Error(`there is no shape ${name}; there are ${picksShapes.join(', ')}`)
    for (const line of await measure(options)) printLine(line)
  }
}
