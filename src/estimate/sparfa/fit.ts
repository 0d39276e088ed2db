/**
 * Fits the matrix of one ecosystem (sparfa.md §3-§8, §13, §14): prepare, train with early stopping, then use every
 * response. Same responses as a set, same options, same matrix, bit by bit.
 *
 * There is no scale calibration (§9): the variational optimiser does not inflate W. On planted data its intervals cover
 * 47-49 %, 78-80 % and 93-95 % where 50, 80 and 95 % are asked for, with 100 to 1,000 answers a question; the
 * calibrated ones covered less.
 */

import { makeDivision, makeMarking } from './hold-out.ts'
import type { FitInput } from './input.ts'
import { makeMeeting } from './kernels.ts'
import { type MadeBy, makeMatrix, type SparfaMatrix } from './matrix.ts'
import { logLosses } from './metrics.ts'
import { predictWith } from './predict.ts'
import { autoLamU, type Penalties, type Preset, type PresetName, presets } from './presets.ts'
import { copyPoint, makeProblem, type Point, type Problem, startingPoint } from './problem.ts'
import { makeSort, type Responses } from './responses.ts'
import { softAdadelta } from './soft-adadelta.ts'
import { isSoftAffordable, isSoftServable, sizeOf } from './soft-cost.ts'
import { complete, inBlocks, type Stages } from './stages.ts'
import { type Optimiser, type Progress, type TimeLimit, type Trained, train } from './train.ts'
import { variational } from './variational.ts'
import { isMisled, mayStartFrom, warmPoint } from './warm.ts'
import { bestKernel, requireKernel } from './wasm.ts'
import type { KernelName } from './workspace.ts'

export interface FitOptions {
  /** `auto` chooses penalties and mask by held-out log-loss; the others are fixed. */
  readonly preset: 'auto' | Exclude<PresetName, 'irt1' | 'irt2'>
  /** Decides which responses are held out, and where a fit without hints starts. */
  readonly seed: number
  /** Start from an earlier matrix of the same book or of its predecessor. */
  readonly previous?: SparfaMatrix | undefined
  /** Whether `auto` tries the soft mask as well; by default where fit and estimates are cheap (`soft-cost.ts`). */
  readonly triesSoft?: boolean
  /** How the loops are run; by default the fastest there is. The matrix is the same, bit by bit. */
  readonly kernel?: KernelName | undefined
  /** Safety limit; whether it was reached is told in `madeBy.stopped_by`. */
  readonly limit?: { readonly nowMs: () => number; readonly maxSeconds: number } | undefined
  /** Tells the log-loss of training answers too (a tenth of them where there are many), for a picture of the fit. */
  readonly followsTraining?: boolean
  readonly onProgress?: ((progress: FitProgress) => void) | undefined
  /** Hears of the candidate that was chosen, unless there were too few answers to keep any back. */
  readonly onChosen?: ((chosen: ChosenFit) => void) | undefined
}

/** A matrix before the answers that were kept back are learnt from as well: on them it can be judged. */
export interface ChosenFit {
  readonly matrix: SparfaMatrix
  readonly training: Responses
  readonly heldOut: Responses
}

export interface FitProgress extends Progress {
  readonly mask: 'hard' | 'soft'
  readonly lamU: number
}

/** Fewer responses than this are all trained on, for a fixed number of epochs. */
const RESPONSES_FOR_HOLD_OUT = 200
/** Of more held-out responses than this the smallest log-loss is taken at its word: to make sure would cost seconds. */
const HELD_OUT_TRUSTED = 10_000
/** Of more training responses than this only a tenth is followed. */
const RESPONSES_FOLLOWED = 20_000
const EPOCHS_WITHOUT_HOLD_OUT = 60
const EPOCHS_MAX = 1000
const SOFT_PATIENCE = 10
/** Responses a hard fit may visit while it waits for an improvement, and once more at the end over all responses. */
const PATIENT_VISITS = 2e6
const FINAL_VISITS = 4e6
/** Weights of a soft fit below this are zero. */
const SOFT_WEIGHT_MIN = 1e-6

/** In this thread. */
export function fitMatrix(input: FitInput, options: FitOptions): SparfaMatrix {
  return complete(fitStages(input, options))
}

