import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clueOf } from './clue.ts'
import { fitMatrix } from './fit.ts'
import { estimateLearner } from './learner.ts'
import { plant } from './planted.ts'
import { predictWith } from './predict.ts'
import { sortResponses } from './responses.ts'
import { logit, normalQuantile } from './scalar.ts'

const size = { questions: 60, concepts: 6, learners: 100 }
const { input } = plant({ ...size, responses: 1500, seed: 9, secondHints: 0.5, sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
const matrix = fitMatrix(input, { preset: 'hard', seed: 1 })
const known = sortResponses(input.responses, { learnerCount: size.learners, questionCount: size.questions })
// The last learner is somebody of whom nothing is known.
known.start[size.learners] = known.start[size.learners - 1]!
/** Every question, of every learner. */
const asked = {
  learnerCount: size.learners,
  questionCount: size.questions,
  start: Int32Array.from({ length: size.learners + 1 }, (_, learner) => learner * size.questions),
  question: Int32Array.from({ length: size.learners * size.questions }, (_, row) => row % size.questions),
}

/** Mean and standard deviation of z, from the CLUE of that question alone. */
function scoreOf(learner: number, question: number): readonly [number, number] {
  const rows = [known.start[learner]!, known.start[learner + 1]!] as const
  const learnt = estimateLearner(matrix, known.question.subarray(...rows), known.isCorrect.subarray(...rows))
  const options = { confidence: 0.5, minResponses: 0 }
  const { mostLikely, maximum } = clueOf(matrix, [learnt], Int32Array.of(question), options)
  return [logit(mostLikely), (logit(maximum) - logit(mostLikely)) / normalQuantile(0.75)]
}

/** The logistic function over the normal distribution: a mean over equally likely places. */
function averageOver([centre, deviation]: readonly [number, number]): number {
  const steps = 2000
  let sum = 0
  for (let at = 0; at < steps; at++) sum += 1 / (1 + Math.exp(-centre - deviation * normalQuantile((at + 0.5) / steps)))
  return sum / steps
}

test('a prediction is averaged over the posterior, or made of what is likeliest when that is asked for', () => {
  const averaged = predictWith(matrix, known, asked)
  const likeliest = predictWith(matrix, known, asked, 'likeliest')
  let gap = 0
  for (const learner of [0, 1, 2, size.learners - 1]) {
    for (let question = 0; question < size.questions; question++) {
      const row = asked.start[learner]! + question
      const score = scoreOf(learner, question)
      assert.ok(Math.abs(logit(likeliest[row]!) - score[0]) < 1e-9)
      const wanted = averageOver(score)
      assert.ok(Math.abs(averaged[row]! - wanted) < 0.004, `${learner}, ${question}: ${averaged[row]}, not ${wanted}`)
      gap = Math.max(gap, Math.abs(likeliest[row]! - wanted))
    }
  }
  assert.ok(gap > 0.02, `the two differ by ${gap} at most`)
})
