/**
 * Concept offsets in the log-odds: where the prior of d is centred, estimated along with d. The raw shares that a fit
 * starts from (sparfa.md §3) mix how easy a concept is with who happened to answer on it.
 *
 *     d_q ~ N(mu + mean of b_c over the concepts c of q, 1 / lam_d),   b_c ~ N(0, 1 / lam_b),   mu ~ N(0, 1)
 *
 * (a hierarchical item prior as in Wilson et al., EDM 2016, with one level for concepts).
 */
import { sumUp } from './blocks.ts'
import type { ConceptRows } from './matrix.ts'
import type { Problem } from './problem.ts'

/** The standard deviation of an offset is half a unit of log-odds. */
const LAM_OFFSET = 4
/** Gauss-Seidel on a small, diagonally dominant system. */
const SWEEPS = 10

/** Writes the prior means of d that fit `easiness` (one entry per question) best into `centre`. */
export type Recentre = (easiness: Float64Array, centre: Float64Array) => void

/** Only questions with answers tell of their concepts; the others get what is told. */
export function makeRecentre({ hints, counts, conceptCount, penalties: { lamD } }: Problem): Recentre {
  const { answers } = counts
  const answered = answers.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0)
  const questions = questionsOfConcepts(hints, answers, conceptCount)
  /** One over the number of concepts of each question. */
  const share = Float64Array.from(answers, (_, question) => 1 / (hints.start[question + 1]! - hints.start[question]!))
  const precision = new Float64Array(conceptCount).fill(LAM_OFFSET)
  for (let concept = 0; concept < conceptCount; concept++) {
    for (let at = questions.start[concept]!; at < questions.start[concept + 1]!; at++) {
      precision[concept]! += lamD * share[questions.question[at]!]! ** 2
    }
  }
  const offset = new Float64Array(conceptCount)
  /** Of each question, what its concepts' offsets come to; kept up to date while they move. */
  const mean = new Float64Array(answers.length)

  const moveOffset = (concept: number, easiness: Float64Array, overall: number): void => {
    const [begin, end] = [questions.start[concept]!, questions.start[concept + 1]!]
    let wanted = 0
    for (let at = begin; at < end; at++) {
      const question = questions.question[at]!
      const rest = easiness[question]! - overall - mean[question]! + share[question]! * offset[concept]!
      wanted += lamD * share[question]! * rest
    }
    const move = wanted / precision[concept]! - offset[concept]!
    offset[concept]! += move
    for (let at = begin; at < end; at++) mean[questions.question[at]!]! += share[questions.question[at]!]! * move
  }

  return (easiness, centre) => {
    offset.fill(0)
    mean.fill(0)
    let overall = 0
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      let sum = 0
      for (let question = 0; question < easiness.length; question++) {
        if (answers[question]! > 0) sum += easiness[question]! - mean[question]!
      }
      overall = (lamD * sum) / (lamD * answered + 1)
      for (let concept = 0; concept < conceptCount; concept++) moveOffset(concept, easiness, overall)
    }
    for (let question = 0; question < centre.length; question++) {
      let told = 0
      for (let entry = hints.start[question]!; entry < hints.start[question + 1]!; entry++) {
        told += share[question]! * offset[hints.concept[entry]!]!
      }
      centre[question] = overall + told
    }
  }
}

/** Questions with answers by concept, ascending. */
function questionsOfConcepts(hints: ConceptRows, answers: Float64Array, conceptCount: number) {
  const start = new Int32Array(conceptCount + 1)
  const forEach = (visit: (concept: number, question: number) => void): void => {
    for (let question = 0; question < answers.length; question++) {
      if (answers[question] === 0) continue
      for (let entry = hints.start[question]!; entry < hints.start[question + 1]!; entry++) {
        visit(hints.concept[entry]!, question)
      }
    }
  }
  forEach((concept) => {
    start[concept + 1]! += 1
  })
  sumUp(start)
  const question = new Int32Array(start[conceptCount]!)
  const next = start.slice()
  forEach((concept, asked) => {
    question[next[concept]!] = asked
    next[concept]! += 1
  })
  return { start, question }
}
