/**
 * Learners and questions of a fit with a soft mask: `updateLearners` and `updateQuestions` of `../soft-plain.ts`, which
 * explains them, with the same sums in the same order. Four answers are worked on together, so that what they share is
 * read once. Rows that are read from the arrays may be read a little beyond their end: what stands there is a finite
 * number (see `softLayout`), and it meets the zeros that follow a row in the scratch.
 */
import { sigmoid } from './exponential.ts'
import { float, int } from './memory.ts'

/** Places of the arrays, in the order of `softLayout`. */
@unmanaged
class SoftWork {
  learnerBlock: usize
  questionBlock: usize
  numbers: usize
  sizes: usize
  start: usize
  question: usize
  isCorrect: usize
  questionStart: usize
  learner: usize
  isCorrectByQuestion: usize
  hintStart: usize
  hintConcept: usize
  weights: usize
  easiness: usize
  specific: usize
  general: usize
  weightsSeen: usize
  weightsMoved: usize
  easinessSeen: usize
  easinessMoved: usize
  specificSeen: usize
  specificMoved: usize
  generalSeen: usize
  generalMoved: usize
  easinessCentre: usize
  scratch: usize
}

/** Places in `numbers`. */
const FACTOR: usize = 0
const EPSILON: usize = 1
const LAM_W: usize = 2
const LAM_N1: usize = 3
const LAM_N2: usize = 4
const LAM_D: usize = 5
const LAM_U: usize = 6
const LAM_G: usize = 7

const RHO: f64 = 0.95

/** Scratch of a block: where four rows begin, then their z or residuals; after that rows of a number per concept. */
const RESIDUALS: usize = 16
const ROWS: usize = 48

export function softLearners(block: usize): void {
  const work = changetype<SoftWork>(0)
  const width = int(work.sizes, 0)
  const rowBytes = int(work.sizes, 1) << 3
  const scratch = work.scratch + block * (int(work.sizes, 2) << 3)
  const known = scratch + ROWS
  const gradient = known + rowBytes
  const lamG = float(work.numbers, LAM_G)
  memory.fill(known, 0, rowBytes)
  const end = int(work.learnerBlock, block + 1)
  for (let learner = int(work.learnerBlock, block); learner < end; learner++) {
    const first = (learner * width) << 3
    const specific = work.specific + first
    const general = float(work.general, learner)
    for (let at: usize = 0; at < width; at++) store<f64>(known + (at << 3), float(specific, at) + general)
    memory.fill(gradient, 0, rowBytes)
    addAnswers(work, learner, scratch)
    memory.fill(gradient + (width << 3), 0, rowBytes - (width << 3))
    const total = sumOf(gradient, rowBytes)
    addScaled(gradient, specific, float(work.numbers, LAM_U), rowBytes)
    descend(work, specific, gradient, work.specificSeen + first, work.specificMoved + first)
    if (lamG !== Infinity) {
      const one = learner << 3
      const slope = f64x2.splat(total + lamG * general)
      descendOne(work, work.general + one, slope, work.generalSeen + one, work.generalMoved + one)
    }
  }
}

/** The gradient of the learner's answers by u. */
function addAnswers(work: SoftWork, learner: usize, scratch: usize): void {
  const stride = int(work.sizes, 0) << 3
  const rowBytes = int(work.sizes, 1) << 3
  const known = scratch + ROWS
  const gradient = known + rowBytes
  const end = int(work.start, learner + 1)
  for (let row = int(work.start, learner); row < end; row += 4) {
    const count = min(end - row, 4)
    for (let at: usize = 0; at < count; at++) {
      const asked = int(work.question, row + at)
      store<usize>(scratch + (at << 2), work.weights + asked * stride)
      store<f64>(scratch + RESIDUALS + (at << 3), float(work.easiness, asked))
    }
    addRows(scratch, count, known, gradient, rowBytes, work.isCorrect + row)
  }
}