/** The same for whoever runs the stages, in as many threads as there are. */
export function* fitStages(input: FitInput, options: FitOptions): Stages<SparfaMatrix> {
  const counts = { learnerCount: input.learnerCount, questionCount: input.questionIds.length }
  const responses = yield* inBlocks('sortRows', makeSort(input.responses, counts))
  if (responses.question.length === 0) return untrainedMatrix(input, options)
  const limit = options.limit && {
    nowMs: options.limit.nowMs,
    deadlineMs: options.limit.nowMs() + options.limit.maxSeconds * 1000,
  }
  const kernel = options.kernel === undefined ? bestKernel() : requireKernel(options.kernel)
  const parts = yield* partsOf(responses, options)
  const job: Job = { input, options, responses, parts, limit, kernel, prepared: new Map() }
  const { previous } = options
  if (previous !== undefined && mayStartFrom(previous)) {
    const warm = yield* bestCandidate(job, previous)
    if (!isMisled(warm.trained, previous)) return yield* finish(job, warm, previous.madeBy.warm_starts + 1)
  }
  return yield* finish(job, yield* bestCandidate(job, undefined), 0)
}

function* partsOf(responses: Responses, { seed, followsTraining }: FitOptions): Stages<Job['parts']> {
  const isSmall = responses.question.length < RESPONSES_FOR_HOLD_OUT
  const [training, heldOut] = isSmall ? [responses, undefined] : yield* divideByHash(responses, seed)
  if (followsTraining !== true) return { training, heldOut, followed: undefined }
  // To follow all of them would cost more than to learn from them.
  const isCheap = training.question.length <= RESPONSES_FOLLOWED
  const followed = isCheap ? training : (yield* divideByHash(training, seed + 1))[1]
  return { training, heldOut, followed }
}

function* divideByHash(responses: Responses, seed: number): Stages<[Responses, Responses]> {
  const mark = yield* inBlocks('markHeldOut', makeMarking(responses, seed))
  return yield* inBlocks('divideRows', makeDivision(responses, mark))
}

interface Job {
  readonly input: FitInput
  readonly options: FitOptions
  readonly responses: Responses
  readonly parts: {
    readonly training: Responses
    readonly heldOut: Responses | undefined
    readonly followed: Responses | undefined
  }
  readonly limit: TimeLimit | undefined
  readonly kernel: KernelName
  /** Problems with a hard mask, whose preparation the next ones of the same responses use again. */
  readonly prepared: Map<Responses, Problem>
}

interface Candidate {
  readonly problem: Problem
  readonly trained: Trained
}

/**
 * The hard fit with the smallest held-out log-loss, or the soft one if that would serve better. Of few held-out answers
 * the smallest of six log-losses is mostly chance: the default penalty is left only where another one serves better.
 */
function* bestCandidate(job: Job, previous: SparfaMatrix | undefined): Stages<Candidate> {
  const { path, soft } = candidatePresets(job, previous)
  let last = yield* fitOne(job, path[0]!, previous, undefined)
  let lowest = last
  let usual = isUsual(last) ? last : undefined
  for (const preset of path.slice(1)) {
    if (isOutOfTime(job)) break
    // Along the path from stiff to loose each fit starts where the one before it ended.
    last = yield* fitOne(job, preset, previous, copyPoint(last.trained.point))
    if (lossOf(last) < lossOf(lowest)) lowest = last
    if (isUsual(last)) usual = last
  }
  const hard = usual === undefined || isTrusted(job) || servesBetter(job, lowest, usual) ? lowest : usual
  if (soft === undefined || isOutOfTime(job)) return hard
  last = yield* fitOne(job, soft, previous, undefined)
  return servesBetter(job, last, hard) ? last : hard
}

function isTrusted({ parts: { heldOut } }: Job): boolean {
  return heldOut !== undefined && heldOut.question.length > HELD_OUT_TRUSTED
}

function isUsual({ problem }: Candidate): boolean {
  return problem.preset.penalties.lamU === presets.hard.penalties.lamU
}

function lossOf({ trained }: Candidate): number {
  return trained.heldOutLogLoss ?? Number.POSITIVE_INFINITY
}

