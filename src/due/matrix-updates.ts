import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { namedUuid } from '#domain/named-uuid.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import { inTransaction } from '#platform/postgres.ts'

/*
 * When remote algorithms should learn an ecosystem's matrix anew (scheduler.md §4): a group of exercises has a tenth
 * more answered trials than at the last update of its ecosystems, or the ecosystem is new. Trials are counted when
 * somebody asks. Whoever counts, starts an update or answers compares with what it read before, so concurrent calls do
 * it once.
 */
export interface MatrixUpdate {
  readonly ecosystem: Uuid
  readonly calculation: Uuid
}

export interface MatrixUpdateState extends MatrixUpdate {
  readonly updates: number
  readonly ageMs: number
}

/** One student's trials that were not counted yet. */
export interface TrialCount {
  readonly student: Uuid
  /** What was counted before and what is counted now: numbers of the student's course as text. */
  readonly before: string | undefined
  readonly after: string
  readonly trials: ReadonlyMap<Uuid, number>
}

export interface MatrixUpdates {
  countTrials(counts: readonly TrialCount[]): Promise<void>
  /** Groups that have reached their threshold. */
  triggeredGroups(): Promise<Uuid[]>
  states(): Promise<Map<Uuid, MatrixUpdateState>>
  /** Makes these ecosystems due for every algorithm, and moves the thresholds of these groups. */
  start(ecosystems: readonly StartedUpdate[], groups: readonly Uuid[]): Promise<void>
  due(algorithm: string): Promise<MatrixUpdate[]>
  /** One per calculation, in order: false for one that is not current. */
  answer(answers: readonly MatrixAnswered[]): Promise<boolean[]>
}

export interface StartedUpdate {
  readonly ecosystem: Uuid
  /** How many updates it has had. */
  readonly updates: number
}

export interface MatrixAnswered {
  readonly calculation: Uuid
  readonly algorithm: string
}

const namespace = toUuid('b0a7d8b4-7f0e-5b0c-9c55-90b6f5f4f0d3')

/** The same update of an ecosystem is the same calculation, whoever starts it. */
export function matrixCalculation(ecosystem: Uuid, updates: number): Uuid {
  return namedUuid(namespace, `${ecosystem} ${updates}`)
}

/** An update of at most this many ecosystems is handed out at once. */
const matrixUpdatesMax = 1000
const groupsMax = 10_000

export function openMatrixUpdates(pool: pg.Pool, parts: number = partsDefault): MatrixUpdates {
  return {
    countTrials: async (counts) => {
      if (counts.length > 0) await inTransaction(pool, (client) => countTrials(client, counts, parts))
    },
    triggeredGroups: () => readTriggered(pool),
    states: () => readStates(pool),
    start: (ecosystems, groups) => inTransaction(pool, (client) => start(client, { ecosystems, groups, parts })),
    due: (algorithm) => readDue(pool, algorithm),
    answer: (answers) => answer(pool, answers, parts),
  }
}

async function countTrials(client: pg.ClientBase, counts: readonly TrialCount[], parts: number): Promise<void> {
  // Students and groups are lost together in a crash of the server, and counted again.
  await client.query('set local synchronous_commit = off')
  const rows = [...counts].sort((a, b) => (a.student < b.student ? -1 : 1))
  const counted = await client.query<{ subject: string }>({
    name: 'due_count_students',
    // A row that another poller has moved is not returned, and its trials are not counted again.
    text: `
      insert into due_answered as stored (part, subject, kind, algorithm, state)
      select part, subject, 'trials', '', state
      from unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[]) as given (part, subject, before, state)
      on conflict (part, subject, kind, algorithm) do update set state = excluded.state
      where exists (
        select 1
        from unnest($2::uuid[], $3::text[]) as expected (subject, before)
        where expected.subject = stored.subject
          and expected.before = stored.state)
      returning subject`,
    values: [
      rows.map(({ student }) => partOf('course', student, parts)),
      rows.map(({ student }) => student),
      rows.map(({ before }) => before ?? null),
      rows.map(({ after }) => after),
    ],
  })
  const own = new Set(counted.rows.map(({ subject }) => subject))
  const trials = new Map<Uuid, number>()
  for (const count of rows.filter(({ student }) => own.has(student))) {
    for (const [group, added] of count.trials) trials.set(group, (trials.get(group) ?? 0) + added)
  }
  if (trials.size === 0) return
  const groups = [...trials.keys()].sort()
  await client.query({
    name: 'due_count_groups',
    text: `
      insert into due_group as stored (part, exercise_group, trials)
      select part, exercise_group, trials
      from unnest($1::smallint[], $2::uuid[], $3::int[]) as given (part, exercise_group, trials)
      on conflict (part, exercise_group) do update set trials = stored.trials + excluded.trials`,
    values: [
      groups.map((group) => partOf('ecosystem', group, parts)),
      groups,
      groups.map((group) => trials.get(group) ?? 0),
    ],
  })
}

