/**
 * What a SPARFA fit learnt for one ecosystem, immutable, and its stored form (sparfa.md §14). Storing and loading gives
 * every number back bit by bit; anything that another reader could misunderstand is refused.
 */
import { toUuid, type Uuid } from '#domain/ids.ts'

/** Rows of a sparse matrix, question-major: the concepts of question q are `concept[start[q]…start[q + 1] - 1]`. */
export interface ConceptRows {
  readonly start: Int32Array
  /** Ascending inside a row. */
  readonly concept: Int32Array
}

export interface WeightRows extends ConceptRows {
  /** Greater than zero, finite. */
  readonly value: Float64Array
}

/** How a matrix came to be: enough to repeat the fit, and to judge it. Infinite penalties are `null`, as in JSON. */
export interface MadeBy {
  /** The preset asked for; `auto` chose mask and penalties among several fits. */
  readonly preset: string
  readonly mask: 'hard' | 'soft'
  readonly lam_w: number
  readonly lam_d: number
  readonly lam_u: number | null
  readonly lam_g: number | null
  readonly seed: number
  readonly responses: number
  readonly learners: number
  readonly epochs: number
  readonly held_out_log_loss: number | null
  readonly stopped_by: 'empty' | 'patience' | 'epochs' | 'time'
  /** Fits since the last cold one; 0 for a cold fit. */
  readonly warm_starts: number
}

export interface SparfaMatrix {
  readonly questionIds: readonly Uuid[]
  readonly conceptIds: readonly Uuid[]
  /** d: larger is easier. */
  readonly easiness: Float64Array
  readonly weights: WeightRows
  readonly hints: ConceptRows
  /** 1 / sigma_v^2; infinite when there is only a general ability. */
  readonly lamU: number
  /** 1 / sigma_g^2; infinite when there is no general ability. */
  readonly lamG: number
  readonly madeBy: MadeBy
  readonly questionIndex: ReadonlyMap<Uuid, number>
  /** W (aligned with `weights`) and d as estimates use them: cut at `BOUND`, so that nothing can overflow. */
  readonly bounded: { readonly weights: Float64Array; readonly easiness: Float64Array }
}

/** Far beyond anything a fit can produce; squares of it, summed over every answer there is, stay finite. */
const BOUND = 1e6

/** Columns of the stored form, in the names of the original. Row = concept, column = question. */
export interface StoredMatrix {
  readonly Q_ids: readonly string[]
  readonly C_ids: readonly string[]
  readonly d_data: readonly number[]
  readonly W_data: readonly number[]
  readonly W_row: readonly number[]
  readonly W_col: readonly number[]
  readonly H_mask_data: readonly boolean[]
  readonly H_mask_row: readonly number[]
  readonly H_mask_col: readonly number[]
  readonly made_by: MadeBy
}

/** A stored matrix that must not be used; the message says which rule of sparfa.md §14 it breaks. */
export class MatrixError extends Error {
  override readonly name = 'MatrixError'
}

export interface MatrixParts {
  readonly questionIds: readonly Uuid[]
  readonly conceptIds: readonly Uuid[]
  readonly easiness: Float64Array
  /** Weights aligned with `support`; zeros are dropped. */
  readonly support: ConceptRows
  readonly weights: Float64Array
  readonly hints: ConceptRows
  readonly madeBy: MadeBy
}

/** Puts the parts together as they will be stored: no explicit zero, no negative zero, nothing that is not finite. */
export function makeMatrix(parts: MatrixParts): SparfaMatrix {
  const { questionIds, conceptIds, madeBy } = parts
  const questionIndex = indexOf(questionIds, 'Q_ids')
  indexOf(conceptIds, 'C_ids')
  refuseUnless(parts.easiness.length === questionIds.length, 'd_data must have one number per question')
  const easiness = parts.easiness.map((value) => finite(value, 'd_data') + 0)
  const weights = withoutZeros(parts.support, parts.weights)
  return {
    questionIds,
    conceptIds,
    easiness,
    weights,
    hints: parts.hints,
    lamU: madeBy.lam_u ?? Number.POSITIVE_INFINITY,
    lamG: madeBy.lam_g ?? Number.POSITIVE_INFINITY,
    madeBy,
    questionIndex,
    bounded: { weights: weights.value.map(cut), easiness: easiness.map(cut) },
  }
}

