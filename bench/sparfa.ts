import { deepEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { loadavg } from 'node:os'
import { promisify } from 'node:util'
import { FitThreads } from '#due/block-threads.ts'
import { clueOf } from '#estimate/sparfa/clue.ts'
import { type FitOptions, fitMatrix, fitStages } from '#estimate/sparfa/fit.ts'
import { isHeldOutRow, seededUniform } from '#estimate/sparfa/hash.ts'
import { divide } from '#estimate/sparfa/hold-out.ts'
import type { FitInput } from '#estimate/sparfa/input.ts'
import { estimateLearner } from '#estimate/sparfa/learner.ts'
import { type SparfaMatrix, storeMatrix } from '#estimate/sparfa/matrix.ts'
import { measure } from '#estimate/sparfa/metrics.ts'
import { plant } from '#estimate/sparfa/planted.ts'
import { confidences, plantedCoverage } from '#estimate/sparfa/planted-coverage.ts'
import { predictWith } from '#estimate/sparfa/predict.ts'
import { type Responses, sortResponses } from '#estimate/sparfa/responses.ts'
import { rankQuestions } from '#estimate/sparfa/tesr.ts'
import { printLine } from './support/figures.ts'
import { epochSeconds, problemOf, scheduled } from './support/fit-epochs.ts'
import { machineLimits } from './support/machine-limits.ts'
import { type NumpySeconds, numpySeconds } from './support/numpy-yardstick.ts'
import { world } from './support/sparfa-world.ts'
import { bestSeconds, threadSeconds } from './support/thread-seconds.ts'

/*
 * Fitting a million planted answers until held-out answers stop getting better, and single epochs, beside the same in
 * numpy (one thread); then estimates, CLUEs and rankings of single learners, and the memory of a fit. Seconds are
 * processor time of one thread; those of several threads are told twice, as the clock saw them and as they follow from
 * the blocks' processor time. A tenth of the answers is kept out of the fit: one that learnt nothing ends the run.
 */
export interface SparfaOptions {
  readonly seed: number
  /** Folder of bench_numpy.py; without it there is no yardstick. */
  readonly reference: string
}

const rounds = 3
const clockPairs = 6
const logLossMax = 0.5785
const answersPerLearner = 60
const candidates = 100

export async function sparfa({ seed, reference }: SparfaOptions): Promise<void> {
  const numpy = await numpySeconds(reference)
  process.stderr.write('sparfa: planting answers\n')
  const { input } = plant({ ...world, seed })
  const limits = machineLimits()
  print('machine', { ...limits })
  const matrix = await benchFit(input, seed, numpy)
  benchEpochs(input, numpy, limits)
  print('learner', learnerFigures(matrix, seed))
  for (const responses of [40_000, 120_000, 400_000]) print('intervals', intervalFigures(responses, seed))
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', fitMemory, `${seed}`])
  print('memory', { answers: world.responses, ...JSON.parse(stdout) })
}

/** How often intervals of `auto` hold the truth, on planted answers of 2,000 learners, 400 questions, 20 concepts. */
function intervalFigures(responses: number, seed: number): Record<string, number> {
  const size = { questions: 400, concepts: 20, learners: 2000 }
  const planted = plant({ ...size, responses, seed, secondHints: 0, sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
  const matrix = fitMatrix(planted.input, { preset: 'auto', seed })
  const sorted = sortResponses(planted.input.responses, { learnerCount: size.learners, questionCount: size.questions })
  const covered = plantedCoverage(planted, matrix, sorted)
  return { answers: responses, ...Object.fromEntries(confidences.map((one, at) => [`of_${one * 100}`, covered[at]!])) }
}

const fitMemory = new URL('./support/fit-memory.ts', import.meta.url).pathname

function print(shape: string, figures: Readonly<Record<string, number | undefined>>): void {
  const rounded = Object.entries(figures).map(([name, value]) => [name, value && Number(value.toPrecision(4))])
  printLine({ bench: 'sparfa', shape, ...Object.fromEntries(rounded) })
}

/** Prints the fit to the stop, and returns its matrix. */
async function benchFit(input: FitInput, seed: number, numpy: NumpySeconds | undefined): Promise<SparfaMatrix> {
  process.stderr.write('sparfa: fitting\n')
  const counts = { learnerCount: world.learners, questionCount: world.questions }
  const all = sortResponses(input.responses, counts)
  const isTest = testMarks(all, seed)
  const [known, asked] = divide(all, isTest)
  const knownInput = { ...input, responses: columnsOf(known) }
  const fits = Array.from({ length: rounds }, () => timedFit(knownInput, seed))
  const best = fits.reduce((one, other) => (other.toStopSeconds < one.toStopSeconds ? other : one))
  const { logLoss, accuracy } = measure(predictWith(best.matrix, known, asked), asked.isCorrect)
  if (logLoss > logLossMax) throw new Error(`the fit learnt too little: log-loss ${logLoss}`)
  print('fit', {
    answers: known.question.length,
    epochs: best.matrix.madeBy.epochs,
    to_stop_seconds: best.toStopSeconds,
    whole_fit_seconds: best.wholeSeconds,
    test_log_loss: logLoss,
    test_accuracy: accuracy,
    numpy_to_stop_seconds: numpy?.toStop,
    times_faster: numpy && numpy.toStop / best.toStopSeconds,
    whole_times_faster: numpy && numpy.toStop / best.wholeSeconds,
  })
  await benchThreads({ input: knownInput, seed, wanted: best.matrix, numpyToStop: numpy?.toStop })
  return best.matrix
}

/**
 * Ends the run if two threads give another matrix than one. By the clock in pairs, the best of each, with threads that
 * have been started and have fitted before.
 */
async function benchThreads(fit: ThreadedFit): Promise<void> {
  const { input, seed, numpyToStop } = fit
  const options: FitOptions = { preset: 'hard', seed }
  const byBlocks = (threads: number): number => {
    const clock = { seconds: 0 }
    const ends: number[] = []
    scheduled(fitStages(input, { ...options, onProgress: () => ends.push(clock.seconds) }), threads, clock)
    return toStop(ends)
  }
  const best = (threads: number): number => Math.min(...Array.from({ length: rounds }, () => byBlocks(threads)))
  const [one, two] = [best(1), best(2)]
  const clock = await fitPairs(fit)
  print('two_threads', {
    to_stop_seconds: two,
    of_one_thread: two / one,
    to_stop_by_the_clock: clock.two.toStop,
    of_one_thread_by_the_clock: clock.two.toStop / clock.one.toStop,
    of_an_eighth_of_numpy_by_the_clock: numpyToStop && clock.two.toStop / (numpyToStop / 8),
    whole_fit_by_the_clock: clock.two.whole,
    whole_fit_of_one_thread_by_the_clock: clock.two.whole / clock.one.whole,
    load_average: loadavg()[0],
  })
}

interface ThreadedFit {
  readonly input: FitInput
  readonly seed: number
  readonly wanted: SparfaMatrix
  readonly numpyToStop: number | undefined
}

interface ClockSeconds {
  readonly toStop: number
  readonly whole: number
}

async function fitPairs({ input, seed, wanted }: ThreadedFit): Promise<{ one: ClockSeconds; two: ClockSeconds }> {
  const stored = storeMatrix(wanted)
  const timed = async (threads: FitThreads): Promise<ClockSeconds> => {
    const ends: number[] = []
    const begin = performance.now()
    const onProgress = (): number => ends.push(performance.now() / 1000)
    const matrix = await threads.fit(input, { preset: 'hard', seed, onProgress })
    const whole = (performance.now() - begin) / 1000
    deepEqual(storeMatrix(matrix), stored, 'another matrix with threads')
    return { toStop: toStop(ends), whole }
  }
  await using one = new FitThreads({ threads: 1 })
  await using two = new FitThreads({ threads: 2 })
  const pairs: { one: ClockSeconds; two: ClockSeconds }[] = []
  for (let pair = 0; pair <= clockPairs; pair++) pairs.push({ one: await timed(one), two: await timed(two) })
  const bestOf = (which: 'one' | 'two', what: keyof ClockSeconds): number =>
    Math.min(...pairs.slice(1).map((pair) => pair[which][what]))
  return {
    one: { toStop: bestOf('one', 'toStop'), whole: bestOf('one', 'whole') },
    two: { toStop: bestOf('two', 'toStop'), whole: bestOf('two', 'whole') },
  }
}

interface TimedFit {
  readonly matrix: SparfaMatrix
  readonly toStopSeconds: number
  readonly wholeSeconds: number
}

function timedFit(input: FitInput, seed: number): TimedFit {
  const begin = threadSeconds()
  const ends: number[] = []
  const matrix = fitMatrix(input, { preset: 'hard', seed, onProgress: () => ends.push(threadSeconds()) })
  return { matrix, toStopSeconds: toStop(ends), wholeSeconds: threadSeconds() - begin }
}

/**
 * Numpy's time starts when its arrays are ready, so ours starts with the first epoch. That one is counted as the mean
 * of the later ones, because no event marks its start.
 */
function toStop(epochEnds: readonly number[]): number {
  return ((epochEnds.at(-1)! - epochEnds[0]!) / (epochEnds.length - 1)) * epochEnds.length
}

/** All answers, none held out. The limits are what no program could do without: see `machineLimits`. */
function benchEpochs(input: FitInput, numpy: NumpySeconds | undefined, limits: ReturnType<typeof machineLimits>): void {
  process.stderr.write('sparfa: epochs\n')
  const hardProblem = problemOf(input, 'hard')
  const hard = epochSeconds(hardProblem, 'wasm', 8)
  print('hard_epoch', {
    answers: world.responses,
    seconds: hard,
    numpy_seconds: numpy?.hardEpoch,
    of_numpy: numpy && hard / numpy.hardEpoch,
    plain_kernel_seconds: epochSeconds(hardProblem, 'plain', 4),
    // One exponential for each answer.
    limit_seconds: (world.responses * limits.exp_ns) / 1e9,
  })
  const softProblem = problemOf(input, 'soft-strict')
  const soft = epochSeconds(softProblem, 'wasm', 4)
  print('soft_epoch', {
    answers: world.responses,
    seconds: soft,
    numpy_seconds: numpy?.softEpoch,
    of_numpy: numpy && soft / numpy.softEpoch,
    plain_kernel_seconds: epochSeconds(softProblem, 'plain', 1),
    // A row of W or of U is fetched for each answer, in each half of the epoch.
    limit_seconds: (2 * world.responses * world.concepts * 8) / (limits.read_gb_per_second * 1e9),
  })
}

function learnerFigures(matrix: SparfaMatrix, seed: number): Record<string, number> {
  process.stderr.write('sparfa: learners\n')
  const uniform = seededUniform(seed)
  const draw = (count: number): Int32Array => {
    const drawn = new Set<number>()
    while (drawn.size < count) drawn.add(Math.floor(uniform() * world.questions))
    return Int32Array.from(drawn).sort()
  }
  const cases = Array.from({ length: 400 }, () => ({
    answered: draw(answersPerLearner),
    isCorrect: Uint8Array.from({ length: answersPerLearner }, () => (uniform() < 0.6 ? 1 : 0)),
    pool: draw(20),
    candidates: draw(candidates),
  }))
  const confidence = { confidence: 0.5, minResponses: 3 }
  const estimate = secondsEach(cases, ({ answered, isCorrect, pool }) => {
    return clueOf(matrix, [estimateLearner(matrix, answered, isCorrect)], pool, confidence).mostLikely
  })
  const knowledge = cases.map((one) => ({ ...one, known: estimateLearner(matrix, one.answered, one.isCorrect) }))
  const ranking = secondsEach(knowledge, (one) => [...rankQuestions(matrix, one.known, one.candidates)][0]!)
  return { estimates_and_clues_per_second: 1 / estimate, ranking_of_100_ms: 1000 * ranking }
}

function secondsEach<Case>(cases: readonly Case[], use: (one: Case) => number): number {
  let sum = 0
  const seconds = bestSeconds(8, () => {
    for (const one of cases) sum += use(one)
  })
  // The sum is looked at, so that nothing can be optimised away.
  if (!Number.isFinite(sum)) throw new Error('an estimate is not finite')
  return seconds / cases.length
}

function testMarks({ learnerCount, start, question }: Responses, seed: number): Uint8Array {
  const isTest = new Uint8Array(question.length)
  for (let learner = 0; learner < learnerCount; learner++) {
    for (let row = start[learner]!; row < start[learner + 1]!; row++) {
      // Another seed than the fit's, which holds a tenth back by the same hash.
      if (isHeldOutRow(learner, question[row]!, seed + 1)) isTest[row] = 1
    }
  }
  return isTest
}

function columnsOf({ learnerCount, start, question, isCorrect }: Responses): FitInput['responses'] {
  const learner = new Int32Array(question.length)
  for (let who = 0; who < learnerCount; who++) learner.fill(who, start[who]!, start[who + 1]!)
  return { learner, question, isCorrect }
}
