/**
 * The loops of the variational fit (`variational.ts`) in plain TypeScript, one block of learners or questions at a
 * time. `assembly/hard.ts` does those over learners with two numbers at a time; sums that it makes in two lanes (even
 * entries, odd entries) are made so here too, and nothing is reordered, so both give the same bits.
 */
import { exp } from './exponential.ts'
import type { HardArrays } from './hard-work.ts'
import type { ResponseRows } from './kernels.ts'
import { LossSum } from './loss-sum.ts'
import { type QuadraticProblem, solveNonNegative } from './quadratic.ts'

const PI_8 = Math.PI / 8

/** One Newton step of each learner of the block, and what the answers then tell about the questions. */
export function updateLearners(work: HardArrays, block: number): void {
  const { blockStart, blockSums, scratch, sizes, start } = work
  const sumsBegin = block * sizes[0]!
  const scratchBegin = block * sizes[3]!
  blockSums.fill(0, sumsBegin, sumsBegin + sizes[0]!)
  const space: Space = {
    mean: scratch.subarray(scratchBegin, scratchBegin + sizes[1]!),
    spread: scratch.subarray(scratchBegin + sizes[1]!, scratchBegin + 2 * sizes[1]!),
    residual: scratch.subarray(scratchBegin + 2 * sizes[1]!, scratchBegin + 3 * sizes[1]!),
    evidence: scratch.subarray(scratchBegin + 3 * sizes[1]!, scratchBegin + 3 * sizes[1]! + sizes[2]!),
    gradient: scratch.subarray(scratchBegin + 3 * sizes[1]! + sizes[2]!, scratchBegin + sizes[3]!),
    sums: blockSums.subarray(sumsBegin, sumsBegin + sizes[0]!),
    collected: new Float64Array(2),
  }
  for (let learner = blockStart[block]!; learner < blockStart[block + 1]!; learner++) {
    const rows = start[learner + 1]! - start[learner]!
    if (rows === 0) continue
    predict(work, learner, space)
    expand(space, rows)
    step(work, learner, space)
    addToQuestions(work, learner, space)
  }
}

/** Of one block. For rows: mean, then omega m + y - p; variance, then omega; outcome, then y - p. */
interface Space {
  readonly mean: Float64Array
  readonly spread: Float64Array
  readonly residual: Float64Array
  /** What the answers add to the precision of each v, and the gradient. */
  readonly evidence: Float64Array
  readonly gradient: Float64Array
  readonly sums: Float64Array
  /** Precision and gradient of g. */
  readonly collected: Float64Array
}

/** Mean and variance of every z of the learner. */
function predict(work: HardArrays, learner: number, { mean, spread, residual }: Space): void {
  const { start, question, isCorrect, placeStart, place, entryStart, hintStart } = work
  const { weights, easiness, specific, kept } = work
  const first = entryStart[learner]!
  const general = work.general[learner]!
  const generalVariance = work.generalVariance[learner]!
  const priorVariance = work.numbers[2]!
  const begin = start[learner]!
  let at = placeStart[learner]!
  for (let row = begin; row < start[learner + 1]!; row++) {
    const asked = question[row]!
    const weightEnd = hintStart[asked + 1]!
    let sum = easiness[asked]!
    let square = 0
    let slope = 0
    for (let weight = hintStart[asked]!; weight < weightEnd; weight++) {
      const entry = first + place[at]!
      const value = weights[weight]!
      const left = value * kept[entry]!
      sum += value * (specific[entry]! + general)
      square += value * left
      slope += left
      at += 1
    }
    mean[row - begin] = sum
    spread[row - begin] = priorVariance * square + slope * slope * generalVariance
    residual[row - begin] = isCorrect[row]!
  }
}

/** The logistic function averaged over z, its slope, and what the questions are to be fitted to. */
function expand({ mean, spread, residual }: Space, rows: number): void {
  for (let row = 0; row < rows; row++) {
    const m = mean[row]!
    const shrink = 1 / Math.sqrt(1 + PI_8 * spread[row]!)
    const p = 1 / (1 + exp(-(shrink * m)))
    const curvature = shrink * p * (1 - p)
    const missing = residual[row]! - p
    mean[row] = missing + curvature * m
    spread[row] = curvature
    residual[row] = missing
  }
}

