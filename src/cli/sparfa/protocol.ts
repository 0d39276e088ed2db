import { baselines } from '#estimate/sparfa/baselines.ts'
import {
  type DataSet,
  fitInputOf,
  type Parts,
  type Predictor,
  type Split,
  split,
  taskOf,
} from '#estimate/sparfa/evaluate.ts'
import { type FitOptions, type FitProgress, fitMatrix } from '#estimate/sparfa/fit.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import { type Metrics, meanMetrics, measure } from '#estimate/sparfa/metrics.ts'
import { type PosteriorUse, predictWith } from '#estimate/sparfa/predict.ts'
import { isSoftAffordable, sizeOf } from '#estimate/sparfa/soft-cost.ts'
import type { KernelName } from '#estimate/sparfa/workspace.ts'

/**
 * The protocol of sparfa.md §16: every model on every split, learnt from the training part, measured on the rest.
 * Models are given the test part without its outcomes, which only `measure` sees.
 */
export type SparfaPreset = FitOptions['preset']

export interface Model {
  readonly name: string
  /** `undefined`: a baseline. */
  readonly preset: SparfaPreset | undefined
}

export interface Row {
  readonly model: string
  readonly split: Split['kind']
  /** `mean` stands for all seeds of a split. */
  readonly seed: number | 'mean' | undefined
  readonly metrics: Metrics
  readonly seconds: number
}

/** What a picture of one fit needs. */
export interface Seen {
  readonly parts: Parts
  readonly matrix: SparfaMatrix
  readonly probability: Float64Array
  readonly epochs: readonly FitProgress[]
}

export interface ProtocolOptions {
  readonly models: readonly Model[]
  readonly splits: readonly Split[]
  /** By default the fastest there is; the results are the same. */
  readonly kernel?: KernelName
  readonly posterior?: PosteriorUse
  readonly nowMs: () => number
  /** Follows the first SPARFA fit closely enough to draw it; its seconds then include that. */
  readonly seen?: (seen: Seen) => void
  readonly started?: (model: Model, how: Split) => void
  readonly progress?: (progress: FitProgress) => void
  readonly finished?: (row: Row, matrix: SparfaMatrix | undefined) => void
}

export const baselineModels: readonly Model[] = Object.keys(baselines).map((name) => ({ name, preset: undefined }))

/** Every preset that costs seconds or minutes, `auto` last. */
export function affordableModels({ responses, conceptCount }: DataSet): Model[] {
  const soft = isSoftAffordable(sizeOf(responses, conceptCount)) ? (['soft', 'soft-strict'] as const) : []
  return (['hard', ...soft, 'auto'] as const).map((preset) => ({ name: preset, preset }))
}

export function randomSplits(seeds: readonly number[]): Split[] {
  return seeds.map((seed) => ({ kind: 'random', seed }))
}

export function runProtocol(data: DataSet, options: ProtocolOptions): Row[] {
  let { seen } = options
  return options.splits.flatMap((how) => {
    const parts = split(data, how)
    return options.models.map((model) => {
      options.started?.(model, how)
      const watched = model.preset === undefined ? undefined : seen
      if (watched !== undefined) seen = undefined
      const { probability, seconds, fitted } = predict(model, how, parts, { ...options, seen: watched })
      const row: Row = {
        model: model.name,
        split: how.kind,
        seed: how.kind === 'random' ? how.seed : undefined,
        metrics: measure(probability, parts.test.isCorrect),
        seconds,
      }
      if (fitted !== undefined) watched?.({ parts, probability, ...fitted })
      options.finished?.(row, fitted?.matrix)
      return row
    })
  })
}

interface Fitted {
  readonly matrix: SparfaMatrix
  readonly epochs: FitProgress[]
}

function predict(model: Model, how: Split, parts: Parts, options: Omit<ProtocolOptions, 'seen'> & { seen: unknown }) {
  const startedMs = options.nowMs()
  let fitted: Fitted | undefined
  const predictor: Predictor =
    model.preset === undefined
      ? baselines[model.name]!
      : ({ training, test }) => {
          const epochs: FitProgress[] = []
          const matrix = fitMatrix(fitInputOf(training), {
            preset: model.preset!,
            seed: how.kind === 'random' ? how.seed : 1,
            kernel: options.kernel,
            followsTraining: options.seen !== undefined,
            onProgress: (progress) => {
              if (options.seen !== undefined) epochs.push(progress)
              options.progress?.(progress)
            },
          })
          fitted = { matrix, epochs }
          return predictWith(matrix, training.responses, test, options.posterior)
        }
  const probability = predictor(taskOf(parts))
  return { probability, seconds: (options.nowMs() - startedMs) / 1000, fitted: fitted as Fitted | undefined }
}

/** For each split and model the mean over the seeds, where there are several. */
export function meansOf(rows: readonly Row[]): Row[] {
  return [...Map.groupBy(rows, (row) => `${row.split} ${row.model}`).values()]
    .filter((group) => group.length > 1)
    .map((group) => ({
      model: group[0]!.model,
      split: group[0]!.split,
      seed: 'mean',
      metrics: meanMetrics(group.map(({ metrics }) => metrics)),
      seconds: group.reduce((sum, { seconds }) => sum + seconds, 0) / group.length,
    }))
}
