import type { Uuid } from '#domain/ids.ts'
import { jittered, type Time } from '#platform/time.ts'
import { decideOwnership, lostSlots, slotName } from './ownership.ts'
import type { MembershipView, OwnershipStore, SlotGrant } from './slots.ts'

/*
 * One process's membership in one subscription: a lease renewed on its own timer and connection, never behind the work,
 * and the slots it may work on. What it says is a hint that avoids useless work; ownership itself is proved by the
 * fence inside each transaction (streams.md §4.5).
 */
export interface MembershipOptions {
  readonly store: OwnershipStore
  readonly member: Uuid
  readonly time: Time
  /** Life of a lease without renewal; the tick is a fifth of it. */
  readonly ttlMs: number
  /** Called when slots came, and when slots went without being asked for. */
  onChange(change: { readonly gained: readonly SlotGrant[]; readonly lost: readonly SlotGrant[] }): void
  /** A heartbeat or an ownership step failed; the next tick tries again. */
  onError(error: unknown): void
}

/** Belief ends this long before others may see the lease as over. */
const beliefMarginMs = 1000

export class Membership {
  readonly #options: MembershipOptions
  readonly #stopping = new AbortController()
  /** Insertion order is the order of acquisition. */
  readonly #held = new Map<string, SlotGrant>()
  /** Slots to hand back: no new work is begun on them. */
  #leaving = new Set<string>()
  #believedUntilMs = Number.NEGATIVE_INFINITY
  #lastView: MembershipView | undefined
  #loop: Promise<void> | undefined
  #balancing: Promise<void> | undefined
  takeovers = 0
  /** Time between the due and the real start of the last heartbeat. */
  heartbeatDelayMs = 0

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Slots on which work may begin now. Empty while the last successful heartbeat is too old. */
  owned(): SlotGrant[] {
    if (!this.isBelieved()) return []
    return [...this.#held.values()].filter((grant) => !this.#leaving.has(slotName(grant)))
  }

  isBelieved(): boolean {
    return this.#options.time.monotonicMs() < this.#believedUntilMs
  }

  isPaused(): boolean {
    return this.#lastView?.isPaused ?? false
  }

  /** Members alive at the last heartbeat, this one included. */
  members(): number {
    return this.#lastView?.live.length ?? 0
  }

  /** The fence refused this token: somebody else has the slot, or it was reset. */
  drop(grant: SlotGrant): void {
    const current = this.#held.get(slotName(grant))
    if (current?.token !== grant.token) return
    this.#held.delete(slotName(grant))
    this.#options.onChange({ gained: [], lost: [grant] })
  }

  /** Hands everything back and says so (OP-P2); the caller has finished its transaction. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    await this.#balancing
    const held = [...this.#held.values()]
    this.#held.clear()
    const { store, member, onError } = this.#options
    try {
      await store.release(held)
      await store.leave(member)
    } catch (error) {
      onError(error)
    }
  }

  async #run(): Promise<void> {
    const { time, ttlMs } = this.#options
    let dueMs = time.monotonicMs()
    while (!this.#stopping.signal.aborted) {
      this.heartbeatDelayMs = Math.max(0, time.monotonicMs() - dueMs)
      await this.#beat()
      // The ownership step may wait for locks; the heartbeat never waits for it.
      this.#balancing ??= this.#balance().finally(() => {
        this.#balancing = undefined
      })
      const pauseMs = jittered(ttlMs / 5, time)
      dueMs = time.monotonicMs() + pauseMs
      await time.sleep(pauseMs, this.#stopping.signal)
    }
  }

  async #beat(): Promise<void> {
    const { store, member, time, ttlMs, onError } = this.#options
    const startedMs = time.monotonicMs()
    try {
      this.#lastView = await store.beat(member, ttlMs)
      this.#believedUntilMs = startedMs + ttlMs - Math.min(beliefMarginMs, ttlMs / 2)
    } catch (error) {
      onError(error)
    }
  }

  async #balance(): Promise<void> {
    const view = this.#lastView
    if (view === undefined || !this.isBelieved()) return
    const { store, member, onError, onChange } = this.#options
    try {
      const before = [...this.#held.values()]
      const slots = await store.slots()
      for (const grant of lostSlots(member, before, slots)) this.drop(grant)
      const held = [...this.#held.values()]
      const moves = decideOwnership({ self: member, live: view.live, slots, held, isPaused: view.isPaused })
      await this.#release(moves.release.flatMap((key) => this.#held.get(slotName(key)) ?? []))
      if (moves.acquire.length === 0 || this.#stopping.signal.aborted) return
      const gained = await store.acquire(member, moves.acquire)
      for (const grant of gained) this.#held.set(slotName(grant), grant)
      const owned = new Set(moves.acquire.filter((slot) => slot.owner !== undefined).map(slotName))
      this.takeovers += gained.filter((grant) => owned.has(slotName(grant))).length
      if (gained.length > 0) onChange({ gained, lost: [] })
    } catch (error) {
      onError(error)
    }
  }

  async #release(grants: readonly SlotGrant[]): Promise<void> {
    this.#leaving = new Set(grants.map(slotName))
    const released = await this.#options.store.release(grants)
    for (const grant of released) this.#held.delete(slotName(grant))
    if (released.length > 0) this.#options.onChange({ gained: [], lost: released })
  }
}