/** Moves the learner's v and g, and leaves the variances that go with the new place. */
function step(work: HardArrays, learner: number, space: Space): void {
  const { entryStart, specific, kept, numbers } = work
  const { evidence, gradient, collected } = space
  const lamU = numbers[0]!
  const priorVariance = numbers[2]!
  const first = entryStart[learner]!
  const entries = entryStart[learner + 1]! - first
  for (let entry = 0; entry < entries; entry++) {
    evidence[entry] = 0
    gradient[entry] = -lamU * specific[first + entry]!
  }
  collect(work, learner, space)
  let [explainedEven, explainedOdd, pulledEven, pulledOdd] = [0, 0, 0, 0]
  for (let entry = 0; entry < entries; entry++) {
    const gained = evidence[entry]!
    const share = lamU / (lamU + gained)
    const ratio = gained * (priorVariance * share)
    kept[first + entry] = share
    if (entry % 2 === 0) {
      explainedEven += gained * ratio
      pulledEven += gradient[entry]! * ratio
    } else {
      explainedOdd += gained * ratio
      pulledOdd += gradient[entry]! * ratio
    }
  }
  const schur = collected[0]! - (explainedEven + explainedOdd)
  const move = (collected[1]! - (pulledEven + pulledOdd)) / schur
  work.general[learner]! += move
  work.generalVariance[learner] = 1 / schur
  for (let entry = 0; entry < entries; entry++) {
    const variance = priorVariance * kept[first + entry]!
    specific[first + entry]! += variance * gradient[entry]! - evidence[entry]! * variance * move
  }
}

/** Adds the learner's answers to evidence and gradient. */
function collect(work: HardArrays, learner: number, space: Space): void {
  const { start, question, placeStart, place, hintStart, weights, numbers } = work
  const { spread, residual, evidence, gradient, collected } = space
  let precision = numbers[1]!
  let pull = numbers[3]! * work.general[learner]!
  const begin = start[learner]!
  let at = placeStart[learner]!
  for (let row = begin; row < start[learner + 1]!; row++) {
    const asked = question[row]!
    const weightStart = hintStart[asked]!
    const weightEnd = hintStart[asked + 1]!
    const missing = residual[row - begin]!
    let sum = 0
    for (let weight = weightStart; weight < weightEnd; weight++) sum += weights[weight]!
    const scaled = spread[row - begin]! * sum
    precision += scaled * sum
    pull += missing * sum
    for (let weight = weightStart; weight < weightEnd; weight++) {
      const entry = place[at]!
      gradient[entry]! += missing * weights[weight]!
      evidence[entry]! += scaled * weights[weight]!
      at += 1
    }
  }
  collected[0] = precision
  collected[1] = pull
}

/** Adds E[x x'] and E[x] of the learner's answers to the sums of the questions. */
function addToQuestions(work: HardArrays, learner: number, { mean, spread, sums }: Space): void {
  const { start, question, placeStart, place, entryStart, hintStart, sumStart, specific, kept, numbers } = work
  const first = entryStart[learner]!
  const general = work.general[learner]!
  const generalVariance = work.generalVariance[learner]!
  const priorVariance = numbers[2]!
  const begin = start[learner]!
  let at = placeStart[learner]!
  for (let row = begin; row < start[learner + 1]!; row++) {
    const asked = question[row]!
    const curvature = spread[row - begin]!
    const wanted = mean[row - begin]!
    const hints = hintStart[asked + 1]! - hintStart[asked]!
    let to = sumStart[asked]!
    for (let hint = 0; hint < hints; hint++) {
      const entry = first + place[at + hint]!
      const known = specific[entry]! + general
      const share = kept[entry]!
      const slope = share * generalVariance
      for (let other = 0; other < hint; other++) {
        const across = first + place[at + other]!
        sums[to]! += curvature * (known * (specific[across]! + general) + slope * kept[across]!)
        to += 1
      }
      sums[to]! += curvature * (known * known + (priorVariance * share + slope * share))
      to += 1
    }
    for (let hint = 0; hint < hints; hint++) {
      const known = specific[first + place[at + hint]!]! + general
      sums[to]! += curvature * known
      sums[to + hints + 1]! += wanted * known
      to += 1
    }
    sums[to]! += curvature
    sums[to + hints + 1]! += wanted
    at += hints
  }
}

