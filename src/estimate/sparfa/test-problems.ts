/** Fits of every shape for tests of the kernels: drawn from a seed, and the awkward ones by name. */
import { seededUniform } from './hash.ts'
import { conceptRows } from './matrix.ts'
import { type Preset, presets } from './presets.ts'
import { makeProblem, type Problem } from './problem.ts'
import { type Responses, sortResponses } from './responses.ts'

export interface ProblemShape {
  readonly name: string
  readonly questions: number
  readonly concepts: number
  readonly learners: number
  /** Share of all pairs of learner and question that are answered. */
  readonly share: number
  readonly hintsMax: number
  /** Chance of a right answer. */
  readonly right: number
}

export const awkwardShapes: readonly ProblemShape[] = [
  { name: 'no answer', questions: 3, concepts: 2, learners: 2, share: 0, hintsMax: 1, right: 0.5 },
  { name: 'one answer', questions: 1, concepts: 1, learners: 1, share: 1, hintsMax: 1, right: 0.5 },
  { name: 'all right', questions: 12, concepts: 3, learners: 30, share: 0.8, hintsMax: 2, right: 1 },
  { name: 'all wrong', questions: 12, concepts: 3, learners: 30, share: 0.8, hintsMax: 2, right: 0 },
  { name: 'no hints', questions: 10, concepts: 3, learners: 20, share: 0.5, hintsMax: 0, right: 0.6 },
  { name: 'one learner', questions: 50, concepts: 5, learners: 1, share: 1, hintsMax: 3, right: 0.7 },
  { name: 'several blocks', questions: 90, concepts: 7, learners: 600, share: 0.5, hintsMax: 2, right: 0.6 },
]

export function drawnShape(seed: number): ProblemShape {
  const uniform = seededUniform(seed)
  const integer = (below: number): number => Math.floor(uniform() * below)
  return {
    name: `seed ${seed}`,
    questions: 1 + integer(40),
    concepts: 1 + integer(11),
    learners: 1 + integer(60),
    share: uniform(),
    hintsMax: integer(5),
    right: uniform(),
  }
}

/** Some of the answers to train on, the others held out. */
export function problemOfShape(shape: ProblemShape, preset: Preset): { problem: Problem; heldOut: Responses } {
  const uniform = seededUniform(shape.questions + 1000 * shape.learners)
  const hints: [number, number][] = []
  for (let question = 0; question < shape.questions; question++) {
    const count = Math.floor(uniform() * (shape.hintsMax + 1))
    for (let hint = 0; hint < count; hint++) hints.push([question, Math.floor(uniform() * shape.concepts)])
  }
  const rows: { learner: number; question: number; isCorrect: number; isHeldOut: boolean }[] = []
  for (let learner = 0; learner < shape.learners; learner++) {
    for (let question = 0; question < shape.questions; question++) {
      if (uniform() >= shape.share) continue
      rows.push({ learner, question, isCorrect: uniform() < shape.right ? 1 : 0, isHeldOut: uniform() < 0.1 })
    }
  }
  const sorted = (wanted: boolean): Responses => {
    const kept = rows.filter(({ isHeldOut }) => isHeldOut === wanted)
    const columns = {
      learner: Int32Array.from(kept, ({ learner }) => learner),
      question: Int32Array.from(kept, ({ question }) => question),
      isCorrect: Uint8Array.from(kept, ({ isCorrect }) => isCorrect),
    }
    return sortResponses(columns, { learnerCount: shape.learners, questionCount: shape.questions })
  }
  const problem = makeProblem({
    preset,
    responses: sorted(false),
    hints: conceptRows(shape.questions, hints),
    conceptCount: shape.concepts,
  })
  return { problem, heldOut: sorted(true) }
}

/** The hard mask as `auto` uses it, without g, and with one concept for all; the soft mask with and without g. */
export const presetsForKernels: readonly Preset[] = [
  { ...presets.hard, learnsGeneral: true },
  {
    ...presets.hard,
    name: 'hard without g',
    penalties: { ...presets.hard.penalties, lamG: Number.POSITIVE_INFINITY },
  },
  presets.irt2,
  presets.soft,
  presets['soft-strict'],
]
