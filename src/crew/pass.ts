import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import { isPassing } from '#platform/postgres.ts'
import type { CircuitBreaker } from './breaker.ts'
import { isOwed, type SetAside, type StreamException } from './exceptions.ts'
import { awaitedBy, blockedPauseMs, errorText, pauseBeforeAttempt } from './failure.ts'
import type { Guards } from './guards.ts'
import { type HandOvers, inHandOverOrder, partsWithHandOvers } from './hand-over.ts'
import { type SlotKey, slotName } from './ownership.ts'
import type { SlotGrant } from './slots.ts'
import type { CrewConnection, CrewTransaction } from './store.ts'

/*
 * One transaction over a batch of one or many owned slots: fence → which streams are set aside → apply → confirm. All
 * of it commits or none. Locks are taken in the one order there is: slots ascending, exceptions, the consumer's tables.
 */
export interface SlotBatch {
  readonly grant: SlotGrant
  /** Confirmed position from which the entries were read. */
  readonly from: bigint
  /** Consecutive positions from + 1, from + 2, … */
  readonly entries: readonly LaneEntry[]
}

export interface PassContext {
  /** The connection that was open before the entries were read (see session.ts). */
  readonly connection: CrewConnection
  readonly guards: Guards
}

export interface PassResult {
  /** Confirmed positions of the slots that are still ours, by `part/lane`. */
  readonly positions: ReadonlyMap<string, bigint>
  readonly applied: readonly LaneEntry[]
  /** Slots that the fence refused. */
  readonly lost: readonly SlotGrant[]
  readonly setAside: readonly SetAside[]
  /** Slots, by `part/lane`, that stopped where a stream came from a lane that is not as far yet. */
  readonly waiting: ReadonlySet<string>
  /** Streams that wait aside since this pass, for another lane. */
  readonly early: readonly Uuid[]
}

/** Nobody is set aside while a dependency is down. */
export class BreakerOpened extends Error {
  constructor(cause: unknown) {
    super('too many courses fail at once', { cause })
    this.name = 'BreakerOpened'
  }
}

export interface Isolation {
  readonly breaker: CircuitBreaker
  nowMs(): number
}

/** With `isolation`, streams whose events fail are set aside and the others go on; without it, any failure throws. */
export async function runPass(
  context: PassContext,
  batches: readonly SlotBatch[],
  isolation?: Isolation,
): Promise<PassResult> {
  const { connection, guards } = context
  return connection.transaction(async (transaction) => {
    const unlocked = guards.recheck
      ? undefined
      : await transaction.findExceptions(streamsOf(batches.flatMap((batch) => batch.entries)), false)
    const fenced = await transaction.lockSlots(
      batches.map((batch) => batch.grant),
      guards.token,
    )
    const positions = new Map([...fenced].map(([name, slot]) => [name, slot.position]))
    const lost = batches.filter((batch) => !fenced.has(slotName(batch.grant))).map((batch) => batch.grant)
    const ours = batches.filter((batch) => {
      const slot = fenced.get(slotName(batch.grant))
      return slot !== undefined && (slot.position === batch.from || !guards.position)
    })
    const parts = partsWithHandOvers(ours.flatMap((batch) => batch.entries))
    const { batches: passable, entries, early } = await handOver(context, transaction, ours, positions, parts)
    await transaction.waitAside(early)
    // The old lane may have set a stream aside since the fence; its position was read after that.
    const hasExceptions =
      parts.length > 0 || ours.some((batch) => (fenced.get(slotName(batch.grant))?.exceptions ?? 0) > 0)
    const exceptions = unlocked ?? (hasExceptions ? await transaction.findExceptions(streamsOf(entries), true) : [])
    const wanted = await passOver(transaction, entries, exceptions)
    const failures = await applyAll(transaction, wanted, isolation)
    await transaction.setAside(failures)
    const reached = passable.flatMap((batch) => reachedBy(batch))
    if (reached.length > 0) await transaction.confirmSlots(reached)
    for (const slot of reached) positions.set(slotName(slot), slot.position)
    const failed = new Set(failures.map((failure) => failure.stream))
    const applied = wanted.filter((entry) => !failed.has(streamOf(entry)))
    const stopped = ours.filter((batch, index) => passable[index]?.entries.length !== batch.entries.length)
    const waiting = new Set(stopped.map((batch) => slotName(batch.grant)))
    return { positions, applied, lost, setAside: failures, waiting, early: early.map(streamOf) }
  })
}

/** `parts` are those in which a stream changed lanes; `positions` the confirmed ones of the batches' slots. */
async function handOver(
  { guards }: PassContext,
  transaction: CrewTransaction,
  batches: readonly SlotBatch[],
  positions: ReadonlyMap<string, bigint>,
  parts: readonly number[],
): Promise<HandOvers> {
  if (parts.length === 0 || !guards.handOver) {
    return { batches, entries: batches.flatMap((batch) => batch.entries), early: [] }
  }
  return inHandOverOrder(batches, new Map([...(await transaction.lanePositions(parts)), ...positions]))
}

/**
 * Sets the stream of the first entry aside without trying it again, and confirms that entry: for one that the server
 * cuts off each time, so that no transaction that tries it can also tell of it.
 */
