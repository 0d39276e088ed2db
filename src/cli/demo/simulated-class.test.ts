import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from './seeded-random.ts'
import {
  drawAbilities,
  drawItems,
  probabilityCorrect,
  type SimulationSettings,
  simulateClass,
  simulationDefaults,
} from './simulated-class.ts'
import type { Study } from './study.ts'

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const covariance = (one: readonly number[], other: readonly number[]) => {
  const meanOne = mean(one)
  const meanOther = mean(other)
  return mean(one.map((value, index) => (value - meanOne) * (other[index]! - meanOther)))
}
const correlation = (one: readonly number[], other: readonly number[]) =>
  covariance(one, other) / Math.sqrt(covariance(one, one) * covariance(other, other))
const near = (actual: number, expected: number, tolerance: number) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not within ${tolerance} of ${expected}`)
const shareRight = (study: Study) =>
  mean(study.learners.flatMap(({ answers }) => answers.map((answer) => (answer.isCorrect ? 1 : 0))))

/** Items all alike, no learning: the share of right answers then has a closed form. */
const plain: Partial<SimulationSettings> = {
  students: 1500,
  chapters: 1,
  discriminationSpread: 0,
  difficultySpread: 0,
  learningRate: 0,
  guessing: 0,
}

test('the response function has the values of the 3PL model', () => {
  const item = { discrimination: 2, difficulty: 0.5 }
  assert.equal(probabilityCorrect(item, 0.5, 0), 0.5)
  near(probabilityCorrect(item, 0.5, 0.2), 0.6, 1e-12)
  near(probabilityCorrect(item, 1.5, 0), 1 / (1 + Math.exp(-2)), 1e-12)
  near(probabilityCorrect(item, -40, 0.15), 0.15, 1e-12)
})

test('abilities are standard normal, and pages correlate by the general ability', () => {
  const random = seededRandom(3, 'abilities')
  const students = Array.from({ length: 20_000 }, () => drawAbilities(random, 3, 0.5))
  const [first, second, third] = [0, 1, 2].map((page) => students.map((abilities) => abilities[page]!))
  near(mean(first!), 0, 0.03)
  near(covariance(first!, first!), 1, 0.04)
  near(correlation(first!, second!), 0.5, 0.02)
  near(correlation(second!, third!), 0.5, 0.02)
})

test('items have the spread that was asked for', () => {
  const items = drawItems(seededRandom(3, 'items'), 20_000, { ...simulationDefaults, difficultySpread: 1.5 })
  const logarithms = items.map((item) => Math.log(item.discrimination))
  near(mean(logarithms), 0, 0.01)
  near(Math.sqrt(covariance(logarithms, logarithms)), 0.25, 0.01)
  const difficulties = items.map((item) => item.difficulty)
  near(mean(difficulties), 0, 0.04)
  near(Math.sqrt(covariance(difficulties, difficulties)), 1.5, 0.03)
})

test('without guessing and learning, average students are right half of the time', () => {
  // E[1 / (1 + exp(-θ))] = 1/2 for symmetric θ. 60,000 answers of 1500 students: deviation of the mean about 0.004.
  near(shareRight(simulateClass(plain)), 0.5, 0.015)
})

test('guessing lifts the share of right answers by c · (1 - P)', () => {
  near(shareRight(simulateClass({ ...plain, guessing: 0.3 })), 0.3 + 0.7 * 0.5, 0.015)
})

test('practice lifts later answers on a page, and only if there is learning', () => {
  const gain = (learningRate: number) => {
    const { learners } = simulateClass({ ...plain, learningRate })
    const shareAt = (index: number) =>
      mean(
        learners.flatMap(({ answers }) => [0, 6, 12, 18, 24].map((page) => (answers[page + index]!.isCorrect ? 1 : 0))),
      )
    return shareAt(5) - shareAt(0)
  }
  near(gain(0), 0, 0.02)
  // E over θ ~ N(0, 1) of the logistic at θ + 5 · 0.2, minus one half: 0.6968 - 0.5 by quadrature.
  near(gain(0.2), normalLogistic(1) - 0.5, 0.02)
})

/** E[1 / (1 + exp(-(θ + shift)))] for θ ~ N(0, 1), by the trapezoidal rule. */
function normalLogistic(shift: number): number {
  let sum = 0
  for (let theta = -8; theta <= 8; theta += 0.001) {
    const density = Math.exp((-theta * theta) / 2) / Math.sqrt(2 * Math.PI)
    sum += (0.001 * density) / (1 + Math.exp(-(theta + shift)))
  }
  return sum
}

test('the class has the shape that was asked for, and nobody meets an exercise twice', () => {
  const study = simulateClass()
  assert.equal(study.pageCount, 20)
  assert.equal(study.questions.length, 240)
  assert.equal(study.learners.length, 60)
  for (const { answers } of study.learners) {
    assert.equal(answers.length, 20 * 8)
    assert.equal(new Set(answers.map((answer) => answer.question)).size, answers.length)
    const pages = answers.slice(0, 120).map((answer) => study.questions[answer.question]!.pages[0]!)
    assert.deepEqual(
      pages,
      [...pages].sort((one, other) => one - other),
    )
    const review = answers.slice(120).map((answer) => study.questions[answer.question]!.pages[0]!)
    assert.equal(new Set(review).size, 20)
  }
})

test('the same seed gives the same class, another seed another one', () => {
  assert.deepEqual(simulateClass({ seed: 5 }), simulateClass({ seed: 5 }))
  assert.notDeepEqual(simulateClass({ seed: 5 }).learners, simulateClass({ seed: 6 }).learners)
})

test('a larger class begins with the same students', () => {
  assert.deepEqual(simulateClass({ students: 100 }).learners.slice(0, 60), simulateClass({ students: 60 }).learners)
})
