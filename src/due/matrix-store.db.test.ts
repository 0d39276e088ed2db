import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { sparfa } from '#estimate/sparfa/algorithm.ts'
import { loadMatrix, MatrixError, makeMatrix, type SparfaMatrix, storeMatrix } from '#estimate/sparfa/matrix.ts'
import { numberedId } from '#estimate/sparfa/numbered-id.ts'
import { plant } from '#estimate/sparfa/planted.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { inTransaction, openPool } from '#platform/postgres.ts'
import { insertMatrix, openMatrixStore } from './matrix-store.ts'

/*
 * The hazards of sparfa.md §14, numbered as there, through the real driver and database. A store of its own for every
 * read, so that nothing comes from memory.
 */
const { url, pool } = await openTestDatabase()

const planted = plant({
  questions: 60,
  concepts: 7,
  learners: 40,
  responses: 900,
  seed: 5,
  secondHints: 0.4,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
})

async function store(matrix: SparfaMatrix): Promise<Uuid> {
  const uuid = toUuid(randomUUID())
  await inTransaction(pool, (transaction) => insertMatrix(transaction, toUuid(randomUUID()), uuid, { matrix }))
  return uuid
}

async function load(uuid: Uuid, from = pool): Promise<SparfaMatrix> {
  const named = await openMatrixStore(from, { freshMs: 1, matricesMax: 1 }).byUuid(uuid)
  assert.ok(named !== undefined)
  return named.matrix
}

/** Every question has a place for every concept; zeros are no weights. */
function dense(questions: number, concepts: number, weights: readonly number[], easiness: readonly number[]) {
  const support = {
    start: Int32Array.from({ length: questions + 1 }, (_, question) => question * concepts),
    concept: Int32Array.from({ length: questions * concepts }, (_, entry) => entry % concepts),
  }
  return makeMatrix({
    questionIds: Array.from({ length: questions }, (_, index) => numberedId('question', index)),
    conceptIds: Array.from({ length: concepts }, (_, index) => numberedId('concept', index)),
    easiness: Float64Array.from(easiness),
    support,
    weights: Float64Array.from(weights),
    hints: { start: new Int32Array(questions + 1), concept: new Int32Array(0) },
    madeBy: planted.truth.madeBy,
  })
}

test('hazard 1: shapes come back without any triplet, and with empty rows and columns', async () => {
  for (const [questions, concepts] of [
    [0, 0],
    [0, 3],
    [3, 0],
    [3, 4],
  ] as const) {
    const zeros = new Array<number>(questions * concepts).fill(0)
    const matrix = dense(questions, concepts, zeros, new Array<number>(questions).fill(0))
    const loaded = await load(await store(matrix))
    assert.deepEqual([loaded.questionIds.length, loaded.conceptIds.length], [questions, concepts])
    assert.equal(loaded.weights.start.length, questions + 1)
    assert.deepEqual(loaded, matrix)
  }
  // The middle question and the last concept have no weight at all.
  const holes = dense(3, 3, [1, 2, 0, 0, 0, 0, 3, 0, 0], [1, 2, 3])
  assert.deepEqual(await load(await store(holes)), holes)
})

test('hazard 2: rows are concepts and columns questions, in the order of the lists at the fit', async () => {
  const uuid = await store(planted.truth)
  assert.deepEqual(await load(uuid), planted.truth)
  for (const list of ['q_ids', 'c_ids']) {
    const permuted = await store(planted.truth)
    await pool.query(
      `update ecosystem_matrix
       set ${list} = array(select id from unnest(${list}) with ordinality as listed (id, at) order by at desc)
       where matrix = $1`,
      [permuted],
    )
    assert.notDeepEqual(estimates(await load(permuted)), estimates(planted.truth), list)
  }
})

test('hazard 3: stored triplets ascend, have no zeros, and rows that break a rule are refused', async () => {
  const uuid = await store(dense(2, 2, [0.5, 0, 0.25, 1], [0, 0]))
  const columns = await pool.query('select w_data, w_row, w_col from ecosystem_matrix where matrix = $1', [uuid])
  assert.deepEqual(columns.rows[0], { w_data: [0.5, 0.25, 1], w_row: [0, 0, 1], w_col: [0, 1, 1] })
  const breaks = {
    'out of order': 'w_col = array[1, 0, 1]',
    'a duplicate': 'w_col = array[0, 0, 1]',
    'an explicit zero': 'w_data = array[0.5, 0, 1]',
    'a row outside C_ids': 'w_row = array[0, 0, 2]',
    'a column outside Q_ids': 'w_col = array[0, 1, 2]',
    'a missing value': 'w_data = array[0.5, null, 1]',
    'columns of unequal length': 'w_row = array[0, 0]',
  }
  for (const [what, change] of Object.entries(breaks)) await assertRefused(change, what)
})

