/**
 * One learner whose questions are on most concepts: `plainRows` of `../learner-rows.ts`, which explains it, with the
 * same sums in the same order. Two or four rows or concepts are worked on together; zeros fill rows and concepts up.
 */
import { exp } from './exponential.ts'
import { float, int } from './memory.ts'

/** Places of the arrays, in the order of `fullLayout`. */
@unmanaged
class FullWork {
  sizes: usize
  numbers: usize
  full: usize
  scaled: usize
  easiness: usize
  weightSum: usize
  right: usize
  z: usize
  decay: usize
  probability: usize
  point: usize
  gradient: usize
  border: usize
  upper: usize
}

const SMALLEST_PIVOT: f64 = 1e-12

/** z, exp(-|z|) and P(right) of every row at the point. */
export function fullPredict(): void {
  const work = changetype<FullWork>(0)
  const rows = int(work.sizes, 0)
  const rowBytes = int(work.sizes, 1) << 3
  const general = f64x2.splat(float(work.point, int(work.sizes, 1)))
  const one = f64x2.splat(1)
  let full = work.full
  for (let row: usize = 0; row < rows << 3; row += 32) {
    let low = f64x2.add(v128.load(work.easiness + row), f64x2.mul(v128.load(work.weightSum + row), general))
    let high = f64x2.add(v128.load(work.easiness + row, 16), f64x2.mul(v128.load(work.weightSum + row, 16), general))
    const second = full + rowBytes
    const third = second + rowBytes
    const fourth = third + rowBytes
    for (let at: usize = 0; at < rowBytes; at += 16) {
      const a = v128.load(full + at)
      const b = v128.load(second + at)
      const c = v128.load(third + at)
      const d = v128.load(fourth + at)
      const even = v128.load64_splat(work.point + at)
      low = f64x2.add(low, f64x2.mul(v128.shuffle<f64>(a, b, 0, 2), even))
      high = f64x2.add(high, f64x2.mul(v128.shuffle<f64>(c, d, 0, 2), even))
      const odd = v128.load64_splat(work.point + at, 8)
      low = f64x2.add(low, f64x2.mul(v128.shuffle<f64>(a, b, 1, 3), odd))
      high = f64x2.add(high, f64x2.mul(v128.shuffle<f64>(c, d, 1, 3), odd))
    }
    settle(work, row, low, one)
    settle(work, row + 16, high, one)
    full += 4 * rowBytes
  }
}

function settle(work: FullWork, row: usize, z: v128, one: v128): void {
  const decay = exp(f64x2.neg(f64x2.abs(z)))
  v128.store(work.z + row, z)
  v128.store(work.decay + row, decay)
  const above = v128.bitselect(one, decay, f64x2.ge(z, f64x2.splat(0)))
  v128.store(work.probability + row, f64x2.div(above, f64x2.add(one, decay)))
}

/** A'(p - y) + prior. */
export function fullGradient(): void {
  const work = changetype<FullWork>(0)
  const rows = int(work.sizes, 0)
  const stride = int(work.sizes, 1)
  const rowBytes = stride << 3
  const lamU = f64x2.splat(float(work.numbers, 0))
  let general = float(work.numbers, 1) * float(work.point, stride)
  for (let row: usize = 0; row < rows; row++) {
    general += (float(work.probability, row) - float(work.right, row)) * float(work.weightSum, row)
  }
  store<f64>(work.gradient + rowBytes, general)
  for (let at: usize = 0; at < rowBytes; at += 32) {
    let low = f64x2.mul(lamU, v128.load(work.point + at))
    let high = f64x2.mul(lamU, v128.load(work.point + at, 16))
    let full = work.full + at
    for (let row: usize = 0; row < rows << 3; row += 8) {
      const residual = f64x2.sub(v128.load64_splat(work.probability + row), v128.load64_splat(work.right + row))
      low = f64x2.add(low, f64x2.mul(residual, v128.load(full)))
      high = f64x2.add(high, f64x2.mul(residual, v128.load(full, 16)))
      full += rowBytes
    }
    v128.store(work.gradient + at, low)
    v128.store(work.gradient + at, high, 16)
  }
}

/** Prior + A' diag(p(1 - p)) A, then its factor: the upper triangle, with the general ability in the last column. */
export function fullFactor(): void {
  const work = changetype<FullWork>(0)
  const stride = int(work.sizes, 1)
  scaleRows(work)
  for (let row: usize = 0; row < stride; row += 4) {
    for (let column = row; column < stride; column += 4) addBlock(work, row, column)
  }
  const concepts = int(work.sizes, 2)
  const hasGeneral = int(work.sizes, 3)
  if (hasGeneral) addBorder(work, concepts)
  factorise(work, concepts + hasGeneral)
}

/** The rows times their p(1 - p). */
function scaleRows(work: FullWork): void {
  const rows = int(work.sizes, 0)
  const rowBytes = int(work.sizes, 1) << 3
  let at: usize = 0
  for (let row: usize = 0; row < rows; row++) {
    const p = float(work.probability, row)
    const curvature = f64x2.splat(p * (1 - p))
    for (const end = at + rowBytes; at < end; at += 16) {
      v128.store(work.scaled + at, f64x2.mul(curvature, v128.load(work.full + at)))
    }
  }
}