export function softQuestions(block: usize): void {
  const work = changetype<SoftWork>(0)
  const width = int(work.sizes, 0)
  const rowBytes = int(work.sizes, 1) << 3
  const scratch = work.scratch + block * (int(work.sizes, 2) << 3)
  const gradient = scratch + ROWS + rowBytes
  const penalties = gradient + rowBytes
  memory.fill(scratch + ROWS, 0, rowBytes)
  const end = int(work.questionBlock, block + 1)
  for (let at: usize = 0; at < rowBytes; at += 8) setPenalties(work, penalties + at, false, 0)
  for (let question = int(work.questionBlock, block); question < end; question++) {
    const first = (question * width) << 3
    memory.copy(scratch + ROWS, work.weights + first, width << 3)
    memory.fill(gradient, 0, rowBytes)
    const sums = addLearners(work, question, scratch)
    const hintStart = int(work.hintStart, question)
    const hintEnd = int(work.hintStart, question + 1)
    for (let hint = hintStart; hint < hintEnd; hint++) {
      const place = penalties + (int(work.hintConcept, hint) << 3)
      setPenalties(work, place, true, 1 / <f64>(hintEnd - hintStart))
    }
    descendWeights(work, first, scratch, f64x2.extract_lane(sums, 1))
    for (let hint = hintStart; hint < hintEnd; hint++) {
      setPenalties(work, penalties + (int(work.hintConcept, hint) << 3), false, 0)
    }
    const one = question << 3
    const away = float(work.easiness, question) - float(work.easinessCentre, question)
    const slope = f64x2.splat(f64x2.extract_lane(sums, 0) + float(work.numbers, LAM_D) * away)
    descendOne(work, work.easiness + one, slope, work.easinessSeen + one, work.easinessMoved + one)
  }
}

/** Three rows of the scratch, one behind the other: L1 and L2 penalty of each weight, and where the latter pulls to. */
function setPenalties(work: SoftWork, place: usize, isHinted: bool, centre: f64): void {
  const rowBytes = int(work.sizes, 1) << 3
  store<f64>(place, isHinted ? 0 : float(work.numbers, LAM_N1))
  store<f64>(place + rowBytes, float(work.numbers, isHinted ? LAM_W : LAM_N2))
  store<f64>(place + 2 * rowBytes, centre)
}

/** The gradient of the question's answers by W without g; returns the sums of the residuals, and of those times g. */
function addLearners(work: SoftWork, question: usize, scratch: usize): v128 {
  const stride = int(work.sizes, 0) << 3
  const rowBytes = int(work.sizes, 1) << 3
  const weights = scratch + ROWS
  const gradient = weights + rowBytes
  const easiness = float(work.easiness, question)
  const weightSum = sumOf(weights, rowBytes)
  const end = int(work.questionStart, question + 1)
  let sums = f64x2.splat(0)
  for (let row = int(work.questionStart, question); row < end; row += 4) {
    const count = min(end - row, 4)
    for (let at: usize = 0; at < count; at++) {
      const learner = int(work.learner, row + at)
      store<usize>(scratch + (at << 2), work.specific + learner * stride)
      store<f64>(scratch + RESIDUALS + (at << 3), easiness + weightSum * float(work.general, learner))
    }
    addRows(scratch, count, weights, gradient, rowBytes, work.isCorrectByQuestion + row)
    for (let at: usize = 0; at < count; at++) {
      const general = float(work.general, int(work.learner, row + at))
      sums = f64x2.add(sums, f64x2.mul(f64x2.splat(float(scratch + RESIDUALS, at)), f64x2(1, general)))
    }
  }
  return sums
}

/** Turns what is known of each z without `other` into residuals, and adds the rows times their residuals. */
function addRows(scratch: usize, count: usize, other: usize, sums: usize, rowBytes: usize, isCorrect: usize): void {
  const z = scratch + RESIDUALS
  if (count === 4) addFourDots(scratch, other, rowBytes)
  else for (let at: usize = 0; at < count; at++) addDot(z + (at << 3), int(scratch, at), other, rowBytes)
  for (let pair: usize = 0; pair < count; pair += 2) {
    const right = f64x2(<f64>load<u8>(isCorrect + pair), <f64>load<u8>(isCorrect + pair + 1))
    const place = z + (pair << 3)
    v128.store(place, f64x2.sub(sigmoid(v128.load(place)), right))
  }
  if (count === 4) addFourScaled(sums, scratch, rowBytes)
  else for (let at: usize = 0; at < count; at++) addScaled(sums, int(scratch, at), float(z, at), rowBytes)
}

