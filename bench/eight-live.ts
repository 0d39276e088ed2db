import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { answerJson, createWorld } from './support/answers.ts'
import { loadAverage, percentile, printLine, round } from './support/figures.ts'
import { runOpenLoop } from './support/open-loop.ts'
import { cpuSecondsOf, startBenchDatabase, startProduct } from './support/product.ts'

/*
 * Eight subscriptions in a process of their own follow what another process stores: 3,000 answers a second over HTTP,
 * ten courses a request. Each must see every answer once and in order; what counts is how late.
 */
export interface EightLiveOptions {
  readonly seconds: number
  readonly seed: number
}

const subscriptions = 8
const answersPerSecond = 3000
const coursesPerRequest = 10
const courseCount = 500
const warmUpSeconds = 3

export async function eightLive(options: EightLiveOptions): Promise<void> {
  const database = await startBenchDatabase()
  try {
    const product = await startProduct(database.url, 'api')
    const worker = fileURLToPath(new URL('./support/live-subscriptions.ts', import.meta.url))
    const child = fork(worker, [database.url, String(subscriptions)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    const ended = once(child, 'exit')
    try {
      await Promise.race([once(child, 'message'), ended])
      await sleep(1000)
      process.stderr.write('replay: eight subscriptions follow\n')
      const cpuOf = () => Promise.all([cpuSecondsOf(child.pid ?? 0), cpuSecondsOf(product.pid), database.cpuSeconds()])
      const before = await cpuOf()
      const sent = await ingest(product.port, options)
      const after = await cpuOf()
      const cores = after.map((seconds, index) => round((seconds - (before[index] ?? 0)) / sent.seconds, 2))
      child.send(sent.answers)
      const [told] = await Promise.race([once(child, 'message'), ended.then(() => Promise.reject(new Error('ended')))])
      printLine({
        ...figures(sent, told),
        cores_used: { subscriptions: cores[0], api: cores[1], postgres: cores[2] },
        seed: options.seed,
        ...database.settings,
      })
    } finally {
      child.kill()
      await ended
      await product.stop()
    }
  } finally {
    await database.stop()
  }
}

interface Sent {
  readonly answers: number
  readonly seconds: number
  readonly latencies: Float64Array
}

/** The courses take turns, and are numbered as they come. */
async function ingest(port: number, { seconds, seed }: EightLiveOptions): Promise<Sent> {
  const world = createWorld(seed, courseCount)
  const count = ((warmUpSeconds + seconds) * answersPerSecond) / coursesPerRequest
  const make = (index: number) => {
    const answers = Array.from({ length: coursesPerRequest }, (_, place) => {
      const turn = index * coursesPerRequest + place
      return JSON.parse(answerJson(world.answer(turn % courseCount, Math.floor(turn / courseCount))))
    })
    return {
      path: '/record_responses',
      body: { responses: answers },
      answered: (status: number) => assert.equal(status, 200),
    }
  }
  const result = await runOpenLoop({ port, perSecond: answersPerSecond / coursesPerRequest, count, make })
  return { answers: count * coursesPerRequest, seconds: result.seconds, latencies: result.latencies }
}

interface Told {
  readonly lags: readonly number[][]
  readonly passes: readonly number[]
}

/** The order within a course is checked where the answers come; that none is missing or doubled, here. */
function figures(sent: Sent, { lags, passes }: Told): object {
  for (const each of lags) assert.equal(each.length, sent.answers, 'a subscription has not seen each answer once')
  const warmUp = warmUpSeconds * answersPerSecond
  const measured = Float64Array.from(lags.flatMap((each) => each.slice(warmUp)))
  const worst = Math.max(...lags.map((each) => percentile(each.slice(warmUp), 0.99)))
  return {
    bench: 'replay',
    shape: 'eight_live',
    subscriptions,
    answers_per_second: Math.round(sent.answers / sent.seconds),
    answers: sent.answers,
    lag_p50_ms: percentile(measured, 0.5),
    lag_p99_ms: percentile(measured, 0.99),
    lag_p99_ms_budget: 500,
    lag_p99_ms_of_worst: worst,
    record_p99_ms: round(percentile(sent.latencies, 0.99), 1),
    passes_per_second: round(passes.reduce((sum, each) => sum + each, 0) / sent.seconds, 1),
    load_average: loadAverage(),
  }
}
