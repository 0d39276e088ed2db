import assert from 'node:assert/strict'
import { test } from 'node:test'
import { presets } from './presets.ts'
import { startingPoint } from './problem.ts'
import type { Responses } from './responses.ts'
import { atOnce, complete } from './stages.ts'
import { problemOfShape } from './test-problems.ts'
import { type Optimiser, type TrainOptions, train } from './train.ts'

const shape = { name: 'any', questions: 5, concepts: 2, learners: 6, share: 0.9, hintsMax: 1, right: 0.5 }
const { problem, heldOut } = problemOfShape(shape, presets.hard)

/** Has these held-out losses, the last one for ever, and writes the number of the epoch into its point. */
function optimiserWith(losses: readonly number[]): Optimiser {
  const point = startingPoint(problem)
  let last = -1
  return {
    point,
    penalties: problem.penalties,
    rowsOf: problem.kernels.rowsOf,
    epoch(epoch) {
      last = epoch
      for (const numbers of [point.weights, point.easiness, point.specific, point.general]) numbers.fill(epoch)
      return atOnce(undefined)
    },
    meanLogLoss: () => atOnce(losses[Math.min(last, losses.length - 1)]!),
  }
}

function trained(losses: readonly number[], rows: Responses | undefined, options: Partial<TrainOptions> = {}) {
  return complete(train(optimiserWith(losses), rows, { epochsMax: 50, patience: 3, ...options }))
}

test('it stops after so many epochs without an improvement, and keeps what was best', () => {
  const result = trained([0.9, 0.7, 0.6, 0.65, 0.61, 0.62, 0.1], heldOut)
  assert.equal(result.epochs, 6)
  assert.equal(result.bestEpoch, 2)
  assert.equal(result.heldOutLogLoss, 0.6)
  assert.equal(result.stoppedBy, 'patience')
  assert.deepEqual([result.point.weights[0], result.point.easiness[0]], [2, 2])
})

test('less than a hundred-thousandth is no improvement', () => {
  const creeping = Array.from({ length: 50 }, (_, epoch) => 0.6 - 2e-6 * epoch)
  assert.equal(trained(creeping, heldOut).epochs, 4)
  assert.equal(trained([0.6, 0.599995, 0.59999, 0.599985], heldOut).bestEpoch, 3)
  assert.equal(trained([0.6, 0.599995, 0.599992, 0.599991], heldOut).bestEpoch, 0)
})

test('learners of the best epoch are kept where the next fit starts from them', () => {
  const losses = [0.9, 0.6, 0.7, 0.7, 0.7]
  assert.equal(trained(losses, heldOut, { keepsLearners: true }).point.general[0], 1)
  assert.equal(trained(losses, heldOut).point.general[0], 4)
})

test('without answers kept back it takes its epochs and ends with the last', () => {
  const result = trained([], undefined, { epochsMax: 8 })
  assert.deepEqual([result.epochs, result.stoppedBy, result.heldOutLogLoss], [8, 'epochs', undefined])
  assert.equal(result.point.weights[0], 7)
})
