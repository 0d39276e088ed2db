/**
 * The gradebook, held sparse and in one canonical order, so that a fit sees the same numbers in the same order whatever
 * the order of the rows it was given (sparfa.md §14).
 */
import { blockCountFor, blockStarts, type InBlocks, runHere, sharedBytes, sharedInts, sumUp } from './blocks.ts'

/** One entry per response; a learner has at most one response to a question. */
export interface ResponseColumns {
  /** 0…learnerCount - 1; the numbering must not depend on row order (for example: rank of the learner's uuid). */
  readonly learner: Int32Array
  /** Index into the fit's question ids. */
  readonly question: Int32Array
  readonly isCorrect: Uint8Array
}

/** Sorted by (learner, question); learner l owns rows start[l]…start[l + 1] - 1. */
export interface Responses {
  readonly learnerCount: number
  readonly questionCount: number
  readonly start: Int32Array
  readonly question: Int32Array
  readonly isCorrect: Uint8Array
}

/** Which learner is asked which question, without the outcome: all that a prediction may look at. */
export type Asked = Omit<Responses, 'isCorrect'>

export interface Counts {
  readonly learnerCount: number
  readonly questionCount: number
}

/** Throws a `RangeError` on an index out of range or a second response to a question. */
export function sortResponses(columns: ResponseColumns, counts: Counts): Responses {
  return runHere(makeSort(columns, counts), sortRows)
}

/** What a block of learners needs to be sorted. */
export interface SortWork {
  readonly questionCount: number
  readonly blockStart: Int32Array
  /** The rows as they came, but gathered by block: learner, and 2 question + outcome. */
  readonly learner: Int32Array
  readonly answer: Int32Array
  readonly start: Int32Array
  readonly question: Int32Array
  readonly isCorrect: Uint8Array
  /** 1 for a block with a second response to a question. */
  readonly isRefused: Uint8Array
}

/** As `sortResponses`, by blocks of learners. */
export function makeSort(columns: ResponseColumns, counts: Counts): InBlocks<SortWork, Responses> {
  const { learner, question, isCorrect } = columns
  if (question.length !== learner.length || isCorrect.length !== learner.length) {
    throw new RangeError('response columns must be equally long')
  }
  const start = sharedInts(counts.learnerCount + 1)
  for (let row = 0; row < learner.length; row++) {
    checkRange(question[row]!, counts.questionCount, 'question')
    checkRange(learner[row]!, counts.learnerCount, 'learner')
    start[learner[row]! + 1]! += 1
  }
  sumUp(start)
  const blocks = blockCountFor(learner.length)
  const work: SortWork = {
    questionCount: counts.questionCount,
    blockStart: blockStarts(start, blocks),
    learner: sharedInts(learner.length),
    answer: sharedInts(learner.length),
    start,
    question: sharedInts(learner.length),
    isCorrect: sharedBytes(learner.length),
    isRefused: sharedBytes(blocks),
  }
  gather(columns, work)
  return {
    work,
    blocks,
    result() {
      const sorted = { ...counts, start, question: work.question, isCorrect: work.isCorrect }
      if (work.isRefused.includes(1)) refuseSecondResponses(sorted)
      return sorted
    },
  }
}

function gather({ learner, question, isCorrect }: ResponseColumns, work: SortWork): void {
  const { blockStart, start } = work
  const blockOf = new Uint8Array(start.length)
  for (let block = 0; block + 1 < blockStart.length; block++) {
    blockOf.fill(block, blockStart[block]!, blockStart[block + 1]!)
  }
  const next = Int32Array.from(blockStart, (first) => start[first]!)
  for (let row = 0; row < learner.length; row++) {
    const block = blockOf[learner[row]!]!
    const place = next[block]!
    next[block] = place + 1
    work.learner[place] = learner[row]!
    work.answer[place] = 2 * question[row]! + (isCorrect[row] === 0 ? 0 : 1)
  }
}

/** Two stable counting sorts: by question, then by learner. */
export function sortRows(work: SortWork, block: number): void {
  const { learner, answer, start, question, isCorrect } = work
  const first = work.blockStart[block]!
  const next = start.slice(first, work.blockStart[block + 1]! + 1)
  const [begin, end] = [next[0]!, next.at(-1)!]
  const nextOfQuestion = new Int32Array(work.questionCount + 1)
  for (let row = begin; row < end; row++) nextOfQuestion[(answer[row]! >>> 1) + 1]! += 1
  sumUp(nextOfQuestion)
  const byQuestion = new Int32Array(end - begin)
  for (let row = begin; row < end; row++) {
    const asked = answer[row]! >>> 1
    byQuestion[nextOfQuestion[asked]!] = row
    nextOfQuestion[asked]! += 1
  }
  for (let at = 0; at < byQuestion.length; at++) {
    const row = byQuestion[at]!
    const who = learner[row]!
    const place = next[who - first]!
    next[who - first] = place + 1
    const asked = answer[row]! >>> 1
    question[place] = asked
    isCorrect[place] = answer[row]! & 1
    if (place > start[who]! && question[place - 1] === asked) work.isRefused[block] = 1
  }
}

function checkRange(key: number, keyCount: number, name: string): void {
  if (!(key >= 0 && key < keyCount)) throw new RangeError(`${name} ${key} is outside 0…${keyCount - 1}`)
}

function refuseSecondResponses({ learnerCount, start, question }: Responses): void {
  for (let learner = 0; learner < learnerCount; learner++) {
    for (let row = start[learner]! + 1; row < start[learner + 1]!; row++) {
      if (question[row] === question[row - 1]) {
        throw new RangeError(`learner ${learner} has two responses to question ${question[row]}`)
      }
    }
  }
}
