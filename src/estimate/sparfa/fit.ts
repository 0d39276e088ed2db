/**
 * Fits the matrix of one ecosystem (sparfa.md §3-§9, §13, §14): prepare, train with early stopping, calibrate. Same
 * responses as a set, same options, same matrix, bit by bit.
 */
import { adadelta } from './adadelta.ts'
import { stepLearners } from './fista.ts'
import type { FitInput } from './input.ts'
import { type MadeBy, makeMatrix, type SparfaMatrix } from './matrix.ts'
import { autoLamU, type Preset, type PresetName, presets } from './presets.ts'
import { copyPoint, makeProblem, type Point, type Problem, startingPoint } from './problem.ts'
import { holdOut, type Responses, sortResponses } from './responses.ts'
import { calibrateScale } from './scale.ts'
import { type Optimiser, type Progress, type TimeLimit, type Trained, train } from './train.ts'
import { variational } from './variational.ts'

export interface FitOptions {
  /** `auto` chooses the penalty on v by held-out log-loss; the others are fixed. */
  readonly preset: 'auto' | Exclude<PresetName, 'irt1' | 'irt2'>
  /** Decides which responses are held out. */
  readonly seed: number
  /** Start from an earlier matrix of the same book or of its predecessor. */
  readonly previous?: SparfaMatrix | undefined
  /** `auto` tries the soft mask as well: cost grows with the number of concepts. */
  readonly triesSoft?: boolean
  /** Safety limit; whether it was reached is told in `madeBy.stopped_by`. */
  readonly limit?: { readonly nowMs: () => number; readonly maxSeconds: number } | undefined
  readonly onProgress?: ((progress: FitProgress) => void) | undefined
}

export interface FitProgress extends Progress {
  readonly mask: 'hard' | 'soft'
  readonly lamU: number
}

/** Fewer responses than this are all trained on, for a fixed number of epochs, and the scale is left alone. */
const RESPONSES_FOR_HOLD_OUT = 200
const EPOCHS_WITHOUT_HOLD_OUT = 60
const EPOCHS_MAX = 1000
/** The variational optimiser does not swing around its optimum as Adadelta does. */
const PATIENCE = { hard: 2, soft: 10 } as const
/** A warm fit that much worse than the fit it came from is repeated cold. */
const WARM_LOSS_MARGIN = 0.002
/** Every k-th fit is cold, so that history does not leak for ever. */
const COLD_EVERY = 20
/** Weights of a soft fit below this are zero. */
const SOFT_WEIGHT_MIN = 1e-6
/** Gradient steps on the learners before a warm fit, whose matrix comes without them. */
const WARM_LEARNER_STEPS = 60

export function fitMatrix(input: FitInput, options: FitOptions): SparfaMatrix {
  const responses = sortResponses(input.responses, {
    learnerCount: input.learnerCount,
    questionCount: input.questionIds.length,
  })
  if (responses.question.length === 0) return untrainedMatrix(input, options)
  const limit = options.limit && {
    nowMs: options.limit.nowMs,
    deadlineMs: options.limit.nowMs() + options.limit.maxSeconds * 1000,
  }
  const job: Job = { input, options, responses, limit }
  const previous = options.previous
  if (previous !== undefined && previous.madeBy.warm_starts + 1 < COLD_EVERY) {
    const warm = fitFrom(job, previous)
    if (!isWorse(warm.trained, previous)) return finish(job, warm, previous.madeBy.warm_starts + 1)
  }
  return finish(job, fitFrom(job, undefined), 0)
}

interface Job {
  readonly input: FitInput
  readonly options: FitOptions
  readonly responses: Responses
  readonly limit: TimeLimit | undefined
}

interface Candidate {
  readonly problem: Problem
  readonly trained: Trained
}

function isWorse(trained: Trained, previous: SparfaMatrix): boolean {
  const before = previous.madeBy.held_out_log_loss
  return before !== null && trained.heldOutLogLoss !== undefined && trained.heldOutLogLoss > before + WARM_LOSS_MARGIN
}

/** The candidate with the smallest held-out log-loss; of equals the first, which has the stiffest prior. */
function fitFrom(job: Job, previous: SparfaMatrix | undefined): Candidate {
  const { preset, triesSoft = false } = job.options
  const tried = preset === 'auto' ? autoLamU.map(hardWith) : [presets[preset]]
  if (preset === 'auto' && triesSoft) tried.push(presets.soft)
  let best: Candidate | undefined
  let start: Point | undefined
  for (const candidatePreset of tried) {
    const candidate = fitOne(job, candidatePreset, previous, start)
    if (best === undefined || lossOf(candidate) < lossOf(best)) best = candidate
    // Along the path from stiff to loose each fit starts where the one before it ended; a soft fit has another shape.
    start = candidate.problem.preset.mask === 'hard' ? copyPoint(candidate.trained.point) : undefined
    if (job.limit !== undefined && job.limit.nowMs() >= job.limit.deadlineMs) break
  }
  return best!
}

function hardWith(lamU: number): Preset {
  return { ...presets.hard, penalties: { ...presets.hard.penalties, lamU } }
}

function lossOf({ trained }: Candidate): number {
  return trained.heldOutLogLoss ?? Number.POSITIVE_INFINITY
}

