import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ChosenFit, type FitProgress, fitMatrix } from './fit.ts'
import { judgeHeldOut, recordFit } from './fit-record.ts'
import { holdOut } from './hold-out.ts'
import { measure } from './metrics.ts'
import { plant } from './planted.ts'
import { predictWith } from './predict.ts'
import { sortResponses } from './responses.ts'

const { input } = plant({
  questions: 60,
  concepts: 6,
  learners: 80,
  responses: 2500,
  seed: 4,
  secondHints: 0.2,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
})

function fit() {
  const epochs: FitProgress[] = []
  const chosen: ChosenFit[] = []
  const matrix = fitMatrix(input, {
    preset: 'auto',
    seed: 3,
    followsTraining: true,
    onProgress: (one) => epochs.push(one),
    onChosen: (one) => chosen.push(one),
  })
  return { matrix, epochs, chosen }
}

test('the chosen fit is judged once, on answers that it has not seen', () => {
  const { matrix, chosen } = fit()
  const [only, ...others] = chosen
  assert.ok(only !== undefined && others.length === 0)
  const all = sortResponses(input.responses, { learnerCount: input.learnerCount, questionCount: 60 })
  const parts = holdOut(all, 3)
  assert.deepEqual(only.heldOut, parts.heldOut)
  assert.deepEqual(only.training, parts.training)
  assert.notDeepEqual(only.matrix.weights.value, matrix.weights.value, 'the final matrix has seen them')
  const { metrics, bins } = judgeHeldOut(only)
  const probability = predictWith(only.matrix, parts.training, parts.heldOut)
  assert.deepEqual(metrics, measure(probability, parts.heldOut.isCorrect))
  assert.equal(
    bins.reduce((sum, { rows }) => sum + rows, 0),
    parts.heldOut.question.length,
  )
})

test('listening to a fit changes nothing of it', () => {
  assert.deepEqual(fit().matrix, fitMatrix(input, { preset: 'auto', seed: 3 }))
})

test('answers trained on are followed where that is asked for: the looser the penalty, the better they fit', () => {
  const { epochs } = fit()
  const lastOf = (lamU: number): number => epochs.findLast((one) => one.lamU === lamU)!.trainingLogLoss!
  assert.ok(lastOf(1) < lastOf(8) && lastOf(8) < lastOf(64))
  const told: (number | undefined)[] = []
  fitMatrix(input, { preset: 'hard', seed: 3, onProgress: ({ trainingLogLoss }) => told.push(trainingLogLoss) })
  assert.ok(told.length > 0 && told.every((loss) => loss === undefined))
})

test('a long search keeps the beginning of each of its fits, and a long history its first answers', () => {
  const { matrix, chosen } = fit()
  const epochs = Array.from({ length: 2000 }, (_, at) => ({
    epoch: at % 90,
    mask: 'hard' as const,
    lamU: 1,
    heldOutLogLoss: 0.5,
    trainingLogLoss: undefined,
  }))
  const given = Array.from({ length: 60 }, (_, question) => ({ question, isCorrect: question % 2 === 0 }))
  const record = recordFit({ epochs, chosen: chosen[0], matrix, hints: input.hints, learners: [given, []] })
  assert.ok(record.epochs.length < 450)
  assert.equal(record.epochs.filter(({ epoch }) => epoch === 0).length, 23)
  assert.equal(record.clues.length, 1, 'a learner without answers has no history')
  assert.equal(record.clues[0]?.clues.length, 61)
  assert.deepEqual(JSON.parse(JSON.stringify(record)), { ...record, epochs: JSON.parse(JSON.stringify(record.epochs)) })
})
