import assert from 'node:assert/strict'
import pg from 'pg'
import { installPeers } from './peers/peers.ts'
import { type BenchAnswer, type BenchWorld, createWorld } from './support/answers.ts'
import { measureCopy, walPosition } from './support/copy-yardstick.ts'
import { percentile, printLine, round } from './support/figures.ts'
import { Sender, type Shape } from './support/ingest-load.ts'
import { type PeerStore, peerStores } from './support/peer-stores.ts'
import { type BenchDatabase, startBenchDatabase, startProduct } from './support/product.ts'
import { verifyStored } from './support/verify.ts'

/*
 * The product beside other stores of events on the same server, one after the other, each in an empty database: the
 * same answers, ten of one course a request, the same number of connections and of requests in flight. The others are
 * libraries, called by the generator in its own process, so the product has two rows: over HTTP, and `log.append` in
 * process like them. A row is printed only once everything acknowledged was read back, in order.
 */
export interface PeersOptions {
  readonly seconds: number
  readonly seed: number
}

const shape: Shape = { connections: 20, courses: 2000, coursesPerRequest: 1, answersPerRequest: 10 }
const warmUpSeconds = 1
const copySample = 200_000

interface Measured {
  readonly answers: number
  readonly seconds: number
  readonly latencies: Float64Array
  readonly generatorCpuSeconds: number
}

export async function peers(options: PeersOptions): Promise<void> {
  await installPeers()
  const database = await startBenchDatabase()
  try {
    const print = (row: string, figures: object): void => {
      const line = { bench: 'peers', row, ...figures, connections: shape.connections, seed: options.seed }
      printLine({ ...line, ...database.settings })
    }
    print('HTTP', await measureHttp(database, options))
    for (const name of Object.keys(peerStores)) print(name, await measureStore(name, database, options))
    const copy = await measureCopy(database.url, firstAnswers(createWorld(options.seed, shape.courses)))
    print('COPY', {
      answers_per_second: Math.round(copy.answersPerSecond),
      wal_bytes_per_answer: round(copy.walBytesPerAnswer, 1),
      stored_bytes_per_answer: round(copy.storedBytesPerAnswer, 1),
      note: 'one connection, binary, 10,000 rows a transaction, two unique keys',
    })
  } finally {
    await database.stop()
  }
}

async function measureHttp(database: BenchDatabase, { seconds, seed }: PeersOptions): Promise<object> {
  process.stderr.write('peers: HTTP\n')
  const world = createWorld(seed, shape.courses)
  const sender = new Sender(world, shape, seed)
  const product = await startProduct(database.url, 'api')
  try {
    const figures = await measure(database.pool, (length) => sender.run([product.port], length), seconds)
    await sender.finish([product.port])
    await verifyStored(product.port, world, sender.sentPerCourse, seed)
    return { ...figures, version: 'this one', note: 'record_responses of one API process' }
  } finally {
    await product.stop()
  }
}

async function measureStore(name: string, database: BenchDatabase, { seconds, seed }: PeersOptions): Promise<object> {
  process.stderr.write(`peers: ${name}\n`)
  const base = `peer_${name.replace(/\W/g, '_')}`
  await database.pool.query(`create database ${base}`)
  const url = new URL(database.url)
  url.pathname = `/${base}`
  const pool = new pg.Pool({ connectionString: url.href, max: 1 })
  pool.on('error', () => undefined)
  const store = await peerStores[name]?.(url.href, shape.connections)
  if (store === undefined) throw new Error(`there is no store ${name}`)
  try {
    const callers = new Callers(store, createWorld(seed, shape.courses))
    const figures = await measure(pool, (length) => callers.run(length), seconds)
    await callers.verify()
    return { ...figures, version: store.version, note: store.note }
  } finally {
    await store.close()
    await pool.end()
  }
}

/**
 * WAL of the whole server, bytes of everything in the database of `pool`. The checkpoint is before the warm-up, as in
 * `ingest`, so that what that touched is not logged whole again.
 */
async function measure(pool: pg.Pool, run: (seconds: number) => Promise<Measured>, seconds: number): Promise<object> {
  await pool.query('checkpoint')
  await run(warmUpSeconds)
  const before = { wal: await walPosition(pool), stored: await storedBytes(pool) }
  const { answers, latencies, generatorCpuSeconds, ...took } = await run(seconds)
  const after = { wal: await walPosition(pool), stored: await storedBytes(pool) }
  return {
    answers,
    answers_per_second: Math.round(answers / took.seconds),
    p50_ms: round(percentile(latencies, 0.5), 2),
    p99_ms: round(percentile(latencies, 0.99), 2),
    wal_bytes_per_answer: round((after.wal - before.wal) / answers, 1),
    stored_bytes_per_answer: round((after.stored - before.stored) / answers, 1),
    generator_cpu_us_per_answer: round((generatorCpuSeconds * 1e6) / answers, 2),
  }
}

async function storedBytes(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query('select pg_database_size(current_database())::float8 as bytes')
  return rows[0].bytes
}

/** Callers that each wait for their answer; every one has courses of its own, so that numbers arrive in order. */
class Callers {
  readonly #store: PeerStore
  readonly #world: BenchWorld
  readonly #sent = new Array<number>(shape.courses).fill(0)
  readonly #turns = new Array<number>(shape.connections).fill(0)

  constructor(store: PeerStore, world: BenchWorld) {
    this.#store = store
    this.#world = world
  }

  async run(seconds: number): Promise<Measured> {
    const latencies: number[] = []
    const cpu = process.cpuUsage()
    const started = performance.now()
    const endMs = started + seconds * 1000
    await Promise.all(this.#turns.map((_, caller) => this.#call(caller, endMs, latencies)))
    const used = process.cpuUsage(cpu)
    return {
      answers: latencies.length * shape.answersPerRequest,
      seconds: (performance.now() - started) / 1000,
      latencies: Float64Array.from(latencies),
      generatorCpuSeconds: (used.user + used.system) / 1e6,
    }
  }

  async #call(caller: number, endMs: number, latencies: number[]): Promise<void> {
    const coursesEach = shape.courses / shape.connections
    while (performance.now() < endMs) {
      const turn = this.#turns[caller] ?? 0
      this.#turns[caller] = turn + 1
      const course = caller * coursesEach + (turn % coursesEach)
      const from = this.#sent[course] ?? 0
      const answers = answersOf(this.#world, course, from, from + shape.answersPerRequest)
      const started = performance.now()
      await this.#store.append(answers)
      latencies.push(performance.now() - started)
      this.#sent[course] = from + shape.answersPerRequest
    }
  }

  /** Every course holds what was acknowledged, in order, and nothing else. */
  async verify(): Promise<void> {
    for (const [course, sent] of this.#sent.entries()) {
      const stored = await this.#store.read(this.#world.courses[course] ?? '')
      const wanted = answersOf(this.#world, course, 0, sent).map(({ response }) => response)
      assert.deepEqual(stored, wanted, `course ${course} differs from what was acknowledged`)
    }
  }
}

function answersOf(world: BenchWorld, course: number, from: number, to: number): BenchAnswer[] {
  return Array.from({ length: to - from }, (_, index) => world.answer(course, from + index))
}

function firstAnswers(world: BenchWorld): BenchAnswer[] {
  const each = shape.answersPerRequest
  const requests = Array.from({ length: copySample / each }, (_, request) => request)
  return requests.flatMap((request) => {
    const from = Math.floor(request / shape.courses) * each
    return answersOf(world, request % shape.courses, from, from + each)
  })
}
