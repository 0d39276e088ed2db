import type { StreamEvent } from '#domain/events.ts'
import { isPassing, isStorageFull } from '#platform/postgres.ts'
import type { Time } from '#platform/time.ts'
import { GateHeld, HeldGates } from './append-gates.ts'
import type { AppendWindow } from './append-statement.ts'
import { type AppendConflict, type AppendResult, LogOverloaded } from './log.ts'
import { type PartOfStream, type Plan, planGroup } from './plan.ts'
import { isAnyStored, openRequest, type Request, settle } from './request.ts'
import { missingBefore } from './status.ts'
import type { LogStore, LogWriter } from './store.ts'

/**
 * Group commit without a timer: what queued while the last write was in flight is the next transaction (design D9).
 * A request is acknowledged only after its transaction is durable, and refused without touching its neighbours. While
 * somebody else holds a gate for long, requests that need it step aside, in order, and all others go on (api.md M16).
 */
export interface AppendOptions {
  readonly store: LogStore
  readonly time: Time
  readonly partOf: PartOfStream
  readonly window: AppendWindow
  readonly limits: AppendLimits
  /** Called after each commit with the parts it touched. */
  readonly committed: (parts: readonly number[], events: number) => void
  /** Called when events were refused and could not be kept for people. */
  readonly notKept?: ((error: unknown) => void) | undefined
  /** For many appenders on one pool: the connection goes back after each group, so that none waits for ever. */
  readonly sharesPool?: boolean
}

export interface AppendLimits {
  readonly queuedBytesMax: number
  readonly waitersMax: number
  readonly oldestWaiterMs: number
  /** One transaction takes no more than this, but always one request. */
  readonly groupBytesMax: number
  /** Time for all attempts of a write whose outcome is unknown (OP-P5). */
  readonly retryMs: number
  /** A gate that is not free by then is held by somebody who does not write a group. */
  readonly gatePatienceMs: number
}

/** Design D8. The group limit is about 6,000 answers: a gate is held for some ten milliseconds, and then for others. */
export const appendLimits: AppendLimits = {
  queuedBytesMax: 64 * 1024 * 1024,
  waitersMax: 10_000,
  oldestWaiterMs: 2000,
  groupBytesMax: 512 * 1024,
  retryMs: 25_000,
  gatePatienceMs: 200,
}

/** Where many processes queue for the gates of a slow database, the patience of a request doubles up to this. */
const gatePatienceMaxMs = 2000
/** Requests that wait for held gates may use this share of what all may use together. */
const asideShare = 0.5

/** A request that comes before earlier numbers of its stream waits for so many groups, each a few milliseconds. */
const putOffMax = 3

/** Numbers are stored in four bytes. No stream comes near, so such a number is always far beyond a hole. */
const numberEnd = 2 ** 31 - 1

interface Waiter {
  readonly request: Request
  readonly since: number
  /** As `since`, but for the last time that it came back from waiting for a held gate. */
  queuedAt: number
  /** How often a gate did not come free in time for its group. */
  heldUp: number
  /** How often it was left to the next group, see `planGroup`. */
  putOff: number
  /** Set after its group failed for a reason of one of its members: it is tried alone. */
  isAlone: boolean
  resolve(result: AppendResult): void
  reject(error: unknown): void
}

export class Appender {
  readonly #options: AppendOptions
  readonly #queue: Waiter[] = []
  readonly #heldGates: HeldGates
  /** In order, those that need a held gate. */
  #aside: Waiter[] = []
  #bytes = 0
  #waiters = 0
  /** Requests in the group before; 0 at the start of a stretch without a pause. */
  #lastGroup = 0
  #draining: Promise<void> | undefined
  /** Kept while there is something to write, so that readers of the same pool never stand before a writer. */
  #writer: LogWriter | undefined

  constructor(options: AppendOptions) {
    this.#options = options
    this.#heldGates = new HeldGates(options.store, () => this.#comeBack())
  }

