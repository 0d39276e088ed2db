import { Agent } from 'node:http'
import { createHistogram } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerJson, type BenchWorld } from './answers.ts'
import { exchange } from './open-loop.ts'

/*
 * Answers at a fixed rate, ten courses a request, each request repeated at any server until it is acknowledged, as the
 * client for learning platforms does. Courses take turns.
 */
export interface SoakLoadOptions {
  readonly world: BenchWorld
  readonly answersPerSecond: number
  /** Servers, asked in turn. */
  readonly ports: () => readonly number[]
}

const answersPerRequest = 10
/** As many wait for an answer at most; then the rate falls instead of the memory rising. */
const inFlightMax = 2000
const tickMs = 5
const silenceMsMax = 30_000

export class SoakLoad {
  /** Of acknowledged requests, from their first attempt on. */
  readonly latencies = createHistogram()
  /** Answers and errors that were not an acknowledgement. */
  readonly repeats = new Map<string, number>()
  readonly sentPerCourse: number[]
  acknowledged = 0
  /** The longest time without any acknowledgement. */
  worstGapMs = 0
  failure: Error | undefined
  readonly #options: SoakLoadOptions
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #inFlight = new Set<Promise<void>>()
  readonly #startedMs = performance.now()
  readonly #timer: NodeJS.Timeout
  #acknowledgedAtMs = performance.now()
  #requests = 0
  #attempts = 0
  #isGivenUp = false

  constructor(options: SoakLoadOptions) {
    this.#options = options
    this.sentPerCourse = options.world.courses.map(() => 0)
    this.#timer = setInterval(() => this.#sendDue(), tickMs)
  }

  get sent(): number {
    return this.#requests * answersPerRequest
  }

  /** Sends no more, and waits until all is acknowledged. */
  async finish(limitMs: number): Promise<void> {
    clearInterval(this.#timer)
    const waiting = Promise.all(this.#inFlight)
    await Promise.race([waiting, sleep(limitMs, undefined, { ref: false })])
    if (this.#inFlight.size > 0) this.#fail(`${this.#inFlight.size} requests were not answered within ${limitMs} ms`)
    this.giveUp()
    if (this.failure !== undefined) throw this.failure
  }

  giveUp(): void {
    this.#isGivenUp = true
    clearInterval(this.#timer)
    this.#agent.destroy()
  }

  #sendDue(): void {
    const { answersPerSecond } = this.#options
    const due = ((performance.now() - this.#startedMs) * answersPerSecond) / 1000 / answersPerRequest
    while (this.#requests < due && this.#inFlight.size < inFlightMax) {
      const body = this.#body(this.#requests)
      this.#requests += 1
      const sending = this.#send(body).finally(() => this.#inFlight.delete(sending))
      this.#inFlight.add(sending)
    }
  }

  #body(request: number): string {
    const { world } = this.#options
    const answers = Array.from({ length: answersPerRequest }, (_, place) => {
      const course = (request * answersPerRequest + place) % world.courses.length
      const number = this.sentPerCourse[course] ?? 0
      this.sentPerCourse[course] = number + 1
      return answerJson(world.answer(course, number))
    })
    return `{"responses":[${answers.join()}]}`
  }

  async #send(body: string): Promise<void> {
    const startedMs = performance.now()
    while (!this.#isGivenUp) {
      const outcome = await this.#attempt(body)
      if (outcome === '200') return this.#acknowledge(startedMs)
      this.repeats.set(outcome, (this.repeats.get(outcome) ?? 0) + 1)
      if (/^[2-4]/.test(outcome)) return this.#fail(`a request was answered ${outcome}`)
      await sleep(50 + 100 * Math.random(), undefined, { ref: false })
    }
  }

  async #attempt(body: string): Promise<string> {
    const ports = this.#options.ports()
    this.#attempts += 1
    const port = ports[this.#attempts % ports.length] ?? 0
    try {
      const answer = await exchange(this.#agent, { port, path: '/record_responses', body, silenceMsMax })
      return String(answer.status)
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : 'no answer'
    }
  }

  #acknowledge(startedMs: number): void {
    const nowMs = performance.now()
    this.acknowledged += answersPerRequest
    this.worstGapMs = Math.max(this.worstGapMs, nowMs - this.#acknowledgedAtMs)
    this.#acknowledgedAtMs = nowMs
    this.latencies.record(Math.max(1, Math.round(nowMs - startedMs)))
  }

  #fail(message: string): void {
    this.failure ??= new Error(message)
  }
}
