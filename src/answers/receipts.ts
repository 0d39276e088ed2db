import type { ReceiptQueue } from '#due/receipt-queue.ts'
import type { Receipt } from '#due/receipts.ts'
import type { Answers, AnswerView, PickAnswer } from './answers.ts'
import type { AnswerPorts } from './open.ts'
import { assignmentPes, assignmentSpes, type PickPorts, worstAreasPicks } from './pick-answers.ts'

/*
 * Receipts of exercises that were handed out (design D24): a note of each computed choice, and the same choice made
 * once more from what was known then.
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
  return {
    studentClues: (lines, view) => answers.studentClues(lines, view),
    teacherClues: (lines, view) => answers.teacherClues(lines, view),
    assignmentPes: (lines, view) => noting(answers.assignmentPes(lines, view), view),
    assignmentSpes: (lines, view) => noting(answers.assignmentSpes(lines, view), view),
    worstAreas: (lines, view) => noting(answers.worstAreas(lines, view), view),
  }
}

function receiptOf({ status, calculation, matrix, exercises, computed, assigned }: PickAnswer): Receipt | undefined {
  const isComplete = status === 'ready' && calculation !== undefined && matrix !== undefined && computed !== undefined
  return isComplete ? { ...computed, calculation, matrix, exercises, experiment: assigned?.experiment } : undefined
}

/** The same choice again; `past` holds what was known at the receipt's position and time. */
export async function recompute(past: AnswerPorts, receipt: Receipt): Promise<PickAnswer | undefined> {
  const { kind, subject, algorithm, exercisesMax } = receipt
  const ports: PickPorts = { ...past, explains: true }
  const asked = { algorithm, exercisesMax }
  if (kind === 'worst_areas') return (await worstAreasPicks(ports, [{ ...asked, student: subject }]))[0]
  const choose = kind === 'pe' ? assignmentPes : assignmentSpes
  return (await choose(ports, [{ ...asked, assignment: subject }]))[0]
}

/** What is not as it was, a line each; empty when equal. */
export function differences(receipt: Receipt, again: PickAnswer | undefined): string[] {
  if (again === undefined || again.status !== 'ready') {
    return [`the choice can not be made again: ${receipt.subject} is ${again?.status ?? 'unknown'}`]
  }
  const found: string[] = []
  if (again.calculation !== receipt.calculation) {
    found.push(`calculation: ${receipt.calculation} then, ${again.calculation} again`)
  }
  if (again.matrix !== receipt.matrix) found.push(`matrix: ${receipt.matrix} then, ${again.matrix} again`)
  const places = Math.max(receipt.exercises.length, again.exercises.length)
  for (let place = 0; place < places; place += 1) {
    const [then, now] = [receipt.exercises[place], again.exercises[place]]
    if (then !== now) found.push(`exercise ${place + 1}: ${then ?? '(none)'} then, ${now ?? '(none)'} again`)
  }
  return found
}
