import { ingestAtRate } from './ingest-rate.ts'
import { ingestSteadily } from './ingest-steady.ts'
import { createWorld } from './support/answers.ts'
import { measureCopy } from './support/copy-yardstick.ts'
import { type EchoFigures, measureEcho } from './support/echo-yardstick.ts'
import { printLine, round } from './support/figures.ts'
import { type IngestResult, Sender, type Shape, shapes } from './support/ingest-load.ts'
import { type IngestOptions, report, warmUpSeconds, withProducts } from './support/ingest-report.ts'
import { measureUse } from './support/meter.ts'
import { startBenchDatabase } from './support/product.ts'
import { recycleWal, recyclingSettings } from './support/recycled-wal.ts'
import { verifyStored } from './support/verify.ts'

/*
 * Durable HTTP ingest beside COPY of the same answers, and Fastify echoing the same bodies, in the same run. Nothing is
 * printed unless every acknowledged answer is stored, contiguous, and reads back as it was sent.
 */
export const ingestShapes: readonly string[] = Object.keys(shapes)

export async function ingest(options: IngestOptions): Promise<void> {
  const rates = new Map<string, number>()
  for (const name of options.shapes) {
    const shape = shapeOf(name)
    if (shape.beside !== undefined && !rates.has(shape.beside)) {
      rates.set(shape.beside, await printShape(shape.beside, shapeOf(shape.beside), options))
    }
    if (options.steady) printLine(await ingestSteadily(name, shape, options))
    else if (options.answersPerSecond === undefined) rates.set(name, await printShape(name, shape, options, rates))
    else printLine(await ingestAtRate(name, shape, { ...options, answersPerSecond: options.answersPerSecond }))
  }
}

function shapeOf(name: string): Shape {
  const shape = shapes[name]
  if (shape === undefined) throw new Error(`there is no shape ${name}; there are ${ingestShapes.join(', ')}`)
  return shape
}

async function printShape(
  name: string,
  shape: Shape,
  options: IngestOptions,
  rates: ReadonlyMap<string, number> = new Map(),
): Promise<number> {
  const { rate, line } = await measureShape(name, shape, options)
  const other = shape.beside === undefined ? undefined : rates.get(shape.beside)
  const beside = other === undefined ? {} : { [`ratio_to_${shape.beside}`]: round(rate / other, 3) }
  printLine({ ...line, ...beside })
  return rate
}

async function measureShape(name: string, shape: Shape, options: IngestOptions) {
  const database = await startBenchDatabase(recyclingSettings)
  try {
    await recycleWal(database)
    const world = createWorld(options.seed, shape.courses)
    const sender = new Sender(world, shape, options.seed)
    const echo = () => measureEcho(sender.someBodies(echoSample), shape.connections, Math.min(3, options.seconds))
    process.stderr.write(`ingest ${name}: echo of the same bodies\n`)
    const echoBefore = await echo()
    const measured = await withProducts(database, options, async (products) => {
      const ports = products.map(({ port }) => port)
      // No checkpoint inside: what the warm-up writes to pages for the first time since is not measured.
      await database.pool.query('checkpoint')
      process.stderr.write(`ingest ${name}: warming up\n`)
      const warm = await sender.run(ports, warmUpSeconds)
      sender.makeAhead(Math.min(2 * (warm.answers / warm.seconds) * options.seconds, aheadMax))
      process.stderr.write(`ingest ${name}: measuring\n`)
      const result = await measureUse(database, products, () => sender.run(ports, options.seconds))
      await sender.finish(ports)
      process.stderr.write(`ingest ${name}: reading back ${sender.acknowledged} answers\n`)
      await verifyStored(ports[0] ?? 0, world, sender.sentPerCourse, options.seed)
      return result
    })
    process.stderr.write(`ingest ${name}: COPY of the same answers, echo of the same bodies\n`)
    const copy = await measureCopy(database.url, sender.sample(copySample))
    const echoes = [echoBefore, await echo()]
    const rate = measured.answers / measured.seconds
    return {
      rate,
      line: { ...report(name, measured, options), ...yardsticks(measured, copy, echoes), ...database.settings },
    }
  } finally {
    await database.stop()
  }
}

const aheadMax = 1_000_000
const copySample = 400_000
const echoSample = 2000

/** The echo before and after: a machine that others use changes its speed within a minute. */
function yardsticks(
  measured: IngestResult,
  copy: { readonly answersPerSecond: number },
  echoes: readonly EchoFigures[],
): object {
  const mean = (of: (echo: EchoFigures) => number): number =>
    echoes.reduce((sum, echo) => sum + of(echo), 0) / echoes.length
  const echoRate = mean((echo) => echo.requestsPerSecond)
  return {
    copy_answers_per_second: Math.round(copy.answersPerSecond),
    ratio_to_copy: round(measured.answers / measured.seconds / copy.answersPerSecond, 3),
    echo_requests_per_second: Math.round(echoRate),
    echo_requests_per_second_before_and_after: echoes.map((echo) => Math.round(echo.requestsPerSecond)),
    echo_cpu_us_per_request: round(
      mean((echo) => echo.cpuMicrosPerRequest),
      2,
    ),
    ratio_to_echo: round(measured.requests / measured.seconds / echoRate, 3),
  }
}
