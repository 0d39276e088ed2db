/**
 * Turns ids into the indices a fit works on (sparfa.md §1). The numbering depends on the sets given, never on the order
 * of hints or responses: questions and concepts keep the order of their book, learners are numbered by sorted id.
 */
import type { Uuid } from '#domain/ids.ts'
import type { ConceptRows } from './matrix.ts'
import { conceptRows } from './matrix.ts'
import type { ResponseColumns } from './responses.ts'

export interface FitRecords {
  /** In book order; repeated ids count once. */
  readonly questionIds: Iterable<Uuid>
  readonly conceptIds: Iterable<Uuid>
  readonly hints: Iterable<{ readonly question: Uuid; readonly concept: Uuid }>
  /** The first real response of each learner to each question, no other. Unknown questions are ignored. */
  readonly responses: Iterable<{ readonly learner: string; readonly question: Uuid; readonly isCorrect: boolean }>
}

export interface FitInput {
  readonly questionIds: readonly Uuid[]
  readonly conceptIds: readonly Uuid[]
  readonly hints: ConceptRows
  readonly learnerCount: number
  readonly responses: ResponseColumns
}

/** Hints that name an unknown question or concept are ignored, like responses to unknown questions. */
export function prepareFit(records: FitRecords): FitInput {
  const questionIndex = numbered(records.questionIds)
  const conceptIndex = numbered(records.conceptIds)
  const hintPairs: [number, number][] = []
  for (const { question, concept } of records.hints) {
    const pair = [questionIndex.get(question), conceptIndex.get(concept)] as const
    if (pair[0] !== undefined && pair[1] !== undefined) hintPairs.push([pair[0], pair[1]])
  }
  const known: { learner: string; question: number; isCorrect: boolean }[] = []
  for (const { learner, question, isCorrect } of records.responses) {
    const index = questionIndex.get(question)
    if (index !== undefined) known.push({ learner, question: index, isCorrect })
  }
  const learnerIndex = numbered([...new Set(known.map((row) => row.learner))].sort())
  return {
    questionIds: [...questionIndex.keys()],
    conceptIds: [...conceptIndex.keys()],
    hints: conceptRows(questionIndex.size, hintPairs),
    learnerCount: learnerIndex.size,
    responses: {
      learner: Int32Array.from(known, (row) => learnerIndex.get(row.learner)!),
      question: Int32Array.from(known, (row) => row.question),
      isCorrect: Uint8Array.from(known, (row) => (row.isCorrect ? 1 : 0)),
    },
  }
}

function numbered<Id>(ids: Iterable<Id>): Map<Id, number> {
  const index = new Map<Id, number>()
  for (const id of ids) if (!index.has(id)) index.set(id, index.size)
  return index
}
