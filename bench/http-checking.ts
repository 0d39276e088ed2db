import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { HttpOptions } from './http.ts'
import { answerJson, type BenchWorld, createWorld } from './support/answers.ts'
import { loadAverage, round } from './support/figures.ts'
import { runLoad } from './support/http-load.ts'
import { cpuSecondsOf } from './support/product.ts'
import { verifyStored } from './support/verify.ts'

/*
 * CPU of the server per answer, three ways of the same route over the same streams in memory. They take turns of a
 * fraction of a second, so that what else the machine does falls on all alike.
 */
const variants = ['checked', 'unchecked', 'plain'] as const
const connections = 20
const answersPerRequest = 10
const courseCount = 20_000
const turnSeconds = 0.5

export async function checkedRecording(options: HttpOptions): Promise<object> {
  const world = createWorld(options.seed, courseCount)
  const measured = await Promise.all(variants.map((variant) => startVariant(variant, world)))
  try {
    process.stderr.write('http: recording, warming up\n')
    for (const one of measured) await one.run(1.5)
    for (const one of measured) one.reset()
    process.stderr.write('http: recording, in turns\n')
    for (let spent = 0; spent < options.seconds; spent += turnSeconds) {
      for (const one of measured) await one.run(turnSeconds)
    }
    process.stderr.write('http: reading back\n')
    for (const one of measured) await one.verify(options.seed)
    const [checked, unchecked, plain] = measured.map((one) => one.figures())
    assert.ok(checked !== undefined && unchecked !== undefined && plain !== undefined)
    return {
      bench: 'http',
      shape: 'record_responses_checking',
      connections,
      answers_per_request: answersPerRequest,
      answers: checked.answers,
      checked_answers_per_second: checked.perSecond,
      unchecked_answers_per_second: unchecked.perSecond,
      checked_cpu_us_per_answer: round(checked.cpuMicros, 2),
      unchecked_cpu_us_per_answer: round(unchecked.cpuMicros, 2),
      plain_cpu_us_per_answer: round(plain.cpuMicros, 2),
      ratio_cpu: round(checked.cpuMicros / unchecked.cpuMicros, 3),
      ratio_cpu_budget: 1.5,
      ratio_cpu_to_plain_fastify: round(checked.cpuMicros / plain.cpuMicros, 3),
      streams: 'in memory',
      seed: options.seed,
      cores: availableParallelism(),
      load_average: loadAverage(),
    }
  } finally {
    for (const one of measured) await one.stop()
  }
}

async function startVariant(variant: string, world: BenchWorld) {
  const path = fileURLToPath(new URL('./support/wire-server.ts', import.meta.url))
  const child: ChildProcess = fork(path, [variant], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [port] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => assert.fail(`the ${variant} server ended`)),
  ])) as [number]
  const pid = child.pid ?? 0
  const next = new Array<number>(courseCount).fill(0)
  let turn = 0
  let acknowledged = 0
  let cpuSeconds = 0
  let seconds = 0

  /** Each request is of another course, because a long stream in memory would cost more than the route. */
  function request() {
    const course = turn % courseCount
    turn += 1
    const from = next[course] ?? 0
    next[course] = from + answersPerRequest
    const answers = Array.from({ length: answersPerRequest }, (_, index) => world.answer(course, from + index))
    return {
      path: '/record_responses',
      body: Buffer.from(`{"responses":[${answers.map(answerJson).join(',')}]}`),
      answered: (status: number, body: Buffer) => {
        const recorded = JSON.stringify({ recorded_response_uuids: answers.map(({ response }) => response) })
        assert.equal(status, 200, `record_responses answered ${status}: ${body.toString().slice(0, 300)}`)
        assert.equal(body.toString(), recorded)
        acknowledged += answers.length
      },
    }
  }

  return {
    run: async (duration: number): Promise<void> => {
      const cpuBefore = await cpuSecondsOf(pid)
      const until = performance.now() + duration * 1000
      const result = await runLoad({
        host: '127.0.0.1',
        port,
        connections,
        next: () => (performance.now() < until ? request() : undefined),
      })
      cpuSeconds += (await cpuSecondsOf(pid)) - cpuBefore
      seconds += result.seconds
    },
    reset: (): void => {
      acknowledged = 0
      cpuSeconds = 0
      seconds = 0
    },
    verify: (seed: number): Promise<void> => verifyStored(port, world, next, seed),
    figures: () => ({
      answers: acknowledged,
      perSecond: Math.round(acknowledged / seconds),
      cpuMicros: (cpuSeconds * 1e6) / acknowledged,
    }),
    stop: async (): Promise<void> => {
      if (child.exitCode !== null) return
      const gone = once(child, 'exit')
      child.disconnect()
      await gone
    },
  }
}
