import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clueOf } from './clue.ts'
import { fitMatrix } from './fit.ts'
import { estimateLearner } from './learner.ts'
import { plant } from './planted.ts'
import { averagedProbabilityOf, predictWith, probabilityOf, scoreOf, spreadOf } from './predict.ts'
import { sortResponses } from './responses.ts'
import { logit, normalQuantile } from './scalar.ts'

const size = { questions: 60, concepts: 6, learners: 100 }
const { input } = plant({ ...size, responses: 1500, seed: 9, secondHints: 0.5, sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
const matrix = fitMatrix(input, { preset: 'hard', seed: 1 })
const responses = sortResponses(input.responses, { learnerCount: size.learners, questionCount: size.questions })
const rowsOf = (learner: number) => [responses.start[learner]!, responses.start[learner + 1]!] as const
const known = (learner: number) =>
  estimateLearner(
    matrix,
    responses.question.subarray(...rowsOf(learner)),
    responses.isCorrect.subarray(...rowsOf(learner)),
  )
const nobody = estimateLearner(matrix, new Int32Array(0), new Uint8Array(0))

test('the spread of a score is what the CLUE of its question alone says, also of concepts not met', () => {
  for (const learner of [known(0), known(1), known(2), nobody]) {
    for (let question = 0; question < size.questions; question++) {
      const pool = Int32Array.of(question)
      const { mostLikely, maximum } = clueOf(matrix, [learner], pool, { confidence: 0.5, minResponses: 0 })
      const wanted = ((logit(maximum) - logit(mostLikely)) / normalQuantile(0.75)) ** 2
      const spread = spreadOf(matrix, learner, question)
      assert.ok(Math.abs(spread - wanted) < 1e-6 * wanted, `question ${question}: ${spread}, not ${wanted}`)
    }
  }
})

test('the averaged probability is that of the logistic function over the posterior, to a hundredth', () => {
  for (const learner of [known(0), known(3), nobody]) {
    for (let question = 0; question < size.questions; question++) {
      const [centre, deviation] = [scoreOf(matrix, learner, question), Math.sqrt(spreadOf(matrix, learner, question))]
      // A sum over equally likely scores.
      const steps = 2000
      let sum = 0
      for (let at = 0; at < steps; at++) {
        sum += 1 / (1 + Math.exp(-centre - deviation * normalQuantile((at + 0.5) / steps))) / steps
      }
      const averaged = averagedProbabilityOf(matrix, learner, question)
      assert.ok(Math.abs(averaged - sum) < 0.01, `question ${question}: ${averaged}, not ${sum}`)
    }
  }
})

test('predictions are averaged unless the likeliest knowledge is asked for', () => {
  const predicted = [undefined, 'averaged', 'likeliest'] as const
  const [byDefault, averaged, likeliest] = predicted.map((use) => predictWith(matrix, responses, responses, use))
  const [first] = rowsOf(5)
  const question = responses.question[first]!
  assert.equal(averaged![first], averagedProbabilityOf(matrix, known(5), question))
  assert.equal(likeliest![first], probabilityOf(matrix, known(5), question))
  assert.deepEqual(byDefault, averaged)
})
