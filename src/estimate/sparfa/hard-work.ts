/**
 * Working space of the variational fit (`variational.ts`), and how its work is cut into blocks. Blocks depend on the
 * answers and on nothing else, and what they add up is merged in their order: the number of threads and the order in
 * which they get to their blocks change no bit of a result.
 */
import { blockCountFor, blockStarts } from './blocks.ts'
import type { ResponseRows } from './kernels.ts'
import { hasSpecific, type Point, type Problem } from './problem.ts'
import { type ArraysOf, type KernelName, makeWorkspace, type Workspace } from './workspace.ts'

/** In the order of `HardWork` in `assembly/hard.ts`. */
function hardLayout({ problem, point, sums, longest, blocks }: Extent) {
  const { responses, rows, weightCentre } = problem
  const { learnerCount, questionCount } = responses
  return {
    /** First learner of each block. */
    blockStart: ['i32', blocks + 1],
    /** lam_u, lam_g, 1 / lam_u (0 without v), -lam_g (0 without g). */
    numbers: ['f64', 4],
    /** Lengths of a block's sums, of its numbers for each row and each entry of a learner, of all its scratch. */
    sizes: ['i32', 4],
    start: ['i32', learnerCount + 1],
    question: ['i32', responses.question.length],
    isCorrect: ['u8', responses.question.length],
    /** First place of each learner. */
    placeStart: ['i32', learnerCount + 1],
    /** As `ResponseRows.place`. */
    place: ['i32', rows.place.length],
    /** First entry of each learner; entries are a learner's v of the concepts met. */
    entryStart: ['i32', learnerCount + 1],
    hintStart: ['i32', questionCount + 1],
    /**
     * First of each question's sums: lower triangle of sum omega E[x x'] by rows, then sum target E[x].
     */
    sumStart: ['i32', questionCount + 1],
    weights: ['f64', point.weights.length],
    easiness: ['f64', questionCount],
    specific: ['f64', point.specific.length],
    general: ['f64', learnerCount],
    /** Share of the prior variance that is left of each v, given g. */
    kept: ['f64', point.specific.length],
    generalVariance: ['f64', learnerCount],
    scratch: ['f64', blocks * scratchLength(longest)],
    blockSums: ['f64', blocks * sums],
    /** For the questions, which only plain code works on. */
    ridge: ['f64', weightCentre.length],
    weightCentre: ['f64', weightCentre.length],
    easinessCentre: ['f64', questionCount],
    /** lam_d, and 1 where weights are fitted. */
    questionNumbers: ['f64', 2],
    /** What each block adds to a log-loss. */
    losses: ['f64', blocks],
  } as const
}

export type HardArrays = ArraysOf<ReturnType<typeof hardLayout>>
export type HardWork = Workspace<ReturnType<typeof hardLayout>>

interface Extent {
  readonly problem: Problem
  readonly point: Point
  readonly sums: number
  readonly longest: Longest
  readonly blocks: number
}

/** Most rows and most entries of any learner, both even. */
interface Longest {
  readonly rows: number
  readonly entries: number
}

/** Mean, variance and outcome of each row; evidence and gradient of each entry. */
function scratchLength({ rows, entries }: Longest): number {
  return 3 * rows + 2 * entries
}

/** Begins at `point`, which is copied. Rows are still missing: see `copyRows`. */
export function makeHardWork(problem: Problem, point: Point, kernel: KernelName): HardWork {
  const { responses, hints, penalties, kernels } = problem
  const sumStart = sumStarts(responses.questionCount, hints.start)
  const isSpecific = hasSpecific(penalties)
  const entryStart = isSpecific ? kernels.specificStart : new Int32Array(responses.learnerCount + 1)
  // Without v all answers go to one entry that nobody looks at.
  const longest = { rows: longestOf(responses.start), entries: Math.max(longestOf(entryStart), 2) }
  const sums = sumStart[responses.questionCount]!
  const blocks = blockCountFor(responses.question.length)
  const work = makeWorkspace(kernel, hardLayout({ problem, point, sums, longest, blocks }))
  const { arrays } = work
  arrays.blockStart.set(blockStarts(responses.start, blocks))
  arrays.sizes.set([sums, longest.rows, longest.entries, scratchLength(longest)])
  arrays.numbers.set([isSpecific ? penalties.lamU : 1, 0, isSpecific ? 1 / penalties.lamU : 0, 0])
  setGeneralPrior(arrays, penalties.lamG)
  arrays.start.set(responses.start)
  arrays.placeStart.set(problem.rows.placeStart)
  arrays.entryStart.set(entryStart)
  arrays.hintStart.set(hints.start)
  arrays.sumStart.set(sumStart)
  arrays.weights.set(point.weights)
  arrays.easiness.set(point.easiness)
  arrays.specific.set(point.specific)
  arrays.general.set(point.general)
  arrays.generalVariance.fill(1 / penalties.lamG)
  arrays.ridge.set(problem.ridge)
  arrays.weightCentre.set(problem.weightCentre)
  arrays.easinessCentre.set(problem.easinessCentre)
  arrays.questionNumbers.set([penalties.lamD, problem.preset.fitsWeights ? 1 : 0])
  return work
}

/** The rows of a block's learners: what is large is written by many, because memory is slow when it is new. */
export function copyRows({ arrays }: HardWork, block: number, rows: ResponseRows): void {
  const [from, to] = [arrays.blockStart[block]!, arrays.blockStart[block + 1]!]
  const [begin, end] = [rows.start[from]!, rows.start[to]!]
  arrays.question.set(rows.question.subarray(begin, end), begin)
  arrays.isCorrect.set(rows.isCorrect.subarray(begin, end), begin)
  const places = [rows.placeStart[from]!, rows.placeStart[to]!] as const
  // Without v every place is the first entry of all, which keeps its zero.
  if (arrays.entryStart.at(-1)! > 0) arrays.place.set(rows.place.subarray(...places), places[0])
  arrays.kept.fill(1, arrays.entryStart[from]!, arrays.entryStart[to]!)
  if (block + 2 === arrays.blockStart.length) arrays.kept.fill(1, arrays.entryStart[to]!)
}

/** An infinite lam_g stands for a prior without g. */
export function setGeneralPrior({ numbers }: HardArrays, lamG: number): void {
  numbers[1] = lamG
  numbers[3] = Number.isFinite(lamG) ? -lamG : 0
}

function sumStarts(questionCount: number, hintStart: Int32Array): Int32Array {
  const starts = new Int32Array(questionCount + 1)
  for (let question = 0; question < questionCount; question++) {
    const size = hintStart[question + 1]! - hintStart[question]! + 1
    starts[question + 1] = starts[question]! + (size * (size + 1)) / 2 + size
  }
  return starts
}

function longestOf(start: Int32Array): number {
  let longest = 0
  for (let at = 0; at + 1 < start.length; at++) longest = Math.max(longest, start[at + 1]! - start[at]!)
  return longest + (longest % 2)
}
