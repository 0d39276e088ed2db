import { randomUUID } from 'node:crypto'
import { toUuid } from '#domain/ids.ts'
import { kindOfPart, partsDefault } from '#domain/parts.ts'
import type { LaneCursor, LaneEntry } from '#log/log.ts'
import { checkServer, isPassing } from '#platform/postgres.ts'
import { jittered, systemTime, type Time } from '#platform/time.ts'
import { CircuitBreaker } from './breaker.ts'
import type { CatchUpContext } from './catch-up.ts'
import { Delivery, type SlotState } from './delivery.ts'
import { allGuards, type Guards } from './guards.ts'
import { Membership } from './membership.ts'
import { laneOf, type SlotKey, slotName } from './ownership.ts'
import type { SlotBatch } from './pass.ts'
import { postgresCrewStore } from './postgres-store.ts'
import { ReadAhead } from './read-ahead.ts'
import type { CrewEvent, RunOptions, SubscriptionStatus } from './run-options.ts'
import { Session } from './session.ts'
import { SetAsideWork } from './set-aside-work.ts'
import { type Skips, withoutSkipped } from './skips.ts'
import { ownLanes, registerSubscription, type SlotGrant } from './slots.ts'
import type { CrewConnection, CrewStore } from './store.ts'
import type { Subscription } from './subscription.ts'
import { supportsTransactionTimeout } from './transaction.ts'
import { Wake } from './wake.ts'

/*
 * Runs one subscription in this process: owns a share of its slots, reads their lanes in bulk outside of any
 * transaction, and delivers in passes of one transaction each. Polling is the truth; signals only make it prompt
 * (streams.md §4.7).
 */
const ttlDefaultMs = 5000
const eventsMaxDefault = 2000
const pollBusyMs = 250
/** With its jitter below the second within which an answer shows. */
const pollIdleMs = 850
const busyForMs = 10_000
/**
 * Passes that follow one another start at least this far apart, so that many answers share a commit; the first answer
 * after a pause does not wait, nor does one that a reader waits for.
 */
const passIntervalMs = 25
const discoveryMs = 10_000
const failurePauseMaxMs = 2000
const stopLimitMs = 3000
/**
 * A read is about as much as this many passes take: enough to keep lanes apart from passes, little to hold in memory.
 */
const passesPerRead = 2
const runsMost = 256

export async function startSubscription(options: RunOptions, guards: Guards = allGuards): Promise<SubscriptionRunner> {
  await checkServer(options.pool)
  const { subscription, source, pool, heartbeatPool, ttlMs = ttlDefaultMs } = options
  const setup = {
    name: subscription.name,
    mode: 'embedded' as const,
    kinds: subscription.kinds ?? (['course', 'ecosystem'] as const),
    startsAt: subscription.startsAt ?? 'beginning',
    orderedBy: subscription.orderedBy ?? 'stream',
    parts: options.parts ?? partsDefault,
  }
  await registerSubscription(pool, setup, () => source.laneHeads())
  const totalTimeoutMs = (await supportsTransactionTimeout(pool)) ? 2 * ttlMs : undefined
  const limits = { lockTimeoutMs: 5000, idleTimeoutMs: ttlMs, totalTimeoutMs }
  const store = postgresCrewStore({ pool, heartbeatPool, subscription, limits, build: options.build ?? '' })
  const runner = new SubscriptionRunner({ ...options, store, guards })
  runner.start()
  return runner
}

/** A subscription on any store: PostgreSQL, or the one of a simulation. */
export interface RunnerOptions extends Omit<RunOptions, 'pool' | 'heartbeatPool' | 'build' | 'subscription'> {
  readonly store: CrewStore
  readonly subscription: Omit<Subscription, 'apply'>
  readonly guards: Guards
}