/** Sum in four lanes (entries 0, 4, 8 …; 1, 5, 9 …), then the lanes two by two. */
function sumOf(row: usize, rowBytes: usize): f64 {
  let low = f64x2.splat(0)
  let high = f64x2.splat(0)
  for (let at: usize = 0; at < rowBytes; at += 32) {
    low = f64x2.add(low, v128.load(row + at))
    high = f64x2.add(high, v128.load(row + at, 16))
  }
  return join(low, high)
}

function join(low: v128, high: v128): f64 {
  const left = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1)
  return left + (f64x2.extract_lane(high, 0) + f64x2.extract_lane(high, 1))
}

function addDot(to: usize, one: usize, other: usize, rowBytes: usize): void {
  let low = f64x2.splat(0)
  let high = f64x2.splat(0)
  for (let at: usize = 0; at < rowBytes; at += 32) {
    low = f64x2.add(low, f64x2.mul(v128.load(one + at), v128.load(other + at)))
    high = f64x2.add(high, f64x2.mul(v128.load(one + at, 16), v128.load(other + at, 16)))
  }
  store<f64>(to, load<f64>(to) + join(low, high))
}

function addFourDots(scratch: usize, other: usize, rowBytes: usize): void {
  const first = int(scratch, 0)
  const second = int(scratch, 1)
  const third = int(scratch, 2)
  const fourth = int(scratch, 3)
  let firstLow = f64x2.splat(0)
  let firstHigh = f64x2.splat(0)
  let secondLow = f64x2.splat(0)
  let secondHigh = f64x2.splat(0)
  let thirdLow = f64x2.splat(0)
  let thirdHigh = f64x2.splat(0)
  let fourthLow = f64x2.splat(0)
  let fourthHigh = f64x2.splat(0)
  for (let at: usize = 0; at < rowBytes; at += 32) {
    const low = v128.load(other + at)
    const high = v128.load(other + at, 16)
    firstLow = f64x2.add(firstLow, f64x2.mul(v128.load(first + at), low))
    firstHigh = f64x2.add(firstHigh, f64x2.mul(v128.load(first + at, 16), high))
    secondLow = f64x2.add(secondLow, f64x2.mul(v128.load(second + at), low))
    secondHigh = f64x2.add(secondHigh, f64x2.mul(v128.load(second + at, 16), high))
    thirdLow = f64x2.add(thirdLow, f64x2.mul(v128.load(third + at), low))
    thirdHigh = f64x2.add(thirdHigh, f64x2.mul(v128.load(third + at, 16), high))
    fourthLow = f64x2.add(fourthLow, f64x2.mul(v128.load(fourth + at), low))
    fourthHigh = f64x2.add(fourthHigh, f64x2.mul(v128.load(fourth + at, 16), high))
  }
  const z = scratch + RESIDUALS
  store<f64>(z, load<f64>(z) + join(firstLow, firstHigh))
  store<f64>(z, load<f64>(z, 8) + join(secondLow, secondHigh), 8)
  store<f64>(z, load<f64>(z, 16) + join(thirdLow, thirdHigh), 16)
  store<f64>(z, load<f64>(z, 24) + join(fourthLow, fourthHigh), 24)
}

function addScaled(sums: usize, row: usize, factor: f64, rowBytes: usize): void {
  for (let at: usize = 0; at < rowBytes; at += 16) {
    const part = f64x2.mul(f64x2.splat(factor), v128.load(row + at))
    v128.store(sums + at, f64x2.add(v128.load(sums + at), part))
  }
}

function addFourScaled(sums: usize, scratch: usize, rowBytes: usize): void {
  const first = int(scratch, 0)
  const second = int(scratch, 1)
  const third = int(scratch, 2)
  const fourth = int(scratch, 3)
  const firstFactor = v128.load64_splat(scratch + RESIDUALS)
  const secondFactor = v128.load64_splat(scratch + RESIDUALS, 8)
  const thirdFactor = v128.load64_splat(scratch + RESIDUALS, 16)
  const fourthFactor = v128.load64_splat(scratch + RESIDUALS, 24)
  for (let at: usize = 0; at < rowBytes; at += 16) {
    let sum = v128.load(sums + at)
    sum = f64x2.add(sum, f64x2.mul(firstFactor, v128.load(first + at)))
    sum = f64x2.add(sum, f64x2.mul(secondFactor, v128.load(second + at)))
    sum = f64x2.add(sum, f64x2.mul(thirdFactor, v128.load(third + at)))
    sum = f64x2.add(sum, f64x2.mul(fourthFactor, v128.load(fourth + at)))
    v128.store(sums + at, sum)
  }
}

