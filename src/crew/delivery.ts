import type { LaneEntry } from '#log/log.ts'
import { isPassing } from '#platform/postgres.ts'
import type { Time } from '#platform/time.ts'
import { chunkBatches } from './batches.ts'
import type { CircuitBreaker } from './breaker.ts'
import { awaitedBy, inPlacePausesMs } from './failure.ts'
import { slotName } from './ownership.ts'
import {
  BreakerOpened,
  type PassContext,
  type PassResult,
  runPass,
  type SlotBatch,
  setAsideFirst,
  startsAtBarrier,
  streamOf,
} from './pass.ts'
import type { CrewEvent } from './run-options.ts'
import type { SlotGrant } from './slots.ts'
import type { Subscription } from './subscription.ts'
import { PositionWaiters } from './wake.ts'

/*
 * Brings what was read into effect, in passes, and keeps what this process knows of its slots: where they are, and
 * which of them are in trouble. A failure is narrowed down by halves: to a slot, tried again in place, then to a
 * stream, which is set aside (streams.md §4.6).
 */
export interface SlotState {
  readonly grant: SlotGrant
  position: bigint
  /** Something may be there to read. */
  isDirty: boolean
  /** Failures of the batch at this position, in a row. */
  failures: number
  lastError: unknown
  heldUntilMs: number
}

/** A lane that waits for another one, which may be somebody else's, looks this often. */
const handOverPauseMs = 50

export interface DeliveryOptions {
  readonly subscription: Pick<Subscription, 'committed' | 'released'>
  readonly time: Time
  readonly breaker: CircuitBreaker
  /** At most about this many events in a pass. */
  readonly eventsMax: number
  /** Batches of several parts never share a transaction. */
  readonly cutsByPart: boolean
  mayGoOn(): boolean
  /** Whether the server ended the transaction because it took too long. */
  wasCutOff(error: unknown): boolean
  /** The fence refused it. */
  drop(grant: SlotGrant): void
  report(event: CrewEvent): void
}

