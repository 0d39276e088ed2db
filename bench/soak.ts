import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '#platform/test-random.ts'
import { type BenchWorld, createWorld } from './support/answers.ts'
import { loadAverage, round } from './support/figures.ts'
import {
  type BenchDatabase,
  endChild,
  type Product,
  residentBytesOf,
  startBenchDatabase,
  startProduct,
} from './support/product.ts'
import { createEffects, soakSubscription } from './support/soak-effects.ts'
import { SoakLoad } from './support/soak-load.ts'
import type { SoakNews } from './support/soak-worker.ts'
import { verifyStored } from './support/verify.ts'

/*
 * The whole of it for a long time (streams.md §6, 51): answers at a fixed rate over HTTP, programs that store and learn
 * them, and a subscription of several consumer processes, while something is killed every so often. At the end each
 * acknowledged answer is stored once, took effect once and in order, and was learnt once; otherwise it throws.
 */
export interface SoakOptions {
  readonly minutes: number
  readonly answersPerSecond: number
  readonly courses: number
  readonly consumers: number
  readonly killEverySeconds: number
  readonly seed: number
  /** Ends the run, and leaves nothing behind. */
  readonly interrupted?: AbortSignal
}

export const soakDefaults = {
  minutes: 30,
  answersPerSecond: 3000,
  courses: 10_000,
  consumers: 8,
  killEverySeconds: 20,
}

/** What is killed: one at random each time. The first program and the first consumer are left alone and weighed. */
const disturbances = ['consumer', 'consumer', 'frozen_consumer', 'program', 'sessions'] as const
type Disturbance = (typeof disturbances)[number]

const programs = 2
const slots = 64
/** A lease, its discovery, and the start of another process. */
const disturbedMs = 8000
const frozenMs = 8000
const restartMs = 1000
const drainMsMax = 90_000
const sampleMs = 1000
const sayEveryMs = 10_000

export interface SoakFigures {
  readonly acknowledged: number
  /** Events in the log, effects of the subscription, and answers in the read models: all as many. */
  readonly stored: number
  readonly applied: number
  readonly learnt: number
  readonly kills: Readonly<Record<string, number>>
  readonly [figure: string]: unknown
}

export async function soak(options: SoakOptions): Promise<SoakFigures> {
  const database = await startBenchDatabase()
  const run = new SoakRun(options, database)
  try {
    await run.start()
    await run.go()
    return await run.verify()
  } finally {
    await run.stop()
    await database.stop()
  }
}

/** What one process weighs, looked at each second. */
interface Weighed {
  readonly program: number
  readonly consumer: number
}

class SoakRun {
  readonly #options: SoakOptions
  readonly #database: BenchDatabase
  readonly #world: BenchWorld
  readonly #random: () => number
  readonly #programs: Product[] = []
  readonly #consumers: ChildProcess[] = []
  readonly #owned = new Map<ChildProcess, number>()
  readonly #calm = createHistogram()
  readonly #disturbed = createHistogram()
  readonly #kills = new Map<Disturbance, number>()
  readonly #weights: Weighed[] = []
  readonly #ending = new AbortController()
  readonly #mending = new Set<Promise<void>>()
  #disturbances: { readonly fromMs: number; readonly untilMs: number }[] = []
  /** Until another one has taken its place. */
  #killedProgram: number | undefined
  #load: SoakLoad | undefined
  #failure: Error | undefined
  #seconds = 0
  #before = { writes: 0, fsyncs: 0 }
  #after = this.#before

