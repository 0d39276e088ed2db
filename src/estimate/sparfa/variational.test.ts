import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdOut } from './hold-out.ts'
import { type PlantedOptions, plant } from './planted.ts'
import { type Preset, presets } from './presets.ts'
import { costAt, makeProblem, type Problem, startingPoint } from './problem.ts'
import { type Responses, sortResponses } from './responses.ts'
import { complete } from './stages.ts'
import { variational } from './variational.ts'

const options: PlantedOptions = {
  questions: 60,
  concepts: 8,
  learners: 700,
  responses: 14_000,
  seed: 6,
  secondHints: 0,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
}

function setUp(preset: Preset, changes: Partial<PlantedOptions> = {}): { problem: Problem; heldOut: Responses } {
  const { input } = plant({ ...options, ...changes })
  const counts = { learnerCount: input.learnerCount, questionCount: input.questionIds.length }
  const { training, heldOut } = holdOut(sortResponses(input.responses, counts), 1)
  const problem = makeProblem({ preset, responses: training, hints: input.hints, conceptCount: options.concepts })
  return { problem, heldOut }
}

for (const kernel of ['plain', 'wasm'] as const) {
  test(`it settles, with one hint a question and with several, ${kernel}`, () => {
    for (const secondHints of [0, 0.5]) {
      const { problem } = setUp(presets.hard, { secondHints })
      const optimiser = variational(problem, startingPoint(problem), kernel)
      for (let epoch = 0; epoch < 150; epoch++) complete(optimiser.epoch(epoch))
      const before = Float64Array.from(optimiser.point.weights)
      const general = Float64Array.from(optimiser.point.general)
      complete(optimiser.epoch(150))
      optimiser.point.weights.forEach((weight, at) => {
        assert.ok(Math.abs(weight - before[at]!) < 1e-4)
      })
      optimiser.point.general.forEach((g, at) => {
        assert.ok(Math.abs(g - general[at]!) < 1e-4)
      })
    }
  })

  test(`more epochs do no harm to held-out log-loss, ${kernel}`, () => {
    const { problem, heldOut } = setUp(presets.hard)
    const optimiser = variational(problem, startingPoint(problem), kernel)
    const rows = optimiser.rowsOf(heldOut)
    const losses: number[] = []
    for (let epoch = 0; epoch < 60; epoch++) {
      complete(optimiser.epoch(epoch))
      losses.push(complete(optimiser.meanLogLoss(rows)))
    }
    assert.ok(losses.at(-1)! < Math.min(...losses) + 0.002, `${losses}`)
  })

  test(`with no variance left in u it ends at the maximum a posteriori weights, ${kernel}`, () => {
    // So stiff a prior that u is known: only then do the two criteria agree.
    const stiff = { ...presets.hard, penalties: { ...presets.hard.penalties, lamU: 1e6, lamG: 1e6 } }
    const { problem } = setUp(stiff)
    const optimiser = variational(problem, startingPoint(problem), kernel)
    for (let epoch = 0; epoch < 60; epoch++) complete(optimiser.epoch(epoch))
    const best = costAt(problem, optimiser.point)
    for (const [key, at] of [
      ['easiness', 3],
      ['easiness', 40],
      ['weights', 5],
      ['general', 7],
    ] as const) {
      for (const step of [0.01, -0.01]) {
        optimiser.point[key][at]! += step
        assert.ok(costAt(problem, optimiser.point) > best, `${key} ${at} moved by ${step}`)
        optimiser.point[key][at]! -= step
      }
    }
  })

  test(`the variance of g is learnt, as far as v does not explain it, ${kernel}`, () => {
    const learnt = [0.3, 1.2].map((sigmaGeneral) => {
      const { problem } = setUp({ ...presets.hard, learnsGeneral: true }, { sigmaGeneral, responses: 20_000 })
      const optimiser = variational(problem, startingPoint(problem), kernel)
      for (let epoch = 0; epoch < 60; epoch++) complete(optimiser.epoch(epoch))
      return 1 / Math.sqrt(optimiser.penalties.lamG)
    })
    assert.ok(learnt[0]! > 0.2 && learnt[0]! < 0.5, `${learnt[0]} instead of 0.3`)
    assert.ok(learnt[1]! > 1 && learnt[1]! < 1.4, `${learnt[1]} instead of 1.2`)
  })

  test(`one ability for all questions: the item response presets, ${kernel}`, () => {
    for (const preset of [presets.irt1, presets.irt2]) {
      const { problem, heldOut } = setUp(preset)
      const optimiser = variational(problem, startingPoint(problem), kernel)
      const rows = optimiser.rowsOf(heldOut)
      const before = complete(optimiser.meanLogLoss(rows))
      for (let epoch = 0; epoch < 20; epoch++) complete(optimiser.epoch(epoch))
      assert.ok(complete(optimiser.meanLogLoss(rows)) < before - 0.01)
      assert.ok(optimiser.point.specific.every((value) => value === 0))
      assert.equal(
        optimiser.point.weights.every((weight) => weight === 1),
        preset.name === 'irt1',
      )
    }
  })
}
