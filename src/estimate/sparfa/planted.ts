/**
 * Answers drawn from a known model: the ground truth for tests of recovery and calibration, and a load of any size for
 * measurements. Same options, same data.
 */
import { seededUniform } from './hash.ts'
import type { FitInput } from './input.ts'
import { type ConceptRows, conceptRows, makeMatrix, type SparfaMatrix } from './matrix.ts'
import { numberedId } from './numbered-id.ts'
import { sigmoid } from './scalar.ts'

export interface PlantedOptions {
  readonly questions: number
  readonly concepts: number
  readonly learners: number
  readonly responses: number
  readonly seed: number
  /** Share of questions with a second hint. */
  readonly secondHints: number
  readonly sigmaSpecific: number
  readonly sigmaGeneral: number
}

export interface Planted {
  readonly input: FitInput
  /** The true W and d, with the true priors. */
  readonly truth: SparfaMatrix
  /** The true u, learner-major, learners x concepts. */
  readonly knowledge: Float64Array
}

/** log W ~ N(0, 0.3^2) over the number of hints, d ~ N(0.5, 1), u_lc = v_lc + g_l. */
export function plant(options: PlantedOptions): Planted {
  const uniform = seededUniform(options.seed)
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
  const integer = (below: number): number => Math.floor(uniform() * below)
  const pairs: [number, number][] = []
  for (let question = 0; question < options.questions; question++) {
    pairs.push([question, integer(options.concepts)])
    if (uniform() < options.secondHints) pairs.push([question, integer(options.concepts)])
  }
  const hints = conceptRows(options.questions, pairs)
  const weights = new Float64Array(hints.concept.length)
  for (let question = 0; question < options.questions; question++) {
    const count = hints.start[question + 1]! - hints.start[question]!
    for (let at = hints.start[question]!; at < hints.start[question + 1]!; at++) {
      weights[at] = Math.exp(0.3 * normal()) / count
    }
  }
  const easiness = Float64Array.from({ length: options.questions }, () => 0.5 + normal())
  const knowledge = new Float64Array(options.learners * options.concepts)
  for (let learner = 0; learner < options.learners; learner++) {
    const general = options.sigmaGeneral * normal()
    for (let concept = 0; concept < options.concepts; concept++) {
      knowledge[learner * options.concepts + concept] = general + options.sigmaSpecific * normal()
    }
  }
  const truth = trueMatrix(options, hints, weights, easiness)
  const responses = answers(options, truth, knowledge, { uniform, integer })
  const { questionIds, conceptIds } = truth
  return { input: { questionIds, conceptIds, hints, learnerCount: options.learners, responses }, truth, knowledge }
}

/** Distinct (learner, question) pairs by rejection, so at most half of all pairs can be asked for. */
function answers(
  options: PlantedOptions,
  truth: SparfaMatrix,
  knowledge: Float64Array,
  { uniform, integer }: { uniform: () => number; integer: (below: number) => number },
): FitInput['responses'] {
  const learner = new Int32Array(options.responses)
  const question = new Int32Array(options.responses)
  const isCorrect = new Uint8Array(options.responses)
  const isTaken = new Uint8Array(options.learners * options.questions)
  const { start, concept, value } = truth.weights
  for (let row = 0; row < options.responses; ) {
    const [who, what] = [integer(options.learners), integer(options.questions)]
    if (isTaken[who * options.questions + what] === 1) continue
    isTaken[who * options.questions + what] = 1
    let z = truth.easiness[what]!
    for (let at = start[what]!; at < start[what + 1]!; at++) {
      z += value[at]! * knowledge[who * options.concepts + concept[at]!]!
    }
    learner[row] = who
    question[row] = what
    isCorrect[row] = uniform() < sigmoid(z) ? 1 : 0
    row += 1
  }
  return { learner, question, isCorrect }
}

function trueMatrix(
  options: PlantedOptions,
  hints: ConceptRows,
  weights: Float64Array,
  easiness: Float64Array,
): SparfaMatrix {
  return makeMatrix({
    questionIds: Array.from({ length: options.questions }, (_, index) => numberedId('question', index)),
    conceptIds: Array.from({ length: options.concepts }, (_, index) => numberedId('concept', index)),
    easiness,
    support: hints,
    weights,
    hints,
    madeBy: {
      preset: 'planted',
      mask: 'hard',
      lam_w: 0,
      lam_d: 0,
      lam_u: 1 / options.sigmaSpecific ** 2,
      lam_g: 1 / options.sigmaGeneral ** 2,
      seed: options.seed,
      responses: options.responses,
      learners: options.learners,
      epochs: 0,
      held_out_log_loss: null,
      stopped_by: 'empty',
      warm_starts: 0,
    },
  })
}
