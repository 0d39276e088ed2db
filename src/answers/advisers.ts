import { type Advice, type Advisee, fittedAdvice } from './advice.ts'
import type { AnswerPorts } from './open.ts'

/** A student, an edition, and the algorithm that is asked, in lower case. */
export interface Question extends Advisee {
  readonly algorithm: string
}

/** Per question what every algorithm has to say about its student; empty when nobody has anything to say. */
export async function adviceFor(ports: AnswerPorts, questions: readonly Question[]): Promise<Advice[][]> {
  const advised: Advice[][] = []
  for (const question of questions) {
    const fitted = await Promise.all(
      [...ports.algorithms.values()].map((algorithm) => algorithm.fitted(question.edition.ecosystem)),
    )
    advised.push(fitted.flatMap((one) => (one === undefined ? [] : fittedAdvice(ports, question, one))))
  }
  return advised
}
