import assert from 'node:assert/strict'
import type { StreamEvent } from '#domain/events.ts'
import type { LaneCursor, OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'
import { type BenchAnswer, type BenchWorld, createWorld } from './support/answers.ts'
import { measureCopy, walPosition } from './support/copy-yardstick.ts'
import { percentile, printLine, round } from './support/figures.ts'
import { eventOf } from './support/ingest-load.ts'
import { type BenchDatabase, cpuSecondsOf, startBenchDatabase } from './support/product.ts'

/*
 * The log alone, without HTTP: appends by waiters that each wait for their answer, then all lanes read back in order
 * and checked. Events are made before the clock starts. Beside it, COPY of the same answers.
 */
export interface AppendOptions {
  readonly answers: number
  readonly seed: number
}

interface Shape {
  readonly waiters: number
  readonly answersPerRequest: number
  readonly coursesPerRequest: number
}

const courses = 2000
const shapes: Readonly<Record<string, Shape>> = {
  one_course: { waiters: 20, answersPerRequest: 10, coursesPerRequest: 1 },
  ten_courses: { waiters: 20, answersPerRequest: 10, coursesPerRequest: 10 },
  single: { waiters: 200, answersPerRequest: 1, coursesPerRequest: 1 },
}

export async function append(options: AppendOptions): Promise<void> {
  for (const [name, shape] of Object.entries(shapes)) {
    const database = await startBenchDatabase()
    try {
      process.stderr.write(`append ${name}\n`)
      printLine(await measureShape(name, shape, database, options))
    } finally {
      await database.stop()
    }
  }
}

async function measureShape(name: string, shape: Shape, database: BenchDatabase, options: AppendOptions) {
  const world = createWorld(options.seed, courses)
  const sent: BenchAnswer[] = []
  const scripts = scriptsOf(world, shape, options.answers, sent)
  const pool = openPool(database.url, { name: 'append', connectionsMax: 2 })
  const log = await openLog(pool)
  try {
    await database.pool.query('checkpoint')
    const before = await counters(database)
    const latencies: number[] = []
    const started = performance.now()
    await Promise.all(scripts.map((requests) => sendAll(log, requests, latencies)))
    const seconds = (performance.now() - started) / 1000
    const after = await counters(database)
    const replay = await replayAll(log)
    assert.equal(replay.events, sent.length, 'every answer is read back once')
    const copy = await measureCopy(database.url, sent)
    const micros = (cpu: number): number => round((cpu * 1e6) / sent.length, 2)
    return {
      bench: 'append',
      shape: name,
      answers: sent.length,
      answers_per_second: Math.round(sent.length / seconds),
      copy_answers_per_second: Math.round(copy.answersPerSecond),
      ratio_to_copy: round(sent.length / seconds / copy.answersPerSecond, 3),
      p50_ms: round(percentile(latencies, 0.5), 2),
      p99_ms: round(percentile(latencies, 0.99), 2),
      answers_per_commit: round(sent.length / log.counters().appendedGroups, 1),
      wal_bytes_per_answer: round((after.wal - before.wal) / sent.length, 1),
      stored_bytes_per_answer: round((after.stored - before.stored) / sent.length, 1),
      api_cpu_us_per_answer: micros(after.ownCpu - before.ownCpu),
      postgres_cpu_us_per_answer: micros(after.postgresCpu - before.postgresCpu),
      replayed_per_second: Math.round(replay.events / replay.seconds),
      ...database.settings,
    }
  } finally {
    await log.close()
    await pool.end()
  }
}

/** The requests of each waiter; every waiter has courses of its own, so that its numbers arrive in order. */
function scriptsOf(world: BenchWorld, shape: Shape, answers: number, sent: BenchAnswer[]): StreamEvent[][][] {
  const coursesEach = courses / shape.waiters
  const requestsEach = Math.ceil(answers / shape.waiters / shape.answersPerRequest)
  return Array.from({ length: shape.waiters }, (_, waiter) => {
    const next = new Map<number, number>()
    return Array.from({ length: requestsEach }, (_, request) =>
      Array.from({ length: shape.answersPerRequest }, (_, index) => {
        const step = shape.coursesPerRequest === 1 ? request : request * shape.coursesPerRequest + index
        const course = waiter * coursesEach + (step % coursesEach)
        const number = next.get(course) ?? 0
        next.set(course, number + 1)
        const answer = world.answer(course, number)
        sent.push(answer)
        return eventOf(answer)
      }),
    )
  })
}

async function sendAll(log: OpenedLog, requests: readonly StreamEvent[][], latencies: number[]): Promise<void> {
  for (const events of requests) {
    const started = performance.now()
    const result = await log.append(events)
    latencies.push(performance.now() - started)
    assert.equal(result.kind, 'stored')
  }
}

/** Reads every lane to its end, 32 lanes a round trip, and checks that positions and numbers have no hole. */
async function replayAll(log: OpenedLog): Promise<{ events: number; seconds: number }> {
  const cursors = Array.from({ length: 64 }, (_, part): LaneCursor => ({ part, lane: 0, after: 0n }))
  const next = new Map<string, number>()
  let events = 0
  const started = performance.now()
  for (let isMore = true; isMore; ) {
    isMore = false
    for (const half of [cursors.slice(0, 32), cursors.slice(32)]) {
      for (const entry of await log.readLanes(half, 100)) {
        isMore = true
        assert.equal(entry.position, cursors[entry.part]!.after + 1n)
        cursors[entry.part] = { part: entry.part, lane: 0, after: entry.position }
        for (const event of entry.events) {
          assert.equal(event.number, next.get(event.stream) ?? 0)
          next.set(event.stream, event.number + 1)
          events += 1
        }
      }
    }
  }
  return { events, seconds: (performance.now() - started) / 1000 }
}

async function counters(database: BenchDatabase) {
  const answer = await database.pool.query<{ stored: number; pids: number[] }>(
    `select (select sum(pg_total_relation_size(relid))::float8 from pg_stat_user_tables
         where relname in ('segment', 'pending', 'lane', 'part_gate')) as stored,
       (select array_agg(pid) from pg_stat_activity where application_name = 'biglearn append') as pids`,
  )
  const { stored, pids } = answer.rows[0]!
  const backends = await Promise.all(pids.map((pid) => cpuSecondsOf(pid)))
  return {
    wal: await walPosition(database.pool),
    stored,
    ownCpu: await cpuSecondsOf(process.pid),
    postgresCpu: backends.reduce((sum, cpu) => sum + cpu, 0),
  }
}
