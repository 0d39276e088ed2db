import { type ClueHistory, clueHistory, type GivenAnswer } from './clue-history.ts'
import type { ChosenFit, FitProgress } from './fit.ts'
import type { ConceptRows, SparfaMatrix } from './matrix.ts'
import { type Metrics, measure, type ReliabilityBin, reliability } from './metrics.ts'
import { predictWith } from './predict.ts'

/**
 * What is kept of a fit beside its matrix, for whoever judges it later: how it went, how well it predicted answers that
 * were kept back, and what it says of a few learners as they answer. Plain data, without ids of learners.
 */
export interface FitRecord {
  /** Fits of one search behind one another; every so many of them where there are very many. */
  readonly epochs: readonly FitProgress[]
  /** `undefined`: there were too few answers to keep any back. */
  readonly heldOut: HeldOutRecord | undefined
  readonly clues: readonly ClueHistory[]
}

export interface HeldOutRecord {
  readonly metrics: Metrics
  readonly bins: readonly ReliabilityBin[]
}

const epochsMax = 400
/** Estimates after each answer: a learner with more is followed through the first ones. */
const answersMax = 200

/** Learners are estimated anew, as the server does it: with the answers trained on, never with those kept back. */
export function judgeHeldOut({ matrix, training, heldOut }: ChosenFit): HeldOutRecord {
  const probability = predictWith(matrix, training, heldOut)
  return { metrics: measure(probability, heldOut.isCorrect), bins: reliability(probability, heldOut.isCorrect) }
}

export interface Recorded {
  readonly epochs: readonly FitProgress[]
  readonly chosen: ChosenFit | undefined
  readonly matrix: SparfaMatrix
  readonly hints: ConceptRows
  /** A few learners, each with answers in the order of giving. */
  readonly learners: readonly (readonly GivenAnswer[])[]
}

export function recordFit({ epochs, chosen, matrix, hints, learners }: Recorded): FitRecord {
  const every = Math.ceil(epochs.length / epochsMax)
  return {
    epochs: every > 1 ? epochs.filter(({ epoch }, at) => epoch === 0 || at % every === 0) : epochs,
    heldOut: chosen && judgeHeldOut(chosen),
    clues: learners
      .filter((given) => given.length > 0 && matrix.conceptIds.length > 0)
      .map((given) => clueHistory(matrix, hints, given.slice(0, answersMax))),
  }
}
