/**
 * `plainRows` for a learner whose questions are on most concepts, in WebAssembly (`assembly/full.ts`): the same bits.
 * All learners of a thread use one memory, one after the other, so a learner's rows are good until those of the next.
 */
import { costOf, type LearnerAnswers, type LearnerRows, plainRows, priorCost } from './learner-rows.ts'
import type { SparfaMatrix } from './matrix.ts'
import type { Skyline } from './skyline.ts'
import { kernelsIn } from './wasm.ts'
import { type ArraysOf, makeWorkspace, type Workspace } from './workspace.ts'

/** In the order of `FullWork` in `assembly/full.ts`: `cells` are rows times concepts. */
function fullLayout({ rows, concepts, cells }: Capacity) {
  return {
    /** Rows and concepts, both filled up to a multiple of four; concepts; 1 if there is a general ability. */
    sizes: ['i32', 4],
    /** lam_u; lam_g, or 0. */
    numbers: ['f64', 2],
    /** W of the answered questions, row-major, and the same times p(1 - p). */
    full: ['f64', cells],
    scaled: ['f64', cells],
    easiness: ['f64', rows],
    weightSum: ['f64', rows],
    right: ['f64', rows],
    z: ['f64', rows],
    decay: ['f64', rows],
    probability: ['f64', rows],
    /** v, filled up with zeros, then g. */
    point: ['f64', concepts + 1],
    gradient: ['f64', concepts + 1],
    /** Between v and g in the precision. */
    border: ['f64', concepts],
    /** The transposed factor, in rows that are two numbers longer than those of `full`. */
    upper: ['f64', (concepts + 1) * (concepts + 2)],
  } as const
}

interface Capacity {
  readonly rows: number
  readonly concepts: number
  readonly cells: number
}

type FullWork = Workspace<ReturnType<typeof fullLayout>>
type FullArrays = ArraysOf<ReturnType<typeof fullLayout>>

/** What one thread keeps for the next learner. */
let kept: { readonly capacity: Capacity; readonly work: FullWork } | undefined

function workFor(rows: number, concepts: number): FullWork {
  const before = kept?.capacity
  if (kept !== undefined && before !== undefined) {
    if (rows <= before.rows && concepts <= before.concepts && rows * concepts <= before.cells) return kept.work
  }
  const capacity = {
    rows: Math.max(rows, before?.rows ?? 0),
    concepts: Math.max(concepts, before?.concepts ?? 0),
    cells: Math.max(rows * concepts, before?.cells ?? 0),
  }
  kept = { capacity, work: makeWorkspace('wasm', fullLayout(capacity)) }
  return kept.work
}

export function fullRows(matrix: SparfaMatrix, answers: LearnerAnswers): LearnerRows {
  const { isCorrect, specificCount, hasGeneral } = answers
  const [rows, concepts] = [upToFour(isCorrect.length), upToFour(specificCount)]
  const { memory, arrays } = workFor(rows, concepts)
  // Larger than what WebAssembly can address.
  if (memory === undefined) return plainRows(matrix, answers, true)
  const kernels = kernelsIn(memory)
  arrays.sizes.set([rows, concepts, specificCount, hasGeneral ? 1 : 0])
  arrays.numbers.set([matrix.lamU, hasGeneral ? matrix.lamG : 0])
  fill(arrays, matrix, answers)
  const predicted = { z: arrays.z, decay: arrays.decay, isCorrect }
  return {
    evaluate(point) {
      setPoint(arrays.point, point, answers, concepts)
      kernels.fullPredict()
      return costOf(predicted, priorCost(matrix, answers, point))
    },
    fillGradient(gradient) {
      kernels.fullGradient()
      for (let at = 0; at < specificCount; at++) gradient[at] = arrays.gradient[at]!
      if (hasGeneral) gradient[specificCount] = arrays.gradient[concepts]!
    },
    fillFactor(factor) {
      kernels.fullFactor()
      readFactor(arrays.upper, concepts + 2, factor)
    },
  }
}

function upToFour(count: number): number {
  return Math.ceil(count / 4) * 4
}

function fill(arrays: FullArrays, matrix: SparfaMatrix, { answered, isCorrect, position }: LearnerAnswers): void {
  const { start, concept } = matrix.weights
  const { weights, easiness } = matrix.bounded
  const [rows, concepts] = [arrays.sizes[0]!, arrays.sizes[1]!]
  const { full } = arrays
  full.fill(0, 0, rows * concepts)
  for (const column of [arrays.easiness, arrays.weightSum, arrays.right]) column.fill(0, answered.length, rows)
  for (let row = 0; row < answered.length; row++) {
    const question = answered[row]!
    let sum = 0
    for (let entry = start[question]!; entry < start[question + 1]!; entry++) {
      full[row * concepts + position[concept[entry]!]!] = weights[entry]!
      sum += weights[entry]!
    }
    arrays.easiness[row] = easiness[question]!
    arrays.weightSum[row] = sum
    arrays.right[row] = isCorrect[row]!
  }
}

function setPoint(to: Float64Array, point: Float64Array, answers: LearnerAnswers, concepts: number): void {
  const { specificCount, hasGeneral } = answers
  for (let at = 0; at < specificCount; at++) to[at] = point[at]!
  to.fill(0, specificCount, concepts)
  to[concepts] = hasGeneral ? point[specificCount]! : 0
}

/** The rows of a factor are the columns of the transposed one. */
function readFactor(upper: Float64Array, stride: number, { base, first, value }: Skyline): void {
  for (let row = 0; row < first.length; row++) {
    for (let column = 0; column <= row; column++) value[base[row]! + column] = upper[column * stride + row]!
  }
}
