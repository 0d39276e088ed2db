/**
 * Learners of a fit with a hard mask: `updateLearners` of `../hard-plain.ts`, which explains it, with the same sums in
 * the same order. What is done to every answer or concept alike is done to two at a time.
 */
import { sigmoid } from './exponential.ts'
import { addPairTo, addTo, float, int } from './memory.ts'

/** Places of the arrays, in the order of `hardLayout`. */
@unmanaged
class HardWork {
  blockStart: usize
  numbers: usize
  sizes: usize
  start: usize
  question: usize
  isCorrect: usize
  placeStart: usize
  place: usize
  entryStart: usize
  hintStart: usize
  sumStart: usize
  weights: usize
  easiness: usize
  specific: usize
  general: usize
  kept: usize
  generalVariance: usize
  scratch: usize
  blockSums: usize
}

const PI_8: f64 = 0.39269908169872414

export function hardLearners(block: usize): void {
  const work = changetype<HardWork>(0)
  const sumsBytes = int(work.sizes, 0) << 3
  const rowsBytes = int(work.sizes, 1) << 3
  const scratchBytes = int(work.sizes, 3) << 3
  const sums = work.blockSums + block * sumsBytes
  const scratch = work.scratch + block * scratchBytes
  memory.fill(sums, 0, sumsBytes)
  const end = int(work.blockStart, block + 1)
  for (let learner = int(work.blockStart, block); learner < end; learner++) {
    const rows = int(work.start, learner + 1) - int(work.start, learner)
    if (rows === 0) continue
    predict(work, learner, scratch, rowsBytes)
    expand(scratch, rowsBytes, rows)
    step(work, learner, scratch, rowsBytes)
    addToQuestions(work, learner, scratch, rowsBytes, sums)
  }
}

function predict(work: HardWork, learner: usize, scratch: usize, rowsBytes: usize): void {
  const entries = int(work.entryStart, learner) << 3
  const specific = work.specific + entries
  const kept = work.kept + entries
  const general = float(work.general, learner)
  const generalVariance = float(work.generalVariance, learner)
  const priorVariance = float(work.numbers, 2)
  const end = int(work.start, learner + 1)
  let place = work.place + (int(work.placeStart, learner) << 2)
  let out = scratch
  for (let row = int(work.start, learner); row < end; row++) {
    const asked = int(work.question, row)
    let weight = int(work.hintStart, asked)
    const weightEnd = int(work.hintStart, asked + 1)
    let mean = float(work.easiness, asked)
    let square: f64 = 0
    let slope: f64 = 0
    for (; weight < weightEnd; weight++) {
      const at = int(place, 0)
      const value = float(work.weights, weight)
      const left = value * float(kept, at)
      mean += value * (float(specific, at) + general)
      square += value * left
      slope += left
      place += 4
    }
    store<f64>(out, mean)
    store<f64>(out + rowsBytes, priorVariance * square + slope * slope * generalVariance)
    store<f64>(out + 2 * rowsBytes, <f64>load<u8>(work.isCorrect + row))
    out += 8
  }
}

function expand(scratch: usize, rowsBytes: usize, rows: usize): void {
  const one = f64x2.splat(1)
  const end = scratch + (rows << 3)
  for (let at = scratch; at < end; at += 16) {
    const mean = v128.load(at)
    const spread = f64x2.mul(f64x2.splat(PI_8), v128.load(at + rowsBytes))
    const shrink = f64x2.div(one, f64x2.sqrt(f64x2.add(one, spread)))
    const p = sigmoid(f64x2.mul(shrink, mean))
    const curvature = f64x2.mul(f64x2.mul(shrink, p), f64x2.sub(one, p))
    const residual = f64x2.sub(v128.load(at + 2 * rowsBytes), p)
    v128.store(at, f64x2.add(residual, f64x2.mul(curvature, mean)))
    v128.store(at + rowsBytes, curvature)
    v128.store(at + 2 * rowsBytes, residual)
  }
}

function step(work: HardWork, learner: usize, scratch: usize, rowsBytes: usize): void {
  const lamU = float(work.numbers, 0)
  const first = int(work.entryStart, learner)
  const bytes = (int(work.entryStart, learner + 1) - first) << 3
  const specific = work.specific + (first << 3)
  const kept = work.kept + (first << 3)
  const evidence = scratch + 3 * rowsBytes
  const gradient = evidence + (int(work.sizes, 2) << 3)
  for (let at: usize = 0; at < bytes; at += 16) {
    v128.store(evidence + at, f64x2.splat(0))
    v128.store(gradient + at, f64x2.mul(f64x2.splat(-lamU), v128.load(specific + at)))
  }
  const sums = collect(work, learner, scratch, rowsBytes)
  const lams = f64x2.splat(lamU)
  const priors = f64x2.splat(float(work.numbers, 2))
  // Lanes: what v explains of the precision of g, and of its gradient; even entries, then odd ones.
  let explained = f64x2.splat(0)
  let pulled = f64x2.splat(0)
  const whole = bytes & ~15
  for (let at: usize = 0; at < whole; at += 16) {
    const gained = v128.load(evidence + at)
    const share = f64x2.div(lams, f64x2.add(lams, gained))
    const ratio = f64x2.mul(gained, f64x2.mul(priors, share))
    v128.store(kept + at, share)
    explained = f64x2.add(explained, f64x2.mul(gained, ratio))
    pulled = f64x2.add(pulled, f64x2.mul(v128.load(gradient + at), ratio))
  }
  let explainedEven = f64x2.extract_lane(explained, 0)
  let pulledEven = f64x2.extract_lane(pulled, 0)
  if (whole < bytes) {
    const gained = load<f64>(evidence + whole)
    const share = lamU / (lamU + gained)
    const ratio = gained * (float(work.numbers, 2) * share)
    store<f64>(kept + whole, share)
    explainedEven += gained * ratio
    pulledEven += load<f64>(gradient + whole) * ratio
  }
  const schur = f64x2.extract_lane(sums, 0) - (explainedEven + f64x2.extract_lane(explained, 1))
  const slope = f64x2.extract_lane(sums, 1) - (pulledEven + f64x2.extract_lane(pulled, 1))
  const move = slope / schur
  addTo(work.general + (learner << 3), move)
  store<f64>(work.generalVariance + (learner << 3), 1 / schur)
  for (let at: usize = 0; at < whole; at += 16) {
    const variance = f64x2.mul(priors, v128.load(kept + at))
    const back = f64x2.mul(f64x2.mul(v128.load(evidence + at), variance), f64x2.splat(move))
    addPairTo(specific + at, f64x2.sub(f64x2.mul(variance, v128.load(gradient + at)), back))
  }
  if (whole < bytes) {
    const variance = float(work.numbers, 2) * load<f64>(kept + whole)
    const back = load<f64>(evidence + whole) * variance * move
    addTo(specific + whole, variance * load<f64>(gradient + whole) - back)
  }
}

