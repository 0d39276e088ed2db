import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { basisOf } from '#answers/contract/walk.ts'
import { openEditions } from '#answers/editions.ts'
import { openLearningReader } from '#learning/reader.ts'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { loadAverage, percentile, printLine, round } from './support/figures.ts'
import { assertParity, type Copy, fold, ManyCoursesWorld, multiply } from './support/many-courses.ts'
import { type Post, poster } from './support/post.ts'
import { type BenchDatabase, cpuSecondsOf, type Product, startBenchDatabase, startProduct } from './support/product.ts'

/*
 * What remote algorithms wait for when they ask for work, on read models of a million students: an algorithm that is
 * new, so that everything is due, and one that has answered everything but what changes while it polls. The read models
 * are generated (support/many-courses.ts); that they are those of the product is checked on some courses. No table may
 * be scanned.
 */
export interface DueOptions {
  readonly students: number
  readonly answers: number
  readonly seconds: number
  readonly seed: number
}

const studentsPerCourse = 30
const pollsPerSecond = 5
/** Courses in which somebody answers while the settled algorithm polls. */
const changesPerSecond = 20
const sampled = 3

export async function due(options: DueOptions): Promise<void> {
  const database = await startBenchDatabase()
  try {
    const { students, seed } = options
    const answersPerStudent = Math.max(1, Math.round(options.answers / students))
    const size = { courses: Math.ceil(students / studentsPerCourse), studentsPerCourse, answersPerStudent, seed }
    const world = new ManyCoursesWorld(size)
    process.stderr.write(`due: making ${size.courses} courses\n`)
    const startedAt = performance.now()
    const copies = await apart(database, (pool) => multiply(pool, world, size))
    const madeSeconds = (performance.now() - startedAt) / 1000
    await apart(database, (pool) => checkSample(database, pool, { world, copies }))
    const stored = await apart(database, counts)
    await apart(database, subscribe)
    const product = await startProduct(database.url, 'api')
    try {
      const bench = new DueBench({ database, product, world, copies, seconds: options.seconds })
      const common = { ...stored, made_seconds: round(madeSeconds, 0), seed, ...database.settings }
      for (const shape of ['new', 'settled'] as const) {
        const figures = await bench.measure(shape)
        printLine({ bench: 'due', shape, ...figures, ...common })
      }
    } finally {
      await product.stop()
    }
  } finally {
    await database.stop()
  }
}

/** On connections that end with it, so that the scans of preparations are counted before any measurement. */
async function apart<Answer>(database: BenchDatabase, work: (pool: pg.Pool) => Promise<Answer>): Promise<Answer> {
  const pool = new pg.Pool({ connectionString: database.url, max: 2 })
  try {
    return await work(pool)
  } finally {
    await pool.end()
  }
}

async function checkSample(
  database: BenchDatabase,
  pool: pg.Pool,
  { world, copies }: Pick<DueWorld, 'world' | 'copies'>,
): Promise<void> {
  process.stderr.write(`due: folding the events of ${sampled} of them\n`)
  await pool.query('create database folded')
  const url = new URL(database.url)
  url.pathname = '/folded'
  await migrate(url.href, await readMigrations())
  const other = new pg.Pool({ connectionString: url.href, max: 2 })
  try {
    const every = Math.max(1, Math.floor(copies.length / sampled))
    const sample = copies.filter((_, index) => index % every === 0).slice(0, sampled)
    await assertParity(pool, other, world, sample)
  } finally {
    await other.end()
  }
}

async function counts(pool: pg.Pool): Promise<object> {
  const { rows } = await pool.query(
    `select
       (select count(*)::float8 from learning_course) as courses,
       (select count(*)::float8 from learning_student where is_active) as students,
       (select sum(n)::float8 from learning_answer) as answers,
       round(pg_database_size(current_database()) / 1e9, 1)::float8 as stored_gb`,
  )
  return rows[0]
}

/** Where learning stands, which `fold` moves on as learning itself would. */
async function subscribe(pool: pg.Pool): Promise<void> {
  await pool.query(`insert into subscription (name, mode, starts_at) values ('learning', 'embedded', 'beginning')`)
  await pool.query(`insert into slot (part, lane, subscription) select n, 0, 'learning' from generate_series(0, 127) n`)
}

interface DueWorld {
  readonly database: BenchDatabase
  readonly product: Product
  readonly world: ManyCoursesWorld
  readonly copies: readonly Copy[]
  readonly seconds: number
}

const endpoints = ['fetch_exercise_calculations', 'fetch_clue_calculations', 'fetch_ecosystem_matrix_updates'] as const
type Endpoint = (typeof endpoints)[number]
type Shape = 'new' | 'settled'

interface Work {
  readonly calculation_uuid: string
  readonly exercise_uuids: readonly string[]
}

class DueBench {
  readonly #given: DueWorld
  readonly #post: Post
  #turn = 0

  constructor(given: DueWorld) {
    this.#given = given
    this.#post = poster(given.product.port)
  }

