import type pg from 'pg'
import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import {
  type Awaited,
  findExceptions,
  keepUntil,
  moveException,
  raiseUntil,
  type StreamException,
  setAside,
} from './exceptions.ts'
import { attemptsMax, blockedPauseMs, pauseBeforeAttempt } from './failure.ts'
import { confirmSlots, type FencedSlot, lockSlots } from './fence.ts'
import { allGuards, type Guards } from './guards.ts'
import { type SlotKey, slotName } from './ownership.ts'
import { endsOf, streamsOf } from './pass.ts'
import { entriesAheadMax, entryName, remoteLimits } from './remote.ts'
import { endSettled, giveBack } from './remote-exceptions.ts'
import type { LaneSource } from './run-options.ts'
import { createOwnershipStore } from './slots.ts'
import { runTransactionOn } from './transaction.ts'

/*
 * What a remote consumer says about what it got. Each call is one fenced transaction; an old token changes nothing, and
 * the answer says why.
 */
export interface RemoteContext {
  readonly pool: pg.Pool
  readonly source: LaneSource
}

interface Held extends SlotKey {
  readonly token: Uuid
}

/** A batch as it was fetched: its bounds, and the name of what its last position held. */
export interface BatchConfirmation extends Held {
  readonly after: bigint
  readonly position: bigint
  readonly entry: string
}

/** Events of a stream that was set aside, up to `nextNumber`. */
export interface StreamConfirmation extends Held {
  readonly stream: Uuid
  readonly nextNumber: number
}

export type ConfirmOutcome =
  | 'confirmed'
  | 'already_confirmed'
  /** A batch before it is not confirmed yet: confirm that first, then this one again. */
  | 'out_of_order'
  | 'lost_lease'
  /** The position holds something else than what was fetched: fetch again. */
  | 'cursor_diverged'

export interface Confirmations {
  readonly subscription: string
  readonly instance: Uuid
  readonly leaseMs: number
  readonly batches: readonly BatchConfirmation[]
  readonly streams: readonly StreamConfirmation[]
}

export async function confirmRemote(
  context: RemoteContext,
  request: Confirmations,
  guards: Guards = allGuards,
): Promise<{ readonly batches: ConfirmOutcome[]; readonly streams: ConfirmOutcome[] }> {
  const { subscription, instance, leaseMs } = request
  const grants = [...request.batches, ...request.streams].map((held) => ({
    ...held,
    epoch: 0n,
    position: 0n,
    shares: 1,
  }))
  await createOwnershipStore({ pool: context.pool, subscription, build: 'remote' }).beat(instance, leaseMs)
  return runTransactionOn(context.pool, remoteLimits, async (transaction) => {
    const locked = await lockSlots(transaction, subscription, grants)
    const batches: ConfirmOutcome[] = []
    for (const batch of request.batches) {
      batches.push(await confirmBatch({ ...context, guards }, transaction, subscription, locked, batch))
    }
    const streams: ConfirmOutcome[] = []
    for (const stream of request.streams) {
      streams.push(await confirmStream(transaction, subscription, locked.get(slotName(stream)), stream))
    }
    return { batches, streams }
  })
}

async function confirmBatch(
  context: RemoteContext & { readonly guards: Guards },
  transaction: pg.ClientBase,
  subscription: string,
  locked: Map<string, FencedSlot>,
  batch: BatchConfirmation,
): Promise<ConfirmOutcome> {
  const slot = locked.get(slotName(batch))
  if (slot === undefined) return 'lost_lease'
  if (batch.position <= slot.position) return 'already_confirmed'
  if (batch.after > slot.position) return 'out_of_order'
  if (batch.position - slot.position > entriesAheadMax) return 'cursor_diverged'
  const passed = await context.source.readLanes(
    [{ part: batch.part, lane: batch.lane, after: slot.exceptions > 0 ? slot.position : batch.position - 1n }],
    slot.exceptions > 0 ? Number(batch.position - slot.position) : 1,
  )
  const last = passed.find((entry) => entry.position === batch.position)
  const isSame = last !== undefined && entryName(last) === batch.entry
  if (!isSame && context.guards.content) return 'cursor_diverged'
  if (slot.exceptions > 0) await passOver(transaction, subscription, batch, passed)
  await confirmSlots(transaction, subscription, [batch])
  locked.set(slotName(batch), { ...slot, position: batch.position })
  return 'confirmed'
}

/** What the lane passes of streams that are set aside is owed to them. */
async function passOver(
  transaction: pg.ClientBase,
  subscription: string,
  batch: BatchConfirmation,
  passed: readonly LaneEntry[],
): Promise<void> {
  // Locks the rows in their order before they are changed.
  await findExceptions(transaction, subscription, streamsOf(passed), true)
  await raiseUntil(transaction, subscription, endsOf(passed))
  await endSettled(transaction, subscription, batch, batch.position)
}

