/**
 * The cost function of one fit (sparfa.md §3): responses, hints, penalties, and where the penalties pull to. A `Point`
 * is one place in its domain; gradients have the same shape.
 */
import { runHere } from './blocks.ts'
import { seededUniform } from './hash.ts'
import {
  hardKernels,
  type Kernels,
  type Met,
  makeMeeting,
  meetConcepts,
  type ResponseRows,
  softKernels,
} from './kernels.ts'
import type { ConceptRows } from './matrix.ts'
import type { Penalties, Preset } from './presets.ts'
import type { Responses } from './responses.ts'
import { logit, sigmoid, softplus } from './scalar.ts'

export interface Point {
  /** W. Hard mask: one entry per hint, question-major; soft mask: questions x concepts, row-major. */
  readonly weights: Float64Array
  /** d, one entry per question. */
  readonly easiness: Float64Array
  /** v. Hard mask: one entry per learner and concept met, then one that stays zero; soft mask: learners x concepts. */
  readonly specific: Float64Array
  /** g, one entry per learner. */
  readonly general: Float64Array
}

export interface Problem {
  readonly preset: Preset
  readonly penalties: Penalties
  readonly responses: Responses
  readonly counts: QuestionCounts
  readonly hints: ConceptRows
  /** Where every weight may be: the hints, or every pair. */
  readonly support: ConceptRows
  readonly conceptCount: number
  readonly kernels: Kernels
  readonly rows: ResponseRows
  /** W0 and d0. */
  readonly weightCentre: Float64Array
  readonly easinessCentre: Float64Array
  /** L2 and L1 penalty of each weight. */
  readonly ridge: Float64Array
  readonly lasso: Float64Array
}

/** Answers to each question, and how many of them are right. */
export interface QuestionCounts {
  readonly right: Float64Array
  readonly answers: Float64Array
}

export interface ProblemParts {
  readonly preset: Preset
  readonly responses: Responses
  readonly hints: ConceptRows
  readonly conceptCount: number
  /** One of the same responses, hints and mask, whose preparation is used again. */
  readonly base?: Problem | undefined
  /** What `makeMeeting` found in them, for a hard mask. */
  readonly met?: Met | undefined
}

export function makeProblem(parts: ProblemParts): Problem {
  const { preset, responses, conceptCount, base } = parts
  const hints = preset.hasSingleConcept ? singleConcept(responses.questionCount) : parts.hints
  const isHard = preset.mask === 'hard'
  const concepts = preset.hasSingleConcept ? 1 : conceptCount
  const support = isHard ? hints : everyPair(responses.questionCount, concepts)
  const met = (): Met => parts.met ?? runHere(makeMeeting(responses, hints, concepts), meetConcepts)
  const kernels = base?.kernels ?? (isHard ? hardKernels(met(), hints, concepts) : softKernels(responses, concepts))
  const counts = base?.counts ?? countsByQuestion(responses)
  const { lamW, lamN1, lamN2 } = preset.penalties
  const weightCentre = new Float64Array(support.concept.length)
  const ridge = new Float64Array(support.concept.length).fill(isHard ? lamW : lamN2)
  const lasso = new Float64Array(support.concept.length).fill(isHard ? 0 : lamN1)
  for (let question = 0; question < responses.questionCount; question++) {
    const begin = hints.start[question]!
    const end = hints.start[question + 1]!
    for (let entry = begin; entry < end; entry++) {
      const place = isHard ? entry : question * concepts + hints.concept[entry]!
      weightCentre[place] = 1 / (end - begin)
      ridge[place] = lamW
      lasso[place] = 0
    }
  }
  return {
    preset,
    penalties: preset.penalties,
    responses,
    counts,
    hints,
    support,
    conceptCount: concepts,
    kernels,
    rows: base?.rows ?? kernels.rowsOf(responses),
    weightCentre,
    easinessCentre: base?.easinessCentre ?? easinessCentres(counts, hints, concepts),
    ridge,
    lasso,
  }
}

/**
 * Start of a cold fit (sparfa.md §8): W = W0, nothing known about learners, d from smoothed shares. A soft fit without
 * a single hint explores: from W = 0 it could not move, so W starts from random numbers.
 */
export function startingPoint(problem: Problem, seed = 0): Point {
  const { responses, counts, kernels, easinessCentre } = problem
  const isExploring = problem.preset.mask === 'soft' && problem.hints.concept.length === 0
  return {
    weights: isExploring ? problem.weightCentre.map(seededUniform(seed)) : problem.weightCentre.slice(),
    easiness: easinessCentre.map((centre, question) =>
      logit((counts.right[question]! + 2 * sigmoid(centre)) / (counts.answers[question]! + 2)),
    ),
    specific: new Float64Array(kernels.specificCount),
    general: new Float64Array(responses.learnerCount),
  }
}

export function copyPoint(point: Point): Point {
  return {
    weights: point.weights.slice(),
    easiness: point.easiness.slice(),
    specific: point.specific.slice(),
    general: point.general.slice(),
  }
}

export function hasSpecific(penalties: Penalties): boolean {
  return Number.isFinite(penalties.lamU)
}

export function hasGeneral(penalties: Penalties): boolean {
  return Number.isFinite(penalties.lamG)
}