  constructor(options: SoakOptions, database: BenchDatabase) {
    this.#options = options
    this.#database = database
    this.#world = createWorld(options.seed, options.courses)
    this.#random = seededRandom(options.seed)
    options.interrupted?.addEventListener('abort', () => this.#fail(new Error('interrupted')))
  }

  async start(): Promise<void> {
    await createEffects(this.#database.pool, this.#world.courses)
    while (this.#programs.length < programs) this.#programs.push(await this.#startProgram())
    while (this.#consumers.length < this.#options.consumers) this.#consumers.push(this.#startConsumer())
    await this.#until(
      'every slot is owned',
      () => [...this.#owned.values()].reduce((sum, one) => sum + one, 0) === slots,
    )
  }

  async go(): Promise<void> {
    const { answersPerSecond, minutes } = this.#options
    this.#before = await this.#writes()
    const startedMs = performance.now()
    const ports = (): number[] => this.#programs.map(({ port }) => port)
    this.#load = new SoakLoad({ world: this.#world, answersPerSecond, ports })
    const disturbing = this.#disturb()
    let saidMs = startedMs
    while (performance.now() - startedMs < minutes * 60_000 && !this.#ending.signal.aborted) {
      await this.#pause(sampleMs)
      await this.#sample()
      if (performance.now() - saidMs < sayEveryMs) continue
      saidMs = performance.now()
      await this.#say((saidMs - startedMs) / 1000)
    }
    this.#ending.abort()
    await disturbing
    await Promise.all(this.#mending)
    this.#check()
    this.#seconds = (performance.now() - startedMs) / 1000
    this.#after = await this.#writes()
    await this.#load.finish(drainMsMax)
  }

  /** Everything that was acknowledged is stored once, took effect once and was learnt once. */
  async verify(): Promise<SoakFigures> {
    const load = this.#load
    const [program] = this.#programs
    assert(load !== undefined && program !== undefined, 'it went')
    assert.equal(load.acknowledged, load.sent)
    const question = `
      select (select sum(next_number)::float8 from soak_effect) as applied,
             (select coalesce(sum(answers), 0)::float8 from learning_activity) as learnt`
    const read = async () => (await this.#database.pool.query<{ applied: number; learnt: number }>(question)).rows[0]
    await this.#until('everything took effect', async () => {
      const found = await read()
      return (found?.applied ?? 0) >= load.sent && (found?.learnt ?? 0) >= load.sent
    })
    const stored = await this.#stored()
    const counts = { stored, ...((await read()) ?? { applied: Number.NaN, learnt: Number.NaN }) }
    assert.deepEqual(counts, { stored: load.sent, applied: load.sent, learnt: load.sent })
    await this.#verifyEffects(load)
    await verifyStored(program.port, this.#world, load.sentPerCourse, this.#options.seed)
    this.#check()
    return this.#figures(load, counts)
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    this.#load?.giveUp()
    await Promise.allSettled(this.#mending)
    for (const consumer of this.#consumers) consumer.kill('SIGCONT')
    await Promise.all(this.#consumers.map((consumer) => endChild(consumer, 'SIGKILL')))
    await Promise.all(this.#programs.map((program) => program.kill()))
  }

  #startProgram(): Promise<Product> {
    return startProduct(this.#database.url, 'api,learning')
  }

  #startConsumer(): ChildProcess {
    const worker = fileURLToPath(new URL('./support/soak-worker.ts', import.meta.url))
    const child = fork(worker, [this.#database.url], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    child.on('message', (news: SoakNews) => this.#hear(child, news))
    child.on('exit', (code, signal) => {
      this.#owned.delete(child)
      if (signal !== 'SIGKILL') this.#fail(new Error(`a consumer ended by itself with code ${code}`))
    })
    return child
  }

  #hear(child: ChildProcess, { owned, seen, wrong }: SoakNews): void {
    this.#owned.set(child, owned)
    for (const what of wrong) this.#fail(new Error(`a consumer says: ${what}`))
    for (let index = 0; index < seen.length; index += 2) {
      const [recordedMs = 0, lagMs = 0] = seen.slice(index, index + 2)
      const isDisturbed = this.#disturbances.some(({ fromMs, untilMs }) => {
        return recordedMs < untilMs && recordedMs + lagMs > fromMs
      })
      const lags = isDisturbed ? this.#disturbed : this.#calm
      lags.record(Math.max(1, lagMs))
    }
  }

  async #disturb(): Promise<void> {
    const { killEverySeconds } = this.#options
    for (;;) {
      await this.#pause(killEverySeconds * 1000)
      if (this.#ending.signal.aborted) return
      const kind = disturbances[Math.floor(this.#random() * disturbances.length)] ?? 'consumer'
      this.#kills.set(kind, (this.#kills.get(kind) ?? 0) + 1)
      const fromMs = Date.now()
      const untilMs = fromMs + disturbedMs + (kind === 'frozen_consumer' ? frozenMs : 0)
      this.#disturbances = [...this.#disturbances.slice(-9), { fromMs, untilMs }]
      const mending = this.#carryOut(kind)
        .catch((error: Error) => this.#fail(error))
        .finally(() => this.#mending.delete(mending))
      this.#mending.add(mending)
    }
  }

  /** Any but the first, which is weighed. */
  #victim(count: number): number {
    return 1 + Math.floor(this.#random() * (count - 1))
  }

  async #carryOut(kind: Disturbance): Promise<void> {
    if (kind === 'sessions') return this.#killSessions()
    if (kind === 'program') {
      const index = this.#victim(programs)
      if (index === this.#killedProgram) return
      this.#killedProgram = index
      await this.#programs[index]?.kill()
      await sleep(restartMs)
      this.#programs[index] = await this.#startProgram()
      this.#killedProgram = undefined
      return
    }
    const index = this.#victim(this.#options.consumers)
    const child = this.#consumers[index]
    if (child === undefined) return
    if (kind === 'frozen_consumer') {
      child.kill('SIGSTOP')
      await this.#pause(frozenMs)
      child.kill('SIGCONT')
      return
    }
    await endChild(child, 'SIGKILL')
    await sleep(restartMs)
    this.#consumers[index] = this.#startConsumer()
  }

  async #killSessions(): Promise<void> {
    await this.#database.pool.query(
      `select pg_terminate_backend(pid)
         from (select pid
                 from pg_stat_activity
                where datname = current_database()
                  and application_name like 'biglearn %'
                  and backend_start < now() - interval '5 seconds'
                order by random()
                limit 5) as chosen`,
    )
  }

  async #sample(): Promise<void> {
    const [program, consumer] = [this.#programs[0], this.#consumers[0]]
    const hasFallen = this.#programs.some((one, index) => one.hasEnded() && index !== this.#killedProgram)
    if (hasFallen) this.#fail(new Error('a program ended by itself'))
    if (this.#load?.failure !== undefined) this.#fail(this.#load.failure)
    this.#check()
    this.#weights.push({
      program: await residentBytesOf(program?.pid ?? 0),
      consumer: await residentBytesOf(consumer?.pid ?? 0),
    })
  }

  async #say(seconds: number): Promise<void> {
    const load = this.#load
    if (load === undefined) return
    const { rows } = await this.#database.pool.query<{ applied: number }>(
      'select sum(next_number)::float8 as applied from soak_effect',
    )
    const behind = load.acknowledged - (rows[0]?.applied ?? 0)
    const kills = [...this.#kills.values()].reduce((sum, count) => sum + count, 0)
    process.stderr.write(
      `${soakSubscription}: ${round(seconds / 60, 1)} of ${this.#options.minutes} min, ${load.acknowledged} acknowledged, ` +
        `${Math.max(0, behind)} to take effect, ${kills} kills, worst gap ${Math.round(load.worstGapMs)} ms\n`,
    )
  }

  /** Events in the log; every stream's runs have to tile it. */
  async #stored(): Promise<number> {
    const { rows } = await this.#database.pool.query<{ stored: number; untiled: number }>(
      `select sum(events)::float8 as stored,
              count(*) filter (where events <> next_number)::int as untiled
         from (select sum(events) as events, max(next_number) as next_number
                 from segment
                group by part, stream) as by_stream`,
    )
    assert.equal(rows[0]?.untiled, 0, 'a stream has a hole or an overlap')
    return rows[0]?.stored ?? 0
  }

  async #verifyEffects(load: SoakLoad): Promise<void> {
    const { rows } = await this.#database.pool.query<{ course: string; next_number: number }>(
      'select course, next_number from soak_effect',
    )
    const next = new Map(rows.map((row) => [row.course, row.next_number]))
    for (const [index, course] of this.#world.courses.entries()) {
      assert.equal(next.get(course), load.sentPerCourse[index], `${course} has other effects than were acknowledged`)
    }
    const aside = await this.#database.pool.query('select from course_exception')
    assert.equal(aside.rowCount, 0, 'a course is set aside')
  }

  #figures(load: SoakLoad, counts: Pick<SoakFigures, 'stored' | 'applied' | 'learnt'>): SoakFigures {
    const { answersPerSecond, courses, consumers, killEverySeconds, seed } = this.#options
    const { writes, fsyncs } = this.#after
    return {
      bench: 'soak',
      seconds: Math.round(this.#seconds),
      ...{ courses, programs, consumers, kill_every_seconds: killEverySeconds },
      kills: Object.fromEntries(this.#kills),
      answers_per_second_wanted: answersPerSecond,
      answers_per_second: round(load.sent / this.#seconds, 1),
      acknowledged: load.acknowledged,
      ...counts,
      worst_gap_between_acknowledgements_ms: Math.round(load.worstGapMs),
      acknowledged_ms: percentiles(load.latencies),
      repeats: Object.fromEntries(load.repeats),
      visible_ms: percentiles(this.#calm),
      visible_ms_near_kills: percentiles(this.#disturbed),
      visible_p99_ms_budget: 1000,
      writes_per_second: round((writes - this.#before.writes) / this.#seconds, 1),
      fsyncs_per_second: round((fsyncs - this.#before.fsyncs) / this.#seconds, 1),
      writes_per_second_budget: 1000,
      resident_mb: { program: this.#weight('program'), consumer: this.#weight('consumer') },
      load_average: loadAverage(),
      seed,
      ...this.#database.settings,
    }
  }

  /** Of a process that was never killed. */
  #weight(who: keyof Weighed): object {
    const all = this.#weights.map((weight) => weight[who] / 1e6)
    const tenth = Math.max(1, Math.floor(all.length / 10))
    const mean = (some: readonly number[]): number => round(some.reduce((sum, one) => sum + one, 0) / some.length, 1)
    return {
      first_tenth: mean(all.slice(0, tenth)),
      last_tenth: mean(all.slice(-tenth)),
      most: round(Math.max(...all), 1),
    }
  }

  async #writes(): Promise<{ writes: number; fsyncs: number }> {
    const { rows } = await this.#database.pool.query<{ writes: number; fsyncs: number }>(
      'select sum(writes)::float8 as writes, sum(fsyncs)::float8 as fsyncs from pg_stat_io',
    )
    return rows[0] ?? { writes: Number.NaN, fsyncs: Number.NaN }
  }

  async #until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + drainMsMax
    while (!(await isSo())) {
      this.#check()
      if (performance.now() > deadline) throw new Error(`not within ${drainMsMax} ms: ${what}`)
      await sleep(100)
    }
  }

  /** Cut short when the run ends. */
  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#ending.signal }).catch(() => undefined)
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#ending.abort()
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }
}

function percentiles(lags: RecordableHistogram): object {
  if (lags.count === 0) return { p50: null, p99: null, most: null }
  return { p50: lags.percentile(50), p99: lags.percentile(99), most: lags.max }
}
