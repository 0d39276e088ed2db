/**
 * The loops of the fit with a soft mask (`soft-adadelta.ts`) in plain TypeScript, one block of learners or questions at
 * a time. `assembly/soft.ts` does the same with several numbers at a time: sums over concepts are therefore made in
 * four lanes (concepts 0, 4, 8 …; 1, 5, 9 …), and both give the same bits.
 */
import type { ResponseRows } from './kernels.ts'
import { LossSum } from './loss-sum.ts'
import { sigmoid } from './scalar.ts'
import { type SoftArrays, softNumbers } from './soft-work.ts'

const RHO = 0.95

/** The gradient of each learner of the block by v and g, and a step of both. */
export function updateLearners(work: SoftArrays, block: number): void {
  const { learnerBlock, start, question, isCorrect, weights, easiness, specific, general } = work
  const width = work.sizes[0]!
  const { lamU, lamG } = softNumbers(work)
  const known = new Float64Array(width)
  const gradient = new Float64Array(width)
  for (let learner = learnerBlock[block]!; learner < learnerBlock[block + 1]!; learner++) {
    const first = learner * width
    const ability = general[learner]!
    for (let concept = 0; concept < width; concept++) known[concept] = specific[first + concept]! + ability
    gradient.fill(0)
    for (let row = start[learner]!; row < start[learner + 1]!; row++) {
      const asked = question[row]!
      const residual = sigmoid(easiness[asked]! + dot(weights, asked * width, known)) - isCorrect[row]!
      addScaled(gradient, weights, asked * width, residual)
    }
    const total = sum(gradient, 0, width)
    addScaled(gradient, specific, first, lamU)
    descend(work, { x: specific, seen: work.specificSeen, moved: work.specificMoved }, first, gradient)
    if (lamG === Number.POSITIVE_INFINITY) continue
    const slope = total + lamG * ability
    descendOne(work, { x: general, seen: work.generalSeen, moved: work.generalMoved }, learner, slope)
  }
}

/** The gradient of each question of the block by W and d, and a step of both. */
export function updateQuestions(work: SoftArrays, block: number): void {
  const { questionBlock, questionStart, learner, isCorrectByQuestion, weights, easiness, specific, general } = work
  const width = work.sizes[0]!
  const { lamD } = softNumbers(work)
  const old = new Float64Array(width)
  const gradient = new Float64Array(width)
  const pull = makePull(work)
  for (let question = questionBlock[block]!; question < questionBlock[block + 1]!; question++) {
    const first = question * width
    for (let concept = 0; concept < width; concept++) old[concept] = weights[first + concept]!
    gradient.fill(0)
    const weightSum = sum(old, 0, width)
    const centre = easiness[question]!
    let [residuals, ofGeneral] = [0, 0]
    for (let row = questionStart[question]!; row < questionStart[question + 1]!; row++) {
      const who = learner[row]!
      // W u = W v + g sum(W), and so for the gradient: g is added to a whole row of concepts only once.
      const z = centre + weightSum * general[who]! + dot(specific, who * width, old)
      const residual = sigmoid(z) - isCorrectByQuestion[row]!
      addScaled(gradient, specific, who * width, residual)
      residuals += residual
      ofGeneral += residual * general[who]!
    }
    setHints(work, question, pull, true)
    descendWeights(work, { first, old, gradient, ofGeneral, pull })
    setHints(work, question, pull, false)
    const slope = residuals + lamD * (centre - work.easinessCentre[question]!)
    descendOne(work, { x: easiness, seen: work.easinessSeen, moved: work.easinessMoved }, question, slope)
  }
}

/** Of each weight of one question: L1 penalty, L2 penalty, and where the latter pulls to. */
interface Pull {
  readonly lasso: Float64Array
  readonly ridge: Float64Array
  readonly centre: Float64Array
}

function makePull(work: SoftArrays): Pull {
  const width = work.sizes[0]!
  const { lamN1, lamN2 } = softNumbers(work)
  return {
    lasso: new Float64Array(width).fill(lamN1),
    ridge: new Float64Array(width).fill(lamN2),
    centre: new Float64Array(width),
  }
}

/** Puts the penalties of hinted weights at the hints of a question, or those of others back. */
function setHints(work: SoftArrays, question: number, { lasso, ridge, centre }: Pull, areHinted: boolean): void {
  const { lamW, lamN1, lamN2 } = softNumbers(work)
  const begin = work.hintStart[question]!
  const end = work.hintStart[question + 1]!
  for (let hint = begin; hint < end; hint++) {
    const concept = work.hintConcept[hint]!
    lasso[concept] = areHinted ? 0 : lamN1
    ridge[concept] = areHinted ? lamW : lamN2
    centre[concept] = areHinted ? 1 / (end - begin) : 0
  }
}

