/**
 * Working space of the fit with a soft mask (`soft-adadelta.ts`), and how its work is cut into blocks: learners and
 * questions are independent of each other, so blocks change nothing but who does what.
 */
import type { AdadeltaOptions } from './adadelta.ts'
import { blockCountFor, blockStarts, sumUp } from './blocks.ts'
import { hasSpecific, type Point, type Problem } from './problem.ts'
import type { Responses } from './responses.ts'
import { type ArraysOf, type KernelName, makeWorkspace, type Workspace } from './workspace.ts'

/**
 * In the order of `SoftWork` in `assembly/soft.ts`. Behind weights and specific other finite numbers must follow: rows
 * have a length that need not be even, and are read in pairs and fours.
 */
function softLayout({ responses, hints, conceptCount }: Problem, blocks: number) {
  const { learnerCount, questionCount, question } = responses
  const [weights, specific] = [questionCount * conceptCount, learnerCount * conceptCount]
  return {
    /** First learner and first question of each block. */
    learnerBlock: ['i32', blocks + 1],
    questionBlock: ['i32', blocks + 1],
    /** See `softNumbers`. */
    numbers: ['f64', 8],
    /** Concepts, the next multiple of four, numbers of scratch for each block. */
    sizes: ['i32', 3],
    start: ['i32', learnerCount + 1],
    question: ['i32', question.length],
    isCorrect: ['u8', question.length],
    /** The same answers by question; a question's learners ascend. */
    questionStart: ['i32', questionCount + 1],
    learner: ['i32', question.length],
    isCorrectByQuestion: ['u8', question.length],
    hintStart: ['i32', questionCount + 1],
    hintConcept: ['i32', hints.concept.length],
    weights: ['f64', weights],
    easiness: ['f64', questionCount],
    specific: ['f64', specific],
    general: ['f64', learnerCount],
    /** Adadelta's averages of squared gradients and of squared steps. */
    weightsSeen: ['f64', weights],
    weightsMoved: ['f64', weights],
    easinessSeen: ['f64', questionCount],
    easinessMoved: ['f64', questionCount],
    specificSeen: ['f64', specific],
    specificMoved: ['f64', specific],
    generalSeen: ['f64', learnerCount],
    generalMoved: ['f64', learnerCount],
    easinessCentre: ['f64', questionCount],
    scratch: ['f64', blocks * scratchLength(conceptCount)],
    /** What each block adds to a log-loss; only plain code works with it. */
    losses: ['f64', blocks],
  } as const
}

export type SoftArrays = ArraysOf<ReturnType<typeof softLayout>>
export type SoftWork = Workspace<ReturnType<typeof softLayout>>

/** Six numbers for four answers; then five rows: of the learner or question, its gradient, and three of penalties. */
function scratchLength(conceptCount: number): number {
  return 6 + 5 * padded(conceptCount)
}

function padded(conceptCount: number): number {
  return Math.ceil(conceptCount / 4) * 4
}

/** Begins at `point`, which is copied. */
export function makeSoftWork(
  problem: Problem,
  point: Point,
  kernel: KernelName,
  { epsilon }: AdadeltaOptions,
): SoftWork {
  const { responses, hints, penalties, conceptCount, easinessCentre } = problem
  // v is what makes the mask soft worth its while; no preset is without.
  if (!hasSpecific(penalties)) throw new RangeError('a soft mask needs a finite lam_u')
  const { lamW, lamN1, lamN2, lamD, lamU, lamG } = penalties
  const blocks = blockCountFor(responses.question.length)
  const work = makeWorkspace(kernel, softLayout(problem, blocks))
  const { arrays } = work
  const byQuestion = transpose(responses)
  arrays.learnerBlock.set(blockStarts(responses.start, blocks))
  arrays.questionBlock.set(blockStarts(byQuestion.start, blocks))
  arrays.numbers.set([1, epsilon, lamW, lamN1, lamN2, lamD, lamU, lamG])
  arrays.sizes.set([conceptCount, padded(conceptCount), scratchLength(conceptCount)])
  arrays.start.set(responses.start)
  arrays.question.set(responses.question)
  arrays.isCorrect.set(responses.isCorrect)
  arrays.questionStart.set(byQuestion.start)
  arrays.learner.set(byQuestion.learner)
  arrays.isCorrectByQuestion.set(byQuestion.isCorrect)
  arrays.hintStart.set(hints.start)
  arrays.hintConcept.set(hints.concept)
  arrays.weights.set(point.weights)
  arrays.easiness.set(point.easiness)
  arrays.specific.set(point.specific)
  arrays.general.set(point.general)
  arrays.easinessCentre.set(easinessCentre)
  return work
}

/** Names for `numbers`; an infinite lamG stands for a prior without g. */
export function softNumbers({ numbers }: SoftArrays) {
  const [factor, epsilon, lamW, lamN1, lamN2, lamD, lamU, lamG] = numbers as unknown as EightNumbers
  return { factor, epsilon, lamW, lamN1, lamN2, lamD, lamU, lamG }
}

type EightNumbers = readonly [number, number, number, number, number, number, number, number]

/** The rates of the next epoch are multiplied by this. */
export function setFactor({ numbers }: SoftArrays, factor: number): void {
  numbers[0] = factor
}

interface ByQuestion {
  readonly start: Int32Array
  readonly learner: Int32Array
  readonly isCorrect: Uint8Array
}

function transpose({ learnerCount, questionCount, start, question, isCorrect }: Responses): ByQuestion {
  const first = new Int32Array(questionCount + 1)
  for (const asked of question) first[asked + 1]! += 1
  sumUp(first)
  const next = first.slice(0, questionCount)
  const byQuestion = { learner: new Int32Array(question.length), isCorrect: new Uint8Array(question.length) }
  for (let learner = 0; learner < learnerCount; learner++) {
    for (let row = start[learner]!; row < start[learner + 1]!; row++) {
      const place = next[question[row]!]!
      next[question[row]!] = place + 1
      byQuestion.learner[place] = learner
      byQuestion.isCorrect[place] = isCorrect[row]!
    }
  }
  return { start: first, ...byQuestion }
}
