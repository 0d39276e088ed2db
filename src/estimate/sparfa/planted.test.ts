/** Recovery of known weights, and honesty of the intervals (sparfa.md §15). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitMatrix } from './fit.ts'
import { makeMatrix, type SparfaMatrix } from './matrix.ts'
import { type Planted, plant } from './planted.ts'
import { confidences, plantedCoverage } from './planted-coverage.ts'
import { presets } from './presets.ts'
import { makeProblem, startingPoint } from './problem.ts'
import { type Responses, sortResponses } from './responses.ts'
import { complete } from './stages.ts'
import { variational } from './variational.ts'
import type { KernelName } from './workspace.ts'

const conceptCount = 20
const learnerCount = 2000

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
    plantedCoverage(planted, planted.truth, sorted).forEach((share, at) => {
      assert.ok(Math.abs(share - confidences[at]!) < 0.03, `true weights: ${share} of ${confidences[at]}`)
    })
    plantedCoverage(planted, fitted, sorted).forEach((share, at) => {
      assert.ok(Math.abs(share - confidences[at]!) < 0.05, `fitted weights: ${share} of ${confidences[at]}`)
    })
  })
}

test('auto: weights on their scale and intervals that hold, without knowing the priors', () => {
  const size = { questions: 400, concepts: conceptCount, learners: learnerCount, responses: 40_000 }
  const planted = plant({ ...size, seed: 4, secondHints: 0, sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
  const sorted = sortResponses(planted.input.responses, { learnerCount, questionCount: 400 })
  const fitted = fitMatrix(planted.input, { preset: 'auto', seed: 1 })
  const scale = mean(fitted.weights.value) / mean(planted.truth.weights.value)
  assert.ok(scale > 0.85 && scale < 1.1, `mean weight ${scale} times the truth`)
  plantedCoverage(planted, fitted, sorted).forEach((share, at) => {
    assert.ok(Math.abs(share - confidences[at]!) < 0.05, `${share} of ${confidences[at]}`)
  })
})

for (const responses of [150, 400]) {
  test(`auto: a young book of ${responses} answers got the stiffest penalty and intervals far too narrow`, () => {
    const seeds = Array.from({ length: 15 }, (_, index) => index + 1)
    const covered = seeds.map((seed) => {
      const size = { questions: 60, concepts: 6, learners: 30, responses }
      const planted = plant({ ...size, seed, secondHints: 0, sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
      const sorted = sortResponses(planted.input.responses, { learnerCount: 30, questionCount: 60 })
      return plantedCoverage(planted, fitMatrix(planted.input, { preset: 'auto', seed: 1 }), sorted, 1)
    })
    confidences.forEach((confidence, at) => {
      const share = mean(Float64Array.from(covered, (shares) => shares[at]!))
      assert.ok(Math.abs(share - confidence) < 0.04, `${share} of ${confidence}`)
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