export function storeMatrix(matrix: SparfaMatrix): StoredMatrix {
  const conceptCount = matrix.conceptIds.length
  const weights = conceptMajor(matrix.weights, conceptCount)
  const hints = conceptMajor(matrix.hints, conceptCount)
  return {
    Q_ids: [...matrix.questionIds],
    C_ids: [...matrix.conceptIds],
    d_data: Array.from(matrix.easiness),
    W_data: Array.from(weights.order, (entry) => matrix.weights.value[entry]!),
    W_row: weights.row,
    W_col: weights.column,
    H_mask_data: Array.from(hints.order, () => true),
    H_mask_row: hints.row,
    H_mask_col: hints.column,
    made_by: matrix.madeBy,
  }
}

/** Throws a `MatrixError` unless every rule of sparfa.md §14 holds. */
export function loadMatrix(stored: StoredMatrix): SparfaMatrix {
  const questionIds = stored.Q_ids.map(readUuid)
  const conceptIds = stored.C_ids.map(readUuid)
  const shape = { concepts: conceptIds.length, questions: questionIds.length }
  refuseUnless(stored.d_data.length === shape.questions, 'd_data must have one number per question')
  for (const value of stored.W_data) refuseUnless(finite(value, 'W_data') > 0, 'W_data must be greater than zero')
  for (const value of stored.H_mask_data) refuseUnless(value === true, 'H_mask_data must be true for every triplet')
  const weights = questionMajor('W', stored.W_data.length, stored.W_row, stored.W_col, shape)
  const hints = questionMajor('H_mask', stored.H_mask_data.length, stored.H_mask_row, stored.H_mask_col, shape)
  checkMadeBy(stored.made_by)
  return makeMatrix({
    questionIds,
    conceptIds,
    easiness: Float64Array.from(stored.d_data, (value) => finite(value, 'd_data')),
    support: weights.rows,
    weights: Float64Array.from(weights.order, (entry) => stored.W_data[entry]!),
    hints: hints.rows,
    madeBy: stored.made_by,
  })
}

/** Row-compressed form of (question, concept) pairs; repeated pairs count once. */
export function conceptRows(questionCount: number, pairs: Iterable<readonly [number, number]>): ConceptRows {
  const rows: Set<number>[] = Array.from({ length: questionCount }, () => new Set())
  for (const [question, concept] of pairs) {
    const row = rows[question]
    if (row === undefined) throw new RangeError(`no question ${question}`)
    row.add(concept)
  }
  const start = new Int32Array(questionCount + 1)
  rows.forEach((row, question) => {
    start[question + 1] = start[question]! + row.size
  })
  const concept = new Int32Array(start[questionCount]!)
  rows.forEach((row, question) => {
    concept.set(
      [...row].sort((one, other) => one - other),
      start[question]!,
    )
  })
  return { start, concept }
}

function cut(value: number): number {
  return Math.min(Math.max(value, -BOUND), BOUND)
}

function withoutZeros(support: ConceptRows, weights: Float64Array): WeightRows {
  const questionCount = support.start.length - 1
  const start = new Int32Array(questionCount + 1)
  const concept = new Int32Array(weights.length)
  const value = new Float64Array(weights.length)
  let kept = 0
  for (let question = 0; question < questionCount; question++) {
    for (let entry = support.start[question]!; entry < support.start[question + 1]!; entry++) {
      const weight = finite(weights[entry]!, 'W_data')
      refuseUnless(weight >= 0, 'W_data must not be negative')
      if (weight === 0) continue
      concept[kept] = support.concept[entry]!
      value[kept] = weight
      kept += 1
    }
    start[question + 1] = kept
  }
  return { start, concept: concept.slice(0, kept), value: value.slice(0, kept) }
}

