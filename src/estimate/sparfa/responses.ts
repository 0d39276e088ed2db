/**
 * The gradebook, held sparse and in one canonical order, so that a fit sees the same numbers in the same order whatever
 * the order of the rows it was given (sparfa.md §14).
 */
import { isHeldOutRow } from './hash.ts'

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

/** Two stable counting sorts. Throws a `RangeError` on an index out of range or a second response to a question. */
export function sortResponses(columns: ResponseColumns, counts: Counts): Responses {
  const { learner, question, isCorrect } = columns
  if (question.length !== learner.length || isCorrect.length !== learner.length) {
    throw new RangeError('response columns must be equally long')
  }
  const questionStart = bucketStarts(question, counts.questionCount, 'question')
  const start = bucketStarts(learner, counts.learnerCount, 'learner')
  const byQuestion = { learner: new Int32Array(learner.length), isCorrect: new Uint8Array(learner.length) }
  const nextOfQuestion = questionStart.slice()
  for (let row = 0; row < question.length; row++) {
    const place = nextOfQuestion[question[row]!]!
    nextOfQuestion[question[row]!] = place + 1
    byQuestion.learner[place] = learner[row]!
    byQuestion.isCorrect[place] = isCorrect[row] === 0 ? 0 : 1
  }
  const sorted = {
    ...counts,
    start,
    question: new Int32Array(learner.length),
    isCorrect: new Uint8Array(learner.length),
  }
  const nextOfLearner = start.slice()
  for (let asked = 0; asked < counts.questionCount; asked++) {
    for (let at = questionStart[asked]!; at < questionStart[asked + 1]!; at++) {
      const place = nextOfLearner[byQuestion.learner[at]!]!
      nextOfLearner[byQuestion.learner[at]!] = place + 1
      sorted.question[place] = asked
      sorted.isCorrect[place] = byQuestion.isCorrect[at]!
    }
  }
  refuseSecondResponses(sorted)
  return sorted
}

/** Rows kept for training and rows kept back for early stopping, chosen by hash (sparfa.md §7). */
export function holdOut(responses: Responses, seed: number): { training: Responses; heldOut: Responses } {
  const isHeldOut = new Uint8Array(responses.question.length)
  for (let learner = 0; learner < responses.learnerCount; learner++) {
    for (let row = responses.start[learner]!; row < responses.start[learner + 1]!; row++) {
      if (isHeldOutRow(learner, responses.question[row]!, seed)) isHeldOut[row] = 1
    }
  }
  return { training: keepRows(responses, isHeldOut, 0), heldOut: keepRows(responses, isHeldOut, 1) }
}

/** The rows whose mark is the wanted one. */
export function keepRows(responses: Responses, mark: Uint8Array, wanted: 0 | 1): Responses {
  const start = new Int32Array(responses.learnerCount + 1)
  const question = new Int32Array(responses.question.length)
  const isCorrect = new Uint8Array(responses.question.length)
  let kept = 0
  for (let learner = 0; learner < responses.learnerCount; learner++) {
    for (let row = responses.start[learner]!; row < responses.start[learner + 1]!; row++) {
      if (mark[row] !== wanted) continue
      question[kept] = responses.question[row]!
      isCorrect[kept] = responses.isCorrect[row]!
      kept += 1
    }
    start[learner + 1] = kept
  }
  return { ...responses, start, question: question.slice(0, kept), isCorrect: isCorrect.slice(0, kept) }
}

/** First place of each key's rows, and the end of the last. */
function bucketStarts(keys: Int32Array, keyCount: number, name: string): Int32Array {
  const start = new Int32Array(keyCount + 1)
  for (const key of keys) {
    if (key < 0 || key >= keyCount) throw new RangeError(`${name} ${key} is outside 0…${keyCount - 1}`)
    start[key + 1]! += 1
  }
  for (let key = 0; key < keyCount; key++) start[key + 1]! += start[key]!
  return start
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
