import type { StoredEvent } from '#domain/events.ts'
import { kindOfPart } from '#domain/parts.ts'
import type { LaneEntry, Log } from '#log/log.ts'
import { isPassing } from '#platform/postgres.ts'
import { type DueException, isPassedByLanes, type StreamException } from './exceptions.ts'
import {
  attemptsMax,
  awaitedBy,
  blockedAtOnce,
  blockedPauseMs,
  errorText,
  pauseBeforeAttempt,
  turnPauseMs,
} from './failure.ts'
import { slotName } from './ownership.ts'
import type { PassContext } from './pass.ts'
import { withoutSkipped } from './skips.ts'
import type { SlotGrant } from './slots.ts'
import type { CrewTransaction } from './store.ts'
import { shareOfEvent } from './sub-streams.ts'

/*
 * One step of one stream that was set aside, is replayed or waits: read the next events it is owed, apply them under
 * the same fence as everything else, and let it join its lane again once nothing is owed.
 */
export type CatchUpSource = Pick<Log, 'readStream' | 'readLanes' | 'statuses'>

export type StepResult =
  | { readonly kind: 'advanced' | 'ended'; readonly entry: LaneEntry | undefined }
  | { readonly kind: 'failed' | 'parked'; readonly error: unknown }
  | { readonly kind: 'blocked' }
  /** Lost the slot, or somebody changed the exception meanwhile: look again. */
  | { readonly kind: 'stale' }

export interface CatchUpContext extends PassContext {
  readonly source: CatchUpSource
  readonly parts: number
}

const stepBytesMax = 1_000_000

/** Where blocked streams are looked for, and told to wait. */
export interface BlockedPlace {
  readonly source: CatchUpSource
  due(max: number): Promise<readonly DueException[]>
  postpone(streams: readonly DueException[], pauseMs: number): Promise<void>
}

/** Blocked streams that can go on. Where more wait than are looked at, the others have their turn the next time. */
export async function takeUnblocked({ source, due, postpone }: BlockedPlace): Promise<DueException[]> {
  const blocked = await due(blockedAtOnce)
  const free = await unblocked(source, blocked)
  if (blocked.length === blockedAtOnce) {
    const isFree = new Set(free)
    const waiting = blocked.filter((exception) => !isFree.has(exception))
    if (waiting.length > 0) await postpone(waiting, turnPauseMs)
  }
  return free
}

/** Those of the blocked streams whose awaited stream has its first event by now; one question for all. */
async function unblocked(source: CatchUpSource, blocked: readonly DueException[]): Promise<DueException[]> {
  const awaited = new Map(
    blocked.flatMap((item) => (item.awaited === undefined ? [] : [[item.awaited.stream, item.awaited]])),
  )
  if (awaited.size === 0) return [...blocked]
  const statuses = await source.statuses([...awaited.values()], 0)
  const arrived = new Set(
    statuses.filter((status) => status.contiguousSequenceNumber > 0).map((status) => status.stream),
  )
  return blocked.filter((item) => item.awaited === undefined || arrived.has(item.awaited.stream))
}

export async function stepException(
  context: CatchUpContext,
  grant: SlotGrant,
  exception: StreamException,
  eventsMax: number,
): Promise<StepResult> {
  let owed = await readOwed(context, exception, eventsMax)
  for (;;) {
    try {
      return await applyOwed(context, grant, exception, owed)
    } catch (error) {
      if (isPassing(error)) throw error
      if (owed === undefined || owed.entry.events.length <= 1) {
        return await recordFailure(context, grant, exception, error, owed?.entry.events[0]?.number)
      }
      owed = halfOf(owed)
    }
  }
}

/** The next events, as far as they are owed, and where they end. */
interface Owed {
  readonly entry: LaneEntry
  readonly nextNumber: number
}

