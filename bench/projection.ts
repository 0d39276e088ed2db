import type { StoredEvent } from '#domain/events.ts'
import { toUuid } from '#domain/ids.ts'
import { openLearningReader } from '#learning/reader.ts'
import { learningSubscription } from '#learning/subscription.ts'
import type { LaneEntry } from '#log/log.ts'
import { inTransaction, openPool } from '#platform/postgres.ts'
import { answerJson, type BenchWorld, createWorld } from './support/answers.ts'
import { measureCopy, walPosition } from './support/copy-yardstick.ts'
import { printLine, round } from './support/figures.ts'
import { type BenchDatabase, cpuSecondsOf, startBenchDatabase } from './support/product.ts'

/*
 * Folding answers into the read models, as the learning role does with entries it has read: one connection, a durable
 * transaction a pass. Reading the log and moving positions are not in it. Beside it, COPY of the same answers.
 */
export interface ProjectionOptions {
  readonly answers: number
  readonly seed: number
}

interface Shape {
  readonly courses: number
  /** Answers of one course that follow each other in a lane entry. */
  readonly answersPerEntry: number
  readonly answersPerPass: number
}

/**
 * `replay`: full segments; `class`: a class works, ten answers a request; `single`: each answer arrives alone, small
 * passes.
 */
const shapes: Readonly<Record<string, Shape>> = {
  replay: { courses: 500, answersPerEntry: 80, answersPerPass: 2000 },
  class: { courses: 2000, answersPerEntry: 10, answersPerPass: 2000 },
  single: { courses: 2000, answersPerEntry: 1, answersPerPass: 200 },
}

export async function projection(options: ProjectionOptions): Promise<void> {
  for (const [name, shape] of Object.entries(shapes)) {
    const database = await startBenchDatabase()
    try {
      process.stderr.write(`projection ${name}\n`)
      printLine(await measureShape(name, shape, database, options))
    } finally {
      await database.stop()
    }
  }
}

async function measureShape(
  name: string,
  shape: Shape,
  database: BenchDatabase,
  options: ProjectionOptions,
): Promise<object> {
  const world = createWorld(options.seed, shape.courses)
  const passes = passesOf(world, shape, options.answers)
  const subscription = learningSubscription()
  const pool = openPool(database.url, { name: 'projection', connectionsMax: 1 })
  try {
    await inTransaction(pool, (client) => subscription.apply(client, creations(world)))
    await database.pool.query('checkpoint')
    const backend = await pool.query<{ pid: number }>('select pg_backend_pid() as pid')
    const pid = backend.rows[0]?.pid ?? 0
    const before = await counters(database, pid)
    const started = performance.now()
    for (const entries of passes) await inTransaction(pool, (client) => subscription.apply(client, entries))
    const seconds = (performance.now() - started) / 1000
    const after = await counters(database, pid)
    await verify(pool, world, options.answers)
    const copy = await measureCopy(database.url, sample(world, shape, 200_000))
    const micros = (cpu: number): number => round((cpu * 1e6) / options.answers, 2)
    return {
      bench: 'projection',
      shape: name,
      answers: options.answers,
      answers_per_pass: shape.answersPerPass,
      seconds: round(seconds, 2),
      answers_per_second: Math.round(options.answers / seconds),
      answers_per_cpu_second: Math.round(
        options.answers / (after.node - before.node + after.postgres - before.postgres),
      ),
      copy_answers_per_second: Math.round(copy.answersPerSecond),
      ratio_to_copy: round(options.answers / seconds / copy.answersPerSecond, 3),
      wal_bytes_per_answer: round((after.wal - before.wal) / options.answers, 1),
      stored_bytes_per_answer: round((after.stored - before.stored) / options.answers, 1),
      node_cpu_us_per_answer: micros(after.node - before.node),
      postgres_cpu_us_per_answer: micros(after.postgres - before.postgres),
      seed: options.seed,
      ...database.settings,
    }
  } finally {
    await pool.end()
  }
}

async function counters(database: BenchDatabase, pid: number) {
  const stored = await database.pool.query<{ bytes: number }>(
    `select sum(pg_total_relation_size(relid))::float8 as bytes
     from pg_stat_user_tables
     where relname like 'learning_%'`,
  )
  const cpu = process.cpuUsage()
  return {
    wal: await walPosition(database.pool),
    stored: stored.rows[0]?.bytes ?? 0,
    node: (cpu.user + cpu.system) / 1e6,
    postgres: await cpuSecondsOf(pid),
  }
}

function creations(world: BenchWorld): LaneEntry[] {
  return world.courses.map((course, index) => {
    const data = { course_uuid: course, is_real_course: true }
    return entryOf(world, index, [{ ...identity(course, 0), type: 'create_course', data }])
  })
}

function identity(
  course: string,
  number: number,
): Omit<StoredEvent, 'type' | 'data' | 'eventUuid'> & { eventUuid: StoredEvent['eventUuid'] } {
  const stream = toUuid(course)
  return { kind: 'course', stream, number, eventUuid: stream, recordedAt: new Date(1_788_000_000_000 + number) }
}

function entryOf(world: BenchWorld, course: number, events: StoredEvent[]): LaneEntry {
  return { part: world.parts[course] ?? 0, lane: 0, position: 1n, events }
}

/** The courses take turns; payloads are parsed from JSON text, as the log's reader does it, before the clock starts. */
function passesOf(world: BenchWorld, shape: Shape, answers: number): LaneEntry[][] {
  const passes: LaneEntry[][] = []
  const next = world.courses.map(() => 1)
  let pass: LaneEntry[] = []
  let inPass = 0
  for (let made = 0, turn = 0; made < answers; turn += 1) {
    const course = turn % world.courses.length
    const from = next[course] ?? 1
    const count = Math.min(shape.answersPerEntry, answers - made)
    next[course] = from + count
    const events = Array.from({ length: count }, (_, index) => answerEvent(world, course, from + index))
    pass.push(entryOf(world, course, events))
    made += count
    inPass += count
    if (inPass < shape.answersPerPass && made < answers) continue
    passes.push(pass)
    pass = []
    inPass = 0
  }
  return passes
}

function answerEvent(world: BenchWorld, course: number, number: number): StoredEvent {
  const answer = world.answer(course, number)
  const data = JSON.parse(answerJson(answer))
  return { ...identity(answer.course, number), eventUuid: toUuid(answer.response), type: 'record_response', data }
}

function sample(world: BenchWorld, shape: Shape, most: number) {
  return Array.from({ length: most }, (_, index) =>
    world.answer(index % shape.courses, 1 + Math.floor(index / shape.courses)),
  )
}

/** No figure without the answers: as many as were folded, and one student's read back as they were sent. */
async function verify(pool: ReturnType<typeof openPool>, world: BenchWorld, answers: number): Promise<void> {
  const stored = await pool.query<{ n: number }>('select sum(n)::int as n from learning_answer')
  if (stored.rows[0]?.n !== answers) throw new Error(`${stored.rows[0]?.n} of ${answers} answers are stored`)
  const sent = world.answer(0, 1)
  const student = { uuid: toUuid(sent.student), course: toUuid(sent.course) }
  const found = (await openLearningReader(pool).answersOf(student)).find(({ number }) => number === 1)
  const isSame = found?.response === sent.response && found.respondedAt === sent.respondedAtMs
  if (!isSame) throw new Error('an answer does not read back as it was sent')
}