/** Changes one stored matrix that is fine otherwise. */
async function assertRefused(change: string, what: string): Promise<void> {
  const uuid = await store(dense(2, 2, [0.5, 0, 0.25, 1], [0, 0]))
  await load(uuid)
  await pool.query(`update ecosystem_matrix set ${change} where matrix = $1`, [uuid])
  await assert.rejects(load(uuid), MatrixError, what)
}

const weights = [5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1 / 3]

test('hazard 4: every double comes back bit by bit, minus zero as zero', async () => {
  const uuid = await store(dense(2, 2, weights, [-0, -1.7976931348623157e308]))
  const loaded = await load(uuid)
  assert.deepEqual([...loaded.weights.value], weights)
  assert.ok(Object.is(loaded.easiness[0], 0))
  assert.equal(loaded.easiness[1], -1.7976931348623157e308)
  const text = await pool.query('select d_data[1]::text as zero from ecosystem_matrix where matrix = $1', [uuid])
  assert.equal(text.rows[0].zero, '0')
})

test('hazard 4: also where the installation prints fewer digits', async () => {
  const uuid = await store(dense(2, 2, weights, [0.1 + 0.2, 1 / 3]))
  const cut = new URL(url)
  cut.searchParams.set('options', '-c extra_float_digits=-3')
  const coarse = openPool(cut.href, { name: 'coarse', connectionsMax: 1 })
  try {
    const rounded = await coarse.query('select d_data from ecosystem_matrix where matrix = $1', [uuid])
    assert.notEqual(rounded.rows[0].d_data[1], 1 / 3, 'digits are cut here')
    const loaded = await load(uuid, coarse)
    assert.deepEqual([[...loaded.weights.value], [...loaded.easiness]], [weights, [0.1 + 0.2, 1 / 3]])
  } finally {
    await coarse.end()
  }
})

test('hazard 4: what is not a finite number is neither made nor read', async () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => dense(1, 1, [value], [0]), MatrixError)
    assert.throws(() => dense(1, 1, [1], [value]), MatrixError)
  }
  for (const value of ['NaN', 'Infinity', '-Infinity']) {
    await assertRefused(`d_data = array[0, '${value}'::float8]`, `d ${value}`)
    await assertRefused(`w_data = array[0.5, '${value}'::float8, 1]`, `W ${value}`)
  }
})

test('hazard 5: the mask comes back as true booleans, and false or nothing is refused', async () => {
  const uuid = await store(planted.truth)
  const row = await pool.query('select h_mask_data from ecosystem_matrix where matrix = $1', [uuid])
  assert.equal(row.rows[0].h_mask_data.length, planted.truth.hints.concept.length)
  assert.ok(row.rows[0].h_mask_data.every((value: unknown) => value === true))
  for (const value of ['false', 'null']) {
    await assertRefused(`h_mask_data = array[${value}]::boolean[], h_mask_row = array[0], h_mask_col = array[0]`, value)
  }
})

test('hazard 6: d is a flat list, one number for each question', async () => {
  const uuid = await store(planted.truth)
  const row = await pool.query('select array_ndims(d_data) as dims, d_data from ecosystem_matrix where matrix = $1', [
    uuid,
  ])
  assert.equal(row.rows[0].dims, 1)
  assert.deepEqual(row.rows[0].d_data, Array.from(planted.truth.easiness))
  await assertRefused('d_data = array[1]', 'too few')
  await assertRefused('d_data = array[[1], [2]]', 'a column')
})

test('hazard 7: CLUEs before and after are the same to the last bit', async () => {
  const loaded = await load(await store(planted.truth))
  assert.deepEqual(estimates(loaded), estimates(planted.truth))
  assert.deepEqual(storeMatrix(loaded), storeMatrix(planted.truth))
  assert.deepEqual(loadMatrix(storeMatrix(loaded)), planted.truth)
})

/** CLUEs of several learners over several pools; `deepEqual` compares numbers bit by bit. */
function estimates(matrix: SparfaMatrix): unknown {
  return [1, 2, 3].map((learner) => {
    const answers = Array.from({ length: 12 }, (_, at) => ({
      group: numberedId('question', (at * 5 + learner) % 60),
      isCorrect: (at * learner) % 3 > 0,
    }))
    const knowledge = sparfa.know(matrix, answers)
    const met = matrix.conceptIds.filter((_, concept) => knowledge.position[concept] !== -1).toSorted()
    const pool = Array.from({ length: 9 }, (_, at) => numberedId('question', at * 6 + learner))
    return [sparfa.clue(matrix, [knowledge], pool, { confidence: 0.5, minResponses: 3 }), met]
  })
}