  async append(events: readonly StreamEvent[]): Promise<AppendResult> {
    if (events.length === 0) return { kind: 'stored', outcomes: [] }
    this.#refuseWhenFull(events)
    const unreachable = events.filter((event) => event.number >= numberEnd)
    if (unreachable.length > 0) {
      const missing = await missingBefore(this.#options.store, unreachable)
      return { kind: 'too_far_ahead', missing }
    }
    const opened = openRequest(events)
    if ('kind' in opened) {
      if (opened.kind === 'refused') await this.#keepRejected(opened.conflicts, events)
      return opened
    }
    this.#bytes += opened.bytes
    this.#waiters += 1
    try {
      const result = await this.#enqueue(opened)
      if (result.kind === 'refused') await this.#keepRejected(result.conflicts, events)
      return result
    } finally {
      this.#bytes -= opened.bytes
      this.#waiters -= 1
    }
  }

  async #keepRejected(conflicts: readonly AppendConflict[], events: readonly StreamEvent[]): Promise<void> {
    const { store, notKept } = this.#options
    await store.keepRejected(conflicts, events).catch((error: unknown) => notKept?.(error))
  }

  /** Requests that wait or are being written, and their bytes. */
  get load(): { readonly waiters: number; readonly bytes: number } {
    return { waiters: this.#waiters, bytes: this.#bytes }
  }

  /** Resolves when everything queued so far has its answer. */
  async idle(): Promise<void> {
    for (;;) {
      const work = this.#draining ?? this.#heldGates.watching
      if (work === undefined) return
      await work
    }
  }

  #nowMs(): number {
    return this.#options.time.monotonicMs()
  }

  /** Who has to wait for a held gate is judged by those that wait for one, all others by those before them. */
  #refuseWhenFull(events: readonly StreamEvent[]): void {
    const limit = this.#limitReached(this.#queue[0], this.#waiters, this.#bytes)
    if (limit !== undefined) throw new LogOverloaded(1, limit)
    if (!this.#heldGates.areThere) return
    const parts = this.#heldGates.among(this.#partsOf(events))
    if (parts.length === 0) return
    const bytes = this.#aside.reduce((sum, { request }) => sum + request.bytes, 0)
    const ofAside = this.#limitReached(this.#aside[0], this.#aside.length, bytes, asideShare)
    if (ofAside !== undefined) throw new LogOverloaded(1, `${ofAside} for held gates of parts ${parts.join(', ')}`)
  }

  #limitReached(oldest: Waiter | undefined, waiters: number, bytes: number, share = 1): string | undefined {
    const { queuedBytesMax, waitersMax, oldestWaiterMs } = this.#options.limits
    if (this.#isOld(oldest)) return `a request waits for more than ${oldestWaiterMs} ms`
    if (waiters >= waitersMax * share) return `${waiters} requests wait`
    if (bytes >= queuedBytesMax * share) return `${bytes} bytes wait`
    return undefined
  }