/** F at a point. */
export function costAt(problem: Problem, point: Point): number {
  const { responses, kernels, rows, ridge, lasso, weightCentre, easinessCentre, penalties } = problem
  const z = new Float64Array(responses.question.length)
  kernels.forward(rows, point, z)
  let cost = 0
  for (let row = 0; row < z.length; row++) cost += softplus(z[row]!) - responses.isCorrect[row]! * z[row]!
  for (let entry = 0; entry < ridge.length; entry++) {
    const weight = point.weights[entry]!
    cost += 0.5 * ridge[entry]! * (weight - weightCentre[entry]!) ** 2 + lasso[entry]! * Math.abs(weight)
  }
  for (let question = 0; question < easinessCentre.length; question++) {
    cost += 0.5 * penalties.lamD * (point.easiness[question]! - easinessCentre[question]!) ** 2
  }
  if (hasSpecific(penalties)) cost += 0.5 * penalties.lamU * sumOfSquares(point.specific)
  if (hasGeneral(penalties)) cost += 0.5 * penalties.lamG * sumOfSquares(point.general)
  return cost
}

/** Mean log-loss of predictions at a point for rows that were not trained on. */
export function meanLogLoss(problem: Problem, rows: ResponseRows, point: Point): number {
  const z = new Float64Array(rows.question.length)
  problem.kernels.forward(rows, point, z)
  let sum = 0
  for (let row = 0; row < z.length; row++) sum += softplus(z[row]!) - rows.isCorrect[row]! * z[row]!
  return sum / z.length
}

/** Turns z into P(right) - y, in place. */
function toResiduals(z: Float64Array, isCorrect: Uint8Array): void {
  for (let row = 0; row < z.length; row++) z[row] = sigmoid(z[row]!) - isCorrect[row]!
}

/** Gradient of the smooth part by v and g, written into `gradient`; `z` is working space. */
export function learnerGradient(problem: Problem, point: Point, gradient: Point, z: Float64Array): void {
  const { kernels, rows, responses, penalties } = problem
  kernels.forward(rows, point, z)
  toResiduals(z, responses.isCorrect)
  kernels.ontoLearners(rows, z, point, gradient)
  const { specific, general } = gradient
  if (hasSpecific(penalties)) addScaled(specific, point.specific, penalties.lamU)
  else specific.fill(0)
  if (hasGeneral(penalties)) addScaled(general, point.general, penalties.lamG)
  else general.fill(0)
}

/** Gradient of the smooth part by W and d, written into `gradient`; `z` is working space. */
export function questionGradient(problem: Problem, point: Point, gradient: Point, z: Float64Array): void {
  const { kernels, rows, responses, ridge, weightCentre, easinessCentre, penalties } = problem
  kernels.forward(rows, point, z)
  toResiduals(z, responses.isCorrect)
  kernels.ontoQuestions(rows, z, point, gradient)
  for (let entry = 0; entry < ridge.length; entry++) {
    gradient.weights[entry]! += ridge[entry]! * (point.weights[entry]! - weightCentre[entry]!)
  }
  for (let question = 0; question < easinessCentre.length; question++) {
    gradient.easiness[question]! += penalties.lamD * (point.easiness[question]! - easinessCentre[question]!)
  }
}

function countsByQuestion({ questionCount, question, isCorrect }: Responses): QuestionCounts {
  const right = new Float64Array(questionCount)
  const answers = new Float64Array(questionCount)
  for (let row = 0; row < question.length; row++) {
    right[question[row]!]! += isCorrect[row]!
    answers[question[row]!]! += 1
  }
  return { right, answers }
}

/** d0: mean over the question's concepts of the smoothed logit of their share of right answers (sparfa.md §3). */
function easinessCentres(ofQuestion: QuestionCounts, hints: ConceptRows, conceptCount: number): Float64Array {
  const right = new Float64Array(conceptCount)
  const answers = new Float64Array(conceptCount)
  let [rightTotal, total] = [0, 0]
  for (let question = 0; question < ofQuestion.answers.length; question++) {
    rightTotal += ofQuestion.right[question]!
    total += ofQuestion.answers[question]!
    for (let entry = hints.start[question]!; entry < hints.start[question + 1]!; entry++) {
      right[hints.concept[entry]!]! += ofQuestion.right[question]!
      answers[hints.concept[entry]!]! += ofQuestion.answers[question]!
    }
  }
  // Half a right and half a wrong answer keep the rate inside (0, 1); without responses it is 1/2.
  const rate = (rightTotal + 0.5) / (total + 1)
  const ofConcept = answers.map((count, concept) => logit((right[concept]! + 10 * rate) / (count + 10)))
  return ofQuestion.answers.map((_, question) => {
    const begin = hints.start[question]!
    const end = hints.start[question + 1]!
    if (begin === end) return logit(rate)
    let sum = 0
    for (let entry = begin; entry < end; entry++) sum += ofConcept[hints.concept[entry]!]!
    return sum / (end - begin)
  })
}

function singleConcept(questionCount: number): ConceptRows {
  return {
    start: Int32Array.from({ length: questionCount + 1 }, (_, question) => question),
    concept: new Int32Array(questionCount),
  }
}

function everyPair(questionCount: number, conceptCount: number): ConceptRows {
  return {
    start: Int32Array.from({ length: questionCount + 1 }, (_, question) => question * conceptCount),
    concept: Int32Array.from({ length: questionCount * conceptCount }, (_, entry) => entry % conceptCount),
  }
}

function addScaled(target: Float64Array, source: Float64Array, factor: number): void {
  for (let at = 0; at < target.length; at++) target[at]! += factor * source[at]!
}

function sumOfSquares(values: Float64Array): number {
  let sum = 0
  for (const value of values) sum += value * value
  return sum
}
