import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sparfa } from './algorithm.ts'
import { loadMatrix, MatrixError, makeMatrix, type SparfaMatrix, type StoredMatrix, storeMatrix } from './matrix.ts'
import { numberedId } from './numbered-id.ts'
import { plant } from './planted.ts'

const planted = plant({
  questions: 30,
  concepts: 7,
  learners: 20,
  responses: 200,
  seed: 3,
  secondHints: 0.4,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
}).truth

/** Through the text form, as a database or a wire would do it. */
function throughText(stored: StoredMatrix): StoredMatrix {
  return JSON.parse(JSON.stringify(stored)) as StoredMatrix
}

function withValues(weights: readonly number[], easiness: readonly number[]): SparfaMatrix {
  const support = { start: Int32Array.of(0, 2, 4), concept: Int32Array.of(0, 1, 0, 1) }
  return makeMatrix({
    questionIds: [numberedId('question', 0), numberedId('question', 1)],
    conceptIds: [numberedId('concept', 0), numberedId('concept', 1)],
    easiness: Float64Array.from(easiness),
    support,
    weights: Float64Array.from(weights),
    hints: support,
    madeBy: planted.madeBy,
  })
}

function empty(questions: number, concepts: number): SparfaMatrix {
  const none = { start: new Int32Array(questions + 1), concept: new Int32Array(0) }
  return makeMatrix({
    questionIds: Array.from({ length: questions }, (_, index) => numberedId('question', index)),
    conceptIds: Array.from({ length: concepts }, (_, index) => numberedId('concept', index)),
    easiness: new Float64Array(questions),
    support: none,
    weights: new Float64Array(0),
    hints: none,
    madeBy: planted.madeBy,
  })
}

test('a matrix comes back whole', () => {
  assert.deepEqual(loadMatrix(throughText(storeMatrix(planted))), planted)
})

test('shapes without entries come back: 0 x 0, 0 x n, n x 0, all-zero rows and columns', () => {
  for (const [questions, concepts] of [
    [0, 0],
    [0, 3],
    [3, 0],
    [3, 4],
  ] as const) {
    const loaded = loadMatrix(throughText(storeMatrix(empty(questions, concepts))))
    assert.equal(loaded.questionIds.length, questions)
    assert.equal(loaded.conceptIds.length, concepts)
    assert.equal(loaded.weights.start.length, questions + 1)
    assert.deepEqual(loaded, empty(questions, concepts))
  }
})

test('every double comes back bit by bit, and minus zero is stored as zero', () => {
  const weights = [5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1 / 3]
  const matrix = withValues(weights, [-0, -1.7976931348623157e308])
  const stored = throughText(storeMatrix(matrix))
  assert.ok(Object.is(stored.d_data[0], 0))
  const loaded = loadMatrix(stored)
  assert.deepEqual([...loaded.weights.value], weights)
  assert.deepEqual([...loaded.easiness], [0, -1.7976931348623157e308])
})

test('zero weights are not stored, but their hints are', () => {
  const stored = storeMatrix(withValues([0, 0.5, 0.25, 0], [1, 2]))
  assert.deepEqual(
    [stored.W_data, stored.W_row, stored.W_col],
    [
      [0.25, 0.5],
      [0, 1],
      [1, 0],
    ],
  )
  assert.deepEqual(
    [stored.H_mask_row, stored.H_mask_col],
    [
      [0, 0, 1, 1],
      [0, 1, 0, 1],
    ],
  )
  assert.deepEqual(stored.H_mask_data, [true, true, true, true])
})

test('rows are concepts and columns are questions: other orders of the ids are noticed', () => {
  const stored = storeMatrix(planted)
  for (const permuted of [
    { ...stored, Q_ids: stored.Q_ids.toReversed() },
    { ...stored, C_ids: stored.C_ids.toReversed() },
  ]) {
    assert.notDeepEqual(clueAfter(loadMatrix(permuted)), clueAfter(planted))
  }
})

test('CLUEs before and after a store and load are bit-identical', () => {
  assert.deepEqual(clueAfter(loadMatrix(throughText(storeMatrix(planted)))), clueAfter(planted))
})

/** The answers and the pool name questions, and knowledge shows which concepts were met. */
function clueAfter(matrix: SparfaMatrix): unknown {
  const answers = [0, 3, 4, 9, 17].map((index) => ({
    group: numberedId('question', index),
    isCorrect: index % 2 === 0,
  }))
  const knowledge = sparfa.know(matrix, answers)
  const pool = [1, 2, 3, 10].map((index) => numberedId('question', index))
  const met = matrix.conceptIds.filter((_, concept) => knowledge.position[concept] !== -1).toSorted()
  return [sparfa.clue(matrix, [knowledge], pool, { confidence: 0.5, minResponses: 3 }), met]
}

const stored = storeMatrix(withValues([0.5, 0.25, 0.125, 1], [1, 2]))
const broken: { readonly [what: string]: Partial<Record<keyof StoredMatrix, unknown>> } = {
  'triplets out of order': { W_row: [0, 1, 0, 1] },
  'a triplet twice': { W_col: [0, 0, 0, 1] },
  'an explicit zero': { W_data: [0.5, 0, 0.125, 1] },
  'a negative weight': { W_data: [0.5, -0.25, 0.125, 1] },
  'a weight that is not a number': { W_data: [0.5, Number.NaN, 0.125, 1] },
  'an infinite weight': { W_data: [0.5, Number.POSITIVE_INFINITY, 0.125, 1] },
  'a row outside the concepts': { W_row: [0, 0, 1, 2] },
  'a column outside the questions': { W_col: [0, 1, 0, 2] },
  'a negative index': { W_col: [-1, 1, 0, 1] },
  'an index with a fraction': { W_row: [0, 0, 0.5, 1] },
  'W columns of different lengths': { W_row: [0, 0, 1] },
  'mask numbers instead of booleans': { H_mask_data: [1, 1, 1, 1] },
  'a mask entry that is false': { H_mask_data: [true, false, true, true] },
  'mask triplets out of order': { H_mask_col: [1, 0, 0, 1] },
  'too few d': { d_data: [1] },
  'too many d': { d_data: [1, 2, 3] },
  'a d that is infinite': { d_data: [1, Number.NEGATIVE_INFINITY] },
  'a question twice': { Q_ids: [numberedId('question', 0), numberedId('question', 0)] },
  'a concept twice': { C_ids: [numberedId('concept', 0), numberedId('concept', 0)] },
  'an id that is no uuid': { Q_ids: ['first', 'second'] },
  'a prior that is not positive': { made_by: { ...stored.made_by, lam_u: 0 } },
}

for (const [what, change] of Object.entries(broken)) {
  test(`loading refuses ${what}`, () => {
    assert.doesNotThrow(() => loadMatrix(stored))
    assert.throws(() => loadMatrix({ ...stored, ...change } as StoredMatrix), MatrixError)
  })
}

test('making refuses what could not be stored', () => {
  assert.throws(() => withValues([0.5, 0.25, -1, 1], [1, 2]), MatrixError)
  assert.throws(() => withValues([0.5, 0.25, Number.NaN, 1], [1, 2]), MatrixError)
  assert.throws(() => withValues([0.5, 0.25, 1, 1], [1, Number.POSITIVE_INFINITY]), MatrixError)
})
