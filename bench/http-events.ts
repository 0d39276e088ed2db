import assert from 'node:assert/strict'
import type { Pool } from 'pg'
import { openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'
import type { HttpOptions } from './http.ts'
import { fill } from './replay.ts'
import { answerJson, type BenchWorld, createWorld } from './support/answers.ts'
import { loadAverage, percentile, round } from './support/figures.ts'
import { type LoadRequest, runLoad } from './support/http-load.ts'
import { cpuSecondsOf, residentBytesOf, startBenchDatabase, startProduct } from './support/product.ts'

/*
 * One client reads all events of 200 courses through one connection, 1,000 a request, parsing what it gets. Each event
 * must come once and in order; uuids and a sample of bodies are compared with what was sent once the clock has stopped.
 */
const courseCount = 200
const eventsPerRequest = 1000
const run = 10
/** Long enough for the heap of the server to have grown to its size. */
const warmUpSeconds = 4

export async function eventReading(options: HttpOptions): Promise<object> {
  const database = await startBenchDatabase()
  try {
    const world = createWorld(options.seed, courseCount)
    const perCourse = Math.ceil(options.events / courseCount)
    process.stderr.write(`http: appending ${perCourse * courseCount} events\n`)
    await append(database.url, world, perCourse)
    const product = await startProduct(database.url, 'api')
    try {
      process.stderr.write('http: reading events, warming up\n')
      await read(product.port, new Reader(world, perCourse), warmUpSeconds)
      process.stderr.write('http: reading events\n')
      const reader = new Reader(world, perCourse)
      const memory = watchMemory(product.pid)
      const cpuBefore = await cpuSecondsOf(product.pid)
      const postgresBefore = await cpuSecondsOfReaders(database.pool)
      const result = await read(product.port, reader, Number.POSITIVE_INFINITY)
      const serverCpu = (await cpuSecondsOf(product.pid)) - cpuBefore
      const postgresCpu = (await cpuSecondsOfReaders(database.pool)) - postgresBefore
      const { first, last } = memory.stop()
      reader.verify()
      assert.ok(first > 0 && last > 0, 'the memory of the server could not be read')
      const events = perCourse * courseCount
      return {
        bench: 'http',
        shape: 'fetch_course_events',
        connections: 1,
        courses: courseCount,
        events_per_request: eventsPerRequest,
        events,
        requests: result.requests,
        seconds: round(result.seconds, 2),
        events_per_second: Math.round(events / result.seconds),
        events_per_second_budget: 60_000,
        p50_ms: round(percentile(result.latencies, 0.5), 2),
        p99_ms: round(percentile(result.latencies, 0.99), 2),
        api_cpu_us_per_event: round((serverCpu * 1e6) / events, 2),
        postgres_cpu_us_per_event: round((postgresCpu * 1e6) / events, 2),
        client_cpu_us_per_event: round((result.generatorCpuSeconds * 1e6) / events, 2),
        resident_first_tenth_mb: round(first / 1e6, 1),
        resident_last_tenth_mb: round(last / 1e6, 1),
        ratio_resident: round(last / first, 3),
        ratio_resident_budget: 1.2,
        load_average: loadAverage(),
        seed: options.seed,
        ...database.settings,
      }
    } finally {
      await product.stop()
    }
  } finally {
    await database.stop()
  }
}

async function append(url: string, world: BenchWorld, perCourse: number): Promise<void> {
  const pool = openPool(url, { name: 'log', connectionsMax: 6 })
  const log = await openLog(pool)
  await fill(log, world, perCourse, run)
  await log.close()
  await pool.end()
}

function read(port: number, reader: Reader, seconds: number) {
  const until = performance.now() + seconds * 1000
  return runLoad({
    host: '127.0.0.1',
    port,
    connections: 1,
    next: () => (performance.now() < until ? reader.request() : undefined),
  })
}

/** CPU seconds so far of the connections that the server reads with. */
async function cpuSecondsOfReaders(pool: Pool): Promise<number> {
  const found = await pool.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name like 'biglearn %'`,
  )
  const seconds = await Promise.all(found.rows.map(({ pid }) => cpuSecondsOf(pid)))
  return seconds.reduce((sum, each) => sum + each, 0)
}

/** Resident memory all along; means of the first and the last tenth. */
function watchMemory(pid: number): { stop(): { first: number; last: number } } {
  const seen: number[] = []
  const timer = setInterval(() => void residentBytesOf(pid).then((bytes) => seen.push(bytes)), 50)
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  return {
    stop: () => {
      clearInterval(timer)
      const tenth = Math.max(1, Math.floor(seen.length / 10))
      return { first: mean(seen.slice(0, tenth)), last: mean(seen.slice(-tenth)) }
    },
  }
}

interface WireEvent {
  readonly sequence_number: number
  readonly event_uuid: string
  readonly event_data: unknown
}
interface EventLines {
  readonly course_event_responses: readonly {
    readonly course_uuid: string
    readonly events: readonly WireEvent[]
    readonly is_gap: boolean
    readonly is_end: boolean
  }[]
}

const sampleEvery = 293

/** Where the client is in each course, and what it got. */
class Reader {
  readonly #world: BenchWorld
  readonly #perCourse: number
  readonly #uuids: string[][]
  readonly #sample: { course: number; event: WireEvent }[] = []
  #isDone = false

  constructor(world: BenchWorld, perCourse: number) {
    this.#world = world
    this.#perCourse = perCourse
    this.#uuids = world.courses.map(() => [])
  }

  request(): LoadRequest | undefined {
    if (this.#isDone) return undefined
    const lines = this.#world.courses.map((course, index) => ({
      request_uuid: course,
      course_uuid: course,
      sequence_number_offset: this.#uuids[index]?.length ?? 0,
    }))
    const body = { course_event_requests: lines, max_num_events: eventsPerRequest }
    return {
      path: '/fetch_course_events',
      body: Buffer.from(JSON.stringify(body)),
      answered: (status, answer) => {
        if (status !== 200) throw new Error(`fetch_course_events answered ${status}: ${answer.subarray(0, 300)}`)
        this.#take(JSON.parse(answer.toString()) as EventLines)
      },
    }
  }

  #take({ course_event_responses: lines }: EventLines): void {
    assert.equal(lines.length, courseCount)
    let received = 0
    for (const [course, line] of lines.entries()) {
      const uuids = this.#uuids[course] ?? []
      if (line.is_gap) throw new Error('a gap where nothing is missing')
      for (const event of line.events) {
        if (event.sequence_number !== uuids.length) throw new Error(`number ${event.sequence_number} out of order`)
        if ((event.sequence_number + course) % sampleEvery === 0) this.#sample.push({ course, event })
        uuids.push(event.event_uuid)
        received += 1
      }
    }
    this.#isDone = lines.every(({ is_end: isEnd }) => isEnd)
    if (received === 0 && !this.#isDone) throw new Error('an answer without events before the end')
  }

  verify(): void {
    for (const [course, uuids] of this.#uuids.entries()) {
      assert.equal(uuids.length, this.#perCourse, 'received and appended differ')
      for (const [number, uuid] of uuids.entries()) assert.equal(uuid, this.#world.answer(course, number).response)
    }
    assert.ok(this.#sample.length > 0)
    for (const { course, event } of this.#sample) {
      const wanted = JSON.parse(answerJson(this.#world.answer(course, event.sequence_number)))
      assert.deepEqual(event.event_data, wanted)
    }
  }
}
