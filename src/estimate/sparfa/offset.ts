/**
 * Concept offsets in the log-odds: where the prior of d is centred, estimated along with d. The raw shares that a fit
 * starts from (sparfa.md §3) mix how easy a concept is with who happened to answer on it.
 *
 *     d_q ~ N(mu + mean of b_c over the concepts c of q, 1 / lam_d),   b_c ~ N(0, 1 / lam_b),   mu ~ N(0, 1)
 *
 * (a hierarchical item prior as in Wilson et al., EDM 2016, with one level for concepts).
 */
import type { ConceptRows } from './matrix.ts'
import type { Problem } from './problem.ts'

/** The standard deviation of an offset is half a unit of log-odds. */
const LAM_OFFSET = 4
/** Gauss-Seidel on a small, diagonally dominant system. */
const SWEEPS = 10

/** Writes the prior means of d that fit `easiness` (one entry per question) best into `centre`. */
export type Recentre = (easiness: Float64Array, centre: Float64Array) => void

/** Only questions with answers tell of their concepts; the others get what is told. */
export function makeRecentre({ hints, responses, conceptCount, penalties: { lamD } }: Problem): Recentre {
  const isAnswered = new Uint8Array(responses.questionCount)
  for (const question of responses.question) isAnswered[question] = 1
  const answered = isAnswered.reduce((sum, one) => sum + one, 0)
  const questions = questionsOfConcepts(hints, isAnswered, conceptCount)
  const offset = new Float64Array(conceptCount)

  const meanOffset = (question: number): number => {
    const begin = hints.start[question]!
    const end = hints.start[question + 1]!
    let sum = 0
    for (let entry = begin; entry < end; entry++) sum += offset[hints.concept[entry]!]!
    return end === begin ? 0 : sum / (end - begin)
  }

  return (easiness, centre) => {
    offset.fill(0)
    let overall = 0
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      let sum = 0
      for (let question = 0; question < easiness.length; question++) {
        if (isAnswered[question] === 1) sum += easiness[question]! - meanOffset(question)
      }
      overall = (lamD * sum) / (lamD * answered + 1)
      for (let concept = 0; concept < conceptCount; concept++) {
        let wanted = 0
        let precision = LAM_OFFSET
        for (let at = questions.start[concept]!; at < questions.start[concept + 1]!; at++) {
          const question = questions.question[at]!
          const share = 1 / (hints.start[question + 1]! - hints.start[question]!)
          const rest = easiness[question]! - overall - meanOffset(question) + share * offset[concept]!
          wanted += lamD * share * rest
          precision += lamD * share * share
        }
        offset[concept] = wanted / precision
      }
    }
    for (let question = 0; question < centre.length; question++) centre[question] = overall + meanOffset(question)
  }
}

/** Questions with answers by concept, ascending. */
function questionsOfConcepts(hints: ConceptRows, isAnswered: Uint8Array, conceptCount: number) {
  const start = new Int32Array(conceptCount + 1)
  const forEach = (visit: (concept: number, question: number) => void): void => {
    for (let question = 0; question < isAnswered.length; question++) {
      if (isAnswered[question] === 0) continue
      for (let entry = hints.start[question]!; entry < hints.start[question + 1]!; entry++) {
        visit(hints.concept[entry]!, question)
      }
    }
  }
  forEach((concept) => {
    start[concept + 1]! += 1
  })
  for (let concept = 0; concept < conceptCount; concept++) start[concept + 1]! += start[concept]!
  const question = new Int32Array(start[conceptCount]!)
  const next = start.slice()
  forEach((concept, asked) => {
    question[next[concept]!] = asked
    next[concept]! += 1
  })
  return { start, question }
}
