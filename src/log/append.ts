import type { StreamEvent } from '#domain/events.ts'
import { isPassing } from '#platform/postgres.ts'
import type { Time } from '#platform/time.ts'
import type { AppendWindow } from './append-statement.ts'
import { type AppendConflict, type AppendResult, LogOverloaded } from './log.ts'
import { type PartOfStream, type Plan, planGroup } from './plan.ts'
import { openRequest, type Request, settle } from './request.ts'
import { missingBefore } from './status.ts'
import type { LogStore, LogWriter } from './store.ts'

/**
 * Group commit without a timer: whatever queued while the last write was in flight is the next transaction (design D9).
 * A request is acknowledged only after its transaction is durable, and refused without touching its neighbours.
 */
export interface AppendOptions {
  readonly store: LogStore
  readonly time: Time
  readonly partOf: PartOfStream
  readonly window: AppendWindow
  readonly limits: AppendLimits
  /** Called after each commit with the parts it touched. */
  readonly committed: (parts: readonly number[], events: number) => void
}

export interface AppendLimits {
  readonly queuedBytesMax: number
  readonly waitersMax: number
  readonly oldestWaiterMs: number
  /** One transaction takes no more than this, but always one request. */
  readonly groupBytesMax: number
  /** Time for all attempts of a write whose outcome is unknown (OP-P5). */
  readonly retryMs: number
}

/** Design D8. The group limit is about 6,000 answers: a gate is held for some ten milliseconds, and then for others. */
export const appendLimits: AppendLimits = {
  queuedBytesMax: 64 * 1024 * 1024,
  waitersMax: 10_000,
  oldestWaiterMs: 2000,
  groupBytesMax: 512 * 1024,
  retryMs: 25_000,
}

/** Numbers are stored in four bytes. No stream comes near, so such a number is always far beyond a hole. */
const numberEnd = 2 ** 31 - 1

interface Waiter {
  readonly request: Request
  readonly since: number
  /** Set after its group failed for a reason of one of its members: it is tried alone. */
  isAlone: boolean
  resolve(result: AppendResult): void
  reject(error: unknown): void
}

export class Appender {
  readonly #options: AppendOptions
  readonly #queue: Waiter[] = []
  #bytes = 0
  #waiters = 0
  #draining: Promise<void> | undefined
  /** Kept while there is something to write, so that readers of the same pool never stand before a writer. */
  #writer: LogWriter | undefined

  constructor(options: AppendOptions) {
    this.#options = options
  }