async function readOwed(
  context: CatchUpContext,
  exception: StreamException,
  eventsMax: number,
): Promise<Owed | undefined> {
  const { part, lane, stream, nextNumber, untilNumber, owedFrom } = exception
  if (nextNumber >= untilNumber) return undefined
  const events = await context.source.readStream(kindOfPart(part, context.parts), stream, {
    from: nextNumber,
    eventsMax: Math.min(eventsMax, untilNumber - nextNumber),
    bytesMax: stepBytesMax,
  })
  if (events[0]?.number !== nextNumber) {
    throw new Error(`event ${nextNumber} of ${stream} was passed by its lane and can not be read`)
  }
  const isOwedToo = (event: StoredEvent): boolean =>
    owedFrom === undefined || event.number >= (owedFrom[shareOfEvent(event, owedFrom.length)] ?? 0)
  const owed = events.filter((event) => event.number < untilNumber && isOwedToo(event))
  const entry = withoutSkipped({ part, lane, position: 0n, events: owed }, await context.connection.skips())
  return { entry, nextNumber: Math.min(untilNumber, (events.at(-1)?.number ?? nextNumber) + 1) }
}

/** Its first half: what comes before a bad event is not held back by it. */
function halfOf({ entry }: Owed): Owed {
  const events = entry.events.slice(0, Math.ceil(entry.events.length / 2))
  return { entry: { ...entry, events }, nextNumber: (events.at(-1)?.number ?? -1) + 1 }
}

async function applyOwed(
  context: CatchUpContext,
  grant: SlotGrant,
  exception: StreamException,
  owed: Owed | undefined,
): Promise<StepResult> {
  const entry = owed?.entry
  return context.connection.transaction(async (transaction) => {
    const locked = await lockException(context, transaction, grant, exception)
    if (locked === undefined) return { kind: 'stale' }
    if (entry !== undefined && entry.events.length > 0) await transaction.apply([entry])
    const nextNumber = owed?.nextNumber ?? exception.nextNumber
    const owesNothing = nextNumber >= locked.exception.untilNumber
    if (owesNothing && (await isPassedByLanes(transaction, locked.exception, locked.position))) {
      await transaction.endException(exception)
      return { kind: 'ended', entry }
    }
    await transaction.moveException(exception, {
      state: exception.state === 'blocked' ? 'retry' : exception.state,
      nextNumber,
      attempts: 0,
      // Nothing owed, only the lane is not there yet: no hurry.
      retryAfterMs: entry === undefined ? blockedPauseMs : 0,
      error: undefined,
      awaited: undefined,
    })
    return { kind: 'advanced', entry }
  })
}

/** Slot first, then the exception, as everywhere; undefined when either is not as it was seen. */
async function lockException(
  context: PassContext,
  transaction: CrewTransaction,
  grant: SlotGrant,
  seen: StreamException,
): Promise<{ exception: StreamException; position: bigint } | undefined> {
  const slot = (await transaction.lockSlots([grant], context.guards.token)).get(slotName(grant))
  if (slot === undefined) return undefined
  const [exception] = await transaction.findExceptions([seen], true)
  if (exception === undefined || exception.nextNumber !== seen.nextNumber || exception.state !== seen.state) {
    return undefined
  }
  return { exception, position: slot.position }
}

/** Counts an attempt; parks the stream after the last one. `number`: where it failed; what is before is not owed. */
export async function recordFailure(
  context: CatchUpContext,
  grant: SlotGrant,
  exception: StreamException,
  error: unknown,
  number: number = exception.nextNumber,
): Promise<StepResult> {
  const awaited = awaitedBy(error)
  const attempts = awaited === undefined ? exception.attempts + 1 : exception.attempts
  const isParked = attempts >= attemptsMax
  return context.connection.transaction(async (transaction) => {
    const locked = await lockException(context, transaction, grant, exception)
    if (locked === undefined) return { kind: 'stale' }
    await transaction.moveException(exception, {
      state: awaited === undefined ? (isParked ? 'parked' : failedState(exception)) : 'blocked',
      nextNumber: number,
      attempts,
      retryAfterMs: awaited === undefined ? pauseBeforeAttempt(attempts) : blockedPauseMs,
      error: errorText(error),
      awaited,
    })
    if (awaited !== undefined) return { kind: 'blocked' }
    return { kind: isParked ? 'parked' : 'failed', error }
  })
}

function failedState(exception: StreamException): 'retry' | 'replay' {
  return exception.state === 'replay' ? 'replay' : 'retry'
}