interface Triplets {
  readonly row: number[]
  readonly column: number[]
  /** Which entry of the question-major form each triplet is. */
  readonly order: Int32Array
}

/** Counting sort: question-major entries come out sorted by (concept, question). */
function conceptMajor(rows: ConceptRows, conceptCount: number): Triplets {
  const next = new Int32Array(conceptCount + 1)
  for (const concept of rows.concept) next[concept + 1]! += 1
  for (let concept = 0; concept < conceptCount; concept++) next[concept + 1]! += next[concept]!
  const row = new Array<number>(rows.concept.length)
  const column = new Array<number>(rows.concept.length)
  const order = new Int32Array(rows.concept.length)
  for (let question = 0; question + 1 < rows.start.length; question++) {
    for (let entry = rows.start[question]!; entry < rows.start[question + 1]!; entry++) {
      const concept = rows.concept[entry]!
      const place = next[concept]!
      next[concept] = place + 1
      row[place] = concept
      column[place] = question
      order[place] = entry
    }
  }
  return { row, column, order }
}

interface Shape {
  readonly concepts: number
  readonly questions: number
}

function questionMajor(
  name: string,
  length: number,
  row: readonly number[],
  column: readonly number[],
  shape: Shape,
): { rows: ConceptRows; order: Int32Array } {
  refuseUnless(row.length === length && column.length === length, `${name} data, row and col must be equally long`)
  const start = new Int32Array(shape.questions + 1)
  for (let triplet = 0; triplet < length; triplet++) {
    const [concept, question] = [row[triplet]!, column[triplet]!]
    if (!isIndex(concept, shape.concepts)) throw new MatrixError(`${name}_row ${concept} is outside C_ids`)
    if (!isIndex(question, shape.questions)) throw new MatrixError(`${name}_col ${question} is outside Q_ids`)
    if (triplet > 0) {
      const ascends = concept > row[triplet - 1]! || (concept === row[triplet - 1]! && question > column[triplet - 1]!)
      if (!ascends)
        throw new MatrixError(`${name} triplets must ascend by (row, col) without duplicates, at ${triplet}`)
    }
    start[question + 1]! += 1
  }
  for (let question = 0; question < shape.questions; question++) start[question + 1]! += start[question]!
  const next = start.slice(0, shape.questions)
  const concept = new Int32Array(length)
  const order = new Int32Array(length)
  for (let triplet = 0; triplet < length; triplet++) {
    const question = column[triplet]!
    const place = next[question]!
    next[question] = place + 1
    concept[place] = row[triplet]!
    order[place] = triplet
  }
  return { rows: { start, concept }, order }
}

function checkMadeBy(madeBy: MadeBy): void {
  for (const key of ['lam_u', 'lam_g'] as const) {
    const penalty = madeBy[key]
    refuseUnless(penalty === null || (Number.isFinite(penalty) && penalty > 0), `made_by.${key} must be positive`)
  }
}

function readUuid(text: string): Uuid {
  try {
    return toUuid(text)
  } catch (cause) {
    throw new MatrixError('Q_ids and C_ids must be uuids', { cause })
  }
}

function indexOf(ids: readonly Uuid[], name: string): Map<Uuid, number> {
  const index = new Map<Uuid, number>()
  for (const id of ids) {
    if (index.has(id)) throw new MatrixError(`${name} has ${id} twice`)
    index.set(id, index.size)
  }
  return index
}

function isIndex(value: number, length: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < length
}

function finite(value: number, name: string): number {
  // The message is made only when it is needed: a soft matrix has millions of weights.
  if (!Number.isFinite(value)) throw new MatrixError(`${name} must be finite, not ${value}`)
  return value
}

function refuseUnless(condition: boolean, message: string): asserts condition {
  if (!condition) throw new MatrixError(message)
}
