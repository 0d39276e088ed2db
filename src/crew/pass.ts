import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import { isPassing } from '#platform/postgres.ts'
import type { CircuitBreaker } from './breaker.ts'
import { dutyOf, isOwed, type SetAside, type StreamException } from './exceptions.ts'
import { awaitedBy, blockedPauseMs, errorText, pauseBeforeAttempt } from './failure.ts'
import type { LaneSlot } from './fence.ts'
import type { Guards } from './guards.ts'
import { type HandOvers, inHandOverOrder, type LanePositions, partsWithHandOvers } from './hand-over.ts'
import { type SlotKey, slotName } from './ownership.ts'
import type { SlotGrant } from './slots.ts'
import { type LaneReader, stopLane } from './stop-lane.ts'
import type { CrewConnection, CrewTransaction } from './store.ts'
import { isBarrier, isWithinReach, lanePosition, ofShare, shareOf, slotOfShare } from './sub-streams.ts'

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
  /** For what slots of a lane have to catch up with (stop-lane.ts). */
  readonly source: LaneReader
}

/** The one lane of a pass that is read through several slots and of which the pass needs all. */
interface WholeLane {
  readonly batch: SlotBatch
  /** The first entry is a barrier, and this slot is the one to apply it. */
  readonly isAtBarrier: boolean
}

export interface PassResult {
  /** Confirmed positions of the slots that are still ours, by `part/lane`. */
  readonly positions: ReadonlyMap<string, bigint>
  readonly applied: readonly LaneEntry[]
  /** Slots that the fence refused. */
  readonly lost: readonly SlotGrant[]
  /** Slots of ours that are not where this process thought: nothing was done with them. */
  readonly moved: readonly SlotGrant[]
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
  const whole = wholeLane(batches, guards, isolation !== undefined)
  return connection.transaction(async (transaction) => {
    if (whole !== undefined && !(await isReached(transaction, whole))) return waitingAt(whole.batch)
    const unlocked = guards.recheck
      ? undefined
      : await transaction.findExceptions(streamsOf(batches.flatMap((batch) => batch.entries)), false)
    const siblings = whole === undefined ? [] : await transaction.lockLane(whole.batch.grant)
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
    const hasExceptions = ours.some((batch) => (fenced.get(slotName(batch.grant))?.exceptions ?? 0) > 0)
    const cut = await cutBatches(context, transaction, { ours, positions, siblings, unlocked, hasExceptions, whole })
    const { passable, entries, early, exceptions } = cut
    const shares = new Map(ours.map(({ grant }) => [slotName(grant), grant.shares]))
    const left = await passOver(transaction, entries, exceptions, (entry) => (shares.get(slotName(entry)) ?? 1) > 1)
    const wanted = left.flatMap((entry) => sharedOut(entry, shares, whole))
    const done = await applyAll(context, transaction, wanted, { isolation, siblings, whole })
    const reached = done.reached ?? passable.flatMap((batch) => reachedBy(batch, siblings, whole))
    if (reached.length > 0) await transaction.confirmSlots(reached)
    for (const slot of reached) positions.set(slotName(slot), slot.position)
    const stopped = ours.filter((batch, index) => passable[index]?.entries.length !== batch.entries.length)
    const waiting = new Set(stopped.map((batch) => slotName(batch.grant)))
    const { applied, failures } = done
    const moved = batches.filter((batch) => fenced.has(slotName(batch.grant)) && !ours.includes(batch))
    const told = { lost, moved: moved.map(({ grant }) => grant), early: early.map(streamOf) }
    return { positions, applied, setAside: failures, waiting, ...told }
  })
}

function wholeLane(batches: readonly SlotBatch[], guards: Guards, isIsolated: boolean): WholeLane | undefined {
  const [batch] = batches
  if (batch === undefined || batches.every(({ grant }) => grant.shares === 1)) return undefined
  if (batches.length > 1 && !isIsolated) return undefined
  if (batches.length > 1) throw new Error('a lane with several slots is isolated alone')
  const isAtBarrier = guards.barrier && startsAtBarrier(batch) && shareOf(batch.grant) === 0
  return isIsolated || isAtBarrier ? { batch, isAtBarrier } : undefined
}

/** Of a lane with several slots: what comes next concerns no one student, so the batch goes alone. */
export function startsAtBarrier({ grant, entries }: SlotBatch): boolean {
  return grant.shares > 1 && entries[0] !== undefined && isBarrier(entries[0])
}

/** A look without locks: nobody waits for a lane that is not there yet. */
async function isReached(transaction: CrewTransaction, { batch, isAtBarrier }: WholeLane): Promise<boolean> {
  if (!isAtBarrier) return true
  const { part } = batch.grant
  return lanePosition(await transaction.lanePositions([part]), batch.grant) >= batch.from
}

