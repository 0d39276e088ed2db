import type { StreamEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { type AppendResult, LogOverloaded, type OpenedLog, type StreamStatus } from '#log/log.ts'
import { createCourseOf, eventOf, responseOf, uuidOf } from '#log/sample-events.ts'
import { isPassing } from '#platform/postgres.ts'
import type { Invariants } from './invariants.ts'
import type { VirtualTime } from './virtual-time.ts'

/*
 * The producers: they number events per course, send them shuffled, repeated, late and to any process, and keep every
 * event until it is acknowledged, as the published client does. What they were told is compared with what is stored.
 */
export interface ClientsOptions {
  readonly time: VirtualTime
  readonly courses: readonly Uuid[]
  readonly invariants: Invariants
  /** A process that takes requests now. */
  readonly log: () => Promise<OpenedLog>
  /** Uuid of what is stored or early under a number. */
  readonly storedUuid: (event: StreamEvent) => Uuid | undefined
}

/** As the client's own time-out: longer than a failover (design D8). */
const timeoutMs = 30_000

export class Clients {
  readonly #options: ClientsOptions
  readonly #next = new Map<Uuid, number>()
  readonly #acknowledged = new Map<string, StreamEvent>()
  readonly #refused = new Map<string, StreamEvent>()
  /** Events whose number another one may have taken: of races, and of holes that were repaired. */
  readonly #contested = new Set<string>()
  readonly #held: StreamEvent[][] = []
  #open = 0
  isOver = false
  /** Commits went missing: what was acknowledged before may have to be sent again. */
  losses = 0
  requests = 0

  constructor(options: ClientsOptions) {
    this.#options = options
  }

  start(count: number): void {
    for (let index = 0; index < count; index += 1) void this.#produce()
  }

  get isIdle(): boolean {
    return this.#open === 0
  }

  /** Numbers given out. */
  expected(course: Uuid): number {
    return this.#next.get(course) ?? 0
  }

  async #produce(): Promise<void> {
    const { time } = this.#options
    this.#open += 1
    while (!this.isOver) {
      await time.sleep(time.random() * 400)
      const request = this.#request()
      if (request === undefined) continue
      const draw = time.random()
      if (draw < 0.1) await Promise.all([this.#send(request), this.#send([...request].reverse())])
      else if (draw < 0.15 && request.length === 1) await this.#race(request[0]!)
      else await this.#send(request)
      if (time.random() < 0.05) await this.#send(request)
    }
    this.#open -= 1
  }

  /** The next events of a course or two; sometimes those held back; sometimes nothing, because they are held back. */
  #request(): StreamEvent[] | undefined {
    const { time, courses } = this.#options
    if (this.#held.length > 0 && time.random() < 0.3) return this.#held.splice(time.below(this.#held.length), 1)[0]
    const chosen = [time.chosen(courses)!, ...(time.random() < 0.3 ? [time.chosen(courses)!] : [])]
    const events = chosen.flatMap((course) => Array.from({ length: 1 + time.below(4) }, () => this.#event(course)))
    if (time.random() < 0.15 && !this.isOver) {
      this.#held.push(events)
      return undefined
    }
    return time.random() < 0.2 ? events.reverse() : events
  }

  #event(course: Uuid): StreamEvent {
    const number = this.#next.get(course) ?? 0
    this.#next.set(course, number + 1)
    if (number === 0) return createCourseOf(course, uuidOf('ecosystem'))
    return number % 5 === 0 ? eventOf(course, number, 'update_roster') : responseOf(course, number)
  }

  async #race(event: StreamEvent): Promise<void> {
    if (event.number === 0) return this.#send([event])
    const made = eventOf(event.stream, event.number, 'update_course_active_dates')
    this.#contested.add(keyOf(event))
    await Promise.all([this.#send([event]), this.#send([made])])
  }

  /** Patiently: the same request again while its outcome is unknown, to any process. */
  async #send(events: readonly StreamEvent[]): Promise<void> {
    const { time, invariants } = this.#options
    this.requests += 1
    this.#open += 1
    for (;;) {
      const losses = this.losses
      const result = await this.#ask(events)
      const isLost =
        this.losses !== losses && result?.kind === 'stored' && !events.every((event) => this.#isStored(event))
      if (result !== undefined && result.kind !== 'too_far_ahead' && !isLost) {
        this.#told(events, result, losses)
        // One of them has lost its number to a repair or a rival; the others go on their own.
        if (result.kind === 'refused' && events.length > 1) for (const event of events) await this.#send([event])
        break
      }
      if (invariants.violation !== undefined) break
      await time.sleep(100 + time.random() * 900)
    }
    this.#open -= 1
  }

  async #ask(events: readonly StreamEvent[]): Promise<AppendResult | undefined> {
    try {
      return await this.#inTime((log) => log.append(events))
    } catch (error) {
      const isExpected = error instanceof LogOverloaded || isPassing(error) || isStatementTimeout(error)
      if (!isExpected) this.#options.invariants.fail(`an append failed: ${error}`)
      return undefined
    }
  }

  /** The answer of some process, or undefined when it takes too long: it may be dead. */
  async #inTime<Answer>(question: (log: OpenedLog) => Promise<Answer>): Promise<Answer | undefined> {
    const over = new AbortController()
    const answer = this.#options.log().then(question)
    const settled = (): void => over.abort()
    answer.then(settled, settled)
    await this.#options.time.sleep(timeoutMs, over.signal)
    return over.signal.aborted ? answer : undefined
  }

  #told(events: readonly StreamEvent[], result: AppendResult, lossesBefore: number): void {
    const { invariants } = this.#options
    const isContested = events.some((event) => this.#contested.has(keyOf(event)))
    if (result.kind === 'refused') {
      for (const event of events) this.#refused.set(keyOf(event), event)
      if (!isContested && this.losses === 0) invariants.fail(`A3: ${nameOf(events)} was refused without a rival`)
      return
    }
    for (const event of events) {
      const known = this.#acknowledged.get(keyOf(event))
      if (known !== undefined && known.eventUuid !== event.eventUuid && this.losses === 0) {
        invariants.fail(`A3: two events were acknowledged for ${keyOf(event)}`)
      }
      this.#acknowledged.set(keyOf(event), event)
      if (this.losses === lossesBefore) this.#checkStored(event)
    }
  }

  #isStored(event: StreamEvent): boolean {
    return this.#options.storedUuid(event) === event.eventUuid
  }

  /** A1. */
  #checkStored(event: StreamEvent): void {
    const stored = this.#options.storedUuid(event)
    if (stored === event.eventUuid) return
    this.#options.invariants.fail(`A1: ${keyOf(event)} was acknowledged and is ${stored ?? 'not there'}`)
  }

  checkAcknowledged(): void {
    for (const event of this.#acknowledged.values()) this.#checkStored(event)
  }

  /** A hole is being repaired: the true event may come too late from now on. */
  contest(course: Uuid, from: number, to: number): void {
    for (let number = from; number <= to; number += 1) this.#contested.add(`${course} ${number}`)
  }

  /** Sends what is held back. */
  async finish(): Promise<void> {
    await Promise.all(this.#held.splice(0).map((events) => this.#send(events)))
  }

  /** Commits were lost: the holes show in the statuses of the streams, and what is missing is sent again. */
  async resendLost(): Promise<void> {
    const { courses, invariants } = this.#options
    this.losses += 1
    this.#open += 1
    let losses = this.losses
    let statuses = await this.#statuses(courses)
    while (this.losses !== losses) {
      losses = this.losses
      statuses = await this.#statuses(courses)
    }
    const lost = [...this.#acknowledged.values()].filter((event) => !this.#isStored(event))
    for (const event of lost) {
      const { gaps, nextSequenceNumber } = statuses.find(({ stream }) => stream === event.stream)!
      const isShown =
        event.number >= nextSequenceNumber || gaps.some(({ from, to }) => from <= event.number && event.number <= to)
      if (!isShown && !this.#contested.has(keyOf(event))) invariants.fail(`the loss of ${keyOf(event)} does not show`)
      this.#acknowledged.delete(keyOf(event))
    }
    // What won the number of a refused one may be lost as well.
    const vacant = [...this.#refused.values()].filter((event) => this.#options.storedUuid(event) === undefined)
    for (const event of [...lost, ...vacant]) await this.#send([event])
    this.#open -= 1
  }

  async #statuses(courses: readonly Uuid[]): Promise<StreamStatus[]> {
    for (;;) {
      try {
        const names = courses.map((stream) => ({ kind: 'course' as const, stream }))
        const statuses = await this.#inTime((log) => log.statuses(names, 1000))
        if (statuses !== undefined) return statuses
      } catch {
        await this.#options.time.sleep(500)
      }
    }
  }
}

function isStatementTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '57014'
}

function keyOf({ stream, number }: Pick<StreamEvent, 'stream' | 'number'>): string {
  return `${stream} ${number}`
}

function nameOf(events: readonly StreamEvent[]): string {
  return events.map(keyOf).join(', ')
}
