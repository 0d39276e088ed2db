import { openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'
import { createWorld } from './support/answers.ts'
import { percentile, round } from './support/figures.ts'
import { type IngestResult, Sender, type Shape } from './support/ingest-load.ts'
import { type IngestOptions, report, warmUpSeconds, withProducts } from './support/ingest-report.ts'
import { measureUse, type Used } from './support/meter.ts'
import { type BenchDatabase, startBenchDatabase } from './support/product.ts'
import { recycleWal, recyclingSettings } from './support/recycled-wal.ts'
import { verifyStored } from './support/verify.ts'

/*
 * What a log that has been in use costs beside a fresh one: the same traffic before and after millions of answers were
 * stored, the second time over two checkpoints (each makes PostgreSQL write whole pages again) and beside autovacuum.
 */
export async function ingestSteadily(name: string, shape: Shape, options: IngestOptions): Promise<object> {
  if (shape.shuffled !== undefined) throw new Error(`${name} can not be preloaded: its numbers are shuffled`)
  const settings = { checkpoint_timeout: `${options.checkpointSeconds}s`, autovacuum: 'on' }
  const database = await startBenchDatabase({ ...recyclingSettings, ...settings })
  try {
    await recycleWal(database)
    const world = createWorld(options.seed, shape.courses)
    const sender = new Sender(world, shape, options.seed)
    return await withProducts(database, options, async (products) => {
      const ports = products.map(({ port }) => port)
      const measure = async (seconds: number): Promise<IngestResult & Used> => {
        await sender.run(ports, warmUpSeconds)
        return measureUse(database, products, () => sender.run(ports, seconds))
      }
      await database.pool.query('checkpoint')
      process.stderr.write(`ingest ${name}: fresh\n`)
      const fresh = await measure(options.seconds)
      await sender.finish(ports)
      const preload = await preloadAnswers(name, database, sender, options)
      await database.pool.query('checkpoint')
      const seconds = 2 * options.checkpointSeconds + 5
      process.stderr.write(`ingest ${name}: steady, ${seconds} s\n`)
      const steady = await measure(seconds)
      await sender.finish(ports)
      if (steady.checkpoints < 2) throw new Error(`only ${steady.checkpoints} checkpoints began in the run`)
      process.stderr.write(`ingest ${name}: reading back ${sender.acknowledged} answers\n`)
      await verifyStored(ports[0] ?? 0, world, sender.sentPerCourse, options.seed)
      return {
        ...report(name, steady, options),
        ...preload,
        checkpoints: steady.checkpoints,
        checkpoint_seconds: options.checkpointSeconds,
        fresh_answers_per_second: Math.round(fresh.answers / fresh.seconds),
        fresh_p99_ms: round(percentile(fresh.latencies, 0.99), 2),
        fresh_wal_bytes_per_answer: round(fresh.walBytes / fresh.answers, 1),
        wal_ratio_to_fresh: round(steady.walBytes / steady.answers / (fresh.walBytes / fresh.answers), 3),
        rate_ratio_to_fresh: round(steady.answers / steady.seconds / (fresh.answers / fresh.seconds), 3),
        ...database.settings,
      }
    })
  } finally {
    await database.stop()
  }
}

const eventsPerRequest = 500
const requestsAtOnce = 8

/** Through the log without HTTP, in rows as long as those of the traffic; stops when its time is over. */
async function preloadAnswers(name: string, database: BenchDatabase, sender: Sender, options: IngestOptions) {
  const pool = openPool(database.url, { name: 'preload', connectionsMax: 2, statementTimeoutMs: 60_000 })
  const log = await openLog(pool)
  const started = performance.now()
  const elapsed = (): number => (performance.now() - started) / 1000
  const before = sender.acknowledged
  const isOver = (): boolean => sender.acknowledged - before >= options.preload || elapsed() >= options.preloadSeconds
  let turn = 0
  let told = 0
  const work = async (): Promise<void> => {
    while (!isOver()) {
      const result = await log.append(sender.takeEvents(turn++, eventsPerRequest))
      if (result.kind !== 'stored') throw new Error(`the preload was ${result.kind}`)
      const answers = sender.acknowledged - before
      if (answers - told < 500_000) continue
      told = answers
      process.stderr.write(`ingest ${name}: ${answers} answers preloaded in ${Math.round(elapsed())} s\n`)
    }
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, work))
  await log.close()
  await pool.end()
  const answers = sender.acknowledged - before
  return {
    preloaded_answers: answers,
    preload_seconds: Math.round(elapsed()),
    is_preload_complete: answers >= options.preload,
  }
}