export class Delivery {
  readonly slots = new Map<string, SlotState>()
  readonly waiters = new PositionWaiters()
  readonly counters = { passes: 0, events: 0, fencedOff: 0 }
  /** Smaller for a while after passes that took too long. */
  eventsMax: number
  readonly #options: DeliveryOptions
  readonly #time: Time
  readonly #breaker: CircuitBreaker

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#time = options.time
    this.#breaker = options.breaker
    this.eventsMax = options.eventsMax
  }

  gained(grants: readonly SlotGrant[]): void {
    for (const grant of grants) {
      const untried = { isDirty: true, failures: 0, lastError: undefined, heldUntilMs: 0 }
      this.slots.set(slotName(grant), { grant, position: grant.position, ...untried })
    }
  }

  lost(grants: readonly SlotGrant[]): void {
    for (const grant of grants) {
      if (this.slots.get(slotName(grant))?.grant.token === grant.token) this.slots.delete(slotName(grant))
    }
  }

  /** Slots in trouble go alone, and those that need all slots of their lane; the others together. */
  async deliverAll(context: PassContext, batches: readonly SlotBatch[]): Promise<void> {
    const isSuspect = (batch: SlotBatch): boolean => (this.slots.get(slotName(batch.grant))?.failures ?? 0) > 0
    const goesAlone = (batch: SlotBatch): boolean => isSuspect(batch) || startsAtBarrier(batch)
    const sound = batches.filter((batch) => !goesAlone(batch))
    const groups = this.#options.cutsByPart ? Map.groupBy(sound, ({ grant }) => grant.part).values() : [sound]
    const together = [...groups].flatMap((group) => chunkBatches(group, this.eventsMax))
    const alone = batches.filter(goesAlone).flatMap((batch) => chunkBatches([batch], this.eventsMax).slice(0, 1))
    for (const chunk of [...together, ...alone]) {
      if (!this.#options.mayGoOn() || this.#breaker.state(this.#time.monotonicMs()) === 'open') return
      await this.#deliver(context, chunk)
    }
  }

  /** Took effect: for the counters, and for the caches of the consumer. */
  applied(entries: readonly LaneEntry[]): void {
    if (entries.length === 0) return
    for (const entry of entries) this.counters.events += entry.events.length
    this.#breaker.succeeded(entries.map(streamOf), this.#time.monotonicMs())
    this.#options.subscription.committed?.(entries)
  }

  async #deliver(context: PassContext, batches: readonly SlotBatch[]): Promise<void> {
    const current = batches.filter((batch) => this.#isCurrent(batch))
    const [only] = current
    if (only === undefined) return
    const state = this.slots.get(slotName(only.grant))
    const isLastTry = current.length === 1 && (state?.failures ?? 0) >= inPlacePausesMs.length
    try {
      if (current.length === 1 && (state?.failures ?? 0) > inPlacePausesMs.length) {
        this.#settle(current, await setAsideFirst(context, only, state?.lastError))
      } else await this.#pass(context, current, isLastTry)
    } catch (error) {
      if (this.#options.wasCutOff(error)) this.#tookTooLong(current, error)
      if (isPassing(error)) throw error
      if (current.length > 1) {
        this.#breaker.trouble(this.#time.monotonicMs())
        const half = Math.ceil(current.length / 2)
        await this.#deliver(context, current.slice(0, half))
        await this.#deliver(context, current.slice(half))
      } else {
        await this.#slotFailed(context, only, error)
      }
    }
  }

  /** The connection is gone, and with it this turn. Less at once next time; an entry too slow alone has failed. */
  #tookTooLong(batches: readonly SlotBatch[], error: unknown): never {
    const tried = batches.flatMap((batch) => batch.entries).reduce((sum, entry) => sum + entry.events.length, 0)
    this.eventsMax = Math.max(1, Math.floor(Math.min(this.eventsMax, tried) / 4))
    const [only] = batches
    const state = only === undefined ? undefined : this.slots.get(slotName(only.grant))
    if (state !== undefined && batches.length === 1 && only?.entries.length === 1) this.#hold(state, error)
    throw error
  }

  /** Not held back, and nothing before it failed in this turn. */
  #isCurrent(batch: SlotBatch): boolean {
    const state = this.slots.get(slotName(batch.grant))
    if (state === undefined || state.grant.token !== batch.grant.token || !this.#options.mayGoOn()) return false
    return state.position === batch.from && state.heldUntilMs <= this.#time.monotonicMs()
  }

  async #pass(context: PassContext, batches: readonly SlotBatch[], isLastTry: boolean): Promise<void> {
    const isolation = { breaker: this.#breaker, nowMs: () => this.#time.monotonicMs() }
    const result = await runPass(context, batches, isLastTry ? isolation : undefined)
    this.counters.passes += 1
    this.eventsMax = Math.min(this.#options.eventsMax, this.eventsMax * 2)
    this.#settle(batches, result)
    if (result.setAside.length === 0 && this.#breaker.state(this.#time.monotonicMs()) === 'probing') {
      this.#breaker.close()
    }
  }

  #settle(batches: readonly SlotBatch[], result: PassResult): void {
    for (const batch of batches) {
      const state = this.slots.get(slotName(batch.grant))
      const position = result.positions.get(slotName(batch.grant))
      if (state?.grant.token !== batch.grant.token || position === undefined) continue
      if (position !== batch.entries.at(-1)?.position) state.isDirty = true
      if (result.waiting.has(slotName(batch.grant))) state.heldUntilMs = this.#time.monotonicMs() + handOverPauseMs
      state.position = position
      state.failures = 0
    }
    this.#follow(result.positions)
    if (result.moved.length > 0) this.#options.subscription.released?.(result.moved.map(({ part }) => part))
    this.#breaker.succeeded([...result.positions.keys()], this.#time.monotonicMs())
    for (const grant of result.lost) this.#options.drop(grant)
    if (result.lost.length > 0) {
      this.counters.fencedOff += result.lost.length
      this.#options.report({ kind: 'fenced_off', slots: result.lost })
    }
    if (result.setAside.length > 0) {
      this.#options.report({ kind: 'set_aside', streams: result.setAside })
    }
    if (result.early.length > 0) this.#options.report({ kind: 'waits_for_lane', streams: result.early })
    this.applied(result.applied)
    this.waiters.reached(result.positions)
  }

  /** One slot of a lane may move the others: those that are here go on at once. */
  #follow(positions: ReadonlyMap<string, bigint>): void {
    for (const [name, position] of positions) {
      const state = this.slots.get(name)
      if (state === undefined || state.position >= position) continue
      state.position = position
      state.isDirty = true
      state.heldUntilMs = 0
    }
  }

  async #slotFailed(context: PassContext, batch: SlotBatch, error: unknown): Promise<void> {
    const state = this.slots.get(slotName(batch.grant))
    if (state === undefined) return
    const nowMs = this.#time.monotonicMs()
    state.isDirty = true
    if (error instanceof BreakerOpened) {
      this.#options.report({ kind: 'breaker_opened', error: error.cause })
    } else if (this.#breaker.state(nowMs) === 'probing') {
      this.#breaker.open(nowMs)
    } else if (awaitedBy(error) !== undefined && state.failures < inPlacePausesMs.length) {
      // Waiting for another stream does not get better within a second: set the stream aside at once.
      state.failures = inPlacePausesMs.length
      await this.#deliver(context, [batch])
    } else {
      this.#hold(state, error)
    }
  }

  #hold(state: SlotState, error: unknown): void {
    const nowMs = this.#time.monotonicMs()
    this.#breaker.failed(slotName(state.grant), nowMs)
    state.heldUntilMs = nowMs + (inPlacePausesMs[state.failures] ?? 0)
    state.failures += 1
    state.lastError = error
  }
}
