import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { cleanUpDefaults, cleanUpPart } from './clean-up.ts'
import { matrixCalculation, openMatrixUpdates } from './matrix-updates.ts'
import { openSubmittedClues, type SubmittedClue } from './submitted-clues.ts'
import { type Ordering, openSubmittedOrderings, orderingKey } from './submitted-orderings.ts'
import { openWorkStates } from './work-states.ts'

/** One connection, so that prepared statements and their generic plans are those of the whole test. */
const { pool } = await openTestDatabase({ connectionsMax: 1, statementTimeoutMs: 60_000 })
const orderings = openSubmittedOrderings(pool)
const clues = openSubmittedClues(pool)
const states = openWorkStates(pool)
const updates = openMatrixUpdates(pool)

const uuid = (): Uuid => toUuid(randomUUID())
const key = () => ({ student: uuid(), ecosystem: uuid() })

function ordering(position: number, changes: Partial<Ordering> = {}): Ordering {
  const ids = { ...key(), calculation: uuid(), result: uuid(), matrix: uuid() }
  return { ...ids, algorithm: 'One', position, exercises: [uuid(), uuid()], ...changes }
}

test('the highest position of each algorithm is in use, whatever came last', async () => {
  const pair = key()
  const [old, current, other] = [ordering(1, pair), ordering(5, pair), ordering(2, { ...pair, algorithm: 'two' })]
  await orderings.put([current, other])
  await orderings.put([old])
  const found = (await orderings.inUse([pair, pair])).get(orderingKey(pair)) ?? []
  assert.deepEqual(found.map(({ result }) => result).sort(), [current.result, other.result].sort())
  const positions = [1, 4, 5].map((position) => ({ ...pair, position }))
  assert.deepEqual(await orderings.answered('one', positions), new Set([old.calculation, current.calculation]))
  const [byResult] = await orderings.byResult([old.result, uuid()])
  assert.deepEqual([byResult?.exercises, byResult?.algorithm], [old.exercises, 'One'])
})

test('long orders of one request are stored in several statements', async () => {
  const long = Array.from({ length: 5 }, () => ordering(1, { exercises: new Array(20_000).fill(uuid()) }))
  await orderings.put([...long, ...long])
  const found = await orderings.byResult(long.map(({ result }) => result))
  const stored = found.map(({ student, exercises }) => [student, exercises.length])
  assert.deepEqual(stored.sort(), long.map(({ student }) => [student, 20_000]).sort())
})

test('71: superseded a month ago and unused goes; used, superseded today and current stay', async () => {
  const pair = key()
  const rows = [1, 2, 3, 4].map((position) => ordering(position, pair))
  for (const row of rows) await orderings.put([row])
  const [gone, used, today, current] = rows
  assert.ok(gone && used && today && current)
  await orderings.markUsed([used.result])
  const longAgo = [gone.result, used.result]
  await pool.query(`update submitted_ordering set superseded_at = now() - interval '31 days' where result = any ($1)`, [
    longAgo,
  ])
  for (let part = 0; part < 64; part += 1) await cleanUpPart(pool, part, { ...cleanUpDefaults, rowsMax: 10 })
  const kept = await orderings.byResult(rows.map(({ result }) => result))
  assert.deepEqual(kept.map(({ position }) => position).sort(), [2, 3, 4])
})

test('calculations handed out are remembered for a month', async () => {
  const calculation = uuid()
  const item = { calculation, kind: 'exercises', subject: uuid(), ecosystem: uuid(), position: 3 } as const
  await states.writeHandedOut([{ ...item, bookContainer: undefined }])
  const clean = async (): Promise<void> => {
    for (let part = 0; part < 64; part += 1) await cleanUpPart(pool, part, { ...cleanUpDefaults, rowsMax: 10 })
  }
  await clean()
  assert.deepEqual((await states.readHandedOut([calculation])).get(calculation), { ...item, bookContainer: undefined })
  await pool.query(
    `update due_handed_out set handed_out_at = now() - interval '29 days 23 hours' where calculation = $1`,
    [calculation],
  )
  await states.writeHandedOut([{ ...item, bookContainer: undefined }])
  await pool.query(`update due_handed_out set handed_out_at = handed_out_at - interval '2 hours'`)
  await clean()
  assert.equal((await states.readHandedOut([calculation])).size, 1, 'asking again keeps it')
  await pool.query(`update due_handed_out set handed_out_at = now() - interval '31 days'`)
  await clean()
  assert.equal((await states.readHandedOut([calculation])).size, 0)
})

function clue(changes: Partial<SubmittedClue> = {}): SubmittedClue {
  const ids = { subject: uuid(), bookContainer: uuid(), calculation: uuid(), result: uuid(), ecosystem: uuid() }
  const estimate = { minimum: 0.1, mostLikely: 1 / 3, maximum: 0.9, isReal: true }
  return { ...ids, kind: 'student_clues', algorithm: 'one', clue: estimate, ...changes }
}

test('the last CLUE of a subject, container and algorithm wins, each kind apart', async () => {
  const first = clue()
  assert.deepEqual(await clues.put([clue({ ...first, result: uuid() }), first], new Set()), [true, true])
  assert.deepEqual(await clues.read('student_clues', [{ ...first, algorithm: 'ONE' }, clue()]), [first, undefined])
  const next = { ...first, result: uuid() }
  assert.deepEqual(await clues.put([next], await clues.held([first])), [true])
  assert.deepEqual(await clues.ofSubjects('student_clues', 'one', [first.subject]), [next])
  assert.deepEqual(await clues.read('teacher_clues', [first]), [undefined])
})