  async measure(shape: Shape): Promise<object> {
    process.stderr.write(`due: ${shape}\n`)
    const { database, product, seconds } = this.#given
    if (shape === 'settled') await apart(database, (pool) => this.#settle(pool))
    await this.#poll(shape, 'fetch_exercise_calculations')
    const scansBefore = await this.#scans(0)
    const cpuBefore = (await cpuSecondsOf(product.pid)) + (await database.cpuSeconds())
    const latencies = new Map<Endpoint, number[]>(endpoints.map((name) => [name, []]))
    let items = 0
    const count = Math.round(seconds * pollsPerSecond)
    const startedAt = performance.now()
    for (let index = 0; index < count; index += 1) {
      await sleep(Math.max(0, startedAt + (index * 1000) / pollsPerSecond - performance.now()))
      if (shape === 'settled') await this.#change(changesPerSecond / pollsPerSecond)
      for (const name of endpoints) {
        const { ms, found } = await this.#poll(shape, name)
        latencies.get(name)?.push(ms)
        items += found
      }
    }
    const cpuSeconds = (await cpuSecondsOf(product.pid)) + (await database.cpuSeconds()) - cpuBefore
    const scans = await this.#scans(1_000_000)
    const scanned = [...scans].filter(([table, scanCount]) => scanCount > (scansBefore.get(table) ?? 0))
    assert.deepEqual(scanned, [], 'tables were scanned')
    assert.ok(items > 0, 'nothing was due')
    const all = Float64Array.from([...latencies.values()].flat())
    const p99 = (values: readonly number[]): number => round(percentile(values, 0.99), 1)
    return {
      polls: all.length,
      polls_per_second: pollsPerSecond * endpoints.length,
      changed_courses_per_second: shape === 'settled' ? changesPerSecond : 0,
      items,
      p50_ms: round(percentile(all, 0.5), 1),
      p99_ms: round(percentile(all, 0.99), 1),
      p99_ms_budget: 100,
      max_ms: round(percentile(all, 1), 1),
      ...Object.fromEntries([...latencies].map(([name, values]) => [`${name}_p99_ms`, p99(values)])),
      cpu_ms_per_poll: round((cpuSeconds * 1000) / all.length, 1),
      tables_scanned: scanned.length,
      load_average: loadAverage(),
    }
  }

  /** Asks, and answers what there is. */
  async #poll(shape: Shape, name: Endpoint): Promise<{ readonly ms: number; readonly found: number }> {
    const asked = performance.now()
    const answer = await this.#post<Record<string, readonly Work[]>>(`/${name}`, { algorithm_name: shape })
    const ms = performance.now() - asked
    const work = Object.values(answer)[0] ?? []
    if (work.length === 0) return { ms, found: 0 }
    const lines = work.map(({ calculation_uuid, exercise_uuids }) => ({
      ...{ calculation_uuid, algorithm_name: shape },
      ...(name === 'fetch_exercise_calculations' && { ecosystem_matrix_uuid: calculation_uuid, exercise_uuids }),
      ...(name === 'fetch_clue_calculations' && {
        clue_data: { minimum: 0.1, most_likely: 0.5, maximum: 0.9, is_real: true },
      }),
    }))
    if (name === 'fetch_exercise_calculations') {
      await this.#post('/update_exercise_calculations', { exercise_calculation_updates: lines })
    } else if (name === 'fetch_clue_calculations') {
      await this.#post('/update_clue_calculations', { clue_calculation_updates: lines })
    } else {
      await this.#post('/ecosystem_matrices_updated', { ecosystem_matrices_updated: lines })
    }
    return { ms, found: work.length }
  }

  /** All courses as an algorithm leaves them that has answered everything. */
  async #settle(pool: pg.Pool): Promise<void> {
    const { world } = this.#given
    const edition = await openEditions(openLearningReader(pool)).edition(world.ecosystem)
    assert.ok(edition !== undefined)
    await pool.query(
      `insert into due_answered (part, subject, kind, algorithm, state)
       select part, course, kind, case when kind = 'trials' then '' else 'settled' end, applied_number || ' ' || $1
       from learning_course
       cross join unnest(array['exercises', 'student_clues', 'teacher_clues', 'trials']) as kind
       on conflict (part, subject, kind, algorithm) do update set state = excluded.state`,
      [basisOf(edition)],
    )
    await pool.query('vacuum analyze due_answered')
  }

  async #change(courses: number): Promise<void> {
    const { database, world, copies } = this.#given
    for (let left = courses; left > 0; left -= 1) {
      const copy = copies[(this.#turn * 7919) % copies.length]
      const answersBefore = Math.floor(this.#turn / copies.length)
      this.#turn += 1
      assert.ok(copy !== undefined)
      await fold(database.pool, [world.nextAnswer(copy.template, copy.course, answersBefore)])
      await database.pool.query(
        `update slot set position = position + 1 where part = $1 and lane = 0 and subscription = 'learning'`,
        [copy.template],
      )
    }
  }

  /** Scans of tables of at least this size so far; smaller ones are cheaper to scan. */
  async #scans(bytesMin: number): Promise<Map<string, number>> {
    // Until the statistics have come in.

    await sleep(1500)
    const { rows } = await this.#given.database.pool.query<{ relname: string; scans: number }>(
      `select relname, seq_scan::int as scans
       from pg_stat_user_tables
       where pg_relation_size(relid) >= $1`,
      [bytesMin],
    )
    return new Map(rows.map(({ relname, scans }) => [relname, scans]))
  }
}
