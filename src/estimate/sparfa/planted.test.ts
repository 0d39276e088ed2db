/** Recovery of known weights, and honesty of the intervals (sparfa.md §15). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clueOf } from './clue.ts'
import { estimateLearner } from './learner.ts'
import { makeMatrix, type SparfaMatrix } from './matrix.ts'
import { type Planted, plant } from './planted.ts'
import { presets } from './presets.ts'
import { makeProblem, startingPoint } from './problem.ts'
import { type Responses, sortResponses } from './responses.ts'
import { sigmoid } from './scalar.ts'
import { complete } from './stages.ts'
import { variational } from './variational.ts'
import type { KernelName } from './workspace.ts'

const conceptCount = 20
const learnerCount = 2000
const confidences = [0.5, 0.8, 0.95]

for (const { responses, easiness, weights, kernel } of [
  { responses: 40_000, easiness: 0.955, weights: 0.4, kernel: 'plain' },
  { responses: 120_000, easiness: 0.98, weights: 0.65, kernel: 'wasm' },
] as const) {
  test(`${responses} answers: d and W come back, and intervals cover what they promise`, () => {
    const planted = plant({
      questions: 400,
      concepts: conceptCount,
      learners: learnerCount,
      responses,
      seed: 4,
      secondHints: 0,
      sigmaSpecific: 0.7,
      sigmaGeneral: 0.7,
    })
    const sorted = sortResponses(planted.input.responses, { learnerCount, questionCount: 400 })
    const fitted = fitFully(planted, sorted, kernel)
    assert.ok(correlation(fitted.easiness, planted.truth.easiness) >= easiness)
    assert.ok(correlation(fitted.weights.value, planted.truth.weights.value) >= weights)
    const scale = mean(fitted.weights.value) / mean(planted.truth.weights.value)
    assert.ok(scale > 0.85 && scale < 1.1, `mean weight ${scale} times the truth`)
    coverage(planted, planted.truth, sorted).forEach((share, at) => {
      assert.ok(Math.abs(share - confidences[at]!) < 0.03, `true weights: ${share} of ${confidences[at]}`)
    })
    coverage(planted, fitted, sorted).forEach((share, at) => {
      assert.ok(Math.abs(share - confidences[at]!) < 0.05, `fitted weights: ${share} of ${confidences[at]}`)
    })
  })
}

/** All answers, the true priors, many epochs. */
function fitFully({ input, truth }: Planted, responses: Responses, kernel: KernelName): SparfaMatrix {
  const { lamU, lamG } = truth
  const preset = { ...presets.hard, penalties: { ...presets.hard.penalties, lamU, lamG } }
  const problem = makeProblem({ preset, responses, hints: input.hints, conceptCount })
  const optimiser = variational(problem, startingPoint(problem), kernel)
  for (let epoch = 0; epoch < 20; epoch++) complete(optimiser.epoch(epoch))
  const { easiness, weights } = optimiser.point
  return makeMatrix({ ...truth, easiness, support: problem.support, weights, hints: input.hints })
}

/** Share of (learner, concept) pairs whose true mean probability lies inside the interval, by confidence. */
function coverage({ input, truth, knowledge }: Planted, matrix: SparfaMatrix, responses: Responses): number[] {
  const pools = Array.from({ length: conceptCount }, (_, concept) =>
    Int32Array.from({ length: 400 }, (_, question) => question).filter(
      (question) => input.hints.concept[question] === concept,
    ),
  )
  const inside = confidences.map(() => 0)
  let pairs = 0
  for (let learner = 0; learner < learnerCount; learner += 10) {
    const rows = [responses.start[learner]!, responses.start[learner + 1]!] as const
    const known = estimateLearner(matrix, responses.question.subarray(...rows), responses.isCorrect.subarray(...rows))
    pools.forEach((pool, concept) => {
      const u = knowledge[learner * conceptCount + concept]!
      const chance = mean(
        Float64Array.from(pool, (one) => sigmoid(truth.weights.value[one]! * u + truth.easiness[one]!)),
      )
      pairs += 1
      confidences.forEach((confidence, at) => {
        const { minimum, maximum } = clueOf(matrix, [known], pool, { confidence, minResponses: 0 })
        if (minimum <= chance && chance <= maximum) inside[at]! += 1
      })
    })
  }
  return inside.map((count) => count / pairs)
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function correlation(one: Float64Array, other: Float64Array): number {
  const [middle, centre] = [mean(one), mean(other)]
  let [both, first, second] = [0, 0, 0]
  one.forEach((value, at) => {
    both += (value - middle) * (other[at]! - centre)
    first += (value - middle) ** 2
    second += (other[at]! - centre) ** 2
  })
  return both / Math.sqrt(first * second)
}