/**
 * Whether the mean held-out log-loss falls by more than a standard error of the difference, with every learner
 * estimated anew, as the server will. A soft mask has many times the parameters and owes part of its own held-out
 * log-loss to learners that were stopped early too: on 536 learners and 20 questions that hid an over-fitted W.
 */
function servesBetter(job: Job, candidate: Candidate, best: Candidate): boolean {
  const { training, heldOut } = job.parts
  if (heldOut === undefined || candidate === best) return false
  const [ours, theirs] = [candidate, best].map(({ problem, trained }) => {
    const matrix = matrixOf(job, problem, trained, { trained, warmStarts: 0 })
    return logLosses(predictWith(matrix, training, heldOut), heldOut.isCorrect)
  })
  const gain = ours!.map((loss, row) => theirs![row]! - loss)
  const mean = gain.reduce((sum, one) => sum + one, 0) / gain.length
  const variance = gain.reduce((sum, one) => sum + (one - mean) ** 2, 0) / gain.length
  return mean > Math.sqrt(variance / gain.length)
}

interface CandidatePresets {
  readonly path: readonly Preset[]
  readonly soft?: Preset | undefined
}

/**
 * After an earlier choice only what was chosen, its neighbours and the default: the cold fits in between look at
 * everything again. With nothing to choose by there is the default alone.
 */
function candidatePresets({ options, input, responses, parts }: Job, previous?: SparfaMatrix): CandidatePresets {
  if (options.preset !== 'auto') return { path: [presets[options.preset]] }
  const { hard, soft } = presets
  const withLamU = (lamU: number): Preset => ({
    ...hard,
    learnsGeneral: true,
    penalties: { ...hard.penalties, lamU },
  })
  const usual = hard.penalties.lamU
  if (parts.heldOut === undefined) return { path: [withLamU(usual)] }
  const isChoice = previous !== undefined && previous.madeBy.held_out_log_loss !== null
  const before = isChoice ? autoLamU.indexOf(previous.lamU) : -1
  const near = autoLamU.filter((lamU, at) => Math.abs(at - before) <= 1 || lamU === usual)
  const path = (before === -1 ? autoLamU : near).map(withLamU)
  const mayBeSoft = !isChoice || previous.madeBy.mask === 'soft'
  const concepts = input.conceptIds.length
  const isCheap = isSoftServable(concepts) && isSoftAffordable(sizeOf(responses, concepts))
  return { path, soft: mayBeSoft && (options.triesSoft ?? isCheap) ? soft : undefined }
}

function isOutOfTime({ limit }: Job): boolean {
  return limit !== undefined && limit.nowMs() >= limit.deadlineMs
}

/** `start` is where a hard fit on the same responses ended. */
function* fitOne(
  job: Job,
  preset: Preset,
  previous: SparfaMatrix | undefined,
  start: Point | undefined,
): Stages<Candidate> {
  const { options, responses, limit } = job
  const { training, heldOut, followed } = job.parts
  const problem = yield* problemOf(job, preset, training)
  const trained = yield* train(optimiserOf(job, problem, startOf(job, problem, previous, start)), heldOut, {
    epochsMax: heldOut === undefined ? EPOCHS_WITHOUT_HOLD_OUT : EPOCHS_MAX,
    patience: preset.mask === 'soft' ? SOFT_PATIENCE : epochsFor(PATIENT_VISITS, responses),
    limit,
    // The next fit of a path starts there.
    keepsLearners: options.preset === 'auto',
    follows: followed,
    onProgress:
      options.onProgress &&
      ((progress) => options.onProgress?.({ ...progress, mask: preset.mask, lamU: preset.penalties.lamU })),
  })
  return { problem, trained }
}

/** A soft fit lives on being stopped early, so it never starts from one that has had its time. */
function startOf(job: Job, problem: Problem, previous: SparfaMatrix | undefined, start: Point | undefined): Point {
  if (problem.preset.mask === 'soft') return startingPoint(problem, job.options.seed)
  return start ?? (previous === undefined ? startingPoint(problem) : warmPoint(problem, job.input, previous))
}

