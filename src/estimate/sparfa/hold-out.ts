/**
 * Which answers a fit keeps back to see when to stop, and how responses are divided in two; both by blocks of learners.
 */
import { blockCountFor, blockStarts, type InBlocks, runHere, sharedBytes, sharedInts } from './blocks.ts'
import { isHeldOutRow } from './hash.ts'
import type { Responses } from './responses.ts'

/** Rows kept for training and rows kept back for early stopping, chosen by hash (sparfa.md §7). */
export function holdOut(responses: Responses, seed: number): { training: Responses; heldOut: Responses } {
  const [training, heldOut] = divide(responses, runHere(makeMarking(responses, seed), markHeldOut))
  return { training, heldOut }
}

export interface MarkWork {
  readonly seed: number
  readonly blockStart: Int32Array
  readonly start: Int32Array
  readonly question: Int32Array
  readonly mark: Uint8Array
}

/** Marks the rows to be held out with 1. */
export function makeMarking({ start, question }: Responses, seed: number): InBlocks<MarkWork, Uint8Array> {
  const blocks = blockCountFor(question.length)
  const mark = sharedBytes(question.length)
  const work = { seed, blockStart: blockStarts(start, blocks), start, question, mark }
  return { work, blocks, result: () => mark }
}

export function markHeldOut({ seed, blockStart, start, question, mark }: MarkWork, block: number): void {
  for (let learner = blockStart[block]!; learner < blockStart[block + 1]!; learner++) {
    for (let row = start[learner]!; row < start[learner + 1]!; row++) {
      mark[row] = isHeldOutRow(learner, question[row]!, seed) ? 1 : 0
    }
  }
}

/** The rows with mark 0, and those with mark 1. */
export function divide(responses: Responses, mark: Uint8Array): [Responses, Responses] {
  return runHere(makeDivision(responses, mark), divideRows)
}

type Rows = Pick<Responses, 'start' | 'question' | 'isCorrect'>

export interface DivisionWork extends Rows {
  readonly blockStart: Int32Array
  readonly mark: Uint8Array
  readonly parts: readonly [Rows, Rows]
}

export function makeDivision(responses: Responses, mark: Uint8Array): InBlocks<DivisionWork, [Responses, Responses]> {
  const { start, question, isCorrect, ...counts } = responses
  const marked = sharedInts(start.length)
  const others = sharedInts(start.length)
  for (let learner = 0; learner < counts.learnerCount; learner++) {
    let sum = marked[learner]!
    for (let row = start[learner]!; row < start[learner + 1]!; row++) sum += mark[row]!
    marked[learner + 1] = sum
    others[learner + 1] = start[learner + 1]! - sum
  }
  const partOf = (starts: Int32Array): Rows => {
    const rows = starts[counts.learnerCount]!
    return { start: starts, question: sharedInts(rows), isCorrect: sharedBytes(rows) }
  }
  const blocks = blockCountFor(question.length)
  const parts = [partOf(others), partOf(marked)] as const
  const blockStart = blockStarts(start, blocks)
  const work = { blockStart, mark, start, question, isCorrect, parts }
  return {
    work,
    blocks,
    result: () => [
      { ...counts, ...parts[0] },
      { ...counts, ...parts[1] },
    ],
  }
}

export function divideRows(work: DivisionWork, block: number): void {
  const { blockStart, mark, start, question, isCorrect, parts } = work
  const [others, marked] = parts
  const first = blockStart[block]!
  let [other, next] = [others.start[first]!, marked.start[first]!]
  for (let row = start[first]!; row < start[blockStart[block + 1]!]!; row++) {
    if (mark[row] === 1) {
      marked.question[next] = question[row]!
      marked.isCorrect[next] = isCorrect[row]!
      next += 1
    } else {
      others.question[other] = question[row]!
      others.isCorrect[other] = isCorrect[row]!
      other += 1
    }
  }
}
