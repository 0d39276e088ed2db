import type { LaneSource } from '#crew/run-options.ts'
import { startSubscription } from '#crew/run-subscription.ts'
import type { StoredEvent } from '#domain/events.ts'
import type { LaneEntry, Log } from '#log/log.ts'
import { type BenchAnswer, type BenchWorld, createWorld } from './support/answers.ts'
import { measureCopyOut } from './support/copy-yardstick.ts'
import { connectCrew } from './support/crew-connections.ts'
import { loadAverage, printLine, round } from './support/figures.ts'
import { eventOf } from './support/ingest-load.ts'
import { startBenchDatabase } from './support/product.ts'

/*
 * A new subscription reads everything from the beginning: every course in order, checked event by event, each pass
 * confirmed under the fence. It has no effects of its own, so that the figure is the crew's and the log's. A second one
 * also looks into the data of each event. Beside them, COPY OUT of the same answers as typed rows.
 */
export interface ReplayOptions {
  readonly answers: number
  readonly run: number
  readonly seed: number
}

const courseCount = 500

export async function replay(options: ReplayOptions): Promise<void> {
  const database = await startBenchDatabase()
  const { log, pool, heartbeatPool, close } = await connectCrew(database.url, 6)
  try {
    const world = createWorld(options.seed, courseCount)
    const perCourse = Math.ceil(options.answers / courseCount)
    process.stderr.write('replay: append\n')
    const count = await fill(log, world, perCourse, options.run)
    await database.pool.query('checkpoint')
    process.stderr.write('replay: COPY OUT\n')
    const copyOut = await measureCopyOut(database.url, [...answersOf(world, perCourse, options.run)].flat())
    for (const looksInto of ['numbers', 'data'] as const) {
      process.stderr.write(`replay: subscription that looks into ${looksInto}\n`)
      const postgresBefore = await database.cpuSeconds()
      const cpu = process.cpuUsage()
      const { seconds, passes } = await readAll(log, { count, looksInto }, { pool, heartbeatPool })
      const used = process.cpuUsage(cpu)
      const postgresCpu = (await database.cpuSeconds()) - postgresBefore
      const rate = count / seconds
      const line = {
        bench: 'replay',
        looks_into: looksInto,
        answers: count,
        answers_per_append: options.run,
        answers_per_second: Math.round(rate),
        copy_out_answers_per_second: Math.round(copyOut),
        ratio_to_copy_out: round(rate / copyOut, 3),
        ratio_to_copy_out_budget: 0.4,
        answers_per_pass: Math.round(count / passes),
        node_cpu_us_per_answer: round((used.user + used.system) / count, 2),
        postgres_cpu_us_per_answer: round((postgresCpu * 1e6) / count, 2),
        load_average: loadAverage(),
        seed: options.seed,
        settings: database.settings,
      }
      printLine(line)
    }
  } finally {
    await close()
    await database.stop()
  }
}

/** Request by request: the courses take turns. Made anew each time, so that nothing of it is in memory in the end. */
function* answersOf(world: BenchWorld, perCourse: number, run: number): Generator<BenchAnswer[]> {
  for (let from = 0; from < perCourse; from += run) {
    const length = Math.min(run, perCourse - from)
    for (const course of world.courses.keys()) {
      yield Array.from({ length }, (_, index) => world.answer(course, from + index))
    }
  }
}

export async function fill(log: Log, world: BenchWorld, perCourse: number, run: number): Promise<number> {
  let count = 0
  let inFlight: Promise<unknown>[] = []
  for (const request of answersOf(world, perCourse, run)) {
    inFlight.push(log.append(request.map(eventOf)))
    count += request.length
    if (inFlight.length < 100) continue
    await Promise.all(inFlight)
    inFlight = []
  }
  await Promise.all(inFlight)
  return count
}

async function readAll(
  source: LaneSource,
  { count, looksInto }: { readonly count: number; readonly looksInto: 'numbers' | 'data' },
  pools: Pick<Parameters<typeof startSubscription>[0], 'pool' | 'heartbeatPool'>,
): Promise<{ seconds: number; passes: number }> {
  const next = new Map<string, number>()
  let seen = 0
  const all = Promise.withResolvers<void>()
  const subscription = {
    name: `replay ${looksInto}`,
    eventsMax: 5000,
    apply: async (_transaction: unknown, entries: readonly LaneEntry[]): Promise<void> => {
      for (const { events } of entries) for (const event of events) check(event)
    },
    committed: (entries: readonly LaneEntry[]): void => {
      for (const { events } of entries) seen += events.length
      if (seen >= count) all.resolve()
    },
  }
  function check(event: StoredEvent): void {
    const { stream, number } = event
    const expected = next.get(stream) ?? 0
    if (number !== expected) all.reject(new Error(`${number} of ${stream} came when ${expected} was next`))
    next.set(stream, number + 1)
    if (looksInto === 'data' && event.data['response_uuid'] !== event.eventUuid) {
      all.reject(new Error(`event ${number} of ${stream} has the data of another`))
    }
  }
  const started = performance.now()
  const runner = await startSubscription({ subscription, source, ...pools })
  await all.promise
  const seconds = (performance.now() - started) / 1000
  const { passes } = runner.status()
  await runner.stop()
  return { seconds, passes }
}
