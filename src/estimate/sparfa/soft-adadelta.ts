/**
 * Production optimiser for a soft mask: Adadelta as in `adadelta.ts`, put together so that an epoch fetches two rows of
 * numbers for each answer instead of five, and in stages whose blocks may run anywhere. Learners first, each with its
 * answers; then questions, each with its answers.
 */
import { adadeltaDefaults } from './adadelta.ts'
import { makeRecentre } from './offset.ts'
import type { Point, Problem } from './problem.ts'
import { makeSoftWork, setFactor } from './soft-work.ts'
import type { Optimiser } from './train.ts'
import { bestKernel } from './wasm.ts'
import type { KernelName } from './workspace.ts'

/** Starts from a copy of `start`. */
export function softAdadelta(
  problem: Problem,
  start: Point,
  kernel: KernelName = bestKernel(),
  options = adadeltaDefaults,
): Optimiser {
  const work = makeSoftWork(problem, start, kernel, options)
  const { arrays } = work
  const blocks = arrays.losses.length
  const recentre = problem.preset.learnsOffsets ? makeRecentre(problem) : undefined
  return {
    point: arrays,
    penalties: problem.penalties,
    rowsOf: problem.kernels.rowsOf,
    *epoch(epoch) {
      setFactor(arrays, 1 / (1 + epoch / options.decay))
      yield { task: 'softLearners', work, blocks }
      yield { task: 'softQuestions', work, blocks }
      recentre?.(arrays.easiness, arrays.easinessCentre)
    },
    *meanLogLoss(rows) {
      yield { task: 'softLosses', work, rows, blocks }
      return arrays.losses.reduce((sum, loss) => sum + loss, 0) / rows.question.length
    },
  }
}
