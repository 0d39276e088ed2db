/** Numerical tests of sparfa.md §15: gradients, descent, and agreement of the optimisers with each other. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { adadelta } from './adadelta.ts'
import { fista, stepLearners, stepQuestions } from './fista.ts'
import { seededUniform } from './hash.ts'
import { holdOut } from './hold-out.ts'
import { conceptRows } from './matrix.ts'
import { plant } from './planted.ts'
import { type Preset, presets } from './presets.ts'
import {
  copyPoint,
  costAt,
  learnerGradient,
  makeProblem,
  type Point,
  type Problem,
  questionGradient,
  startingPoint,
} from './problem.ts'
import { sortResponses } from './responses.ts'
import { complete } from './stages.ts'
import { train } from './train.ts'

const small = plant({
  questions: 24,
  concepts: 6,
  learners: 50,
  responses: 600,
  seed: 5,
  secondHints: 0.4,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
}).input

const coordinates = ['weights', 'easiness', 'specific', 'general'] as const

function problemOf(preset: Preset, input = small): Problem {
  const responses = sortResponses(input.responses, {
    learnerCount: input.learnerCount,
    questionCount: input.questionIds.length,
  })
  return makeProblem({ preset, responses, hints: input.hints, conceptCount: input.conceptIds.length })
}

function randomPoint(problem: Problem, seed: number): Point {
  const uniform = seededUniform(seed)
  const point = startingPoint(problem)
  for (const key of coordinates) for (let at = 0; at < point[key].length; at++) point[key][at]! += uniform() + 0.1
  if (problem.preset.mask === 'hard') point.specific[point.specific.length - 1] = 0
  return point
}

for (const name of ['hard', 'soft'] as const) {
  test(`gradients equal central differences in every coordinate, ${name} mask`, () => {
    const problem = problemOf(presets[name])
    const point = randomPoint(problem, 1)
    const gradient = copyPoint(point)
    const z = new Float64Array(problem.responses.question.length)
    learnerGradient(problem, point, gradient, z)
    const { specific, general } = copyPoint(gradient)
    questionGradient(problem, point, gradient, z)
    const found = { ...gradient, specific, general }
    let worst = 0
    for (const key of coordinates) {
      const last = key === 'specific' && name === 'hard' ? point[key].length - 1 : point[key].length
      for (let at = 0; at < last; at++) {
        const middle = point[key][at]!
        point[key][at] = middle + 1e-5
        const above = costAt(problem, point)
        point[key][at] = middle - 1e-5
        const below = costAt(problem, point)
        point[key][at] = middle
        // The L1 term is left to the proximal step and is no part of the gradient.
        const lasso = key === 'weights' ? problem.lasso[at]! : 0
        worst = Math.max(worst, Math.abs((above - below) / 2e-5 - lasso - found[key][at]!))
      }
    }
    assert.ok(worst < 1e-7, `largest error ${worst}`)
  })

  test(`no half-step of FISTA increases the cost, ${name} mask`, () => {
    const problem = problemOf(presets[name])
    const point = randomPoint(problem, 2)
    let before = costAt(problem, point)
    for (let outer = 0; outer < 12; outer++) {
      for (const step of [stepLearners, stepQuestions]) {
        step(problem, point)
        const after = costAt(problem, point)
        assert.ok(after <= before + 1e-9, `${after} after ${before}`)
        before = after
      }
    }
    assert.ok(point.weights.every((weight) => weight >= 0))
  })
}

test('hard mask: FISTA, Adadelta and a general-purpose optimiser end at the same cost', () => {
  const text = readFileSync(new URL('./fixtures/reference.json', import.meta.url), 'utf8')
  const { shape, hints, responses, optimum } = JSON.parse(text)
  const pairs = hints.flatMap((row: number[], question: number) => row.map((concept) => [question, concept] as const))
  const [questionCount, conceptCount, learnerCount] = shape
  const column = (at: number): Int32Array => Int32Array.from(responses, (row: number[]) => row[at]!)
  const columns = { learner: column(0), question: column(1), isCorrect: Uint8Array.from(column(2)) }
  const problem = makeProblem({
    preset: presets.hard,
    responses: sortResponses(columns, { learnerCount, questionCount }),
    hints: conceptRows(questionCount, pairs),
    conceptCount,
  })
  for (const [make, epochs] of [
    [adadelta, 400],
    [fista, 60],
  ] as const) {
    const optimiser = make(problem, startingPoint(problem))
    for (let epoch = 0; epoch < epochs; epoch++) complete(optimiser.epoch(epoch))
    const cost = costAt(problem, optimiser.point)
    assert.ok(Math.abs(cost / optimum.cost - 1) < 1e-4, `${make.name}: ${cost} instead of ${optimum.cost}`)
    optimiser.point.easiness.forEach((value, question) => {
      assert.ok(Math.abs(value - optimum.d[question]) < 0.02, `${make.name}: d of ${question}`)
    })
  }
})

test('soft mask: FISTA and Adadelta agree within 2 % of the cost, and in held-out log-loss when stopped early', () => {
  const { input } = plant({
    questions: 60,
    concepts: 6,
    learners: 200,
    responses: 5000,
    seed: 9,
    secondHints: 0.3,
    sigmaSpecific: 0.7,
    sigmaGeneral: 0.7,
  })
  const whole = problemOf(presets.soft, input)
  const costs = ([adadelta, fista] as const).map((make, index) => {
    const optimiser = make(whole, startingPoint(whole))
    for (let epoch = 0; epoch < [200, 40][index]!; epoch++) complete(optimiser.epoch(epoch))
    return costAt(whole, optimiser.point)
  })
  assert.ok(Math.abs(costs[0]! / costs[1]! - 1) < 0.02, `${costs}`)
  const { training, heldOut } = holdOut(whole.responses, 1)
  const parts = { preset: presets.soft, hints: input.hints, conceptCount: input.conceptIds.length }
  const problem = makeProblem({ ...parts, responses: training })
  const losses = ([adadelta, fista] as const).map(
    (make) =>
      complete(train(make(problem, startingPoint(problem)), heldOut, { epochsMax: 200, patience: 10 })).heldOutLogLoss!,
  )
  assert.ok(Math.abs(losses[0]! - losses[1]!) < 0.005, `${losses}`)
})

test('1PL by this code equals a ridge logistic regression solved by Newton steps', () => {
  const problem = problemOf(presets.irt1)
  const optimiser = fista(problem, startingPoint(problem))
  for (let epoch = 0; epoch < 60; epoch++) complete(optimiser.epoch(epoch))
  const { easiness, general } = ridgeLogistic(problem)
  optimiser.point.easiness.forEach((value, at) => {
    assert.ok(Math.abs(value - easiness[at]!) < 1e-3)
  })
  optimiser.point.general.forEach((value, at) => {
    assert.ok(Math.abs(value - general[at]!) < 1e-3)
  })
})

/** Coordinate-wise Newton on logit P = g_l + d_q with the same ridge penalties. */
function ridgeLogistic(problem: Problem): { easiness: Float64Array; general: Float64Array } {
  const { responses, easinessCentre } = problem
  const easiness = easinessCentre.slice()
  const general = new Float64Array(responses.learnerCount)
  for (let sweep = 0; sweep < 300; sweep++) {
    const slope = { d: easiness.map((value, at) => value - easinessCentre[at]!), g: general.slice() }
    const bend = { d: new Float64Array(easiness.length).fill(1), g: new Float64Array(general.length).fill(1) }
    const visit = (use: (learner: number, question: number, residual: number, curvature: number) => void): void => {
      for (let learner = 0; learner < general.length; learner++) {
        for (let row = responses.start[learner]!; row < responses.start[learner + 1]!; row++) {
          const question = responses.question[row]!
          const p = 1 / (1 + Math.exp(-general[learner]! - easiness[question]!))
          use(learner, question, p - responses.isCorrect[row]!, p * (1 - p))
        }
      }
    }
    visit((learner, _, residual, curvature) => {
      slope.g[learner]! += residual
      bend.g[learner]! += curvature
    })
    for (let at = 0; at < general.length; at++) general[at]! -= slope.g[at]! / bend.g[at]!
    visit((_, question, residual, curvature) => {
      slope.d[question]! += residual
      bend.d[question]! += curvature
    })
    for (let at = 0; at < easiness.length; at++) easiness[at]! -= slope.d[at]! / bend.d[at]!
  }
  return { easiness, general }
}