export class SubscriptionRunner {
  readonly #options: RunnerOptions
  readonly #context: Omit<CatchUpContext, 'connection'>
  readonly #session: Session
  readonly #reader: ReadAhead
  readonly #time: Time
  readonly #membership: Membership
  readonly #breaker = new CircuitBreaker()
  readonly #setAside: SetAsideWork
  readonly #delivery: Delivery
  readonly #wake = new Wake()
  readonly #urgent = new Wake()
  #loop: Promise<void> | undefined
  #unlisten: (() => void) | undefined
  #isStopping = false
  #pollDueMs = 0
  #discoveryDueMs = 0
  #lastFoundMs = Number.NEGATIVE_INFINITY
  #failuresInARow = 0
  #hasBacklog = false
  /** Of the last read that found something. */
  #eventsPerEntry = 10
  /** Read again whenever slots come: a skip is made before a replay that has to respect it. */
  #skips: Skips | undefined

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#time = options.time ?? systemTime
    this.#session = new Session(options.store, () => this.#wake.call())
    this.#reader = new ReadAhead(options.source)
    const shared = {
      time: this.#time,
      breaker: this.#breaker,
      mayGoOn: () => !this.#isStopping && this.#membership.isBelieved(),
      wasCutOff: (error: unknown) => this.#session.wasCutOff(error),
      report: (event: CrewEvent) => this.#report(event),
    }
    this.#delivery = new Delivery({
      ...shared,
      subscription: options.subscription,
      eventsMax: options.subscription.eventsMax ?? eventsMaxDefault,
      cutsByPart: options.cutsByPart ?? false,
      drop: (grant) => this.#membership.drop(grant),
    })
    this.#setAside = new SetAsideWork({ ...shared, applied: (entries) => this.#delivery.applied(entries) })
    this.#context = {
      source: options.source,
      parts: options.parts ?? partsDefault,
      guards: options.guards,
    }
    this.#membership = new Membership({
      store: options.store.ownership,
      member: options.member ?? toUuid(randomUUID()),
      time: this.#time,
      ttlMs: options.ttlMs ?? ttlDefaultMs,
      onChange: (change) => this.#slotsChanged(change),
      onError: (error) => this.#report({ kind: 'failed', error, isPassing: isPassing(error) }),
    })
  }

  start(): void {
    this.#membership.start()
    this.#unlisten = this.#options.source.onAppended((parts) => this.appended(parts))
    // A connection that was asked for before `stop` may come after it.
    this.#loop ??= this.#run().finally(() => this.#session.discard())
  }

  /**
   * Finishes the unit in hand, hands every slot back, says goodbye (OP-P2). A unit that takes longer than `limitMs`,
   * for instance because the database is away, is given up: without its commit it had no effect.
   */
  async stop(limitMs = stopLimitMs): Promise<void> {
    this.#isStopping = true
    this.#unlisten?.()
    this.#wake.call()
    this.#urgent.call()
    const finished = new AbortController()
    void this.#loop?.finally(() => finished.abort())
    if (this.#loop !== undefined) await this.#time.sleep(limitMs, finished.signal)
    this.#session.discard()
    await this.#membership.stop()
    this.#delivery.slots.clear()
  }

  /** Something became readable in these parts. */
  appended(parts: readonly number[]): void {
    const given = new Set(parts)
    let isOurs = false
    for (const slot of this.#delivery.slots.values()) {
      if (!given.has(slot.grant.part)) continue
      slot.isDirty = true
      isOurs = true
    }
    if (isOurs) this.#wake.call()
  }

  /** Confirmed position of a slot that this process owns. */
  confirmed(slot: SlotKey): bigint | undefined {
    return this.#delivery.slots.get(slotName(slot))?.position
  }

  /** Resolves true once the slot has confirmed `position` here; false when it is not owned here or time is up. */
  async reaches(slot: SlotKey, position: bigint, timeoutMs: number): Promise<boolean> {
    const state = this.#delivery.slots.get(slotName(slot))
    // Other slots of the lane may be elsewhere: whoever asks has to look at them all.
    if (state === undefined || state.grant.shares > 1) return false
    if (state.position >= position) return true
    state.isDirty = true
    this.#wake.call()
    this.#urgent.call()
    await this.#delivery.waiters.wait(slot, position, timeoutMs, this.#time)
    return (this.confirmed(slot) ?? -1n) >= position
  }

  status(): SubscriptionStatus {
    return {
      name: this.#options.subscription.name,
      isPaused: this.#membership.isPaused(),
      members: this.#membership.members(),
      ownedSlots: this.#membership.owned().length,
      takeovers: this.#membership.takeovers,
      ...this.#delivery.counters,
      heartbeatDelayMs: this.#membership.heartbeatDelayMs,
      breaker: this.#breaker.state(this.#time.monotonicMs()),
    }
  }

  #report(event: CrewEvent): void {
    if (event.kind === 'set_aside' || event.kind === 'waits_for_lane') this.#setAside.dueMs = 0
    this.#options.report?.(event)
  }

  #slotsChanged(change: { gained: readonly SlotGrant[]; lost: readonly SlotGrant[] }): void {
    this.#delivery.gained(change.gained)
    this.#delivery.lost(change.lost)
    if (change.gained.length > 0) this.#skips = undefined
    if (change.gained.length > 0) this.#report({ kind: 'slots_gained', slots: change.gained })
    if (change.lost.length > 0) this.#report({ kind: 'slots_lost', slots: change.lost })
    if (change.lost.length > 0) this.#options.subscription.released?.(change.lost.map((grant) => grant.part))
    this.#wake.call()
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const startedMs = this.#time.monotonicMs()
      const pauseMs = await this.#turnSafely(startedMs)
      if (this.#isStopping) return
      await this.#wake.sleep(pauseMs, this.#time)
      if (this.#isStopping || this.#delivery.waiters.size > 0 || this.#hasBacklog) continue
      await this.#urgent.sleep(startedMs + passIntervalMs - this.#time.monotonicMs(), this.#time)
    }
  }

  async #turnSafely(nowMs: number): Promise<number> {
    try {
      const pauseMs = await this.#turn(nowMs)
      this.#failuresInARow = 0
      return pauseMs
    } catch (error) {
      // The outcome of the last commit may be unknown: the next connection will find out where the slots are.
      this.#session.discard()
      for (const slot of this.#delivery.slots.values()) slot.isDirty = true
      this.#report({ kind: 'failed', error, isPassing: isPassing(error) })
      this.#failuresInARow += 1
      return this.#time.random() * Math.min(failurePauseMaxMs, 50 * 2 ** this.#failuresInARow)
    }
  }

  /** One look at everything that may need work; returns how long nothing will. */
  async #turn(nowMs: number): Promise<number> {
    this.#hasBacklog = false
    const breaker = this.#breaker.state(nowMs)
    if (breaker === 'open') return Math.max(1, (this.#breaker.openUntilMs() ?? nowMs) - nowMs)
    if (nowMs >= this.#pollDueMs) {
      for (const slot of this.#delivery.slots.values()) slot.isDirty = true
      const isBusy = nowMs - this.#lastFoundMs < busyForMs
      this.#pollDueMs = nowMs + jittered(isBusy ? pollBusyMs : pollIdleMs, this.#time)
    }
    const owned = this.#membership.owned().flatMap((grant) => this.#delivery.slots.get(slotName(grant)) ?? [])
    const context = { ...this.#context, connection: await this.#connect() }
    await this.#discoverLanes(context.connection, nowMs)
    const ready = owned.filter((slot) => slot.isDirty && slot.heldUntilMs <= nowMs)
    await this.#readAndDeliver(context, breaker === 'probing' ? this.#oneOf(ready) : ready)
    const grants = owned.map((slot) => slot.grant)
    // Also while it probes: where the lanes are quiet, only a stream that is set aside can tell whether all is well.
    if (this.#breaker.state(this.#time.monotonicMs()) !== 'open') await this.#setAside.work(context, grants, nowMs)
    return this.#hasBacklog ? 0 : this.#pauseMs(owned)
  }

  /** A new connection may speak to a server that lost the last commits, or kept one whose answer we never got. */
  async #connect(): Promise<CrewConnection> {
    const { connection, isNew } = await this.#session.open()
    if (isNew) this.#reader.forget()
    if (!isNew || !this.#context.guards.position) return connection
    const held = [...this.#delivery.slots.values()]
    const positions = await connection.positions(held.map((slot) => slot.grant))
    const moved = held.filter((slot) => slot.position !== (positions.get(slotName(slot.grant)) ?? slot.position))
    for (const slot of moved) {
      slot.position = positions.get(slotName(slot.grant)) ?? slot.position
      slot.isDirty = true
    }
    if (moved.length > 0) this.#options.subscription.released?.(moved.map((slot) => slot.grant.part))
    return connection
  }

  /** Any one: the same slot each time might be the one with a poisoned course. */
  #oneOf(slots: readonly SlotState[]): SlotState[] {
    const chosen = slots[Math.floor(this.#time.random() * slots.length)]
    return chosen === undefined ? [] : [chosen]
  }

  #pauseMs(owned: readonly SlotState[]): number {
    const nowMs = this.#time.monotonicMs()
    const ready = owned.filter((slot) => slot.isDirty).map((slot) => slot.heldUntilMs)
    return Math.max(0, Math.min(this.#pollDueMs, this.#setAside.dueMs, ...ready) - nowMs)
  }

  /** Whoever moves a stream makes the slots of its lane; this is for one that died in between. */
  async #discoverLanes(connection: CrewConnection, nowMs: number): Promise<void> {
    if (nowMs < this.#discoveryDueMs) return
    const kinds = this.#options.subscription.kinds
    const dedicated = ownLanes(await this.#options.source.laneHeads()).filter(
      ({ part }) => kinds?.includes(kindOfPart(part, this.#context.parts)) ?? true,
    )
    if (dedicated.length > 0) await connection.createSlots(dedicated)
    this.#discoveryDueMs = nowMs + jittered(discoveryMs, this.#time)
  }

  async #readAndDeliver(context: CatchUpContext, ready: readonly SlotState[]): Promise<void> {
    if (ready.length === 0) return
    for (const slot of ready) slot.isDirty = false
    const batches = await this.#read(context, ready)
    if (batches.length === 0) return
    this.#lastFoundMs = this.#time.monotonicMs()
    await this.#delivery.deliverAll(context, batches)
  }

  /** Everything after the confirmed positions, all lanes in one round trip; the log bounds the bytes. */
  async #read(context: CatchUpContext, slots: readonly SlotState[]): Promise<SlotBatch[]> {
    const wanted = (passesPerRead * this.#delivery.eventsMax) / (slots.length * this.#eventsPerEntry)
    const runsMax = Math.max(1, Math.min(runsMost, Math.ceil(wanted)))
    const cursors = cursorsOf(slots)
    this.#skips ??= await context.connection.skips()
    const skips = this.#skips
    const { entries, full } = await this.#reader.read(cursors, runsMax)
    if (full.size > 0) this.#hasBacklog = true
    this.#measure([...entries.values()].flat())
    return slots.flatMap((slot): SlotBatch[] => {
      const { part, lane } = slot.grant
      const ofLane = entries.get(slotName({ part, lane: laneOf(slot.grant) })) ?? []
      if (ofLane.length === 0) return []
      // There may be more: the answer is limited by bytes as well.
      slot.isDirty = true
      const isWhole = slot.grant.shares === 1
      const behind = isWhole ? ofLane : ofLane.filter(({ position }) => position > slot.position)
      const found = isWhole ? behind : behind.map((entry) => ({ ...entry, lane }))
      if (found.length === 0) return []
      const hasHole = found.some((entry, index) => entry.position !== slot.position + BigInt(index + 1))
      if (hasHole) throw new Error(`lane ${slotName(slot.grant)} has a hole after ${slot.position}`)
      const delivered = skips.size === 0 ? found : found.map((entry) => withoutSkipped(entry, skips))
      return [{ grant: slot.grant, from: slot.position, entries: delivered }]
    })
  }

  #measure(entries: readonly LaneEntry[]): void {
    if (entries.length === 0) return
    const events = entries.reduce((sum, entry) => sum + entry.events.length, 0)
    this.#eventsPerEntry = Math.max(1, events / entries.length)
  }
}

/** One for each lane of the log: its slots may stand at different positions, and read the same. */
function cursorsOf(slots: readonly SlotState[]): LaneCursor[] {
  const cursors = new Map<string, LaneCursor>()
  for (const { grant, position } of slots) {
    const lane = { part: grant.part, lane: laneOf(grant) }
    const before = cursors.get(slotName(lane))?.after ?? position
    cursors.set(slotName(lane), { ...lane, after: before < position ? before : position })
  }
  return [...cursors.values()]
}
