import { availableParallelism } from 'node:os'
import { createWorld } from './support/answers.ts'
import { round } from './support/figures.ts'
import { Sender, type Shape } from './support/ingest-load.ts'
import { type IngestOptions, report, withProducts } from './support/ingest-report.ts'
import { measureUse } from './support/meter.ts'
import { runOpenLoop } from './support/open-loop.ts'
import { startBenchDatabase } from './support/product.ts'
import { verifyStored } from './support/verify.ts'

/*
 * A fixed number of answers a second, as a busy evening brings them: how long each request takes, from the moment it
 * was due, and what share of the machine server and database use. The generator is not counted.
 */
interface RateOptions extends IngestOptions {
  readonly answersPerSecond: number
}

export async function ingestAtRate(name: string, shape: Shape, options: RateOptions): Promise<object> {
  const database = await startBenchDatabase()
  try {
    const world = createWorld(options.seed, shape.courses)
    const sender = new Sender(world, shape, options.seed)
    return await withProducts(database, options, async (products) => {
      const [port = 0] = products.map((product) => product.port)
      process.stderr.write(`ingest ${name}: warming up\n`)
      await sender.run([port], 2)
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
        cpu_share: round(cpu / measured.seconds / availableParallelism(), 3),
        ...database.settings,
      }
    })
  } finally {
    await database.stop()
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