test('a CLUE overwrites only what was there before it was decided to store it', async () => {
  const [first, other] = [clue(), clue({ kind: 'teacher_clues' })]
  const nothing = await clues.held([first, other])
  await clues.put([first, other], nothing)
  const [late, unaffected] = [clue({ ...first, result: uuid() }), clue({ ...other, result: uuid() })]
  assert.deepEqual(await clues.put([late, clue(), unaffected], new Set([other.result])), [false, true, true])
  assert.deepEqual(await clues.read('student_clues', [first]), [first])
  assert.deepEqual(await clues.read('teacher_clues', [other]), [unaffected])
  assert.deepEqual(await clues.held([first, other]), new Set([first.result, unaffected.result]))
})

test('21: thresholds after 0, 9, 10, 20 and 100 trials are 1, 10, 12, 23 and 111', async () => {
  const ecosystem = uuid()
  const groups = [0, 9, 10, 20, 100].map((trials) => ({ group: uuid(), trials }))
  const count = (before: string | undefined, after: string, trials: [Uuid, number][]) =>
    updates.countTrials([{ student: toUuid(ecosystem), before, after, trials: new Map(trials) }])
  await count(
    undefined,
    '1',
    groups.filter(({ trials }) => trials > 0).map(({ group, trials }) => [group, trials]),
  )
  await updates.start(
    [{ ecosystem, updates: 0 }],
    groups.map(({ group }) => group),
  )
  const found = await pool.query(
    'select trials, next_trials from due_group where exercise_group = any ($1) order by 1',
    [groups.map(({ group }) => group)],
  )
  // A group that nobody has answered has no row; the first trial makes it one whose threshold is 1.
  assert.deepEqual(
    found.rows.map((row) => [row.trials, row.next_trials]),
    [
      [9, 10],
      [10, 12],
      [20, 23],
      [100, 111],
    ],
  )
  const [fresh] = groups
  assert.ok(fresh !== undefined)
  await count('1', '2', [[fresh.group, 1]])
  assert.deepEqual(await updates.triggeredGroups(), [fresh.group])
  await count('1', '3', [[fresh.group, 5]])
  assert.equal(await trialsOf(fresh.group), 1, 'what somebody else has counted is not counted again')
})

async function trialsOf(group: Uuid): Promise<number> {
  const found = await pool.query('select trials from due_group where exercise_group = $1', [group])
  return found.rows[0]?.trials
}

test('23: an answer to an update that was replaced is unknown, and the ecosystem stays due', async () => {
  const ecosystem = uuid()
  await updates.start([{ ecosystem, updates: 0 }], [])
  await updates.start([{ ecosystem, updates: 0 }], [])
  const first = matrixCalculation(ecosystem, 1)
  const isDue = async (algorithm: string) => (await updates.due(algorithm)).find((one) => one.ecosystem === ecosystem)
  assert.equal((await isDue('one'))?.calculation, first, 'two that start the same update start it once')
  assert.deepEqual(await updates.answer([{ calculation: first, algorithm: 'ONE' }]), [true])
  assert.equal(await isDue('one'), undefined)
  assert.ok(await isDue('two'))
  await updates.start([{ ecosystem, updates: 1 }], [])
  assert.deepEqual(await updates.answer([{ calculation: first, algorithm: 'one' }]), [false])
  assert.equal((await isDue('one'))?.calculation, matrixCalculation(ecosystem, 2))
})

/** One of each read and write of the contract. `due_matrix_…` hold a row per edition: some dozens. */
async function work(): Promise<void> {
  const pair = key()
  const subjects = [uuid(), uuid()]
  await states.readAnswered('exercises', 'one', subjects)
  await states.writeAnswered('exercises', 'one', [{ subject: uuid(), state: 'x', nextAt: undefined }])
  await states.readHandedOut(subjects)
  await orderings.put([ordering(1)])
  await orderings.answered('one', [{ ...pair, position: 1 }])
  await orderings.inUse([pair])
  await orderings.byResult(subjects)
  await orderings.ofStudent(pair.student, 'one')
  await orderings.markUsed(subjects)
  await clues.put([clue()], await clues.held([clue()]))
  await clues.read('student_clues', [clue()])
  await clues.ofSubjects('student_clues', 'one', subjects)
  await updates.triggeredGroups()
  await cleanUpPart(pool, 1, { ...cleanUpDefaults, rowsMax: 10 })
}

test('no statement of the contract scans a table', async () => {
  const rows = 20_000
  const statements = [
    `due_answered select n % 64, gen_random_uuid(), 'exercises', 'one', '1', null`,
    `due_handed_out select n % 64, gen_random_uuid(), 'exercises', gen_random_uuid(), null, gen_random_uuid(), 1`,
    `submitted_ordering select n % 64, gen_random_uuid(), gen_random_uuid(), 'one', 1, 'one', gen_random_uuid(),
       gen_random_uuid(), gen_random_uuid(), '{}'`,
    `submitted_clue select n % 64, gen_random_uuid(), 'student_clues', 'one', gen_random_uuid(), gen_random_uuid(),
       gen_random_uuid(), 0, 0, 0, true`,
    `due_group select 64 + n % 64, gen_random_uuid(), 1, 5`,
  ]
  for (const statement of statements) await pool.query(`insert into ${statement} from generate_series(1, ${rows}) as n`)
  await pool.query('analyze')
  for (let turn = 0; turn < 8; turn += 1) {
    await pool.query('begin')
    await work()
    const scanned = await pool.query(
      `select relname from pg_stat_xact_user_tables
       where seq_scan > 0 and (relname like 'due\\_%' or relname like 'submitted\\_%')`,
    )
    await pool.query('commit')
    assert.deepEqual(scanned.rows, [], `turn ${turn}`)
  }
})
