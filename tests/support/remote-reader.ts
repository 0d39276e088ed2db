import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { CourseLoad } from './course-load.ts'

/*
 * A program that reads all courses through a remote subscription. It applies an event when it is the next one of its
 * course, ignores what it has applied, and fails at anything else: a hole, or another event under a number it knows.
 */
interface Held {
  readonly part: number
  readonly lane: number
  readonly token_uuid: string
}

export interface FetchedBatch extends Held {
  readonly after: string
  readonly position: string
  readonly entry: string
  readonly events: readonly { course_uuid: string; sequence_number: number; event_uuid: string }[]
}

export interface Fetched {
  readonly slots: readonly Held[]
  readonly batches: readonly FetchedBatch[]
}

export class RemoteReader {
  readonly applied = new Map<string, string[]>()
  readonly #url: string
  readonly #name: string
  readonly #leaseSeconds: number

  constructor(url: string, name = 'reader', leaseSeconds = 5) {
    this.#url = url
    this.#name = name
    this.#leaseSeconds = leaseSeconds
  }

  async create(): Promise<void> {
    await this.#post('', { mode: 'remote', kinds: ['course'], start: 'beginning' })
  }

  fetchAs(instance: string, waitSeconds = 0): Promise<Fetched> {
    const lease = { instance_uuid: instance, lease_seconds: this.#leaseSeconds }
    return this.#post('/fetch', { ...lease, wait_seconds: waitSeconds, max_num_events: 1000 })
  }

  async release(instance: string, slots: readonly Held[]): Promise<void> {
    const held = slots.map(({ part, lane, token_uuid }) => ({ part, lane, token_uuid }))
    await this.#post('/release', { instance_uuid: instance, slots: held })
  }

  /** The outcome of each batch. */
  async confirm(instance: string, batches: readonly FetchedBatch[]): Promise<string[]> {
    if (batches.length === 0) return []
    const lines = batches.map(({ events: _, ...batch }) => batch)
    const lease = { instance_uuid: instance, lease_seconds: this.#leaseSeconds }
    const answer = await this.#post<{ batches: { status: string }[] }>('/confirm', { ...lease, batches: lines })
    return answer.batches.map(({ status }) => status)
  }

  apply({ batches }: Fetched): void {
    for (const { course_uuid: course, sequence_number: number, event_uuid: event } of batches.flatMap(
      (batch) => batch.events,
    )) {
      const known = this.applied.get(course) ?? []
      this.applied.set(course, known)
      assert.ok(number <= known.length, `${course}: ${number} came after ${known.length - 1}`)
      if (number < known.length) assert.equal(event, known[number], `${course}: ${number} came as another event`)
      else known.push(event)
    }
  }

  get count(): number {
    return [...this.applied.values()].reduce((sum, events) => sum + events.length, 0)
  }

  /** Fetches, applies and confirms until `isDone`. */
  async readUntil(isDone: () => boolean, instance: string = randomUUID(), timeoutMs = 30_000): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!isDone()) {
      assert.ok(performance.now() < deadline, `after ${timeoutMs} ms only ${this.count} events were read`)
      const fetched = await this.fetchAs(instance, 0.2)
      this.apply(fetched)
      await this.confirm(instance, fetched.batches)
    }
  }

  /** Until everything that was promised has been applied. */
  async readAll(load: CourseLoad, instance?: string): Promise<void> {
    const isDone = () =>
      load.courses.every((course) => (this.applied.get(course)?.length ?? 0) >= load.promised(course).length)
    await this.readUntil(isDone, instance)
    for (const course of load.courses) {
      const promised = load.promised(course)
      assert.deepEqual(this.applied.get(course)?.slice(0, promised.length), promised)
    }
  }

  async #post<Answer>(path: string, body: object): Promise<Answer> {
    for (;;) {
      const answer = await fetch(`${this.#url}/subscriptions/${this.#name}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      const text = await answer.text()
      if (answer.status === 200) return JSON.parse(text)
      assert.equal(answer.status, 503, `${path} answered ${answer.status}: ${text}`)
      await new Promise((done) => setTimeout(done, 50))
    }
  }
}
