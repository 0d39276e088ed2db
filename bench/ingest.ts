import { answerJson, type BenchAnswer, type BenchWorld, createWorld } from './support/answers.ts'
import { measureCopy, walPosition } from './support/copy-yardstick.ts'
import { type LoadRequest, type LoadResult, percentile, runLoad } from './support/http-load.ts'
import { type BenchDatabase, cpuSecondsOf, startBenchDatabase, startProduct } from './support/product.ts'
import { verifyStored } from './support/verify.ts'

/*
 * Durable HTTP ingest beside COPY of the same answers in the same run. Nothing is printed unless every acknowledged
 * answer is stored, contiguous, and reads back as it was sent.
 */
export interface IngestOptions {
  readonly seconds: number
  readonly shapes: readonly string[]
  readonly seed: number
  readonly roles: string
}

interface Shape {
  readonly connections: number
  readonly courses: number
  readonly coursesPerRequest: number
  readonly answersPerRequest: number
}

const shapes: Readonly<Record<string, Shape>> = {
  one_course: { connections: 20, courses: 2000, coursesPerRequest: 1, answersPerRequest: 10 },
  ten_courses: { connections: 20, courses: 2000, coursesPerRequest: 10, answersPerRequest: 10 },
  single: { connections: 200, courses: 2000, coursesPerRequest: 1, answersPerRequest: 1 },
}

export const ingestShapes: readonly string[] = Object.keys(shapes)

export async function ingest(options: IngestOptions): Promise<void> {
  for (const name of options.shapes) {
    const shape = shapes[name]
    if (shape === undefined) throw new Error(`there is no shape ${name}; there are ${ingestShapes.join(', ')}`)
    const line = await measureShape(name, shape, options)
    process.stdout.write(`${JSON.stringify(line)}\n`)
  }
}

async function measureShape(name: string, shape: Shape, options: IngestOptions): Promise<object> {
  const database = await startBenchDatabase()
  try {
    const world = createWorld(options.seed, shape.courses)
    process.stderr.write(`ingest ${name}: warming up\n`)
    const product = await startProduct(database.url, options.roles)
    try {
      const sender = createSender(world, shape)
      await sender.run(product.port, 1.5)
      const measured = await measure(database, product.pid, () => sender.run(product.port, options.seconds))
      process.stderr.write(`ingest ${name}: reading back ${sender.acknowledged()} answers\n`)
      await verifyStored(product.port, world, sender.sentPerCourse(), options.seed)
      process.stderr.write(`ingest ${name}: COPY of the same answers\n`)
      const sample = sender.sample(400_000)
      const copy = await measureCopy(database.url, sample)
      return report(name, options, database, measured, copy)
    } finally {
      await product.stop()
    }
  } finally {
    await database.stop()
  }
}

type Measured = LoadResult & {
  readonly answers: number
  readonly walBytes: number
  readonly storedBytes: number
  readonly apiCpu: number
  readonly postgresCpu: number
}

async function measure(
  database: BenchDatabase,
  pid: number,
  run: () => Promise<LoadResult & { answers: number }>,
): Promise<Measured> {
  await database.pool.query('checkpoint')
  const before = await counters(database, pid)
  const result = await run()
  const after = await counters(database, pid)
  return {
    ...result,
    walBytes: after.wal - before.wal,
    storedBytes: after.stored - before.stored,
    apiCpu: after.apiCpu - before.apiCpu,
    postgresCpu: after.postgresCpu - before.postgresCpu,
  }
}

async function counters(database: BenchDatabase, pid: number) {
  const stored = await database.pool.query(
    `select coalesce(sum(pg_total_relation_size(relid)), 0)::float8 as bytes
     from pg_stat_user_tables
     where relname in ('segment', 'pending', 'lane', 'gate', 'stream_lane', 'stream_metadata')`,
  )
  return {
    wal: await walPosition(database.pool),
    stored: Number(stored.rows[0].bytes),
    apiCpu: await cpuSecondsOf(pid),
    postgresCpu: await database.cpuSeconds(),
  }
}