function rate(work: SoftWork, seen: v128, moved: v128): v128 {
  const epsilon = f64x2.splat(float(work.numbers, EPSILON))
  const ratio = f64x2.div(f64x2.add(moved, epsilon), f64x2.add(seen, epsilon))
  return f64x2.mul(f64x2.splat(float(work.numbers, FACTOR)), f64x2.sqrt(ratio))
}

/** RHO average + (1 - RHO) value^2. */
function remember(average: v128, value: v128): v128 {
  const fresh = f64x2.mul(f64x2.mul(f64x2.splat(1 - RHO), value), value)
  return f64x2.add(f64x2.mul(f64x2.splat(RHO), average), fresh)
}

function descend(work: SoftWork, x: usize, gradient: usize, seen: usize, moved: usize): void {
  const width = int(work.sizes, 0)
  const whole = (width & ~1) << 3
  for (let at: usize = 0; at < whole; at += 16) {
    const slope = v128.load(gradient + at)
    const sight = remember(v128.load(seen + at), slope)
    const step = f64x2.mul(f64x2.neg(rate(work, sight, v128.load(moved + at))), slope)
    v128.store(seen + at, sight)
    v128.store(x + at, f64x2.add(v128.load(x + at), step))
    v128.store(moved + at, remember(v128.load(moved + at), step))
  }
  if (whole < width << 3) descendOne(work, x + whole, v128.load64_splat(gradient + whole), seen + whole, moved + whole)
}

function descendOne(work: SoftWork, x: usize, slope: v128, seen: usize, moved: usize): void {
  const sight = remember(v128.load64_splat(seen), slope)
  const step = f64x2.mul(f64x2.neg(rate(work, sight, v128.load64_splat(moved))), slope)
  store<f64>(seen, f64x2.extract_lane(sight, 0))
  store<f64>(x, load<f64>(x) + f64x2.extract_lane(step, 0))
  store<f64>(moved, f64x2.extract_lane(remember(v128.load64_splat(moved), step), 0))
}

/** The step of a question's weights: the proximal map of the L1 penalty and of w >= 0 comes last. */
function descendWeights(work: SoftWork, first: usize, scratch: usize, ofGeneral: f64): void {
  const width = int(work.sizes, 0)
  const rowBytes = int(work.sizes, 1) << 3
  const whole = (width & ~1) << 3
  const weights = scratch + ROWS
  for (let at: usize = 0; at < width << 3; at += 16) {
    const x = v128.load(weights + at)
    const sum = f64x2.add(v128.load(weights + rowBytes + at), f64x2.splat(ofGeneral))
    const lasso = v128.load(weights + 2 * rowBytes + at)
    const away = f64x2.sub(x, v128.load(weights + 4 * rowBytes + at))
    const slope = f64x2.add(sum, f64x2.mul(v128.load(weights + 3 * rowBytes + at), away))
    const place = first + at
    const moved = v128.load(work.weightsMoved + place)
    const sight = remember(v128.load(work.weightsSeen + place), slope)
    const eta = rate(work, sight, moved)
    const free = f64x2.sub(f64x2.add(x, f64x2.mul(f64x2.neg(eta), slope)), f64x2.mul(eta, lasso))
    const step = f64x2.sub(f64x2.pmax(free, f64x2.splat(0)), x)
    const next = f64x2.add(x, step)
    const motion = remember(moved, step)
    if (at < whole) {
      v128.store(work.weightsSeen + place, sight)
      v128.store(work.weights + place, next)
      v128.store(work.weightsMoved + place, motion)
    } else {
      store<f64>(work.weightsSeen + place, f64x2.extract_lane(sight, 0))
      store<f64>(work.weights + place, f64x2.extract_lane(next, 0))
      store<f64>(work.weightsMoved + place, f64x2.extract_lane(motion, 0))
    }
  }
}