/** Precision and gradient of g. */
function collect(work: HardWork, learner: usize, scratch: usize, rowsBytes: usize): v128 {
  const evidence = scratch + 3 * rowsBytes
  const gradient = evidence + (int(work.sizes, 2) << 3)
  let precision = float(work.numbers, 1)
  let pull = float(work.numbers, 3) * float(work.general, learner)
  const end = int(work.start, learner + 1)
  let place = work.place + (int(work.placeStart, learner) << 2)
  let out = scratch
  for (let row = int(work.start, learner); row < end; row++) {
    const asked = int(work.question, row)
    const weightStart = int(work.hintStart, asked)
    const weightEnd = int(work.hintStart, asked + 1)
    const curvature = load<f64>(out + rowsBytes)
    const residual = load<f64>(out + 2 * rowsBytes)
    let sum: f64 = 0
    for (let weight = weightStart; weight < weightEnd; weight++) sum += float(work.weights, weight)
    const scaled = curvature * sum
    precision += scaled * sum
    pull += residual * sum
    for (let weight = weightStart; weight < weightEnd; weight++) {
      const at = int(place, 0) << 3
      const value = float(work.weights, weight)
      addTo(gradient + at, residual * value)
      addTo(evidence + at, scaled * value)
      place += 4
    }
    out += 8
  }
  return f64x2(precision, pull)
}

function addToQuestions(work: HardWork, learner: usize, scratch: usize, rowsBytes: usize, sums: usize): void {
  const entries = int(work.entryStart, learner) << 3
  const specific = work.specific + entries
  const kept = work.kept + entries
  const general = float(work.general, learner)
  const generalVariance = float(work.generalVariance, learner)
  const priorVariance = float(work.numbers, 2)
  const end = int(work.start, learner + 1)
  let place = work.place + (int(work.placeStart, learner) << 2)
  let out = scratch
  for (let row = int(work.start, learner); row < end; row++) {
    const asked = int(work.question, row)
    const hints = int(work.hintStart, asked + 1) - int(work.hintStart, asked)
    const to = sums + (int(work.sumStart, asked) << 3)
    const wanted = load<f64>(out)
    const curvature = load<f64>(out + rowsBytes)
    if (hints === 1) {
      const at = int(place, 0)
      const known = float(specific, at) + general
      const share = float(kept, at)
      const second = known * known + (priorVariance * share + share * generalVariance * share)
      addPairTo(to, f64x2.mul(f64x2.splat(curvature), f64x2(second, known)))
      addPairTo(to + 16, f64x2(curvature, wanted * known))
      addTo(to + 32, wanted)
    } else {
      addSeveral(work, specific, kept, f64x2(general, generalVariance), place, hints, to, f64x2(curvature, wanted))
    }
    place += hints << 2
    out += 8
  }
}

function addSeveral(
  work: HardWork,
  specific: usize,
  kept: usize,
  ability: v128,
  place: usize,
  hints: usize,
  to: usize,
  answer: v128,
): void {
  const general = f64x2.extract_lane(ability, 0)
  const generalVariance = f64x2.extract_lane(ability, 1)
  const curvature = f64x2.extract_lane(answer, 0)
  const wanted = f64x2.extract_lane(answer, 1)
  const priorVariance = float(work.numbers, 2)
  for (let hint: usize = 0; hint < hints; hint++) {
    const at = int(place, hint)
    const known = float(specific, at) + general
    const share = float(kept, at)
    const slope = share * generalVariance
    for (let other: usize = 0; other < hint; other++) {
      const across = int(place, other)
      addTo(to, curvature * (known * (float(specific, across) + general) + slope * float(kept, across)))
      to += 8
    }
    addTo(to, curvature * (known * known + (priorVariance * share + slope * share)))
    to += 8
  }
  const below = (hints + 1) << 3
  for (let hint: usize = 0; hint < hints; hint++) {
    const known = float(specific, int(place, hint)) + general
    addTo(to, curvature * known)
    addTo(to + below, wanted * known)
    to += 8
  }
  addTo(to, curvature)
  addTo(to + below, wanted)
}