/** Merges the sums of a part of the questions, block after block, and solves their small quadratic problems. */
export function updateQuestions(work: HardArrays, block: number): void {
  const { blockSums, sizes, sumStart, easiness } = work
  const blocks = work.blockStart.length - 1
  const from = Math.floor((easiness.length * block) / blocks)
  const to = Math.floor((easiness.length * (block + 1)) / blocks)
  for (let other = 1; other < blocks; other++) {
    const shift = other * sizes[0]!
    for (let at = sumStart[from]!; at < sumStart[to]!; at++) blockSums[at]! += blockSums[at + shift]!
  }
  const spaces = new Map<number, Quadratic>()
  for (let question = from; question < to; question++) updateQuestion(work, question, spaces)
}

type Quadratic = Pick<QuadraticProblem, 'matrix' | 'vector' | 'solution'>

function updateQuestion(work: HardArrays, question: number, spaces: Map<number, Quadratic>): void {
  const { hintStart, sumStart, blockSums, weights, easiness, ridge, weightCentre } = work
  const begin = hintStart[question]!
  const hintCount = hintStart[question + 1]! - begin
  const { matrix, vector, solution } = quadraticOf(hintCount + 1, spaces)
  const first = sumStart[question]!
  for (let at = 0; at < matrix.length; at++) matrix[at] = blockSums[first + at]!
  for (let at = 0; at < vector.length; at++) vector[at] = blockSums[first + matrix.length + at]!
  for (let hint = 0; hint < hintCount; hint++) {
    matrix[(hint * (hint + 3)) / 2]! += ridge[begin + hint]!
    vector[hint]! += ridge[begin + hint]! * weightCentre[begin + hint]!
    solution[hint] = weights[begin + hint]!
  }
  const lamD = work.questionNumbers[0]!
  matrix[(hintCount * (hintCount + 3)) / 2]! += lamD
  vector[hintCount]! += lamD * work.easinessCentre[question]!
  solution[hintCount] = easiness[question]!
  solveNonNegative({ matrix, vector, solution, fixedCount: work.questionNumbers[1] === 1 ? 0 : hintCount })
  for (let hint = 0; hint < hintCount; hint++) weights[begin + hint] = solution[hint]!
  easiness[question] = solution[hintCount]!
}

/** Working space for problems of one size, of which most questions have the same. */
function quadraticOf(size: number, spaces: Map<number, Quadratic>): Quadratic {
  const before = spaces.get(size)
  if (before !== undefined) return before
  const space = {
    matrix: new Float64Array((size * (size + 1)) / 2),
    vector: new Float64Array(size),
    solution: new Float64Array(size),
  }
  spaces.set(size, space)
  return space
}

/** Log-loss of the block's part of other rows of the same learners, averaged over the posterior. */
export function sumLosses(work: HardArrays, block: number, rows: ResponseRows): void {
  const { weights, easiness, specific, kept, hintStart, entryStart } = work
  const priorVariance = work.numbers[2]!
  const loss = new LossSum()
  for (let learner = work.blockStart[block]!; learner < work.blockStart[block + 1]!; learner++) {
    const general = work.general[learner]!
    const generalVariance = work.generalVariance[learner]!
    const first = entryStart[learner]!
    let at = rows.placeStart[learner]!
    for (let row = rows.start[learner]!; row < rows.start[learner + 1]!; row++) {
      const asked = rows.question[row]!
      let mean = easiness[asked]!
      let square = 0
      let slope = 0
      for (let weight = hintStart[asked]!; weight < hintStart[asked + 1]!; weight++) {
        const entry = first + rows.place[at]!
        const left = weights[weight]! * kept[entry]!
        mean += weights[weight]! * (specific[entry]! + general)
        square += weights[weight]! * left
        slope += left
        at += 1
      }
      const variance = priorVariance * square + slope * slope * generalVariance
      loss.add(mean / Math.sqrt(1 + PI_8 * variance), rows.isCorrect[row]!)
    }
  }
  work.losses[block] = loss.total()
}
