/**
 * Runs an optimiser until held-out responses stop getting better (sparfa.md §7). Time is a safety limit only: a fit that
 * does not reach it is the same on a slow and on a fast machine.
 */
import type { ResponseRows } from './kernels.ts'
import { copyPoint, costAt, type Point, type Problem } from './problem.ts'
import type { Responses } from './responses.ts'

export interface Optimiser {
  readonly point: Point
  /** Moves `point`; `epoch` counts from 0. */
  epoch(epoch: number): void
  /** Mean log-loss of its predictions for rows that were not trained on. */
  meanLogLoss(rows: ResponseRows): number
}

export interface TrainOptions {
  readonly epochsMax: number
  /** Epochs without an improvement before stopping; unused without held-out responses. */
  readonly patience: number
  /** Stop when the cost changes by less than this share in one epoch. */
  readonly relativeTolerance?: number
  readonly limit?: TimeLimit | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface TimeLimit {
  readonly nowMs: () => number
  readonly deadlineMs: number
}

export interface Progress {
  readonly epoch: number
  readonly heldOutLogLoss: number | undefined
}

export interface Trained {
  /** The best point seen. */
  readonly point: Point
  readonly epochs: number
  readonly heldOutLogLoss: number | undefined
  readonly stoppedBy: 'patience' | 'converged' | 'epochs' | 'time'
}

/** Smaller improvements of the held-out log-loss do not count. */
const IMPROVEMENT_MIN = 1e-5

export function train(
  problem: Problem,
  optimiser: Optimiser,
  heldOut: Responses | undefined,
  options: TrainOptions,
): Trained {
  const rows = heldOut === undefined ? undefined : problem.kernels.rowsOf(heldOut)
  let best = copyPoint(optimiser.point)
  let bestLoss = Number.POSITIVE_INFINITY
  let bestEpoch = -1
  let cost = Number.POSITIVE_INFINITY
  let stoppedBy: Trained['stoppedBy'] = 'epochs'
  let epoch = 0
  while (epoch < options.epochsMax) {
    optimiser.epoch(epoch)
    const loss = rows === undefined ? undefined : optimiser.meanLogLoss(rows)
    options.onProgress?.({ epoch, heldOutLogLoss: loss })
    if (loss === undefined || loss < bestLoss - IMPROVEMENT_MIN) {
      copyInto(best, optimiser.point)
      bestLoss = loss ?? bestLoss
      bestEpoch = epoch
    }
    epoch += 1
    if (epoch - 1 - bestEpoch >= options.patience) stoppedBy = 'patience'
    else if (hasConverged()) stoppedBy = 'converged'
    else if (options.limit !== undefined && options.limit.nowMs() >= options.limit.deadlineMs) stoppedBy = 'time'
    if (stoppedBy !== 'epochs') break
  }
  if (epoch === 0) best = optimiser.point
  return { point: best, epochs: epoch, heldOutLogLoss: Number.isFinite(bestLoss) ? bestLoss : undefined, stoppedBy }

  function hasConverged(): boolean {
    if (options.relativeTolerance === undefined) return false
    const before = cost
    cost = costAt(problem, optimiser.point)
    return Math.abs(before - cost) < options.relativeTolerance * Math.abs(cost)
  }
}

function copyInto(target: Point, source: Point): void {
  target.weights.set(source.weights)
  target.easiness.set(source.easiness)
  target.specific.set(source.specific)
  target.general.set(source.general)
}
