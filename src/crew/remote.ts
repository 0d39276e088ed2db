import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { EventType, StoredEvent, StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { kindOfPart, partsDefault } from '#domain/parts.ts'
import { eventDataBytes } from '#log/body/event-text.ts'
import type { LaneEntry } from '#log/log.ts'
import { jittered, systemTime, type Time } from '#platform/time.ts'
import { chunkBatches } from './batches.ts'
import { takeUnblocked } from './catch-up.ts'
import { dueExceptions, findExceptions, isOwed, keepUntil, postpone, waitAside } from './exceptions.ts'
import { lockSlots } from './fence.ts'
import { inHandOverOrder, partsWithHandOvers, readLanePositions } from './hand-over.ts'
import { decideOwnership, type SlotKey, type SlotOwnership, slotName } from './ownership.ts'
import { type SlotBatch, streamOf, streamsOf } from './pass.ts'
import { endSettled, slotsToSettle, takeDue, unblock } from './remote-exceptions.ts'
import type { LaneSource } from './run-options.ts'
import { readSkips, withoutSkipped } from './skips.ts'
import { createOwnershipStore, registerSubscription, type SlotGrant } from './slots.ts'
import { runTransactionOn, type TransactionLimits } from './transaction.ts'
import { Wake } from './wake.ts'

/*
 * Subscriptions whose consumer is another program, over HTTP: the same slots, tokens and set-aside streams as embedded
 * ones, delivered at least once. An instance of the consumer is a member; its calls are its heartbeats. Nothing about
 * it is kept in this process, so each call may go to any of ours (streams.md §4.6, design D18).
 */
export interface RemoteOptions {
  readonly pool: pg.Pool
  readonly source: LaneSource
  readonly parts?: number
  readonly time?: Time
}

export interface RemoteSubscription {
  readonly name: string
  readonly kinds: readonly StreamKind[]
  readonly startsAt: 'beginning' | 'now'
  /** All when absent. */
  readonly eventTypes?: readonly EventType[]
}

export interface FetchRequest {
  readonly subscription: string
  readonly instance: Uuid
  readonly leaseMs: number
  /** How long to wait when there is nothing. */
  readonly waitMs: number
  readonly eventsMax: number
  /** Aborted when nobody waits for the answer any more: an instance that is gone must not be given slots. */
  readonly gone?: AbortSignal
  /** What the instance has got already and not confirmed; the rest of each lane comes after it. */
  readonly received: readonly (SlotKey & { readonly token: Uuid; readonly position: bigint })[]
}

/** Consecutive entries of one lane. May hold no events (filtered): confirm it all the same. */
export interface RemoteBatch extends SlotKey {
  readonly token: Uuid
  readonly epoch: bigint
  readonly after: bigint
  readonly position: bigint
  /** Name of the content of `position`. */
  readonly entry: string
  readonly events: readonly StoredEvent[]
}

/** Events that a stream that was set aside, or is replayed, is owed. */
export interface RemoteRetry extends SlotKey {
  readonly token: Uuid
  readonly epoch: bigint
  readonly stream: Uuid
  readonly attempts: number
  /** End of `events`, exclusive; filtered events count. */
  readonly nextNumber: number
  readonly events: readonly StoredEvent[]
}

export type FetchAnswer =
  | { readonly kind: 'unknown_subscription' }
  | {
      readonly kind: 'fetched'
      readonly isPaused: boolean
      readonly slots: readonly SlotGrant[]
      readonly batches: readonly RemoteBatch[]
      readonly retries: readonly RemoteRetry[]
    }

export const remoteLimits: TransactionLimits = { lockTimeoutMs: 5000, idleTimeoutMs: 5000, totalTimeoutMs: undefined }
/** Entries of one lane that may be handed out and not confirmed. */
const windowEntries = 400
const runsMost = 64
/** No batch that was handed out ends further beyond the confirmed position. */
export const entriesAheadMax = windowEntries + runsMost
const bytesMax = 1_000_000
const retriesMax = 10
const pollMs = 1000

/** What is handed out of a lane, and which of it without its events. */
interface RemoteReading extends SlotBatch {
  readonly withheld: ReadonlySet<LaneEntry>
}

interface Waiting {
  readonly wake: Wake
  parts: ReadonlySet<number>
}

export class RemoteSubscriptions {
  readonly #pool: pg.Pool
  readonly #source: LaneSource
  readonly #parts: number
  readonly #time: Time
  readonly #waiting = new Set<Waiting>()
  readonly #unlisten: () => void
  #isClosed = false

  constructor(options: RemoteOptions) {
    this.#pool = options.pool
    this.#source = options.source
    this.#parts = options.parts ?? partsDefault
    this.#time = options.time ?? systemTime
    this.#unlisten = options.source.onAppended((parts) => {
      for (const { wake, parts: owned } of this.#waiting) if (parts.some((part) => owned.has(part))) wake.call()
    })
  }

  /** Creates it, or does nothing when it exists. */
  async create(subscription: RemoteSubscription): Promise<void> {
    const setup = { ...subscription, mode: 'remote' as const, parts: this.#parts }
    await registerSubscription(this.#pool, setup, () => this.#source.laneHeads())
  }

  /** Long polls end with an ordinary empty answer (OP-P2). */
  close(): void {
    this.#isClosed = true
    this.#unlisten()
    for (const { wake } of this.#waiting) wake.call()
  }

  async fetch(request: FetchRequest): Promise<FetchAnswer> {
    const untilMs = this.#time.monotonicMs() + request.waitMs
    const waiting: Waiting = { wake: new Wake(), parts: new Set() }
    const gained: SlotGrant[] = []
    const wake = (): void => waiting.wake.call()
    request.gone?.addEventListener('abort', wake)
    this.#waiting.add(waiting)
    try {
      for (;;) {
        const answer = await this.#fetchOnce(request, gained)
        if (answer.kind !== 'fetched') return answer
        const leftMs = untilMs - this.#time.monotonicMs()
        const hasWork = answer.batches.length > 0 || answer.retries.length > 0
        if (hasWork || leftMs <= 0 || this.#isClosed || request.gone?.aborted) return answer
        waiting.parts = new Set(answer.slots.map((slot) => slot.part))
        await waiting.wake.sleep(Math.min(leftMs, jittered(pollMs, this.#time)), this.#time)
        if (request.gone?.aborted) return { ...answer, slots: [] }
      }
    } finally {
      request.gone?.removeEventListener('abort', wake)
      this.#waiting.delete(waiting)
      if (request.gone?.aborted) await this.#takeBack(request, gained)
    }
  }

  /**
   * The instance may have given back all it had while its call was on the way, and left: what it gained since then it
   * does not know of, and as a member it would keep slots from others until its lease ends.
   */
  async #takeBack({ subscription, instance }: FetchRequest, gained: readonly SlotGrant[]): Promise<void> {
    const store = this.#storeOf(subscription)
    await store.release(gained)
    const slots = await store.slots()
    if (slots.every(({ owner }) => owner !== instance)) await store.leave(instance)
  }

  #storeOf(subscription: string) {
    return createOwnershipStore({ pool: this.#pool, subscription, build: 'remote' })
  }

  async #fetchOnce(request: FetchRequest, allGained: SlotGrant[]): Promise<FetchAnswer> {
    const { subscription, instance, leaseMs } = request
    const found = await readRemote(this.#pool, subscription)
    if (found === undefined) return { kind: 'unknown_subscription' }
    const { held, gained } = await this.#balance(subscription, instance, leaseMs)
    allGained.push(...gained)
    const slots = [...held, ...gained]
    if (slots.length === 0) return { kind: 'fetched', isPaused: found.isPaused, slots, batches: [], retries: [] }
    const batches = await this.#readBatches(request, slots)
    const wanted = wantedBy(found.eventTypes)
    const skips = await readSkips(this.#pool, subscription)
    return {
      kind: 'fetched',
      isPaused: found.isPaused,
      slots,
      batches: batches.map(({ withheld, ...batch }) =>
        remoteBatch(batch, (entry) => (withheld.has(entry) ? [] : withoutSkipped(entry, skips).events.filter(wanted))),
      ),
      retries: await this.#readRetries(request, slots, wanted),
    }
  }

  /** The instance's turn to renew, hand back and take, as a member's tick. */
  async #balance(subscription: string, instance: Uuid, leaseMs: number) {
    const store = this.#storeOf(subscription)
    const view = await store.beat(instance, leaseMs)
    const slots = await readGrants(this.#pool, subscription)
    const held = slots.flatMap((slot) => (slot.owner === instance ? (slot.grant ?? []) : []))
    const moves = decideOwnership({ self: instance, live: view.live, slots, held, isPaused: view.isPaused })
    const releasing = new Set(moves.release.map(slotName))
    await store.release(held.filter((grant) => releasing.has(slotName(grant))))
    const gained = await store.acquire(instance, moves.acquire)
    return { held: held.filter((grant) => !releasing.has(slotName(grant))), gained }
  }

  async #readBatches(request: FetchRequest, slots: readonly SlotGrant[]): Promise<RemoteReading[]> {
    const received = new Map(request.received.map((item) => [`${slotName(item)} ${item.token}`, item.position]))
    const open = slots.flatMap((grant) => {
      const got = received.get(`${slotName(grant)} ${grant.token}`) ?? 0n
      const after = got > grant.position ? got : grant.position
      return after - grant.position < windowEntries ? [{ grant, after }] : []
    })
    if (open.length === 0) return []
    const cursors = open.map(({ grant, after }) => ({ part: grant.part, lane: grant.lane, after }))
    const runsMax = Math.max(1, Math.min(runsMost, Math.ceil(request.eventsMax / open.length)))
    const read = await this.#source.readLanes(cursors, runsMax)
    const positions = await readLanePositions(this.#pool, request.subscription, partsWithHandOvers(read))
    const entries = Map.groupBy(read, slotName)
    // Each alone: what is only handed out is not confirmed. Lanes that wait must not take the room of others.
    const batches = open.flatMap(({ grant, after }): readonly SlotBatch[] => {
      const batch = { grant, from: after, entries: entries.get(slotName(grant)) ?? [] }
      return inHandOverOrder([batch], positions).batches.filter((cut) => cut.entries.length > 0)
    })
    const [chunk] = chunkBatches(batches, request.eventsMax)
    const chosen = withinBytes(chunk ?? [])
    const readings = await Promise.all(chosen.map((batch) => this.#withheldFrom(request.subscription, batch)))
    return readings.filter((batch) => batch.entries.length > 0)
  }

  /**
   * Streams that are set aside stay with their exceptions; decided under the lock of their slot. A lane is handed out
   * up to where a stream came from another lane that is not confirmed as far yet.
   */
  async #withheldFrom(subscription: string, batch: SlotBatch): Promise<RemoteReading> {
    const parts = partsWithHandOvers(batch.entries)
    const items = streamsOf(batch.entries)
    const known = await findExceptions(this.#pool, subscription, items, false)
    if (known.length === 0 && parts.length === 0) return { ...batch, withheld: new Set() }
    return runTransactionOn(this.#pool, remoteLimits, async (transaction) => {
      const locked = await lockSlots(transaction, subscription, [batch.grant])
      // Somebody else has it: without the lock nobody can say which of it would come too early.
      if (locked.size === 0) return { ...batch, entries: [], withheld: new Set() }
      const positions = await readLanePositions(transaction, subscription, parts)
      const { batches, early } = inHandOverOrder([batch], positions)
      const [passable = batch] = batches
      await waitAside(transaction, subscription, early)
      const exceptions = await findExceptions(transaction, subscription, items, true)
      const aside = new Map(exceptions.map((exception) => [exception.stream, exception]))
      const withheld = new Set(passable.entries.filter((entry) => isOwed(aside.get(streamOf(entry)), entry)))
      const streams = [...new Set([...withheld].map(streamOf))]
      const position = passable.entries.at(-1)?.position ?? batch.from
      await keepUntil(transaction, subscription, batch.grant, streams, position)
      return { ...passable, withheld }
    })
  }

  /** Streams that caught up and were kept for another lane join their lane again once that has passed. */
  async #settle(subscription: string, slots: readonly SlotGrant[], parts: readonly number[]): Promise<void> {
    const names = await slotsToSettle(this.#pool, subscription, parts)
    const grants = slots.filter((grant) => names.has(slotName(grant)))
    if (grants.length === 0) return
    await runTransactionOn(this.#pool, remoteLimits, async (transaction) => {
      const locked = await lockSlots(transaction, subscription, grants)
      for (const grant of grants) {
        const slot = locked.get(slotName(grant))
        if (slot !== undefined) await endSettled(transaction, subscription, grant, slot.position)
      }
    })
  }

  async #readRetries(
    request: FetchRequest,
    slots: readonly SlotGrant[],
    wanted: (event: StoredEvent) => boolean,
  ): Promise<RemoteRetry[]> {
    const { subscription, leaseMs, eventsMax } = request
    const parts = [...new Set(slots.map((slot) => slot.part))]
    await this.#settle(subscription, slots, parts)
    const unblocked = await takeUnblocked({
      source: this.#source,
      due: (max) => dueExceptions(this.#pool, subscription, slots, ['blocked'], max),
      postpone: (streams, pauseMs) => postpone(this.#pool, subscription, streams, pauseMs),
    })
    await unblock(this.#pool, subscription, unblocked)
    const due = await takeDue(this.#pool, subscription, slots, { leaseMs, streamsMax: retriesMax, eventsMax })
    const grants = new Map(slots.map((slot) => [slotName(slot), slot]))
    const skips = due.length === 0 ? new Map() : await readSkips(this.#pool, subscription)
    const retries = due.map(async (exception): Promise<RemoteRetry[]> => {
      const grant = grants.get(slotName(exception))
      if (grant === undefined) return []
      const { part, lane, stream, nextNumber, untilNumber, attempts } = exception
      const owed = Math.min(eventsMax, untilNumber - nextNumber)
      const options = { from: nextNumber, eventsMax: owed, bytesMax }
      const events = await this.#source.readStream(kindOfPart(part, this.#parts), stream, options)
      const entry = withoutSkipped({ part, lane, position: 0n, events: events.slice(0, owed) }, skips)
      const end = (entry.events.at(-1)?.number ?? nextNumber - 1) + 1
      const { token, epoch } = grant
      return [{ part, lane, token, epoch, stream, attempts, nextNumber: end, events: entry.events.filter(wanted) }]
    })
    return (await Promise.all(retries)).flat()
  }
}

/**
 * What a position holds, by content: a consumer confirms a position together with this name, so that after a failover
 * that lost commits nothing is confirmed that was never seen (streams.md §4.5).
 */
export function entryName(entry: LaneEntry): string {
  const hash = createHash('sha256')
  for (const event of entry.events) hash.update(`${event.stream} ${event.number} ${event.eventUuid}\n`)
  return hash.digest('hex').slice(0, 32)
}

function remoteBatch(batch: SlotBatch, eventsOf: (entry: LaneEntry) => readonly StoredEvent[]): RemoteBatch {
  const last = batch.entries.at(-1)
  if (last === undefined) throw new Error('a batch holds at least one entry')
  const { part, lane, token, epoch } = batch.grant
  const events = batch.entries.flatMap(eventsOf)
  return { part, lane, token, epoch, after: batch.from, position: last.position, entry: entryName(last), events }
}

/** At least one entry, then as many as fit (design D16: as we send it). */
function withinBytes(batches: readonly SlotBatch[]): SlotBatch[] {
  let bytes = 0
  const chosen: SlotBatch[] = []
  for (const batch of batches) {
    const entries: LaneEntry[] = []
    for (const entry of batch.entries) {
      for (const event of entry.events) bytes += eventDataBytes(event)
      if (bytes > bytesMax && (entries.length > 0 || chosen.length > 0)) break
      entries.push(entry)
    }
    if (entries.length > 0) chosen.push({ ...batch, entries })
    if (bytes > bytesMax) break
  }
  return chosen
}

function wantedBy(types: readonly string[] | undefined): (event: StoredEvent) => boolean {
  if (types === undefined) return () => true
  const wanted = new Set<string>(types)
  return (event) => wanted.has(event.type)
}

/** Whether calls of another program may touch the subscription of this name. */
export async function hasRemote(pool: pg.Pool, name: string): Promise<boolean> {
  return (await readRemote(pool, name)) !== undefined
}

async function readRemote(
  pool: pg.Pool,
  name: string,
): Promise<{ isPaused: boolean; eventTypes: string[] | undefined } | undefined> {
  const found = await pool.query<{ is_paused: boolean; event_types: string[] | null }>(
    `select is_paused, event_types from subscription where name = $1 and mode = 'remote'`,
    [name],
  )
  const row = found.rows[0]
  return row === undefined ? undefined : { isPaused: row.is_paused, eventTypes: row.event_types ?? undefined }
}

interface RemoteSlot extends SlotOwnership {
  readonly grant: SlotGrant | undefined
}

async function readGrants(pool: pg.Pool, subscription: string): Promise<RemoteSlot[]> {
  const found = await pool.query<{
    part: number
    lane: number
    owner: string | null
    token: string | null
    epoch: bigint
    position: bigint
  }>(
    `select part, lane, owner, token, epoch, position
       from slot
      where subscription = $1
      order by part, lane`,
    [subscription],
  )
  return found.rows.map(({ owner, token, ...slot }) => ({
    part: slot.part,
    lane: slot.lane,
    epoch: slot.epoch,
    owner: owner === null ? undefined : toUuid(owner),
    // Not split by students: a program confirms a lane as a whole.
    grant: token === null ? undefined : { ...slot, token: toUuid(token), shares: 1 },
  }))
}
