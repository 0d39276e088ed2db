import { type SlotKey, type SlotOwnership, slotName } from '#crew/ownership.ts'
import type { MembershipView, OwnershipStore, SlotGrant } from '#crew/slots.ts'
import type { Uuid } from '#domain/ids.ts'
import type { ProcessTime, VirtualTime } from './virtual-time.ts'

/*
 * What PostgreSQL is to the crew, in memory and on virtual time: rows of slots and leases, row locks that live to the
 * end of a transaction, sessions that are ended when they sit idle in one, and a clock that may jump. Written from the
 * rules of the statements in src/crew/slots.ts and fence.ts, not from their text.
 */
interface RowLock {
  readonly released: Promise<void>
  isEnded: boolean
  end(): void
}

interface SlotRow {
  readonly part: number
  readonly lane: number
  epoch: bigint
  owner: Uuid | undefined
  token: Uuid | undefined
  position: number
  /** Who is inside a transaction with this row locked. */
  lock: RowLock | undefined
}

export interface Effect {
  readonly slot: string
  readonly position: number
  readonly epoch: bigint
  readonly atMs: number
}

export interface ServerFaults {
  /** Share of answers that are lost although the statement took effect. */
  readonly lostAnswers: number
  readonly delayMsMax: number
}

const lockTimeoutMs = 100

export class SlotServer {
  readonly time: VirtualTime
  readonly effects: Effect[] = []
  /** Added to its clock: jumps of the database's clock. */
  clockJumpMs = 0
  /** Ownership changes. */
  grants = 0
  readonly #slots: SlotRow[]
  readonly #leases = new Map<Uuid, number>()
  readonly #faults: ServerFaults
  readonly #idleTimeoutMs: number

  constructor(time: VirtualTime, slots: number, faults: ServerFaults, idleTimeoutMs: number) {
    this.time = time
    this.#faults = faults
    this.#idleTimeoutMs = idleTimeoutMs
    this.#slots = Array.from({ length: slots }, (_, part) => {
      const nobody = { owner: undefined, token: undefined, lock: undefined }
      return { part, lane: 0, epoch: 0n, position: 0, ...nobody }
    })
  }

  owners(): Map<Uuid, number> {
    const counts = new Map<Uuid, number>()
    for (const { owner } of this.#slots) if (owner !== undefined) counts.set(owner, (counts.get(owner) ?? 0) + 1)
    return counts
  }

  /** The statements of one process. */
  store(process: ProcessTime): OwnershipStore {
    return {
      beat: (member, ttlMs) => this.#call(process, async () => this.#beat(member, ttlMs)),
      slots: () => this.#call(process, async () => this.#slots.map(shown)),
      acquire: (member, seen) => this.#call(process, () => this.#acquire(member, seen)),
      release: (grants) => this.#call(process, () => this.#release(grants)),
      leave: (member) => this.#call(process, async () => void this.#leases.set(member, this.#nowMs())),
    }
  }

  /**
   * One effect transaction: lock the row by its token, work, commit. Returns whether the effect was committed, or
   * undefined when the answer was lost. `workMs` passes inside the transaction.
   */
  async effect(
    process: ProcessTime,
    grant: SlotGrant,
    options: { readonly workMs: number; readonly checksToken: boolean },
  ): Promise<boolean> {
    const row = await this.#call(process, () => this.#fence(grant, options.checksToken))
    if (row === undefined) return false
    const { slot, lock } = row
    await process.sleep(options.workMs)
    return this.#call(process, async () => {
      if (lock.isEnded) return false
      slot.position += 1
      this.effects.push({ slot: slotName(slot), position: slot.position, epoch: grant.epoch, atMs: this.time.nowMs })
      lock.end()
      return true
    })
  }

  #nowMs(): number {
    return this.time.nowMs + this.clockJumpMs
  }

  /** A statement and its answer travel for a while; the process may be frozen, and the answer may be lost. */
  async #call<Answer>(process: ProcessTime, work: () => Promise<Answer>): Promise<Answer> {
    await this.time.sleep(this.time.random() * this.#faults.delayMsMax)
    const answer = await work()
    await this.time.sleep(this.time.random() * this.#faults.delayMsMax)
    await process.awake()
    if (this.time.random() < this.#faults.lostAnswers) throw new Error('the connection was lost')
    return answer
  }

  #beat(member: Uuid, ttlMs: number): MembershipView {
    this.#leases.set(member, this.#nowMs() + ttlMs)
    const live = [...this.#leases].filter(([, untilMs]) => untilMs >= this.#nowMs()).map(([one]) => one)
    return { exists: true, isPaused: false, live: live.sort() }
  }

  async #acquire(member: Uuid, seen: readonly SlotOwnership[]): Promise<SlotGrant[]> {
    const granted: SlotGrant[] = []
    let waits = 0
    for (const wanted of seen) {
      const slot = this.#slot(wanted)
      if (slot.lock !== undefined && waits >= 3) continue
      if (!(await this.#unlocked(slot))) {
        waits += 1
        continue
      }
      if (slot.epoch !== wanted.epoch || slot.owner !== wanted.owner) continue
      slot.epoch += 1n
      slot.owner = member
      slot.token = this.time.uuid()
      this.grants += 1
      const { part, lane, epoch, token, position } = slot
      granted.push({ part, lane, epoch, token, position: BigInt(position) })
    }
    return granted
  }

  async #release(grants: readonly SlotGrant[]): Promise<SlotGrant[]> {
    const released: SlotGrant[] = []
    for (const grant of grants) {
      const slot = this.#slot(grant)
      if (!(await this.#unlocked(slot))) continue
      if (slot.token === grant.token) {
        slot.owner = undefined
        slot.token = undefined
      }
      released.push(grant)
    }
    return released
  }

  async #fence(grant: SlotGrant, checksToken: boolean): Promise<{ slot: SlotRow; lock: RowLock } | undefined> {
    const slot = this.#slot(grant)
    while (slot.lock !== undefined) await slot.lock.released
    if (checksToken && slot.token !== grant.token) return undefined
    const lock = this.#lock(slot)
    slot.lock = lock
    return { slot, lock }
  }

  /** A session that says nothing for too long inside its transaction is ended by the server, and its locks with it. */
  #lock(slot: SlotRow): RowLock {
    const { promise, resolve } = Promise.withResolvers<void>()
    const idle = new AbortController()
    const lock: RowLock = {
      released: promise,
      isEnded: false,
      end: () => {
        lock.isEnded = true
        idle.abort()
        if (slot.lock === lock) slot.lock = undefined
        resolve()
      },
    }
    void this.time.sleep(this.#idleTimeoutMs, idle.signal).then(() => lock.end())
    return lock
  }

  async #unlocked(slot: SlotRow): Promise<boolean> {
    if (slot.lock === undefined) return true
    await Promise.race([slot.lock.released, this.time.sleep(lockTimeoutMs)])
    return slot.lock === undefined
  }

  #slot(key: SlotKey): SlotRow {
    const slot = this.#slots[key.part]
    if (slot === undefined) throw new Error(`there is no slot ${slotName(key)}`)
    return slot
  }
}

function shown({ part, lane, epoch, owner }: SlotRow): SlotOwnership {
  return { part, lane, epoch, owner }
}
