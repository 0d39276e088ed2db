import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { type SubscriptionRunner, startSubscription } from '#crew/run-subscription.ts'
import { createWorld } from './support/answers.ts'
import { type CrewConnections, connectCrew } from './support/crew-connections.ts'
import { effectSubscription, effectTable, verifyEffects } from './support/effects.ts'
import { percentile, printLine, round } from './support/figures.ts'
import { type BenchDatabase, startBenchDatabase } from './support/product.ts'
import { SteadyAppends } from './support/steady-appends.ts'

/*
 * What the heartbeats of ten idle members write. Then two processes share the 256 slots of a subscription while answers
 * arrive: how long until both have their share after one joined, and until one has everything after the other left or
 * was killed; each answer's effect must have happened exactly once, in order. The lease is the default of 5 s.
 */
export interface TakeoverOptions {
  readonly rounds: number
  readonly answersPerSecond: number
  readonly idleSeconds: number
  readonly seed: number
}

const slots = 256
const courses = 2000
const name = 'takeover'
const limitMs = 60_000
const members = 10
const budgets = { join_ms: 2500, leave_ms: 1500, kill_ms: 7000, idle_wal_bytes_per_second: 2000 }

export async function takeover(options: TakeoverOptions): Promise<void> {
  const database = await startBenchDatabase()
  try {
    await makeParts(database.pool)
    await database.pool.query(effectTable)
    const crew = await connectCrew(database.url, 20, { parts: slots })
    const figures = await measureCrew(crew, database, options).finally(crew.close)
    const line = { bench: name, slots, lease_ms: 5000, rounds: options.rounds, ...figures, budgets }
    printLine({ ...line, seed: options.seed, ...database.settings })
  } finally {
    await database.stop()
  }
}

async function measureCrew(crew: CrewConnections, database: BenchDatabase, options: TakeoverOptions): Promise<object> {
  const idle = await measureIdle(crew, database, options.idleSeconds)
  return { ...(await measureChanges(crew, database, options)), ...idle }
}

/** An empty database gets as many course parts as there shall be slots, so that answers arrive in all of them. */
async function makeParts(pool: pg.Pool): Promise<void> {
  await pool.query('update log_installation set parts = $1', [slots])
  await pool.query(
    `insert into lane (part, lane)
     select part, 0 from generate_series(0, $1::int - 1) part
     on conflict do nothing`,
    [2 * slots],
  )
}

async function measureChanges(crew: CrewConnections, { url, pool }: BenchDatabase, options: TakeoverOptions) {
  const runner = await startMember(crew)
  await until(() => runner.status().ownedSlots === slots)
  const load = new SteadyAppends(crew.log, createWorld(options.seed, courses), options.answersPerSecond)
  const took: Record<'join_ms' | 'leave_ms' | 'kill_ms', number[]> = { join_ms: [], leave_ms: [], kill_ms: [] }
  for (let turn = 0; turn < options.rounds; turn += 1) {
    process.stderr.write(`takeover: round ${turn + 1} of ${options.rounds}\n`)
    for (const [signal, figure] of [
      ['SIGTERM', 'leave_ms'],
      ['SIGKILL', 'kill_ms'],
    ] as const) {
      const worker = await startWorker(url)
      took.join_ms.push(
        await until(() => runner.status().ownedSlots === slots / 2 && worker.ownedSlots() === slots / 2),
      )
      const gone = once(worker.child, 'exit')
      worker.child.kill(signal)
      took[figure].push(await until(() => runner.status().ownedSlots === slots))
      await gone
    }
  }
  const { answers, perSecond } = await load.stop()
  await until(() => runner.status().ownedSlots === slots)
  await untilApplied(pool, answers)
  await runner.stop()
  const effects = await verifyEffects(pool, load.acknowledged)
  return { ...figures(took), answers_per_second: round(perSecond, 1), effects_exactly_once: effects }
}

/** Median and worst of each, and the values themselves. */
function figures(took: Readonly<Record<string, readonly number[]>>): object {
  const lines = Object.entries(took).map(([figure, values]) => {
    const all = Float64Array.from(values)
    return [figure, { median: percentile(all, 0.5), worst: percentile(all, 1), all: values }]
  })
  return Object.fromEntries(lines)
}

/**
 * Ten members in this process share the slots, and nothing happens. A checkpoint is made first and some heartbeats
 * pass, so that no page is logged whole in the measured time for being the first time since; none may begin in it.
 */
async function measureIdle(crew: CrewConnections, { pool }: BenchDatabase, seconds: number) {
  process.stderr.write(`takeover: ${members} idle members for ${seconds} s\n`)
  const runners = await Promise.all(Array.from({ length: members }, () => startMember(crew)))
  const share = Math.floor(slots / members)
  const owned = (): number[] => runners.map((runner) => runner.status().ownedSlots)
  await until(() => owned().every((count) => count >= share) && owned().reduce((sum, count) => sum + count) === slots)
  await pool.query('checkpoint')
  await sleep(5000)
  const before = await walAndCheckpoints(pool)
  const started = performance.now()
  await sleep(seconds * 1000)
  const after = await walAndCheckpoints(pool)
  const elapsed = (performance.now() - started) / 1000
  await Promise.all(runners.map((runner) => runner.stop()))
  if (after.checkpoints !== before.checkpoints) throw new Error('a checkpoint began in the measured time')
  return {
    idle_members: members,
    idle_seconds: round(elapsed, 1),
    idle_wal_bytes_per_second: round((after.wal - before.wal) / elapsed, 1),
  }
}

async function walAndCheckpoints(pool: pg.Pool): Promise<{ wal: number; checkpoints: number }> {
  const { rows } = await pool.query<{ wal: number; checkpoints: number }>(
    `select (pg_current_wal_lsn() - '0/0'::pg_lsn)::float8 as wal,
       (select (num_timed + num_requested)::float8 from pg_stat_checkpointer) as checkpoints`,
  )
  const [row] = rows
  if (row === undefined) throw new Error('the server gave no counters')
  return row
}

function startMember({ log, pool, heartbeatPool }: CrewConnections): Promise<SubscriptionRunner> {
  return startSubscription({ subscription: effectSubscription(name), source: log, pool, heartbeatPool, parts: slots })
}

/** Resolves when the process is about to join, so that joining counts from its first statement. */
async function startWorker(url: string): Promise<{ child: ChildProcess; ownedSlots(): number }> {
  const worker = fileURLToPath(new URL('./support/crew-worker.ts', import.meta.url))
  const child = fork(worker, [url, name, String(slots)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  let owned = 0
  child.on('message', (count: number) => {
    owned = count
  })
  await once(child, 'message')
  return { child, ownedSlots: () => owned }
}

async function untilApplied(pool: pg.Pool, answers: number): Promise<void> {
  const deadline = performance.now() + limitMs
  while (performance.now() < deadline) {
    const { rows } = await pool.query('select coalesce(sum(events), 0)::int as events from bench_effect')
    if (rows[0].events >= answers) return
    await sleep(100)
  }
  throw new Error(`not every answer took effect within ${limitMs} ms`)
}

/** Milliseconds until it is so. */
async function until(isSo: () => boolean): Promise<number> {
  const started = performance.now()
  while (!isSo()) {
    if (performance.now() - started > limitMs) throw new Error(`slots have not moved within ${limitMs} ms`)
    await sleep(5)
  }
  return Math.round(performance.now() - started)
}
