import assert from 'node:assert/strict'
import type { Uuid } from '#domain/ids.ts'
import type { Log } from '#log/log.ts'
import type { BenchWorld } from './answers.ts'
import { eventOf } from './ingest-load.ts'

/*
 * Answers at a fixed rate through `log.append`, ten of one course a request, courses in turn, until told to stop. A
 * failed append fails `stop`.
 */
export class SteadyAppends {
  readonly acknowledged = new Map<Uuid, number>()
  readonly #log: Log
  readonly #world: BenchWorld
  readonly #perSecond: number
  readonly #inFlight = new Set<Promise<void>>()
  readonly #startedMs = performance.now()
  readonly #timer: NodeJS.Timeout
  #requests = 0
  #failure: { readonly error: unknown } | undefined

  constructor(log: Log, world: BenchWorld, perSecond: number) {
    this.#log = log
    this.#world = world
    this.#perSecond = perSecond
    this.#timer = setInterval(() => this.#sendDue(), 10)
  }

  /** Waits for what is in flight; the rate is that of acknowledged answers from the first moment on. */
  async stop(): Promise<{ readonly answers: number; readonly perSecond: number }> {
    clearInterval(this.#timer)
    await Promise.all(this.#inFlight)
    if (this.#failure !== undefined) throw this.#failure.error
    const answers = [...this.acknowledged.values()].reduce((sum, count) => sum + count, 0)
    return { answers, perSecond: (answers * 1000) / (performance.now() - this.#startedMs) }
  }

  #sendDue(): void {
    const due = ((performance.now() - this.#startedMs) * this.#perSecond) / 1000 / answersPerRequest
    while (this.#requests < due) {
      const request = this.#requests
      this.#requests += 1
      const sending: Promise<void> = this.#send(request)
        .catch((error: unknown) => {
          this.#failure ??= { error }
        })
        .finally(() => this.#inFlight.delete(sending))
      this.#inFlight.add(sending)
    }
  }

  async #send(request: number): Promise<void> {
    const { courses } = this.#world
    const course = request % courses.length
    const first = Math.floor(request / courses.length) * answersPerRequest
    const events = Array.from({ length: answersPerRequest }, (_, index) =>
      eventOf(this.#world.answer(course, first + index)),
    )
    const result = await this.#log.append(events)
    assert.equal(result.kind, 'stored')
    const stream = events[0]!.stream
    this.acknowledged.set(stream, (this.acknowledged.get(stream) ?? 0) + answersPerRequest)
  }
}

const answersPerRequest = 10
