import { orderingKey, type StoredOrdering } from '#due/submitted-orderings.ts'
import { type Advice, type Advisee, fittedAdvice, submittedAdvice } from './advice.ts'
import { defaultStudent } from './contract/identity.ts'
import type { AnswerPorts } from './open.ts'

/** A student, an edition, and the algorithm that is asked, in lower case. */
export interface Question extends Advisee {
  readonly algorithm: string
}

/** `asked`: the question's algorithm alone; `all`: everyone who has something to say about the student. */
export type Scope = 'asked' | 'all'

/**
 * Advice per question, empty when nobody has any. One look-up for all questions, and none when nobody remote is asked.
 */
export async function adviceFor(ports: AnswerPorts, questions: readonly Question[], scope: Scope): Promise<Advice[][]> {
  const isRemoteAsked = ({ algorithm }: Question): boolean => scope === 'all' || !ports.algorithms.has(algorithm)
  const orderings = await orderingsFor(ports, questions.filter(isRemoteAsked))
  const advised: Advice[][] = []
  for (const question of questions) {
    const isAsked = (name: string): boolean => scope === 'all' || name.toLowerCase() === question.algorithm
    const own = [...ports.algorithms.values()].filter(({ name }) => isAsked(name))
    const fitted = await Promise.all(own.map((algorithm) => algorithm.fitted(question.edition.ecosystem)))
    const remote = orderings(question).filter(({ algorithm }) => {
      return isAsked(algorithm) && !ports.algorithms.has(algorithm.toLowerCase())
    })
    advised.push([
      ...fitted.flatMap((one) => (one === undefined ? [] : fittedAdvice(ports, question, one))),
      ...remote.map((ordering) => submittedAdvice(ports, question, ordering)),
    ])
  }
  return advised
}

/** One order per algorithm: the student's own, or else the one for students of whom nothing is known. */
async function orderingsFor(
  { submitted }: AnswerPorts,
  questions: readonly Question[],
): Promise<(question: Question) => readonly StoredOrdering[]> {
  const keysOf = ({ record, edition: { ecosystem } }: Advisee) =>
    [record.student.uuid, defaultStudent].map((student) => ({ student, ecosystem }))
  const found = await submitted.orderings.inUse(questions.flatMap(keysOf))
  return (question) => {
    const byAlgorithm = new Map<string, StoredOrdering>()
    for (const key of keysOf(question)) {
      for (const ordering of found.get(orderingKey(key)) ?? []) {
        const name = ordering.algorithm.toLowerCase()
        if (!byAlgorithm.has(name)) byAlgorithm.set(name, ordering)
      }
    }
    return [...byAlgorithm.values()]
  }
}
