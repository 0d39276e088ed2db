import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { baselines } from './baselines.ts'
import { type Coverage, heldOutCoverage } from './coverage.ts'
import {
  type AnswerRow,
  type DataSet,
  evaluate,
  fitInputOf,
  makeDataSet,
  type Split,
  sparfaPredictor,
  split,
} from './evaluate.ts'
import { fitMatrix } from './fit.ts'
import { fitLogistic, predictLogistic } from './logistic.ts'
import { plant } from './planted.ts'
import { sigmoid } from './scalar.ts'

const planted = plant({
  questions: 120,
  concepts: 6,
  learners: 300,
  responses: 15_000,
  seed: 8,
  secondHints: 0.2,
  sigmaSpecific: 1.2,
  sigmaGeneral: 0.3,
})

function rowsOf({ input }: typeof planted): AnswerRow[] {
  const { learner, question, isCorrect } = input.responses
  const seen = new Map<number, number>()
  return Array.from(learner, (who, row) => {
    const order = seen.get(who) ?? 0
    seen.set(who, order + 1)
    const asked = question[row]!
    const concepts = [...input.hints.concept.subarray(input.hints.start[asked]!, input.hints.start[asked + 1]!)]
    return { learner: who, question: asked, concepts, isCorrect: isCorrect[row] === 1, order }
  })
}

const data = makeDataSet(rowsOf(planted))
const random: Split = { kind: 'random', seed: 1 }

test('of several answers to a question the first counts, whatever the order of the rows', () => {
  const row = { learner: 0, question: 3, concepts: [1], isCorrect: true, order: 4 }
  const first = { ...row, isCorrect: false, order: 2 }
  for (const rows of [
    [row, first],
    [first, row],
  ]) {
    const { responses, order, conceptCount } = makeDataSet(rows)
    assert.deepEqual([[...responses.isCorrect], [...order], conceptCount], [[0], [2], 2])
  }
})

test('a split puts every answer in exactly one part', () => {
  for (const how of [random, { kind: 'future' } as const]) {
    const { training, test: asked, testOrder } = split(data, how)
    assert.equal(training.responses.question.length + asked.question.length, data.responses.question.length)
    assert.equal(training.order.length, training.responses.question.length)
    assert.equal(testOrder.length, asked.question.length)
    for (let learner = 0; learner < asked.learnerCount; learner++) {
      const rows = asked.question.subarray(asked.start[learner]!, asked.start[learner + 1]!)
      const { start, question } = training.responses
      const known = new Set(question.subarray(start[learner]!, start[learner + 1]!))
      assert.ok(rows.every((one) => !known.has(one)))
    }
  }
})

test('the future split asks for what comes after ceil(0.8 n) answers', () => {
  const { training, test: asked, testOrder } = split(data, { kind: 'future' })
  for (let learner = 0; learner < asked.learnerCount; learner++) {
    const [known, later] = [training.responses, asked].map(({ start }) => start[learner + 1]! - start[learner]!)
    assert.equal(known, Math.ceil(0.8 * (known! + later!)))
    const lastKnown = Math.max(
      ...training.order.subarray(training.responses.start[learner], training.responses.start[learner + 1]),
    )
    const orders = testOrder.subarray(asked.start[learner], asked.start[learner + 1])
    assert.ok(orders.every((order) => order > lastKnown))
  }
})

test('on planted answers SPARFA beats every baseline and comes near the truth', () => {
  const parts = split(data, random)
  let truth = 0
  const { start, concept, value } = planted.truth.weights
  for (let learner = 0; learner < parts.test.learnerCount; learner++) {
    for (let row = parts.test.start[learner]!; row < parts.test.start[learner + 1]!; row++) {
      const asked = parts.test.question[row]!
      let z = planted.truth.easiness[asked]!
      for (let at = start[asked]!; at < start[asked + 1]!; at++)
        z += value[at]! * planted.knowledge[learner * 6 + concept[at]!]!
      truth -= Math.log(parts.test.isCorrect[row] === 1 ? sigmoid(z) : sigmoid(-z)) / parts.test.question.length
    }
  }
  const sparfa = evaluate(data, random, sparfaPredictor({ preset: 'auto', seed: 1 }))
  assert.ok(sparfa.logLoss > truth && sparfa.logLoss < truth + 0.06, `${sparfa.logLoss}, truth ${truth}`)
  assert.ok(sparfa.calibrationError < 0.05)
  for (const [name, predictor] of Object.entries(baselines)) {
    const baseline = evaluate(data, random, predictor)
    assert.ok(sparfa.logLoss < baseline.logLoss - 0.005, `${name} ${baseline.logLoss}, SPARFA ${sparfa.logLoss}`)
    assert.ok(sparfa.auc > baseline.auc, name)
    assert.ok(baseline.auc > 0.6, name)
  }
})

