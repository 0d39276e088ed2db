import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid } from '#domain/ids.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { cleanUpDefaults, cleanUpPart, cleanUpWholePart } from './clean-up.ts'
import type { ClueReceipt } from './clue-receipts.ts'
import { openReceipts, type Receipt } from './receipts.ts'

const { pool } = await openTestDatabase()

const uuid = (n: number) => toUuid(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`)
const daysAgo = (days: number): number => Date.now() - days * 86_400_000

function picks(n: number, asOf: number): Receipt {
  const given = { calculation: uuid(n), kind: 'pe', subject: uuid(1), algorithm: 'biglearn_sparfa' } as const
  const rest = { advisers: ['biglearn_sparfa'], matrix: uuid(2), position: 7, exercisesMax: undefined }
  return { ...given, ...rest, asOf, exercises: [uuid(3)] }
}

function clue(n: number, asOf: number): ClueReceipt {
  return {
    ...{ calculation: uuid(n), kind: 'teacher_clue', subject: uuid(1), bookContainer: uuid(4), position: 7, asOf },
    ...{ algorithm: 'biglearn_sparfa', matrix: uuid(2) },
    clue: { minimum: 0.1, mostLikely: 1 / 3, maximum: 0.7, isReal: true },
  }
}

test('receipts of both kinds are read as they were written, and go when they are older than is configured', async () => {
  const receipts = openReceipts(pool)
  const given = [picks(11, daysAgo(29)), picks(12, daysAgo(31)), clue(13, daysAgo(29)), clue(14, daysAgo(31))]
  await receipts.put(given)
  await receipts.put([clue(13, daysAgo(1))])
  for (const one of given) assert.deepEqual(await receipts.read(one.calculation), one)
  for (let part = 0; part < 64; part += 1) await cleanUpPart(pool, part, { ...cleanUpDefaults, receiptDays: 30 })
  const left = await Promise.all(given.map(async ({ calculation }) => (await receipts.read(calculation)) !== undefined))
  assert.deepEqual(left, [true, false, true, false])
})

test('more receipts than one statement removes are gone after one visit to their part', async () => {
  const receipts = openReceipts(pool)
  const due = Array.from({ length: 300 }, (_, n) => picks(1000 + n, daysAgo(31)))
  await receipts.put(due)
  const { rows } = await pool.query('select part from pick_receipt group by part order by count(*) desc limit 1')
  const part: number = rows[0]?.part
  await cleanUpWholePart(pool, part, { ...cleanUpDefaults, receiptDays: 30, rowsMax: 2 })
  assert.equal((await pool.query('select from pick_receipt where part = $1', [part])).rowCount, 0)
  await pool.query('truncate pick_receipt')
})

test('instances of programs that never came again stayed among the members of their subscription', async () => {
  await pool.query(
    `insert into member (subscription, member, state, lease_until, build)
     select 'grades', gen_random_uuid(), 'working', now() - days * interval '1 day', 'remote'
       from unnest(array[0.5, 2]) as ago (days)`,
  )
  await cleanUpPart(pool, 0, cleanUpDefaults)
  assert.equal((await pool.query(`select from member where subscription = 'grades'`)).rowCount, 1)
})

test('a matrix stays as long as a receipt of a CLUE names it', async () => {
  await pool.query(
    `insert into ecosystem_matrix (part, ecosystem, matrix, created_at, superseded_at, in_use_from, q_ids, c_ids, d_data,
       w_data, w_row, w_col, h_mask_data, h_mask_row, h_mask_col, made_by)
     values (64, $1, $2, now(), now() - interval '40 days', now(), $3, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')`,
    [uuid(5), uuid(2), [uuid(6)]],
  )
  const isThere = async () => {
    await cleanUpPart(pool, 64, { ...cleanUpDefaults, receiptDays: 30 })
    const { rows } = await pool.query('select removed_at is null as is_there from ecosystem_matrix')
    return rows[0]?.is_there
  }
  await pool.query('truncate pick_receipt')
  assert.equal(await isThere(), true)
  await pool.query('truncate clue_receipt')
  assert.equal(await isThere(), false)
})
