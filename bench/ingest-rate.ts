import { availableParallelism } from 'node:os'
import { createWorld } from './support/answers.ts'
import { measureCommits } from './support/commit-yardstick.ts'
import { measureEchoAtRate } from './support/echo-yardstick.ts'
import { round } from './support/figures.ts'
import { Sender, type Shape } from './support/ingest-load.ts'
import { type IngestOptions, report, warmUpSeconds, withProducts } from './support/ingest-report.ts'
import { measureUse } from './support/meter.ts'
import { runOpenLoop } from './support/open-loop.ts'
import { type BenchDatabase, startBenchDatabase } from './support/product.ts'
import { recycleWal, recyclingSettings } from './support/recycled-wal.ts'
import { verifyStored } from './support/verify.ts'

/*
 * A fixed number of answers a second, as a busy evening brings them: how long each request takes, from the moment it
 * was due, and what share of the machine server and database use. The generator is not counted. Beside it, what as many
 * requests cost an echo and as many rows, each committed by itself, a database: a program that only woke up for each
 * would use `cpu_share_floor`.
 */
interface RateOptions extends IngestOptions {
  readonly answersPerSecond: number
}

export async function ingestAtRate(name: string, shape: Shape, options: RateOptions): Promise<object> {
  const database = await startBenchDatabase(recyclingSettings)
  try {
    await recycleWal(database)
    const world = createWorld(options.seed, shape.courses)
    const sender = new Sender(world, shape, options.seed)
    const line = await withProducts(database, options, async (products) => {
      const [port = 0] = products.map((product) => product.port)
      process.stderr.write(`ingest ${name}: warming up\n`)
      await sender.run([port], warmUpSeconds)
      await sender.finish([port])
      process.stderr.write(`ingest ${name}: ${options.answersPerSecond} answers a second\n`)
      const measured = await measureUse(database, products, () => sendAtRate(sender, shape, port, options))
      await sender.finish([port])
      await verifyStored(port, world, sender.sentPerCourse, options.seed)
      const cpu = measured.apiCpuSeconds + measured.postgresCpuSeconds
      return {
        ...report(name, measured, options),
        answers_per_second_asked: options.answersPerSecond,
        in_flight_max: measured.inFlightMax,
        api_cpu_us_per_request: round((measured.apiCpuSeconds * 1e6) / measured.requests, 0),
        postgres_cpu_us_per_request: round((measured.postgresCpuSeconds * 1e6) / measured.requests, 0),
        cpu_share: round(cpu / measured.seconds / availableParallelism(), 3),
      }
    })
    process.stderr.write(`ingest ${name}: echo and bare commits at the same rate\n`)
    const perSecond = options.answersPerSecond / shape.answersPerRequest
    return { ...line, ...(await yardsticks(database, sender, perSecond)), ...database.settings }
  } finally {
    await database.stop()
  }
}

const yardstickSeconds = 5

async function yardsticks(database: BenchDatabase, sender: Sender, perSecond: number): Promise<object> {
  const echo = await measureEchoAtRate(sender.someBodies(2000), perSecond, yardstickSeconds)
  const commit = await measureCommits(database, perSecond, yardstickSeconds)
  const floor = ((echo + commit.cpuMicrosPerCommit) * perSecond) / 1e6 / availableParallelism()
  return {
    echo_cpu_us_per_request: round(echo, 0),
    commit_cpu_us: round(commit.cpuMicrosPerCommit, 0),
    commit_p99_ms: round(commit.p99Ms, 2),
    cpu_share_floor: round(floor, 3),
  }
}

async function sendAtRate(sender: Sender, shape: Shape, port: number, options: RateOptions) {
  const perSecond = options.answersPerSecond / shape.answersPerRequest
  const count = Math.round(perSecond * options.seconds)
  const before = sender.acknowledged
  sender.makeAhead(count * shape.answersPerRequest)
  const cpu = process.cpuUsage()
  const make = (index: number) => sender.request(index % shape.connections)
  const result = await runOpenLoop({ port, perSecond, count, make })
  const used = process.cpuUsage(cpu)
  return {
    ...result,
    requests: count,
    answers: sender.acknowledged - before,
    generatorCpuSeconds: (used.user + used.system) / 1e6,
  }
}
