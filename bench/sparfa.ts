import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { clueOf } from '#estimate/sparfa/clue.ts'
import { fitMatrix } from '#estimate/sparfa/fit.ts'
import { isHeldOutRow, seededUniform } from '#estimate/sparfa/hash.ts'
import type { FitInput } from '#estimate/sparfa/input.ts'
import { estimateLearner } from '#estimate/sparfa/learner.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import { measure } from '#estimate/sparfa/metrics.ts'
import { type PlantedOptions, plant } from '#estimate/sparfa/planted.ts'
import { predictWith } from '#estimate/sparfa/predict.ts'
import { keepRows, type Responses, sortResponses } from '#estimate/sparfa/responses.ts'
import { rankQuestions } from '#estimate/sparfa/tesr.ts'

/*
 * Fitting a million planted answers until held-out answers stop getting better, beside the same in numpy (one thread,
 * the faster of its settings); then estimates, CLUEs and rankings of single learners. A fifth of the answers is kept
 * out of the fit, and its log-loss is printed: a fast fit that learnt nothing would show.
 */
export interface SparfaOptions {
  readonly seed: number
  /** Folder of bench_numpy.py; without it there is no yardstick. */
  readonly reference: string
}

const world: Omit<PlantedOptions, 'seed'> = {
  questions: 5000,
  concepts: 250,
  learners: 10_000,
  responses: 1_000_000,
  secondHints: 0.2,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
}
const rounds = 3
const answersPerLearner = 60
const candidates = 100

export async function sparfa({ seed, reference }: SparfaOptions): Promise<void> {
  process.stderr.write('sparfa: planting answers\n')
  const { input } = plant({ ...world, seed })
  const all = sortResponses(input.responses, { learnerCount: world.learners, questionCount: world.questions })
  const isTest = testMarks(all, seed)
  const [known, asked] = [keepRows(all, isTest, 0), keepRows(all, isTest, 1)]
  const fits = Array.from({ length: rounds }, () => timedFit({ ...input, responses: columnsOf(known) }, seed))
  const best = fits.reduce((one, other) => (other.toStopSeconds < one.toStopSeconds ? other : one))
  const { logLoss, accuracy } = measure(predictWith(best.matrix, known, asked), asked.isCorrect)
  const numpySeconds = await numpyToStop(reference)
  print('fit', {
    answers: known.question.length,
    epochs: best.matrix.madeBy.epochs,
    to_stop_seconds: best.toStopSeconds,
    whole_fit_seconds: best.wholeSeconds,
    test_log_loss: logLoss,
    test_accuracy: accuracy,
    numpy_to_stop_seconds: numpySeconds,
    times_faster: numpySeconds === undefined ? undefined : numpySeconds / best.toStopSeconds,
  })
  print('learner', learnerFigures(best.matrix, seed))
}

function print(shape: string, figures: Readonly<Record<string, number | undefined>>): void {
  const rounded = Object.entries(figures).map(([name, value]) => [name, value && Number(value.toPrecision(4))])
  process.stdout.write(`${JSON.stringify({ bench: 'sparfa', shape, ...Object.fromEntries(rounded) })}\n`)
}

interface TimedFit {
  readonly matrix: SparfaMatrix
  readonly toStopSeconds: number
  readonly wholeSeconds: number
}

/**
 * Numpy's time starts when its arrays are ready, so ours starts with the first epoch. That one is counted as the mean
 * of the later ones, because no event marks its start.
 */
function timedFit(input: FitInput, seed: number): TimedFit {
  const begin = performance.now()
  const ends: number[] = []
  const matrix = fitMatrix(input, { preset: 'hard', seed, onProgress: () => ends.push(performance.now()) })
  const epochMs = (ends.at(-1)! - ends[0]!) / (ends.length - 1)
  return {
    matrix,
    toStopSeconds: (epochMs * ends.length) / 1000,
    wholeSeconds: (performance.now() - begin) / 1000,
  }
}

/** Best of numpy's runs to the stop; its lines read "... to stop 4.2 s test ll 0.5779 ...". */
async function numpyToStop(reference: string): Promise<number | undefined> {
  if (!existsSync(`${reference}/bench_numpy.py`)) {
    process.stderr.write(`sparfa: no yardstick, ${reference}/bench_numpy.py is missing\n`)
    return undefined
  }
  process.stderr.write('sparfa: the same in numpy\n')
  const { stdout } = await promisify(execFile)('python3', ['bench_numpy.py', 'stop'], {
    cwd: reference,
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  })
  return Math.min(...[...stdout.matchAll(/to stop ([\d.]+) s/g)].map((match) => Number(match[1])))
}

function learnerFigures(matrix: SparfaMatrix, seed: number): Record<string, number> {
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
  const estimate = perSecond(cases, ({ answered, isCorrect, pool }) => {
    return clueOf(matrix, [estimateLearner(matrix, answered, isCorrect)], pool, confidence).mostLikely
  })
  const knowledge = cases.map((one) => ({ ...one, known: estimateLearner(matrix, one.answered, one.isCorrect) }))
  const ranking = perSecond(knowledge, (one) => rankQuestions(matrix, one.known, one.candidates)[0]!)
  return { estimates_and_clues_per_second: estimate, ranking_of_100_ms: 1000 / ranking }
}

/** Best of several passes over the cases, after one pass to warm up. */
function perSecond<Case>(cases: readonly Case[], use: (one: Case) => number): number {
  let best = 0
  let sum = 0
  for (let pass = 0; pass < 8; pass++) {
    const begin = performance.now()
    for (const one of cases) sum += use(one)
    if (pass > 0) best = Math.max(best, (1000 * cases.length) / (performance.now() - begin))
  }
  // The sum is looked at, so that nothing can be optimised away.
  if (!Number.isFinite(sum)) throw new Error('an estimate is not finite')
  return best
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