async function readTriggered(pool: pg.Pool): Promise<Uuid[]> {
  const found = await pool.query<{ exercise_group: string }>({
    name: 'due_triggered_groups',
    text: `
      select exercise_group
      from due_group
      where trials >= next_trials
      order by part, exercise_group
      limit ${groupsMax}`,
  })
  return found.rows.map((row) => toUuid(row.exercise_group))
}

/** All ecosystems, of which a platform has some dozens. */
async function readStates(pool: pg.Pool): Promise<Map<Uuid, MatrixUpdateState>> {
  const found = await pool.query<{ ecosystem: string; updates: number; calculation: string; age_ms: number }>(
    `select ecosystem, updates, calculation,
       (extract(epoch from clock_timestamp() - updated_at) * 1000)::float8 as age_ms
     from due_matrix_update`,
  )
  return new Map(
    found.rows.map((row) => {
      const { updates, age_ms: ageMs } = row
      const ecosystem = toUuid(row.ecosystem)
      return [ecosystem, { ecosystem, calculation: toUuid(row.calculation), updates, ageMs }]
    }),
  )
}

interface Start {
  readonly ecosystems: readonly StartedUpdate[]
  readonly groups: readonly Uuid[]
  readonly parts: number
}

async function start(client: pg.ClientBase, { ecosystems, groups, parts }: Start): Promise<void> {
  const rows = [...ecosystems].sort((a, b) => (a.ecosystem < b.ecosystem ? -1 : 1))
  await client.query({
    name: 'due_start_matrix_updates',
    text: `
      insert into due_matrix_update as stored (part, ecosystem, updates, calculation, updated_at)
      select part, ecosystem, updates, calculation, clock_timestamp()
      from unnest($1::smallint[], $2::uuid[], $3::int[], $4::uuid[]) as given (part, ecosystem, updates, calculation)
      on conflict (part, ecosystem) do update set
        updates = excluded.updates,
        calculation = excluded.calculation,
        updated_at = excluded.updated_at
      where stored.updates < excluded.updates`,
    values: [
      rows.map(({ ecosystem }) => partOf('ecosystem', ecosystem, parts)),
      rows.map(({ ecosystem }) => ecosystem),
      rows.map(({ updates }) => updates + 1),
      rows.map(({ ecosystem, updates }) => matrixCalculation(ecosystem, updates + 1)),
    ],
  })
  const sorted = [...new Set(groups)].sort()
  await client.query({
    name: 'due_move_thresholds',
    // floor(1.1 × trials) + 1, in whole numbers.
    text: `
      update due_group as stored
      set next_trials = stored.trials * 11 / 10 + 1
      from unnest($1::smallint[], $2::uuid[]) as given (part, exercise_group)
      where stored.part = given.part
        and stored.exercise_group = given.exercise_group`,
    values: [sorted.map((group) => partOf('ecosystem', group, parts)), sorted],
  })
}

async function readDue(pool: pg.Pool, algorithm: string): Promise<MatrixUpdate[]> {
  const found = await pool.query<{ ecosystem: string; calculation: string }>({
    name: 'due_matrix_updates',
    text: `
      select ecosystem, calculation
      from due_matrix_update as current
      where not exists (
        select 1
        from due_matrix_answered as answered
        where answered.part = current.part
          and answered.ecosystem = current.ecosystem
          and answered.algorithm = $1
          and answered.calculation = current.calculation)
      order by part, ecosystem
      limit ${matrixUpdatesMax}`,
    values: [algorithm],
  })
  return found.rows.map((row) => ({ ecosystem: toUuid(row.ecosystem), calculation: toUuid(row.calculation) }))
}

async function answer(pool: pg.Pool, answers: readonly MatrixAnswered[], parts: number): Promise<boolean[]> {
  const current = new Map([...(await readStates(pool)).values()].map((state) => [state.calculation, state.ecosystem]))
  const known = answers.flatMap(({ calculation, algorithm }) => {
    const ecosystem = current.get(calculation)
    return ecosystem === undefined ? [] : { ecosystem, calculation, algorithm: algorithm.toLowerCase() }
  })
  const byKey = new Map(known.map((one) => [`${one.ecosystem} ${one.algorithm}`, one]))
  const rows = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  if (rows.length > 0) {
    await pool.query({
      name: 'due_answer_matrix_updates',
      text: `
        insert into due_matrix_answered (part, ecosystem, algorithm, calculation)
        select part, ecosystem, algorithm, calculation
        from unnest($1::smallint[], $2::uuid[], $3::text[], $4::uuid[])
          as given (part, ecosystem, algorithm, calculation)
        on conflict (part, ecosystem, algorithm) do update set calculation = excluded.calculation`,
      values: [
        rows.map(({ ecosystem }) => partOf('ecosystem', ecosystem, parts)),
        rows.map(({ ecosystem }) => ecosystem),
        rows.map(({ algorithm }) => algorithm),
        rows.map(({ calculation }) => calculation),
      ],
    })
  }
  return answers.map(({ calculation }) => current.has(calculation))
}