/** Four rows and four columns of the precision, from four answers at a time. */
function addBlock(work: FullWork, row: usize, column: usize): void {
  const rowBytes = int(work.sizes, 1) << 3
  const end = work.full + int(work.sizes, 0) * rowBytes
  let firstLow = f64x2.splat(0)
  let firstHigh = f64x2.splat(0)
  let secondLow = f64x2.splat(0)
  let secondHigh = f64x2.splat(0)
  let thirdLow = f64x2.splat(0)
  let thirdHigh = f64x2.splat(0)
  let fourthLow = f64x2.splat(0)
  let fourthHigh = f64x2.splat(0)
  if (row === column) {
    const lamU = float(work.numbers, 0)
    firstLow = f64x2(lamU, 0)
    secondLow = f64x2(0, lamU)
    thirdHigh = f64x2(lamU, 0)
    fourthHigh = f64x2(0, lamU)
  }
  let scaled = work.scaled + (column << 3)
  for (let full = work.full; full < end; full += 4 * rowBytes) {
    const place = full + (row << 3)
    firstLow = f64x2.add(firstLow, fourProducts(place, scaled, rowBytes))
    firstHigh = f64x2.add(firstHigh, fourProducts(place, scaled + 16, rowBytes))
    secondLow = f64x2.add(secondLow, fourProducts(place + 8, scaled, rowBytes))
    secondHigh = f64x2.add(secondHigh, fourProducts(place + 8, scaled + 16, rowBytes))
    thirdLow = f64x2.add(thirdLow, fourProducts(place + 16, scaled, rowBytes))
    thirdHigh = f64x2.add(thirdHigh, fourProducts(place + 16, scaled + 16, rowBytes))
    fourthLow = f64x2.add(fourthLow, fourProducts(place + 24, scaled, rowBytes))
    fourthHigh = f64x2.add(fourthHigh, fourProducts(place + 24, scaled + 16, rowBytes))
    scaled += 4 * rowBytes
  }
  const upperBytes = upperStride(work) << 3
  let to = work.upper + row * upperBytes + (column << 3)
  storeFour(to, firstLow, firstHigh)
  to += upperBytes
  storeFour(to, secondLow, secondHigh)
  to += upperBytes
  storeFour(to, thirdLow, thirdHigh)
  to += upperBytes
  storeFour(to, fourthLow, fourthHigh)
}

function fourProducts(full: usize, scaled: usize, rowBytes: usize): v128 {
  let sum = f64x2.mul(v128.load(scaled), v128.load64_splat(full))
  sum = f64x2.add(sum, f64x2.mul(v128.load(scaled + rowBytes), v128.load64_splat(full + rowBytes)))
  sum = f64x2.add(sum, f64x2.mul(v128.load(scaled + 2 * rowBytes), v128.load64_splat(full + 2 * rowBytes)))
  return f64x2.add(sum, f64x2.mul(v128.load(scaled + 3 * rowBytes), v128.load64_splat(full + 3 * rowBytes)))
}

function storeFour(to: usize, low: v128, high: v128): void {
  v128.store(to, low)
  v128.store(to, high, 16)
}

/** A column for the general ability, and one that makes their number even. */
function upperStride(work: FullWork): usize {
  return int(work.sizes, 1) + 2
}

function addBorder(work: FullWork, concepts: usize): void {
  const rows = int(work.sizes, 0)
  const rowBytes = int(work.sizes, 1) << 3
  let corner = float(work.numbers, 1)
  for (let row: usize = 0; row < rows; row++) {
    const p = float(work.probability, row)
    const sum = float(work.weightSum, row)
    corner += p * (1 - p) * sum * sum
  }
  for (let at: usize = 0; at < rowBytes; at += 32) {
    let low = f64x2.splat(0)
    let high = f64x2.splat(0)
    let scaled = work.scaled + at
    for (let row: usize = 0; row < rows << 3; row += 8) {
      const sum = v128.load64_splat(work.weightSum + row)
      low = f64x2.add(low, f64x2.mul(v128.load(scaled), sum))
      high = f64x2.add(high, f64x2.mul(v128.load(scaled, 16), sum))
      scaled += rowBytes
    }
    storeFour(work.border + at, low, high)
  }
  const upperBytes = upperStride(work) << 3
  let to = work.upper + (concepts << 3)
  for (let concept: usize = 0; concept < concepts; concept++) {
    store<f64>(to, float(work.border, concept))
    to += upperBytes
  }
  store<f64>(to, corner)
}

/** Cholesky's, row after row; what stands left of the diagonal means nothing. */
function factorise(work: FullWork, size: usize): void {
  const upperBytes = upperStride(work) << 3
  let from = work.upper
  for (let pivotal: usize = 0; pivotal < size; pivotal++) {
    const diagonal = from + (pivotal << 3)
    const pivot = Math.sqrt(max(load<f64>(diagonal), SMALLEST_PIVOT))
    store<f64>(diagonal, pivot)
    for (let column = pivotal + 1; column < size; column++) {
      const place = from + (column << 3)
      store<f64>(place, load<f64>(place) / pivot)
    }
    let to = from + upperBytes
    for (let row = pivotal + 1; row < size; row++) {
      const factor = v128.load64_splat(from + (row << 3))
      for (let at = (row & ~1) << 3; at < size << 3; at += 16) {
        v128.store(to + at, f64x2.sub(v128.load(to + at), f64x2.mul(factor, v128.load(from + at))))
      }
      to += upperBytes
    }
    from += upperBytes
  }
}