function fitOne(job: Job, preset: Preset, previous: SparfaMatrix | undefined, start: Point | undefined): Candidate {
  const { input, options, limit } = job
  const { training, heldOut } =
    job.responses.question.length < RESPONSES_FOR_HOLD_OUT
      ? { training: job.responses, heldOut: undefined }
      : holdOut(job.responses, options.seed)
  const problem = makeProblem({
    preset,
    responses: training,
    hints: input.hints,
    conceptCount: input.conceptIds.length,
  })
  const point =
    start !== undefined && preset.mask === 'hard'
      ? start
      : previous === undefined
        ? startingPoint(problem)
        : warmPoint(problem, input, previous)
  const trained = train(problem, optimiserOf(problem, point), heldOut, {
    epochsMax: heldOut === undefined ? EPOCHS_WITHOUT_HOLD_OUT : EPOCHS_MAX,
    patience: PATIENCE[preset.mask],
    limit,
    onProgress:
      options.onProgress &&
      ((progress) => options.onProgress?.({ ...progress, mask: preset.mask, lamU: preset.penalties.lamU })),
  })
  return { problem, trained }
}

function optimiserOf(problem: Problem, point: Point): Optimiser {
  return problem.preset.mask === 'hard' ? variational(problem, point) : adadelta(problem, point)
}

/** W and d of the earlier matrix, matched by id; new questions as in a cold fit; learners from zero. */
function warmPoint(problem: Problem, input: FitInput, previous: SparfaMatrix): Point {
  const point = startingPoint(problem)
  const previousConcept = new Map(previous.conceptIds.map((id, index) => [id, index]))
  const { start, concept, value } = previous.weights
  const { hints } = previous
  input.questionIds.forEach((id, question) => {
    const before = previous.questionIndex.get(id)
    if (before === undefined) return
    point.easiness[question] = previous.easiness[before]!
    const weightOf = new Map<number, number>()
    for (let entry = hints.start[before]!; entry < hints.start[before + 1]!; entry++) {
      weightOf.set(hints.concept[entry]!, 0)
    }
    for (let entry = start[before]!; entry < start[before + 1]!; entry++) {
      weightOf.set(concept[entry]!, value[entry]! / previous.madeBy.scale)
    }
    for (let entry = problem.support.start[question]!; entry < problem.support.start[question + 1]!; entry++) {
      const known = previousConcept.get(input.conceptIds[problem.support.concept[entry]!]!)
      // A pair that was not in the earlier support is new and keeps its starting weight.
      if (known !== undefined) point.weights[entry] = weightOf.get(known) ?? point.weights[entry]!
    }
  })
  stepLearners(problem, point, WARM_LEARNER_STEPS)
  return point
}

function finish({ input, options, responses }: Job, { problem, trained }: Candidate, warmStarts: number): SparfaMatrix {
  const isSoft = problem.preset.mask === 'soft'
  const weights = trained.point.weights.map((weight) => (isSoft && weight < SOFT_WEIGHT_MIN ? 0 : weight))
  const scaled = (scale: number): SparfaMatrix =>
    makeMatrix({
      questionIds: input.questionIds,
      conceptIds: input.conceptIds,
      easiness: trained.point.easiness,
      support: problem.support,
      weights: weights.map((weight) => weight * scale),
      hints: input.hints,
      madeBy: {
        preset: options.preset,
        mask: problem.preset.mask,
        ...storedPenalties(problem.preset),
        seed: options.seed,
        scale,
        responses: responses.question.length,
        learners: input.learnerCount,
        epochs: trained.epochs,
        held_out_log_loss: trained.heldOutLogLoss ?? null,
        stopped_by: trained.stoppedBy,
        warm_starts: warmStarts,
      },
    })
  // A handful of answers says nothing about the scale: the factor would run to its lower end.
  return responses.question.length < RESPONSES_FOR_HOLD_OUT ? scaled(1) : scaled(calibrateScale(scaled, responses))
}

/** Without responses: W = W0, d = 0. Every new ecosystem gets one, so that it can be served at once. */
function untrainedMatrix(input: FitInput, options: FitOptions): SparfaMatrix {
  const preset = options.preset === 'auto' ? presets.hard : presets[options.preset]
  const { start } = input.hints
  const weights = new Float64Array(input.hints.concept.length)
  for (let question = 0; question < input.questionIds.length; question++) {
    weights.fill(1 / (start[question + 1]! - start[question]!), start[question]!, start[question + 1]!)
  }
  return makeMatrix({
    questionIds: input.questionIds,
    conceptIds: input.conceptIds,
    easiness: new Float64Array(input.questionIds.length),
    support: input.hints,
    weights,
    hints: input.hints,
    madeBy: {
      preset: options.preset,
      mask: preset.mask,
      ...storedPenalties(preset),
      seed: options.seed,
      scale: 1,
      responses: 0,
      learners: 0,
      epochs: 0,
      held_out_log_loss: null,
      stopped_by: 'empty',
      warm_starts: 0,
    },
  })
}

function storedPenalties({ penalties }: Preset): Pick<MadeBy, 'lam_w' | 'lam_d' | 'lam_u' | 'lam_g'> {
  return {
    lam_w: penalties.lamW,
    lam_d: penalties.lamD,
    lam_u: Number.isFinite(penalties.lamU) ? penalties.lamU : null,
    lam_g: Number.isFinite(penalties.lamG) ? penalties.lamG : null,
  }
}