function waitingAt({ grant, from }: SlotBatch): PassResult {
  const name = slotName(grant)
  const nothing = { applied: [], lost: [], moved: [], setAside: [], early: [] }
  return { ...nothing, positions: new Map([[name, from]]), waiting: new Set([name]) }
}

interface Cutting {
  readonly ours: readonly SlotBatch[]
  readonly positions: ReadonlyMap<string, bigint>
  readonly siblings: readonly LaneSlot[]
  readonly unlocked: readonly StreamException[] | undefined
  readonly hasExceptions: boolean
  readonly whole: WholeLane | undefined
}

/** The batches as far as they may be passed now, and which of their streams are set aside. */
async function cutBatches(context: PassContext, transaction: CrewTransaction, cutting: Cutting) {
  const { ours, positions, unlocked } = cutting
  const split = ours.filter(({ grant }) => grant.shares > 1).map(({ grant }) => grant.part)
  const parts = [...new Set([...partsWithHandOvers(ours.flatMap((batch) => batch.entries)), ...split])]
  const known = parts.length === 0 ? positions : new Map([...(await transaction.lanePositions(parts)), ...positions])
  // Another lane may have set a stream aside since the fence; its position was read after that.
  const hasExceptions = parts.length > 0 || cutting.hasExceptions
  const find = async (batches: readonly SlotBatch[]): Promise<readonly StreamException[]> =>
    await transaction.findExceptions(streamsOf(batches.flatMap((batch) => batch.entries)), true)
  const before = unlocked ?? (hasExceptions ? await find(ours) : [])
  const ready = ours.map((batch) => readyPart(context, batch, known, before, cutting))
  const { batches: passable, entries, early } = handOver(context, ready, known, parts)
  await transaction.waitAside(early)
  return { passable, entries, early, exceptions: early.length > 0 ? (unlocked ?? (await find(passable))) : before }
}

/** Of a lane with several slots: up to what waits for a stream's exception, for all slots, or for the slowest one. */
function readyPart(
  { guards }: PassContext,
  batch: SlotBatch,
  positions: LanePositions,
  exceptions: readonly StreamException[],
  { whole, siblings }: Cutting,
): SlotBatch {
  if (batch.grant.shares === 1) return batch
  const lowest = lanePosition(positions, batch.grant)
  const isAligned = siblings.every(({ position }) => position === batch.from)
  const aside = new Map(exceptions.map((exception) => [exception.stream, exception]))
  const end = batch.entries.findIndex((entry) => {
    const duty = dutyOf(aside.get(streamOf(entry)), entry)
    if (duty !== 'deliver') return duty === 'wait'
    if (!isWithinReach(entry, lowest)) return true
    if (whole?.isAtBarrier) return !isAligned || !isBarrier(entry)
    return guards.barrier && isBarrier(entry)
  })
  return end < 0 ? batch : { ...batch, entries: batch.entries.slice(0, end) }
}

/** What the slot has to deliver of an entry that it passes. */
function sharedOut(entry: LaneEntry, sharesOf: ReadonlyMap<string, number>, whole: WholeLane | undefined): LaneEntry[] {
  const shares = sharesOf.get(slotName(entry)) ?? 1
  if (shares === 1 || whole?.isAtBarrier) return [entry]
  const own = ofShare(entry, shareOf(entry), shares)
  return own.events.length === 0 ? [] : [own]
}

/** `parts` are those in which a stream changed lanes; `positions` what is confirmed of all their lanes. */
function handOver(
  { guards }: PassContext,
  batches: readonly SlotBatch[],
  positions: LanePositions,
  parts: readonly number[],
): HandOvers {
  if (parts.length === 0 || !guards.handOver) {
    return { batches, entries: batches.flatMap((batch) => batch.entries), early: [] }
  }
  return inHandOverOrder(batches, positions)
}

/**
 * Sets the stream of the first entry aside without trying it again, and confirms that entry: for one that the server
 * cuts off each time, so that no transaction that tries it can also tell of it.
 */
