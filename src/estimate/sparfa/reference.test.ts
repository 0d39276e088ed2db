/** Agreement with the numbers of fixtures/make_fixtures.py, an independent dense implementation. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { runHere } from './blocks.ts'
import { clueOf } from './clue.ts'
import { makeMeeting, meetConcepts } from './kernels.ts'
import { estimateLearner, type SparfaKnowledge } from './learner.ts'
import { conceptRows, makeMatrix, type SparfaMatrix } from './matrix.ts'
import { numberedId } from './numbered-id.ts'
import { probabilityOf } from './predict.ts'
import { presets } from './presets.ts'
import { costAt, makeProblem, type Point, type Problem, startingPoint } from './problem.ts'
import { sortResponses } from './responses.ts'
import { rankQuestions } from './tesr.ts'

interface Reference {
  readonly shape: [questions: number, concepts: number, learners: number]
  readonly hints: number[][]
  readonly responses: [learner: number, question: number, correct: number][]
  readonly d0: number[]
  readonly d_start: number[]
  readonly point: Record<'W_hard' | 'W_soft' | 'd' | 'v' | 'g', number[]> & { cost_hard: number; cost_soft: number }
  readonly true_W: number[]
  readonly true_d: number[]
  readonly learners: { answered: number[]; correct: number[]; u: number[]; V: number[]; ranking: number[] }[]
  readonly pool: number[]
  readonly clues: { single: number[][]; group: number[]; wide: number[] }
}

const text = readFileSync(new URL('./fixtures/reference.json', import.meta.url), 'utf8')
const reference = JSON.parse(text) as Reference
const [questionCount, conceptCount, learnerCount] = reference.shape
const hints = conceptRows(
  questionCount,
  reference.hints.flatMap((concepts, question) => concepts.map((concept) => [question, concept] as const)),
)

function problemWith(mask: 'hard' | 'soft'): Problem {
  const columns = {
    learner: Int32Array.from(reference.responses, ([learner]) => learner),
    question: Int32Array.from(reference.responses, ([, question]) => question),
    isCorrect: Uint8Array.from(reference.responses, ([, , correct]) => correct),
  }
  const preset = {
    ...presets[mask],
    penalties: { lamW: 10, lamN1: 0.5, lamN2: 1, lamD: 1, lamU: 2, lamG: 1 },
  }
  const responses = sortResponses(columns, { learnerCount, questionCount })
  return makeProblem({ preset, responses, hints, conceptCount })
}

const matrix: SparfaMatrix = makeMatrix({
  questionIds: Array.from({ length: questionCount }, (_, index) => numberedId('question', index)),
  conceptIds: Array.from({ length: conceptCount }, (_, index) => numberedId('concept', index)),
  easiness: Float64Array.from(reference.true_d),
  support: hints,
  weights: Float64Array.from(reference.true_W),
  hints,
  madeBy: {
    preset: 'reference',
    mask: 'hard',
    lam_w: 10,
    lam_d: 1,
    lam_u: 2,
    lam_g: 1,
    seed: 0,
    responses: 0,
    learners: 0,
    epochs: 0,
    held_out_log_loss: null,
    stopped_by: 'empty',
    warm_starts: 0,
  },
})

const knowledge: SparfaKnowledge[] = reference.learners.map(({ answered, correct }) =>
  estimateLearner(matrix, Int32Array.from(answered), Uint8Array.from(correct)),
)

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(actual.length, expected.length)
  for (let at = 0; at < expected.length; at++) {
    const error = Math.abs(actual[at]! - expected[at]!)
    assert.ok(error <= tolerance, `entry ${at}: ${actual[at]} instead of ${expected[at]}`)
  }
}

test('d0 and the starting d agree', () => {
  const problem = problemWith('hard')
  assertClose(problem.easinessCentre, reference.d0, 1e-12)
  assertClose(startingPoint(problem).easiness, reference.d_start, 1e-12)
})

test('the cost agrees at a random point, for both masks', () => {
  const { point } = reference
  const soft = problemWith('soft')
  const full: Point = {
    weights: Float64Array.from(point.W_soft),
    easiness: Float64Array.from(point.d),
    specific: Float64Array.from(point.v),
    general: Float64Array.from(point.g),
  }
  assertClose([costAt(soft, full)], [point.cost_soft], 1e-8)
  const hard = problemWith('hard')
  const { specificRows } = runHere(makeMeeting(hard.responses, hints, conceptCount), meetConcepts)
  const { start, concept } = specificRows
  const specific = new Float64Array(hard.kernels.specificCount)
  for (let learner = 0; learner < learnerCount; learner++) {
    for (let at = start[learner]!; at < start[learner + 1]!; at++) {
      specific[at] = point.v[learner * conceptCount + concept[at]!]!
    }
  }
  assertClose([costAt(hard, { ...full, weights: Float64Array.from(point.W_hard), specific })], [point.cost_hard], 1e-8)
})

test('the maximum a posteriori knowledge of a learner agrees, also for concepts without evidence', () => {
  reference.learners.forEach((expected, index) => {
    const { position, mean, general } = knowledge[index]!
    const u = Array.from(position, (at) => (at === -1 ? 0 : mean[at]!) + general)
    assertClose(u, expected.u, 1e-8)
  })
})

test('CLUEs of single learners and of a group agree', () => {
  const pool = Int32Array.from(reference.pool)
  const clue = (learners: readonly SparfaKnowledge[], confidence: number): number[] => {
    const { minimum, mostLikely, maximum, isReal } = clueOf(matrix, learners, pool, { confidence, minResponses: 3 })
    assert.ok(isReal)
    return [minimum, mostLikely, maximum]
  }
  reference.clues.single.forEach((expected, index) => {
    assertClose(clue([knowledge[index]!], 0.5), expected, 1e-8)
  })
  assertClose(clue(knowledge, 0.5), reference.clues.group, 1e-8)
  assertClose(clue(knowledge, 0.95), reference.clues.wide, 1e-8)
})

test('probabilities agree with the formula', () => {
  reference.learners.forEach(({ u }, index) => {
    for (let question = 0; question < questionCount; question++) {
      let z = reference.true_d[question]!
      for (let at = hints.start[question]!; at < hints.start[question + 1]!; at++) {
        z += reference.true_W[at]! * u[hints.concept[at]!]!
      }
      assertClose([probabilityOf(matrix, knowledge[index]!, question)], [1 / (1 + Math.exp(-z))], 1e-8)
    }
  })
})

test('the ranking is the plain greedy order, answered questions last', () => {
  const all = Int32Array.from({ length: questionCount }, (_, question) => question)
  reference.learners.forEach(({ ranking }, index) => {
    assert.deepEqual([...rankQuestions(matrix, knowledge[index]!, all)], ranking)
  })
})