function* problemOf({ input, prepared }: Job, preset: Preset, responses: Responses): Stages<Problem> {
  const parts = { preset, responses, hints: input.hints, conceptCount: input.conceptIds.length }
  if (preset.mask === 'soft') return makeProblem(parts)
  const base = prepared.get(responses)
  if (base !== undefined) return makeProblem({ ...parts, base })
  const met = yield* inBlocks('meetConcepts', makeMeeting(responses, parts.hints, parts.conceptCount))
  const problem = makeProblem({ ...parts, met })
  prepared.set(responses, problem)
  return problem
}

function optimiserOf({ kernel }: Job, problem: Problem, point: Point): Optimiser {
  return problem.preset.mask === 'hard' ? variational(problem, point, kernel) : softAdadelta(problem, point, kernel)
}

/** Stopping early left responses out. In the end all count: for as long as turned out best, or a little longer. */
function* trainOnAll(job: Job, { problem, trained }: Candidate): Stages<Optimiser> {
  const isHard = problem.preset.mask === 'hard'
  const whole = yield* problemOf(job, { ...problem.preset, penalties: trained.penalties }, job.responses)
  const point = startingPoint(whole, job.options.seed)
  if (isHard) {
    point.weights.set(trained.point.weights)
    point.easiness.set(trained.point.easiness)
  }
  const optimiser = optimiserOf(job, whole, point)
  const epochs = isHard ? epochsFor(FINAL_VISITS, job.responses) : trained.bestEpoch + 1
  for (let epoch = 0; epoch < epochs; epoch++) yield* optimiser.epoch(epoch)
  return optimiser
}

/** Few answers are cheap to visit, and noisy: they get more epochs. */
function epochsFor(visits: number, { question }: Responses): number {
  return Math.min(Math.max(Math.round(visits / question.length), 2), 20)
}

function* finish(job: Job, candidate: Candidate, warmStarts: number): Stages<SparfaMatrix> {
  const { problem } = candidate
  const isLate = isOutOfTime(job)
  // A path that was cut short counts as stopped by time, even if this candidate of it was not.
  const trained: Trained = isLate ? { ...candidate.trained, stoppedBy: 'time' } : candidate.trained
  const isWhole = isLate || trained.heldOutLogLoss === undefined
  const { training, heldOut } = job.parts
  if (job.options.onChosen !== undefined && heldOut !== undefined) {
    job.options.onChosen({ matrix: matrixOf(job, problem, trained, { trained, warmStarts }), training, heldOut })
  }
  const last = isWhole ? trained : yield* trainOnAll(job, candidate)
  return matrixOf(job, problem, last, { trained, warmStarts })
}

function matrixOf(
  { input, options, responses }: Job,
  problem: Problem,
  { point, penalties }: { readonly point: Point; readonly penalties: Penalties },
  { trained, warmStarts }: { readonly trained: Trained; readonly warmStarts: number },
): SparfaMatrix {
  const { mask } = problem.preset
  return makeMatrix({
    questionIds: input.questionIds,
    conceptIds: input.conceptIds,
    easiness: point.easiness,
    support: problem.support,
    weights: mask === 'soft' ? point.weights.map((weight) => (weight < SOFT_WEIGHT_MIN ? 0 : weight)) : point.weights,
    hints: input.hints,
    madeBy: {
      preset: options.preset,
      mask,
      ...storedPenalties(penalties),
      seed: options.seed,
      responses: responses.question.length,
      learners: input.learnerCount,
      epochs: trained.epochs,
      held_out_log_loss: trained.heldOutLogLoss ?? null,
      stopped_by: trained.stoppedBy,
      warm_starts: warmStarts,
    },
  })
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
      ...storedPenalties(preset.penalties),
      seed: options.seed,
      responses: 0,
      learners: 0,
      epochs: 0,
      held_out_log_loss: null,
      stopped_by: 'empty',
      warm_starts: 0,
    },
  })
}

function storedPenalties(penalties: Penalties): Pick<MadeBy, 'lam_w' | 'lam_d' | 'lam_u' | 'lam_g'> {
  return {
    lam_w: penalties.lamW,
    lam_d: penalties.lamD,
    lam_u: Number.isFinite(penalties.lamU) ? penalties.lamU : null,
    lam_g: Number.isFinite(penalties.lamG) ? penalties.lamG : null,
  }
}