export function setAsideFirst(context: PassContext, batch: SlotBatch, error: unknown): Promise<PassResult> {
  const { connection, guards } = context
  return connection.transaction(async (transaction) => {
    const entries = batch.entries.slice(0, 1)
    const siblings = batch.grant.shares > 1 ? await transaction.lockLane(batch.grant) : []
    const slot = (await transaction.lockSlots([batch.grant], guards.token)).get(slotName(batch.grant))
    const nothing = { applied: [], lost: [], moved: [], setAside: [], waiting: new Set<string>(), early: [] }
    if (slot === undefined) return { ...nothing, positions: new Map(), lost: [batch.grant] }
    const positions = new Map([[slotName(batch.grant), slot.position]])
    if (slot.position !== batch.from) return { ...nothing, moved: [batch.grant], positions }
    const exceptions = await transaction.findExceptions(streamsOf(entries), true)
    const aside = new Map(exceptions.map((exception) => [exception.stream, exception]))
    const tried = entries.filter((entry) => dutyOf(aside.get(streamOf(entry)), entry) === 'deliver')
    if (siblings.length > 0) {
      const [entry] = tried
      if (entry === undefined) return { ...nothing, positions }
      const stopped = await stopLane(context, transaction, siblings, entry.position, asideOf(tried, error))
      return { ...nothing, positions: new Map(stopped.reached.map(positionOf)), setAside: stopped.failures }
    }
    await passOver(transaction, entries, exceptions)
    const failures = tried.map((entry) => asideOf([entry], error))
    await transaction.setAside(failures)
    const reached = reachedBy({ ...batch, entries }, siblings, undefined)
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

type Reached = SlotKey & { readonly position: bigint }

function positionOf(slot: Reached): [string, bigint] {
  return [slotName(slot), slot.position]
}

function reachedBy(batch: SlotBatch, siblings: readonly LaneSlot[], whole: WholeLane | undefined): Reached[] {
  const last = batch.entries.at(-1)
  if (last === undefined) return []
  const slots = whole?.isAtBarrier ? siblings : [last]
  return slots.map(({ part, lane }) => ({ part, lane, position: last.position }))
}

/** Entries of streams that are set aside are left to their exceptions; the rest is returned. */
async function passOver(
  transaction: CrewTransaction,
  entries: readonly LaneEntry[],
  exceptions: readonly StreamException[],
  isShared: (entry: LaneEntry) => boolean = () => false,
): Promise<readonly LaneEntry[]> {
  if (exceptions.length === 0) return entries
  const aside = new Map(exceptions.map((exception) => [exception.stream, exception]))
  const isSkipped = (entry: LaneEntry): boolean => isOwed(aside.get(streamOf(entry)), entry)
  const skipped = entries.filter(isSkipped)
  await transaction.raiseUntil(endsOf(skipped))
  // The other slots of a lane have to pass over the same.
  for (const [last] of Map.groupBy(skipped.toReversed().filter(isShared), streamOf).values()) {
    if (last !== undefined) await transaction.keepUntil(slotOfShare(last, 0), [streamOf(last)], last.position)
  }
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

interface Applying {
  readonly isolation: Isolation | undefined
  readonly siblings: readonly LaneSlot[]
  readonly whole: WholeLane | undefined
}

interface Applied {
  readonly applied: readonly LaneEntry[]
  readonly failures: readonly SetAside[]
  /** Where slots are by that, when it is not the end of what was passed. */
  readonly reached?: readonly Reached[]
}

async function applyAll(
  context: PassContext,
  transaction: CrewTransaction,
  entries: readonly LaneEntry[],
  { isolation, siblings, whole }: Applying,
): Promise<Applied> {
  if (entries.length === 0) return { applied: [], failures: [] }
  if (isolation === undefined) {
    await transaction.apply(entries)
    return { applied: entries, failures: [] }
  }
  const groups = [...Map.groupBy(entries, streamOf).values()]
  const failures = await isolate(transaction, groups, isolation, whole !== undefined)
  const [first] = failures
  if (whole !== undefined && first !== undefined) {
    const until = entries.at(-1)?.position ?? 0n
    return { applied: [], ...(await stopLane(context, transaction, siblings, until, first)) }
  }
  await transaction.setAside(failures)
  const failed = new Set(failures.map((failure) => failure.stream))
  return { applied: entries.filter((entry) => !failed.has(streamOf(entry))), failures }
}

/** Finds the streams that fail by halving, each half under a savepoint; what succeeds stays in the transaction. */
async function isolate(
  transaction: CrewTransaction,
  groups: readonly LaneEntry[][],
  isolation: Isolation,
  isWhole: boolean,
): Promise<SetAside[]> {
  try {
    await transaction.attempt(groups.flat())
    return []
  } catch (error) {
    if (isPassing(error)) throw error
    const [only] = groups
    if (only !== undefined && (groups.length === 1 || isWhole)) return [failureOf(only, error, isolation)]
    const half = Math.ceil(groups.length / 2)
    const first = await isolate(transaction, groups.slice(0, half), isolation, isWhole)
    return [...first, ...(await isolate(transaction, groups.slice(half), isolation, isWhole))]
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