interface CopyFigures {
  readonly answersPerSecond: number
}

function report(
  name: string,
  options: IngestOptions,
  database: BenchDatabase,
  measured: Measured,
  copy: CopyFigures,
): object {
  const rate = measured.answers / measured.seconds
  const micros = (seconds: number): number => round((seconds * 1e6) / measured.answers, 2)
  return {
    bench: 'ingest',
    shape: name,
    answers: measured.answers,
    seconds: round(measured.seconds, 2),
    answers_per_second: Math.round(rate),
    copy_answers_per_second: Math.round(copy.answersPerSecond),
    ratio_to_copy: round(rate / copy.answersPerSecond, 3),
    p50_ms: round(percentile(measured.latencies, 0.5), 2),
    p99_ms: round(percentile(measured.latencies, 0.99), 2),
    wal_bytes_per_answer: round(measured.walBytes / measured.answers, 1),
    stored_bytes_per_answer: round(measured.storedBytes / measured.answers, 1),
    api_cpu_us_per_answer: micros(measured.apiCpu),
    postgres_cpu_us_per_answer: micros(measured.postgresCpu),
    generator_cpu_us_per_answer: micros(measured.generatorCpuSeconds),
    roles: options.roles,
    seed: options.seed,
    ...database.settings,
  }
}

/** Sends each course's numbers in order; a course belongs to one connection, so nothing waits behind a gap. */
function createSender(world: BenchWorld, shape: Shape) {
  const next = new Array<number>(shape.courses).fill(0)
  let acknowledged = 0

  function take(course: number, count: number): BenchAnswer[] {
    const from = next[course] ?? 0
    next[course] = from + count
    return Array.from({ length: count }, (_, index) => world.answer(course, from + index))
  }

  function request(connection: number, turn: number): LoadRequest {
    const perCourse = shape.answersPerRequest / shape.coursesPerRequest
    const slots = Math.floor(shape.courses / shape.connections)
    const answers: BenchAnswer[] = []
    for (let index = 0; index < shape.coursesPerRequest; index += 1) {
      const slot = (turn * shape.coursesPerRequest + index) % slots
      answers.push(...take(connection * slots + slot, perCourse))
    }
    return {
      path: '/record_responses',
      body: Buffer.from(`{"responses":[${answers.map(answerJson).join(',')}]}`),
      answered: (status, body) => {
        if (status !== 200) throw new Error(`record_responses answered ${status}: ${body.toString().slice(0, 300)}`)
        acknowledged += answers.length
      },
    }
  }

  return {
    acknowledged: () => acknowledged,
    sentPerCourse: () => next,
    sample: (most: number): BenchAnswer[] => sampleInOrder(world, next, most),
    run: async (port: number, seconds: number): Promise<LoadResult & { answers: number }> => {
      const until = performance.now() + seconds * 1000
      const before = acknowledged
      const turns = new Array<number>(shape.connections).fill(0)
      const result = await runLoad({
        host: '127.0.0.1',
        port,
        connections: shape.connections,
        next: (connection) => {
          if (performance.now() >= until) return undefined
          const turn = turns[connection] ?? 0
          turns[connection] = turn + 1
          return request(connection, turn)
        },
      })
      return { ...result, answers: acknowledged - before }
    },
  }
}

/** The answers in about the order in which they were sent: ten of one course, then ten of the next. */
function sampleInOrder(world: BenchWorld, sent: readonly number[], most: number): BenchAnswer[] {
  const sample: BenchAnswer[] = []
  const longest = Math.max(...sent)
  for (let from = 0; from < longest && sample.length < most; from += 10) {
    for (let course = 0; course < sent.length && sample.length < most; course += 1) {
      const to = Math.min(from + 10, sent[course] ?? 0)
      for (let number = from; number < to; number += 1) sample.push(world.answer(course, number))
    }
  }
  return sample
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