export function setAsideFirst(context: PassContext, batch: SlotBatch, error: unknown): Promise<PassResult> {
  const { connection, guards } = context
  return connection.transaction(async (transaction) => {
    const entries = batch.entries.slice(0, 1)
    const slot = (await transaction.lockSlots([batch.grant], guards.token)).get(slotName(batch.grant))
    const nothing = { applied: [], lost: [], setAside: [], waiting: new Set<string>(), early: [] }
    if (slot === undefined) return { ...nothing, positions: new Map(), lost: [batch.grant] }
    const positions = new Map([[slotName(batch.grant), slot.position]])
    if (slot.position !== batch.from) return { ...nothing, positions }
    const exceptions = await transaction.findExceptions(streamsOf(entries), true)
    const tried = await passOver(transaction, entries, exceptions)
    const failures = tried.map((entry) => asideOf([entry], error))
    await transaction.setAside(failures)
    const reached = reachedBy({ ...batch, entries })
    await transaction.confirmSlots(reached)
    for (const { position } of reached) positions.set(slotName(batch.grant), position)
    return { ...nothing, positions, setAside: failures }
  })
}

export function streamOf(entry: LaneEntry): Uuid {
  const first = entry.events[0]
  if (first === undefined) throw new Error(`the entry at ${entry.part}/${entry.lane} ${entry.position} is empty`)
  return first.stream
}

export function streamsOf(entries: readonly LaneEntry[]): { part: number; stream: Uuid }[] {
  const partOfStream = new Map(entries.map((entry) => [streamOf(entry), entry.part]))
  return [...partOfStream].map(([stream, part]) => ({ stream, part }))
}

function reachedBy(batch: SlotBatch): (SlotKey & { position: bigint })[] {
  const last = batch.entries.at(-1)
  return last === undefined ? [] : [{ part: last.part, lane: last.lane, position: last.position }]
}

/** Entries of streams that are set aside are left to their exceptions; the rest is returned. */
async function passOver(
  transaction: CrewTransaction,
  entries: readonly LaneEntry[],
  exceptions: readonly StreamException[],
): Promise<readonly LaneEntry[]> {
  if (exceptions.length === 0) return entries
  const aside = new Map(exceptions.map((exception) => [exception.stream, exception]))
  const isSkipped = (entry: LaneEntry): boolean => isOwed(aside.get(streamOf(entry)), entry)
  await transaction.raiseUntil(endsOf(entries.filter(isSkipped)))
  return entries.filter((entry) => !isSkipped(entry))
}

/** Where each stream ends in these entries. They may hold it out of order: it is owed from several lanes. */
export function endsOf(entries: readonly LaneEntry[]): { part: number; stream: Uuid; untilNumber: number }[] {
  const groups = Map.groupBy(entries, streamOf)
  return [...groups].map(([stream, [first, ...others]]) => {
    if (first === undefined) throw new Error('a group of no entries ends nowhere')
    return { part: first.part, stream, untilNumber: Math.max(...[first, ...others].map(endOf)) }
  })
}

function endOf(entry: LaneEntry): number {
  return (entry.events.at(-1)?.number ?? -1) + 1
}

async function applyAll(
  transaction: CrewTransaction,
  entries: readonly LaneEntry[],
  isolation: Isolation | undefined,
): Promise<SetAside[]> {
  if (entries.length === 0) return []
  if (isolation === undefined) {
    await transaction.apply(entries)
    return []
  }
  return isolate(transaction, [...Map.groupBy(entries, streamOf).values()], isolation)
}

/** Finds the streams that fail by halving, each half under a savepoint; what succeeds stays in the transaction. */
async function isolate(
  transaction: CrewTransaction,
  groups: readonly LaneEntry[][],
  isolation: Isolation,
): Promise<SetAside[]> {
  try {
    await transaction.attempt(groups.flat())
    return []
  } catch (error) {
    if (isPassing(error)) throw error
    const [only] = groups
    if (groups.length === 1 && only !== undefined) return [failureOf(only, error, isolation)]
    const half = Math.ceil(groups.length / 2)
    const first = await isolate(transaction, groups.slice(0, half), isolation)
    return [...first, ...(await isolate(transaction, groups.slice(half), isolation))]
  }
}

function failureOf(group: readonly LaneEntry[], error: unknown, isolation: Isolation): SetAside {
  const failure = asideOf(group, error)
  if (failure.awaited === undefined) {
    const nowMs = isolation.nowMs()
    isolation.breaker.failed(failure.stream, nowMs)
    if (isolation.breaker.state(nowMs) !== 'closed') throw new BreakerOpened(error)
  }
  return failure
}

/** Entries of one stream, in order. */
function asideOf(group: readonly LaneEntry[], error: unknown): SetAside {
  const [first] = group
  const last = group.at(-1)
  if (first === undefined || last === undefined) throw new Error('a group of no entries can not fail')
  const awaited = awaitedBy(error)
  return {
    part: first.part,
    lane: first.lane,
    stream: streamOf(first),
    nextNumber: first.events[0]?.number ?? 0,
    untilNumber: endOf(last),
    error: errorText(error),
    awaited,
    retryAfterMs: awaited === undefined ? pauseBeforeAttempt(1) : blockedPauseMs,
  }
}