function assertHonest({ within }: Coverage): void {
  const [half, fourFifths, nineteenTwentieths] = within
  assert.ok(Math.abs(half - 0.5) < 0.08, `${half}`)
  assert.ok(Math.abs(fourFifths - 0.8) < 0.06, `${fourFifths}`)
  assert.ok(Math.abs(nineteenTwentieths - 0.95) < 0.03, `${nineteenTwentieths}`)
}

test('held-out shares lie within the intervals as often as promised, and less often when d is wrong', () => {
  const fewConcepts = plant({
    questions: 120,
    concepts: 2,
    learners: 400,
    responses: 20_000,
    seed: 9,
    secondHints: 0,
    sigmaSpecific: 0.7,
    sigmaGeneral: 0.7,
  })
  const parts = split(makeDataSet(rowsOf(fewConcepts)), random)
  const matrix = fitMatrix(fitInputOf(parts.training), { preset: 'auto', seed: 1 })
  const honest = heldOutCoverage(matrix, parts)
  assert.ok(honest.pairs > 300, `${honest.pairs} pairs`)
  assertHonest(honest)
  const easiness = matrix.bounded.easiness.map((value, question) => value + (question % 2 === 0 ? 3 : -3))
  const wrong = { ...matrix, bounded: { ...matrix.bounded, easiness } }
  assert.ok(heldOutCoverage(wrong, parts).within[1] < 0.7)
})

test('logistic regression ends where its gradient vanishes', () => {
  const featureCount = 6
  const start = Int32Array.from({ length: 201 }, (_, row) => row * 2)
  const feature = Int32Array.from({ length: 400 }, (_, entry) => (entry % 2 === 0 ? 0 : 1 + ((entry * 7) % 5)))
  const value = Float64Array.from({ length: 400 }, (_, entry) => 1 + (entry % 3) / 2)
  const isCorrect = Uint8Array.from({ length: 200 }, (_, row) => (row % 7 < 4 ? 1 : 0))
  const rows = { featureCount, start, feature, value }
  const coefficient = fitLogistic(rows, isCorrect, { ridge: 1, sweepsMax: 500 })
  const gradient = coefficient.slice()
  predictLogistic(rows, coefficient).forEach((p, row) => {
    for (let at = start[row]!; at < start[row + 1]!; at++) gradient[feature[at]!]! += (p - isCorrect[row]!) * value[at]!
  })
  assert.ok(
    gradient.every((slope) => Math.abs(slope) < 0.02),
    `${gradient}`,
  )
})

const folder = new URL('../../../../shared/data/responses/', import.meta.url)

/** Columns learner, question, concepts joined by semicolons, right or wrong, order. */
function readDataSet(name: string): DataSet {
  const text = gunzipSync(readFileSync(new URL(`${name}.csv.gz`, folder))).toString()
  const lines = text.split('\n').slice(1)
  return makeDataSet(
    lines.filter(Boolean).map((line) => {
      const [learner, question, concepts, correct, order] = line.split(',')
      return {
        learner: Number(learner),
        question: Number(question),
        concepts: concepts!.split(';').map(Number),
        isCorrect: correct === '1',
        order: Number(order),
      }
    }),
  )
}

test('public answers: rows as published, and held-out quality within its budget', (t) => {
  if (!existsSync(folder)) return t.skip('needs ../shared/data')
  const fractions = readDataSet('frcsub')
  assert.equal(fractions.responses.question.length, 10_720)
  const seeds = [1, 2, 3].map((seed) =>
    evaluate(fractions, { kind: 'random', seed }, sparfaPredictor({ preset: 'auto', seed })),
  )
  assert.equal(seeds[0]!.rows, 2168)
  const mean = (of: 'logLoss' | 'auc'): number => seeds.reduce((sum, metrics) => sum + metrics[of], 0) / 3
  assert.ok(mean('logLoss') <= 0.385, `${mean('logLoss')}`)
  assert.ok(mean('auc') >= 0.905, `${mean('auc')}`)
  const parts = split(fractions, random)
  assertHonest(heldOutCoverage(fitMatrix(fitInputOf(parts.training), { preset: 'auto', seed: 1 }), parts))
  const { test: asked, training } = split(readDataSet('assistments2009'), random)
  assert.equal(asked.question.length, 54_652)
  assert.equal(asked.question.length + training.responses.question.length, 274_112)
})