async function confirmStream(
  transaction: pg.ClientBase,
  subscription: string,
  slot: FencedSlot | undefined,
  confirmation: StreamConfirmation,
): Promise<ConfirmOutcome> {
  if (slot === undefined) return 'lost_lease'
  const [exception] = await findExceptions(transaction, subscription, [confirmation], true)
  if (exception === undefined || confirmation.nextNumber <= exception.nextNumber) return 'already_confirmed'
  if (confirmation.nextNumber > exception.untilNumber) return 'cursor_diverged'
  await moveException(transaction, subscription, exception, {
    state: exception.state,
    nextNumber: confirmation.nextNumber,
    attempts: 0,
    retryAfterMs: 0,
    error: undefined,
    awaited: undefined,
  })
  await endSettled(transaction, subscription, confirmation, slot.position)
  return 'confirmed'
}

export interface Nack extends Held {
  readonly subscription: string
  readonly stream: Uuid
  /** The event that failed; those before it took effect. */
  readonly number: number
  readonly error: string
  /** The last position of the lane that this instance has got: later events of the stream in it are to be dropped. */
  readonly received: bigint
  readonly awaited?: Awaited
}

export type NackOutcome = 'set_aside' | 'parked' | 'lost_lease' | 'already_confirmed'

/**
 * Sets the stream aside, or counts one more failed attempt of one that is. Its lane is confirmed as usual. A consumer
 * may refuse, in any order, what follows the failed event in its hands: the lowest number counts.
 */
export function nackRemote(context: RemoteContext, nack: Nack): Promise<NackOutcome> {
  return runTransactionOn(context.pool, remoteLimits, async (transaction) => {
    const { subscription, part, lane, stream, number, error, awaited } = nack
    const locked = await lockSlots(transaction, subscription, [{ ...nack, epoch: 0n, position: 0n, shares: 1 }])
    const slot = locked.get(slotName(nack))
    if (slot === undefined) return 'lost_lease'
    const [known] = await findExceptions(transaction, subscription, [nack], true)
    if (known !== undefined && number >= known.nextNumber) {
      if (await giveBack(transaction, subscription, nack, number)) return countFailure(transaction, nack, known)
      // Of the batch in which the stream failed: what fails of it now comes again, from the first failure on.
      await keepUntil(transaction, subscription, nack, [stream], nack.received)
      return known.state === 'parked' ? 'parked' : 'set_aside'
    }
    // What is confirmed took effect: there is nothing in hand that could fail.
    if (nack.received <= slot.position) return 'already_confirmed'
    const retryAfterMs = awaited === undefined ? pauseBeforeAttempt(1) : blockedPauseMs
    if (known === undefined) {
      const failure = { part, lane, stream, nextNumber: number, untilNumber: number + 1, error, retryAfterMs, awaited }
      await setAside(transaction, subscription, [failure])
    } else {
      // One that waits for this lane owes only what comes after it; of two failures the later one may be heard first.
      await giveBack(transaction, subscription, nack, number)
      const [state, attempts] = awaited === undefined ? (['retry', 1] as const) : (['blocked', 0] as const)
      const progress = { state, attempts, nextNumber: number, retryAfterMs, error, awaited }
      await moveException(transaction, subscription, known, progress)
    }
    await keepUntil(transaction, subscription, nack, [stream], nack.received)
    return 'set_aside'
  })
}

async function countFailure(transaction: pg.ClientBase, nack: Nack, known: StreamException): Promise<NackOutcome> {
  const attempts =
    nack.awaited === undefined ? (nack.number > known.nextNumber ? 1 : known.attempts + 1) : known.attempts
  const isParked = attempts >= attemptsMax
  await moveException(transaction, nack.subscription, known, {
    state: nack.awaited === undefined ? (isParked ? 'parked' : 'retry') : 'blocked',
    nextNumber: nack.number,
    attempts,
    retryAfterMs: nack.awaited === undefined ? pauseBeforeAttempt(attempts) : blockedPauseMs,
    error: nack.error,
    awaited: nack.awaited,
  })
  return isParked ? 'parked' : 'set_aside'
}

/** Renews the lease; says whether the subscription still exists and runs. */
export async function extendRemote(
  context: RemoteContext,
  request: { readonly subscription: string; readonly instance: Uuid; readonly leaseMs: number },
): Promise<'extended' | 'paused' | 'unknown_subscription'> {
  const { subscription, instance, leaseMs } = request
  const view = await createOwnershipStore({ pool: context.pool, subscription, build: 'remote' }).beat(instance, leaseMs)
  if (!view.exists) return 'unknown_subscription'
  return view.isPaused ? 'paused' : 'extended'
}

/** Gives slots back before the lease ends; the instance leaves the crew until its next fetch. */
export async function releaseRemote(
  context: RemoteContext,
  request: { readonly subscription: string; readonly instance: Uuid; readonly slots: readonly Held[] },
): Promise<void> {
  const store = createOwnershipStore({ pool: context.pool, subscription: request.subscription, build: 'remote' })
  await store.release(request.slots.map((held) => ({ ...held, epoch: 0n, position: 0n, shares: 1 })))
  await store.leave(request.instance)
}
