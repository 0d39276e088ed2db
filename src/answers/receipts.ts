import type { Uuid } from '#domain/ids.ts'
import { type ClueReceipt, isClueReceipt } from '#due/clue-receipts.ts'
import type { ReceiptQueue } from '#due/receipt-queue.ts'
import type { AnyReceipt, Receipt } from '#due/receipts.ts'
import type { Answers, AnswerView, ClueAnswer, PickAnswer } from './answers.ts'
import { studentClues, teacherClues } from './clue-answers.ts'
import type { AnswerPorts } from './open.ts'
import { assignmentPes, assignmentSpes, type PickPorts, worstAreasPicks } from './pick-answers.ts'

/*
 * Receipts of exercises that were handed out and of CLUEs that were explained (design D24): a note of each, and the
 * same made once more from what was known then.
 */

/** Answers that leave receipts. What is asked as of an earlier time is not handed out, and leaves none. */
export function withReceipts(answers: Answers, queue: Pick<ReceiptQueue, 'note'>): Answers {
  const noting = async (given: Promise<PickAnswer[]>, view: AnswerView | undefined): Promise<PickAnswer[]> => {
    const picks = await given
    for (const pick of view?.asOf === undefined ? picks : []) {
      const receipt = receiptOf(pick)
      if (receipt !== undefined) queue.note(receipt)
    }
    return picks
  }
  const notingClues = (
    clues: ClueAnswer[],
    view: AnswerView | undefined,
    lineOf: (index: number) => ClueLine | undefined,
  ): ClueAnswer[] => {
    for (const [index, clue] of view?.asOf === undefined ? clues.entries() : []) {
      const receipt = clueReceiptOf(clue, lineOf(index))
      if (receipt !== undefined) queue.note(receipt)
    }
    return clues
  }
  return {
    studentClues: async (lines, view) => {
      const clues = await answers.studentClues(lines, view)
      return notingClues(clues, view, (index) => lines[index] && { ...lines[index], subject: lines[index].student })
    },
    teacherClues: async (lines, view) => {
      const clues = await answers.teacherClues(lines, view)
      return notingClues(
        clues,
        view,
        (index) => lines[index] && { ...lines[index], subject: lines[index].courseContainer },
      )
    },
    assignmentPes: (lines, view) => noting(answers.assignmentPes(lines, view), view),
    assignmentSpes: (lines, view) => noting(answers.assignmentSpes(lines, view), view),
    worstAreas: (lines, view) => noting(answers.worstAreas(lines, view), view),
  }
}

function receiptOf({ status, calculation, matrix, exercises, computed, assigned }: PickAnswer): Receipt | undefined {
  const isComplete = status === 'ready' && calculation !== undefined && matrix !== undefined && computed !== undefined
  return isComplete ? { ...computed, calculation, matrix, exercises, experiment: assigned?.experiment } : undefined
}

interface ClueLine {
  readonly subject: Uuid
  readonly bookContainer: Uuid
}

/** Of CLUEs that were explained. */
function clueReceiptOf(answer: ClueAnswer, line: ClueLine | undefined): ClueReceipt | undefined {
  const { calculation, explanation, clue, assigned } = answer
  if (calculation === undefined || explanation === undefined || line === undefined) return undefined
  const { kind, algorithm, matrix, position, asOf } = explanation
  const { subject, bookContainer } = line
  const experiment = assigned?.experiment
  return { calculation, kind, subject, bookContainer, algorithm, matrix, position, asOf, clue, experiment }
}

/** The same CLUE again. */
async function recomputeClue(past: AnswerPorts, receipt: ClueReceipt): Promise<ClueAnswer | undefined> {
  const { kind, subject, bookContainer, algorithm } = receipt
  const line = { student: subject, courseContainer: subject, bookContainer, algorithm }
  const answers = kind === 'student_clue' ? studentClues(past, [line], true) : teacherClues(past, [line], true)
  return (await answers)[0]
}

/** What was handed out, made again; `past` holds what was known at the receipt's position and time. */
export async function recompute(past: AnswerPorts, receipt: AnyReceipt): Promise<Recomputed> {
  if (isClueReceipt(receipt)) {
    const again = await recomputeClue(past, receipt)
    return { receipt, again, differences: differencesOfClue(receipt, again) }
  }
  const again = await recomputePicks(past, receipt)
  return { receipt, again, differences: differencesOfPicks(receipt, again) }
}

/** `differences`: what is not as it was, a line each; empty when equal. */
export type Recomputed =
  | { readonly receipt: Receipt; readonly again: PickAnswer | undefined; readonly differences: readonly string[] }
  | { readonly receipt: ClueReceipt; readonly again: ClueAnswer | undefined; readonly differences: readonly string[] }

async function recomputePicks(past: AnswerPorts, receipt: Receipt): Promise<PickAnswer | undefined> {
  const { kind, subject, algorithm, exercisesMax } = receipt
  const ports: PickPorts = { ...past, explains: true }
  const asked = { algorithm, exercisesMax }
  if (kind === 'worst_areas') return (await worstAreasPicks(ports, [{ ...asked, student: subject }]))[0]
  const choose = kind === 'pe' ? assignmentPes : assignmentSpes
  return (await choose(ports, [{ ...asked, assignment: subject }]))[0]
}

function differencesOfPicks(receipt: Receipt, again: PickAnswer | undefined): string[] {
  if (again === undefined || again.status !== 'ready') {
    return [`the choice can not be made again: ${receipt.subject} is ${again?.status ?? 'unknown'}`]
  }
  const found: string[] = []
  found.push(...differenceOf('calculation', receipt.calculation, again.calculation))
  found.push(...differenceOf('matrix', receipt.matrix, again.matrix))
  const places = Math.max(receipt.exercises.length, again.exercises.length)
  for (let place = 0; place < places; place += 1) {
    const [then, now] = [receipt.exercises[place], again.exercises[place]]
    if (then !== now) found.push(`exercise ${place + 1}: ${then ?? '(none)'} then, ${now ?? '(none)'} again`)
  }
  return found
}

/** Not a digit may differ. */
function differencesOfClue(receipt: ClueReceipt, again: ClueAnswer | undefined): string[] {
  if (again === undefined || again.status !== 'ready') {
    return [`the CLUE can not be computed again: ${receipt.subject} is ${again?.status ?? 'unknown'}`]
  }
  const [then, now] = [receipt.clue, again.clue]
  return [
    ...differenceOf('calculation', receipt.calculation, again.calculation),
    ...differenceOf('matrix', receipt.matrix, again.explanation?.matrix),
    ...differenceOf('minimum', then.minimum, now.minimum),
    ...differenceOf('most likely', then.mostLikely, now.mostLikely),
    ...differenceOf('maximum', then.maximum, now.maximum),
    ...differenceOf('is real', then.isReal, now.isReal),
  ]
}

function differenceOf<Value>(name: string, then: Value, now: Value | undefined): string[] {
  return then === now ? [] : [`${name}: ${then} then, ${now} again`]
}
