import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { fitMatrix } from '#estimate/sparfa/fit.ts'
import { prepareFit } from '#estimate/sparfa/input.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { inTransaction } from '#platform/postgres.ts'
import { cleanUpDefaults, cleanUpPart } from './clean-up.ts'
import { insertMatrix, MatrixRemoved, openMatrixStore } from './matrix-store.ts'
import { openReceipts } from './receipts.ts'

const { pool } = await openTestDatabase()

const uuid = (): Uuid => toUuid(randomUUID())
const groups = [uuid(), uuid()]
const page = uuid()
const matrix = fitMatrix(
  prepareFit({
    questionIds: groups,
    conceptIds: [page],
    hints: groups.map((question) => ({ question, concept: page })),
    responses: groups.map((question) => ({ learner: 'l', question, isCorrect: true })),
  }),
  { preset: 'hard', seed: 1 },
)

/** Oldest first, a day apart, the last one in use; each superseded when the next one came. */
async function storeHistory(days: readonly number[]): Promise<{ ecosystem: Uuid; matrices: Uuid[] }> {
  const ecosystem = uuid()
  const matrices: Uuid[] = []
  for (const _ of days) {
    const name = uuid()
    await inTransaction(pool, (transaction) => insertMatrix(transaction, ecosystem, name, { matrix }))
    matrices.push(name)
  }
  await pool.query(
    `update ecosystem_matrix
     set in_use_from = now() - make_interval(days => given.days),
       superseded_at = case when given.last then null else now() - make_interval(days => given.days) + interval '1 day' end
     from unnest($1::uuid[], $2::int[], $3::boolean[]) as given (matrix, days, last)
     where ecosystem_matrix.matrix = given.matrix`,
    [matrices, days, days.map((_, index) => index === days.length - 1)],
  )
  return { ecosystem, matrices }
}

async function clean(): Promise<void> {
  for (let part = 0; part < 128; part += 1) await cleanUpPart(pool, part, { ...cleanUpDefaults, rowsMax: 10 })
}

const daysAgo = (days: number): number => Date.now() - days * 86_400_000

test('a matrix goes a month after it was superseded, unless a receipt or an assignment names it', async () => {
  const { ecosystem, matrices } = await storeHistory([40, 39, 38, 37, 20, 1])
  const [unnamed, received, assigned, second, recent, current] = matrices
  assert.ok(unnamed && received && assigned && second && recent && current)
  await openReceipts(pool).put([
    {
      calculation: uuid(),
      kind: 'pe',
      subject: uuid(),
      algorithm: 'biglearn_sparfa',
      advisers: ['biglearn_sparfa'],
      matrix: received,
      position: 1,
      asOf: daysAgo(38),
      exercisesMax: undefined,
      exercises: [],
    },
  ])
  await pool.query('insert into learning_named_matrix (part, matrix) values (3, $1)', [assigned])
  await clean()
  const store = openMatrixStore(pool, { freshMs: 0, matricesMax: 10 })
  const kept = await Promise.all(matrices.map(async (name) => (await store.byUuid(name)) !== undefined))
  assert.deepEqual(kept, [false, true, true, false, true, true])
  assert.equal((await store.current(ecosystem))?.uuid, current)
  assert.equal((await store.inUseAt(ecosystem, daysAgo(38.5)))?.uuid, received)
  await assert.rejects(() => store.inUseAt(ecosystem, daysAgo(39.5)), MatrixRemoved)
  assert.equal(await store.inUseAt(ecosystem, daysAgo(41)), undefined, 'before the first one there was none')
  const history = await store.history(ecosystem, 10)
  assert.equal(history.length, 6)
  assert.deepEqual(
    history
      .filter(({ removedAt }) => removedAt !== undefined)
      .map(({ uuid: name }) => name)
      .sort(),
    [unnamed, second].sort(),
  )
})

test('a matrix from before assignments were searched for names is kept', async () => {
  const { matrices } = await storeHistory([40, 1])
  await pool.query(
    `update ecosystem_matrix
     set created_at = (
       select (value #>> '{}')::timestamptz - interval '1 second' from installation where name = 'matrices_named_since'
     )
     where matrix = $1`,
    [matrices[0]],
  )
  await clean()
  const store = openMatrixStore(pool, { freshMs: 0, matricesMax: 10 })
  assert.ok((await store.byUuid(matrices[0]!)) !== undefined)
})
