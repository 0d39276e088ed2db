/**
 * Runs an optimiser until held-out responses stop getting better (sparfa.md §7). Time is a safety limit only: a fit
 * that does not reach it is the same on a slow and on a fast machine.
 */
import type { ResponseRows } from './kernels.ts'
import type { Penalties } from './presets.ts'
import { copyPoint, type Point } from './problem.ts'
import type { Responses } from './responses.ts'
import type { Stages } from './stages.ts'

export interface Optimiser {
  readonly point: Point
  /** Those of the problem, unless the optimiser learns some of them. */
  readonly penalties: Penalties
  /** Moves `point`; `epoch` counts from 0. */
  epoch(epoch: number): Stages
  /** Prepares rows that were not trained on. */
  rowsOf(responses: Responses): ResponseRows
  /** Mean log-loss of its predictions for rows that were not trained on. */
  meanLogLoss(rows: ResponseRows): Stages<number>
}

export interface TrainOptions {
  readonly epochsMax: number
  /** Epochs without an improvement before stopping; unused without held-out responses. */
  readonly patience: number
  readonly limit?: TimeLimit | undefined
  /** Whether what was known about learners at the best point is kept too. */
  readonly keepsLearners?: boolean
  /** Some of the rows trained on, whose log-loss is told too. */
  readonly follows?: Responses | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface TimeLimit {
  readonly nowMs: () => number
  readonly deadlineMs: number
}

export interface Progress {
  readonly epoch: number
  readonly heldOutLogLoss: number | undefined
  /** Only when it was asked for. */
  readonly trainingLogLoss: number | undefined
}

export interface Trained {
  /** The best point seen; its learners are those of the last epoch unless they were to be kept. */
  readonly point: Point
  readonly penalties: Penalties
  readonly bestEpoch: number
  readonly epochs: number
  readonly heldOutLogLoss: number | undefined
  readonly stoppedBy: 'patience' | 'epochs' | 'time'
}

/** Smaller improvements of the held-out log-loss do not count. */
const IMPROVEMENT_MIN = 1e-5

export function* train(optimiser: Optimiser, heldOut: Responses | undefined, options: TrainOptions): Stages<Trained> {
  const rows = heldOut === undefined ? undefined : optimiser.rowsOf(heldOut)
  const followed = options.follows && optimiser.rowsOf(options.follows)
  const { point } = optimiser
  const kept = { weights: point.weights.slice(), easiness: point.easiness.slice() }
  const best = options.keepsLearners === true ? copyPoint(point) : { ...point, ...kept }
  let penalties = optimiser.penalties
  let bestLoss = Number.POSITIVE_INFINITY
  let bestEpoch = -1
  let stoppedBy: Trained['stoppedBy'] = 'epochs'
  let epoch = 0
  while (epoch < options.epochsMax) {
    yield* optimiser.epoch(epoch)
    const loss = rows === undefined ? undefined : yield* optimiser.meanLogLoss(rows)
    options.onProgress?.({
      epoch,
      heldOutLogLoss: loss,
      trainingLogLoss: followed && (yield* optimiser.meanLogLoss(followed)),
    })
    if (loss === undefined || loss < bestLoss - IMPROVEMENT_MIN) {
      copyInto(best, point)
      penalties = optimiser.penalties
      bestLoss = loss ?? bestLoss
      bestEpoch = epoch
    }
    epoch += 1
    if (epoch - 1 - bestEpoch >= options.patience) stoppedBy = 'patience'
    else if (options.limit !== undefined && options.limit.nowMs() >= options.limit.deadlineMs) stoppedBy = 'time'
    if (stoppedBy !== 'epochs') break
  }
  const heldOutLogLoss = Number.isFinite(bestLoss) ? bestLoss : undefined
  return { point: best, penalties, bestEpoch, epochs: epoch, heldOutLogLoss, stoppedBy }
}

function copyInto(target: Point, source: Point): void {
  target.weights.set(source.weights)
  target.easiness.set(source.easiness)
  if (target.specific === source.specific) return
  target.specific.set(source.specific)
  target.general.set(source.general)
}