  #isOld(waiter: Waiter | undefined): boolean {
    return waiter !== undefined && this.#nowMs() - waiter.queuedAt > this.#options.limits.oldestWaiterMs
  }

  #isOver(waiter: Waiter): boolean {
    return this.#nowMs() > waiter.since + this.#options.limits.retryMs
  }

  #enqueue(request: Request): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const since = this.#nowMs()
      this.#queue.push({ request, since, queuedAt: since, heldUp: 0, putOff: 0, isAlone: false, resolve, reject })
      this.#draining ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    // Requests that arrive in the same turn of the event loop share the first transaction too.
    await Promise.resolve()
    for (;;) {
      const group = this.#takeGroup()
      if (group.length === 0) break
      await this.#writeGroup(group)
      if (this.#options.sharesPool === true) this.#release()
    }
    this.#release()
    this.#lastGroup = 0
    // In the same turn as the last look at the queue: whoever comes later starts again.
    this.#draining = undefined
  }

  #partsOf(events: readonly StreamEvent[]): number[] {
    return events.map(({ kind, stream }) => this.#options.partOf(kind, stream))
  }

  #needsHeldGate({ request }: Waiter): boolean {
    return this.#heldGates.includeAny(this.#partsOf(request.given))
  }

  /** Called after each look at the held gates; false when nobody waits for one. */
  #comeBack(): boolean {
    const aside: Waiter[] = []
    const back: Waiter[] = []
    for (const waiter of this.#aside) {
      if (this.#isOver(waiter)) waiter.reject(new GateHeld(this.#heldGates.among(this.#partsOf(waiter.request.given))))
      else if (this.#needsHeldGate(waiter)) aside.push(waiter)
      else back.push(Object.assign(waiter, { queuedAt: this.#nowMs() }))
    }
    this.#aside = aside
    this.#queue.unshift(...back)
    if (back.length > 0) this.#draining ??= this.#drain()
    return aside.length > 0
  }

  #stepAside(): void {
    const needs = this.#queue.map((waiter) => this.#needsHeldGate(waiter))
    this.#aside.push(...this.#queue.filter((_, index) => needs[index]))
    const others = this.#queue.filter((_, index) => !needs[index])
    this.#queue.splice(0, this.#queue.length, ...others)
  }

  /**
   * Who was just answered asks again at about the same time. If all that wait were taken, groups of nearly all would
   * take turns with groups of the few that came too late for them, and process and database would wait for each other.
   * Half of what waits and of the group before makes groups equal: one is read while the other is written.
   */
  #takeGroup(): Waiter[] {
    if (this.#heldGates.areThere) this.#stepAside()
    const { groupBytesMax } = this.#options.limits
    const waiting = this.#queue.length
    const requestsMax = this.#lastGroup === 0 ? waiting : Math.ceil((waiting + this.#lastGroup) / 2)
    let bytes = 0
    let count = 0
    for (const { request, isAlone } of this.#queue) {
      if (count === requestsMax || (count > 0 && (isAlone || bytes + request.bytes > groupBytesMax))) break
      bytes += request.bytes
      count += 1
      if (isAlone) break
    }
    this.#lastGroup = count
    return this.#queue.splice(0, count)
  }

  /** Never throws: whatever goes wrong is told to the waiters of the group. */
  async #writeGroup(group: readonly Waiter[]): Promise<void> {
    let members = group
    try {
      const requests = group.map((waiter) => waiter.request)
      const mayWait = group.every((waiter) => waiter.putOff < putOffMax)
      const plan = planGroup(requests, { partOf: this.#options.partOf, mayWait })
      members = group.filter((_, index) => !plan.putOff.has(index))
      const others = group.filter((_, index) => plan.putOff.has(index))
      for (const waiter of others) waiter.putOff += 1
      this.#queue.unshift(...others)
      await this.#retrying(members, async (writer) => {
        const outcome = await writer.append(plan, this.#options.window, this.#patienceMs(members))
        if (outcome.kind === 'stored') this.#acknowledge(members, plan)
        else if (outcome.kind === 'overlap') this.#settleOverlaps(members, await writer.overlaps(plan))
        else if (outcome.kind === 'gate_held') this.#leaveHeldGates(members, outcome.parts)
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
        if (!mayPass(error) || isStorageFull(error) || this.#nowMs() + pauseMs > deadline) throw error
        await time.sleep(pauseMs)
      }
    }
  }

  #release(error?: Error): void {
    this.#writer?.release(error)
    this.#writer = undefined
  }

  #patienceMs(members: readonly Waiter[]): number {
    const heldUp = Math.max(...members.map((waiter) => waiter.heldUp))
    return Math.min(this.#options.limits.gatePatienceMs * 2 ** heldUp, gatePatienceMaxMs)
  }

  /** Nothing was written. All go again, but for those that need a gate which is still held. */
  #leaveHeldGates(members: readonly Waiter[], held: readonly number[]): void {
    const left: Waiter[] = []
    for (const waiter of members) {
      waiter.heldUp += 1
      if (this.#isOver(waiter)) waiter.reject(new GateHeld(held))
      else left.push(waiter)
    }
    this.#queue.unshift(...left)
    this.#heldGates.add(held)
  }

  #acknowledge(members: readonly Waiter[], plan: Plan): void {
    let events = 0
    for (const { request } of members) events += request.events.length
    this.#options.committed(plan.parts, events)
    for (const { request, resolve } of members) resolve({ kind: 'stored', outcomes: request.outcomes })
  }

  /**
   * Nothing was written. Who has nothing left to write is answered; the others go first into the next group. That group
   * would end as this one did, for ever and before all others, if nothing was found stored of any: then it fails.
   */
  #settleOverlaps(members: readonly Waiter[], stored: Parameters<typeof settle>[1]): void {
    if (!members.some(({ request }) => isAnyStored(request, stored))) {
      throw new Error('a number is stored already, but nobody can say which')
    }
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

/** A statement that its time-out cut off waited for a gate, before its group was stored or between parts of a fold. */
function mayPass(error: unknown): boolean {
  return isPassing(error) || (error instanceof Error && 'code' in error && error.code === '57014')
}
