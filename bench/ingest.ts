import { ingestAtRate } from './ingest-rate.ts'
import { ingestSteadily } from './ingest-steady.ts'
import { type BenchWorld, createWorld } from './support/answers.ts'
import { measureCopy } from './support/copy-yardstick.ts'
import { type EchoFigures, measureEcho } from './support/echo-yardstick.ts'
import { printLine, round } from './support/figures.ts'
import { type IngestResult, Sender, type Shape, shapes } from './support/ingest-load.ts'
import { type IngestOptions, report, warmUpSeconds, withProducts } from './support/ingest-report.ts'
import { measureUse, type Used } from './support/meter.ts'
import { type BenchDatabase, type Product, startBenchDatabase } from './support/product.ts'
import { recycleWal, recyclingSettings } from './support/recycled-wal.ts'
import { verifyStored } from './support/verify.ts'

/*
 * Durable HTTP ingest beside COPY of the same answers, and Fastify echoing the same bodies, in the same run. Nothing is
 * printed unless every acknowledged answer is stored, contiguous, and reads back as it was sent. A shape that is
 * compared with another one takes turns with it on the same server.
 */
export const ingestShapes: readonly string[] = Object.keys(shapes)

export async function ingest(options: IngestOptions): Promise<void> {
  for (const name of options.shapes) {
    const shape = shapeOf(name)
    if (options.steady) printLine(await ingestSteadily(name, shape, options))
    else if (options.answersPerSecond === undefined) printLine(await measureShape(name, shape, options))
    else printLine(await ingestAtRate(name, shape, { ...options, answersPerSecond: options.answersPerSecond }))
  }
}

function shapeOf(name: string): Shape {
  const shape = shapes[name]
  if (shape === undefined) throw new Error(`there is no shape ${name}; there are ${ingestShapes.join(', ')}`)
  return shape
}

async function measureShape(name: string, shape: Shape, options: IngestOptions): Promise<object> {
  const database = await startBenchDatabase(recyclingSettings)
  try {
    await recycleWal(database)
    const traffic = createTraffic(name, shape, options.seed)
    const beside = shape.beside && createTraffic(shape.beside, shapeOf(shape.beside), options.seed + 1)
    const { sender } = traffic
    const echo = () => measureEcho(sender.someBodies(echoSample), shape.connections, Math.min(3, options.seconds))
    process.stderr.write(`ingest ${name}: echo of the same bodies\n`)
    const echoBefore = await echo()
    await withProducts(database, options, async (products) => {
      await runInTurns({ database, products, options }, beside ? [traffic, beside] : [traffic])
    })
    const measured = merged(traffic.turns)
    process.stderr.write(`ingest ${name}: COPY of the same answers, echo of the same bodies\n`)
    const copy = await measureCopy(database.url, sender.sample(copySample))
    const echoes = [echoBefore, await echo()]
    return {
      ...report(name, measured, options),
      ...(beside && ratioTo(beside, measured)),
      ...yardsticks(measured, copy, echoes),
      ...database.settings,
    }
  } finally {
    await database.stop()
  }
}

interface Server {
  readonly database: BenchDatabase
  readonly products: readonly Product[]
  readonly options: IngestOptions
}

/** Each is warmed up; then they take turns, so that a machine that changes its speed does so for all of them. */
async function runInTurns({ database, products, options }: Server, all: readonly Traffic[]): Promise<void> {
  const ports = products.map(({ port }) => port)
  // No checkpoint inside: what the warm-up writes to pages for the first time since is not measured.
  await database.pool.query('checkpoint')
  for (const { name, sender } of all) {
    process.stderr.write(`ingest ${name}: warming up\n`)
    const warm = await sender.run(ports, warmUpSeconds)
    sender.makeAhead(Math.min(2 * (warm.answers / warm.seconds) * options.seconds, aheadMax))
  }
  const rounds = all.length === 1 ? 1 : turnsEach
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, sender, turns } of round % 2 === 0 ? all : all.toReversed()) {
      process.stderr.write(`ingest ${name}: measuring\n`)
      turns.push(await measureUse(database, products, () => sender.run(ports, options.seconds / rounds)))
    }
  }
  for (const { name, sender, world, seed } of all) {
    await sender.finish(ports)
    process.stderr.write(`ingest ${name}: reading back ${sender.acknowledged} answers\n`)
    await verifyStored(ports[0] ?? 0, world, sender.sentPerCourse, seed)
  }
}

/** Each as long as the other, and whoever began before comes last. */
const turnsEach = 4

interface Traffic {
  readonly name: string
  readonly seed: number
  readonly world: BenchWorld
  readonly sender: Sender
  readonly turns: (IngestResult & Used)[]
}

function createTraffic(name: string, shape: Shape, seed: number): Traffic {
  const world = createWorld(seed, shape.courses)
  return { name, seed, world, sender: new Sender(world, shape, seed), turns: [] }
}

function merged(turns: readonly (IngestResult & Used)[]): IngestResult & Used {
  return turns.reduce((one, other) => ({
    requests: one.requests + other.requests,
    answers: one.answers + other.answers,
    seconds: one.seconds + other.seconds,
    latencies: Float64Array.from([...one.latencies, ...other.latencies]),
    generatorCpuSeconds: one.generatorCpuSeconds + other.generatorCpuSeconds,
    walBytes: one.walBytes + other.walBytes,
    storedBytes: one.storedBytes + other.storedBytes,
    commits: one.commits + other.commits,
    checkpoints: one.checkpoints + other.checkpoints,
    apiCpuSeconds: one.apiCpuSeconds + other.apiCpuSeconds,
    postgresCpuSeconds: one.postgresCpuSeconds + other.postgresCpuSeconds,
  }))
}

function ratioTo({ name, turns }: Traffic, measured: IngestResult): object {
  const other = merged(turns)
  const rateOfOther = other.answers / other.seconds
  return {
    turns_each: turnsEach,
    [`${name}_answers_per_second`]: Math.round(rateOfOther),
    [`ratio_to_${name}`]: round(measured.answers / measured.seconds / rateOfOther, 3),
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