function dot(rows: Float64Array, first: number, other: Float64Array): number {
  const whole = other.length - (other.length % 4)
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let at = 0; at < whole; at += 4) {
    a += rows[first + at]! * other[at]!
    b += rows[first + at + 1]! * other[at + 1]!
    c += rows[first + at + 2]! * other[at + 2]!
    d += rows[first + at + 3]! * other[at + 3]!
  }
  if (whole < other.length) a += rows[first + whole]! * other[whole]!
  if (whole + 1 < other.length) b += rows[first + whole + 1]! * other[whole + 1]!
  if (whole + 2 < other.length) c += rows[first + whole + 2]! * other[whole + 2]!
  return a + b + (c + d)
}

function sum(row: Float64Array, first: number, width: number): number {
  const lanes: [number, number, number, number] = [0, 0, 0, 0]
  for (let at = 0; at < width; at++) lanes[at % 4]! += row[first + at]!
  return lanes[0] + lanes[1] + (lanes[2] + lanes[3])
}

function addScaled(sums: Float64Array, rows: Float64Array, first: number, factor: number): void {
  for (let at = 0; at < sums.length; at++) sums[at]! += factor * rows[first + at]!
}

/** An array of coordinates and its averages of squared gradients and of squared steps. */
interface Coordinates {
  readonly x: Float64Array
  readonly seen: Float64Array
  readonly moved: Float64Array
}

function descend(work: SoftArrays, coordinates: Coordinates, first: number, gradient: Float64Array): void {
  for (let at = 0; at < gradient.length; at++) descendOne(work, coordinates, first + at, gradient[at]!)
}

function descendOne({ numbers }: SoftArrays, { x, seen, moved }: Coordinates, at: number, slope: number): void {
  const sight = remember(seen[at]!, slope)
  const eta = numbers[0]! * Math.sqrt((moved[at]! + numbers[1]!) / (sight + numbers[1]!))
  const step = -eta * slope
  seen[at] = sight
  x[at]! += step
  moved[at] = remember(moved[at]!, step)
}

function remember(average: number, value: number): number {
  return RHO * average + (1 - RHO) * value * value
}

interface QuestionStep {
  readonly first: number
  readonly old: Float64Array
  readonly gradient: Float64Array
  /** What g adds to the gradient of every weight. */
  readonly ofGeneral: number
  readonly pull: Pull
}

/** A step that ends in the proximal map of the L1 penalty and of w >= 0; what was applied is what is remembered. */
function descendWeights(work: SoftArrays, { first, old, gradient, ofGeneral, pull }: QuestionStep): void {
  const { weights, weightsSeen, weightsMoved, numbers } = work
  for (let concept = 0; concept < old.length; concept++) {
    const place = first + concept
    const x = old[concept]!
    const slope = gradient[concept]! + ofGeneral + pull.ridge[concept]! * (x - pull.centre[concept]!)
    const sight = remember(weightsSeen[place]!, slope)
    const eta = numbers[0]! * Math.sqrt((weightsMoved[place]! + numbers[1]!) / (sight + numbers[1]!))
    const free = x + -eta * slope - eta * pull.lasso[concept]!
    const step = (free < 0 ? 0 : free) - x
    weightsSeen[place] = sight
    weights[place] = x + step
    weightsMoved[place] = remember(weightsMoved[place]!, step)
  }
}

/** Log-loss of the block's part of other rows of the same learners. */
export function sumLosses(work: SoftArrays, block: number, rows: ResponseRows): void {
  const { learnerBlock, weights, easiness, specific, general } = work
  const width = work.sizes[0]!
  const known = new Float64Array(width)
  const loss = new LossSum()
  for (let learner = learnerBlock[block]!; learner < learnerBlock[block + 1]!; learner++) {
    const first = learner * width
    for (let concept = 0; concept < width; concept++) known[concept] = specific[first + concept]! + general[learner]!
    for (let row = rows.start[learner]!; row < rows.start[learner + 1]!; row++) {
      const asked = rows.question[row]!
      loss.add(easiness[asked]! + dot(weights, asked * width, known), rows.isCorrect[row]!)
    }
  }
  work.losses[block] = loss.total()
}