  async append(events: readonly StreamEvent[]): Promise<AppendResult> {
    if (events.length === 0) return { kind: 'stored', outcomes: [] }
    this.#refuseWhenFull()
    const unreachable = events.filter((event) => event.number >= numberEnd)
    if (unreachable.length > 0) {
      const missing = await missingBefore(this.#options.store, unreachable)
      return { kind: 'too_far_ahead', missing }
    }
    const opened = openRequest(events)
    if ('kind' in opened) {
      if (opened.kind === 'refused') await this.#options.store.keepRejected(opened.conflicts, events)
      return opened
    }
    this.#bytes += opened.bytes
    this.#waiters += 1
    try {
      const result = await this.#enqueue(opened)
      if (result.kind === 'refused') await this.#options.store.keepRejected(result.conflicts, events)
      return result
    } finally {
      this.#bytes -= opened.bytes
      this.#waiters -= 1
    }
  }

  /** Requests that wait or are being written, and their bytes. */
  get load(): { readonly waiters: number; readonly bytes: number } {
    return { waiters: this.#waiters, bytes: this.#bytes }
  }

  /** Resolves when everything queued so far has its answer. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining
  }

  #nowMs(): number {
    return this.#options.time.monotonicMs()
  }

  #refuseWhenFull(): void {
    const { queuedBytesMax, waitersMax, oldestWaiterMs } = this.#options.limits
    const oldest = this.#queue[0]
    const isOld = oldest !== undefined && this.#nowMs() - oldest.since > oldestWaiterMs
    if (isOld || this.#waiters >= waitersMax || this.#bytes >= queuedBytesMax) throw new LogOverloaded(1)
  }

  #enqueue(request: Request): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, since: this.#nowMs(), isAlone: false, resolve, reject })
      this.#draining ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    // Requests that arrive in the same turn of the event loop share the first transaction too.
    await Promise.resolve()
    while (this.#queue.length > 0) await this.#writeGroup(this.#takeGroup())
    this.#release()
    // In the same turn as the last look at the queue: whoever comes later starts again.
    this.#draining = undefined
  }

  #takeGroup(): Waiter[] {
    const { groupBytesMax } = this.#options.limits
    let bytes = 0
    let count = 0
    for (const { request, isAlone } of this.#queue) {
      if (count > 0 && (isAlone || bytes + request.bytes > groupBytesMax)) break
      bytes += request.bytes
      count += 1
      if (isAlone) break
    }
    return this.#queue.splice(0, count)
  }

  /** Never throws: whatever goes wrong is told to the waiters of the group. */
  async #writeGroup(group: readonly Waiter[]): Promise<void> {
    let members = group
    try {
      const requests = group.map((waiter) => waiter.request)
      const plan = planGroup(requests, this.#options.partOf)
      const putOff = new Set(plan.putOff)
      members = group.filter((_, index) => !putOff.has(index))
      this.#queue.unshift(...group.filter((_, index) => putOff.has(index)))
      await this.#retrying(members, async (writer) => {
        const outcome = await writer.append(plan, this.#options.window)
        if (outcome.kind === 'stored') this.#acknowledge(members, plan)
        else if (outcome.kind === 'overlap') this.#settleOverlaps(members, await writer.overlaps(plan))
        else await this.#refuseTooFar(writer, members, plan, outcome.runs)
      })
    } catch (error) {
      this.#fail(members, error)
    }
  }

  /** An attempt whose answer was lost may have been stored; sent again, its events are duplicates of themselves. */
  async #retrying(members: readonly Waiter[], work: (writer: LogWriter) => Promise<void>): Promise<void> {
    const { time } = this.#options
    const deadline = (members[0]?.since ?? this.#nowMs()) + this.#options.limits.retryMs
    for (let attempt = 0; ; attempt += 1) {
      try {
        this.#writer ??= await this.#options.store.openWriter()
        await work(this.#writer)
        return
      } catch (error) {
        this.#release(error instanceof Error ? error : new Error(String(error)))
        const pauseMs = 50 + time.random() * Math.min(2000, 100 * 2 ** attempt)
        if (!mayPass(error) || this.#nowMs() + pauseMs > deadline) throw error
        await time.sleep(pauseMs)
      }
    }
  }

  #release(error?: Error): void {
    this.#writer?.release(error)
    this.#writer = undefined
  }

  #acknowledge(members: readonly Waiter[], plan: Plan): void {
    let events = 0
    for (const { request } of members) events += request.events.length
    this.#options.committed(plan.parts, events)
    for (const { request, resolve } of members) resolve({ kind: 'stored', outcomes: request.outcomes })
  }

  /** Nothing was written. Who has nothing left to write is answered; the others go first into the next group. */
  #settleOverlaps(members: readonly Waiter[], stored: Parameters<typeof settle>[1]): void {
    const left: Waiter[] = []
    for (const waiter of members) {
      const conflicts: AppendConflict[] = settle(waiter.request, stored)
      if (conflicts.length > 0) waiter.resolve({ kind: 'refused', conflicts })
      else if (waiter.request.events.length > 0) left.push(waiter)
      else waiter.resolve({ kind: 'stored', outcomes: waiter.request.outcomes })
    }
    this.#queue.unshift(...left)
  }

  /** Nothing was written. Requests with an event in a run that reaches too far are refused, the others go again. */
  async #refuseTooFar(
    writer: LogWriter,
    members: readonly Waiter[],
    plan: Plan,
    runs: readonly number[],
  ): Promise<void> {
    const refused = runs.map((index) => ({ ...plan.runs[index]!, ...plan.streams[plan.runs[index]!.streamIndex]! }))
    const left: Waiter[] = []
    for (const waiter of members) {
      const far = waiter.request.events
        .map(({ event }) => event)
        .filter(({ kind, stream, number }) =>
          refused.some(
            (run) => run.stream === stream && run.kind === kind && number < run.next && number >= run.next - run.events,
          ),
        )
      if (far.length === 0) left.push(waiter)
      else waiter.resolve({ kind: 'too_far_ahead', missing: await missingBefore(writer, far) })
    }
    this.#queue.unshift(...left)
  }

  /** One bad request must not fail its neighbours: unless the whole database is away, each is tried alone. */
  #fail(members: readonly Waiter[], error: unknown): void {
    if (members.length === 1 || mayPass(error)) {
      for (const waiter of members) waiter.reject(error)
      return
    }
    for (const waiter of members) waiter.isAlone = true
    this.#queue.unshift(...members)
  }
}

/** A statement that was cut off by its time-out waited for a gate: nothing of it is stored. */
function mayPass(error: unknown): boolean {
  return isPassing(error) || (error instanceof Error && 'code' in error && error.code === '57014')
}
