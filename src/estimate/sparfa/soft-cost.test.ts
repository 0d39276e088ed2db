import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitMatrix } from './fit.ts'
import { estimateLearner } from './learner.ts'
import { plant } from './planted.ts'
import { factorBytes, isSoftAffordable, isSoftServable } from './soft-cost.ts'

/** ASSISTments 2009, where `auto` takes the soft mask. */
const assistments = { responses: 274_112, learners: 3114, questions: 17_708, concepts: 123 }

test('a book of 250 pages was given a soft matrix, with 253 kB and 50 ms for every learner', () => {
  assert.deepEqual([123, 139, 140, 250].map(isSoftServable), [true, true, false, false])
  assert.ok(factorBytes(139) < 80_000 && factorBytes(250) > 250_000)
})

test('auto leaves the soft mask out where it could not be served, though the fit is cheap', () => {
  const masksTried = (concepts: number): string[] => {
    const size = { questions: 150, concepts, learners: 40, responses: 300 }
    const { input } = plant({ ...size, seed: 1, secondHints: 0, sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
    const masks = new Set<string>()
    fitMatrix(input, { preset: 'auto', seed: 1, onProgress: ({ mask }) => masks.add(mask) })
    return [...masks]
  }
  assert.deepEqual(masksTried(139), ['hard', 'soft'])
  assert.deepEqual(masksTried(140), ['hard'])
})

test('what is known of a learner by a soft matrix takes what was reckoned with', () => {
  const size = { questions: 60, concepts: 12, learners: 80, responses: 2000 }
  const { input } = plant({ ...size, seed: 1, secondHints: 0.2, sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
  const matrix = fitMatrix(input, { preset: 'soft', seed: 1 })
  const answered = Int32Array.from({ length: size.questions }, (_, question) => question)
  const { factor } = estimateLearner(matrix, answered, new Uint8Array(size.questions))
  assert.equal(factor.value.byteLength, factorBytes(size.concepts))
})

test('a soft fit was tried for two million learners with one answer each, in sixteen gigabytes', () => {
  assert.ok(isSoftAffordable(assistments))
  assert.ok(!isSoftAffordable({ responses: 2_400_000, learners: 2_400_000, questions: 5000, concepts: 123 }))
  assert.ok(!isSoftAffordable({ ...assistments, questions: 100_000 }))
  assert.ok(!isSoftAffordable({ ...assistments, responses: 3_000_000 }))
})
