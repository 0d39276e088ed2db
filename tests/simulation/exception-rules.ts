import type { SetAside, StreamException } from '#crew/exceptions.ts'
import { laneOf, type SlotKey, slotName } from '#crew/ownership.ts'
import type { CrewTransaction } from '#crew/store.ts'
import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import { lockOn, type ServerSession } from './server.ts'
import {
  type Change,
  changeSlot,
  type ExceptionRow,
  type SlotRow,
  type State,
  streamKeyOf,
  subscriptionOf,
} from './state.ts'

/** Streams that are set aside, from the rules of the statements in src/crew/exceptions.ts. */
type ExceptionStatements = Pick<
  CrewTransaction,
  'findExceptions' | 'setAside' | 'keepUntil' | 'waitAside' | 'raiseUntil' | 'moveException' | 'endException'
>

export function exceptionStatements(session: ServerSession, name: string): ExceptionStatements {
  const { server } = session
  const rows = (): Map<string, ExceptionRow> => subscriptionOf(session.view(), name).exceptions
  const lock = (part: number, stream: Uuid): Promise<void> => session.lock(lockOn.exception(name, part, stream))
  return {
    findExceptions: (streams, isLocked) =>
      session.call('findExceptions', [streams, isLocked], async () => {
        const keys = streams.map(({ part, stream }) => streamKeyOf(part, stream))
        const found = keys.flatMap((key) => rows().get(key) ?? []).sort(byPartAndStream)
        if (!isLocked) return found.map(shown)
        for (const { part, stream } of found) await lock(part, stream)
        // Whoever had to wait sees the newest version, or that the row is gone.
        return found.flatMap(({ part, stream }) => rows().get(streamKeyOf(part, stream)) ?? []).map(shown)
      }),
    setAside: (failures) =>
      session.call('setAside', [failures], async () => {
        const nowMs = server.nowMs()
        for (const failure of failures) {
          await lock(failure.part, failure.stream)
          const before = rows().get(streamKeyOf(failure.part, failure.stream))
          if (before !== undefined && before.awaitedLane === undefined) {
            throw new Error(`${failure.stream} is set aside already`)
          }
          session.changes.push(put(name, asideOf(failure, before, nowMs)))
          if (before === undefined) session.changes.push(countExceptions(name, failure, 1))
        }
      }),
    keepUntil: (slot, streams, position) =>
      session.call('keepUntil', [slot, streams, position], async () => {
        for (const stream of streams) {
          if (!rows().has(streamKeyOf(slot.part, stream))) continue
          await lock(slot.part, stream)
          session.changes.push(keepUntil(name, slot, stream, position))
        }
      }),
    waitAside: (early) =>
      session.call('waitAside', [early], async () => {
        const nowMs = server.nowMs()
        for (const entry of early) await waitAsideOne(session, name, entry, nowMs)
      }),
    raiseUntil: (skipped) =>
      session.call('raiseUntil', [skipped], async () => {
        for (const { part, stream, untilNumber } of skipped) {
          const row = rows().get(streamKeyOf(part, stream))
          if (row === undefined || row.untilNumber >= untilNumber) continue
          await lock(part, stream)
          session.changes.push(
            change(name, part, stream, (now) => ({ untilNumber: Math.max(now.untilNumber, untilNumber) })),
          )
        }
      }),
    moveException: ({ part, stream }, progress) =>
      session.call('moveException', [{ part, stream }, progress], async () => {
        const nextAtMs = server.nowMs() + progress.retryAfterMs
        await lock(part, stream)
        const { state, nextNumber, attempts, awaited } = progress
        const moved = { state, nextNumber, attempts, nextAtMs, awaited, awaitedLane: undefined }
        session.changes.push(change(name, part, stream, () => moved))
      }),
    endException: (exception) =>
      session.call('endException', [exception], async () => {
        const { part, stream } = exception
        await lock(part, stream)
        session.changes.push(
          (state) => void subscriptionOf(state, name).exceptions.delete(streamKeyOf(part, stream)),
          countExceptions(name, exception, -1),
        )
      }),
  }
}

/** What a row waits for in another lane, if anything, is confirmed. */
export function isHandedOver(state: State, name: string, { part, awaitedLane }: ExceptionRow): boolean {
  if (awaitedLane === undefined) return true
  const slots = slotsOfLane(state, name, { part, lane: awaitedLane.lane })
  return slots.length > 0 && slots.every(({ position }) => position >= awaitedLane.position)
}

/** All slots of the lane of a slot, ascending. */
export function slotsOfLane(state: State, name: string, { part, lane }: SlotKey): SlotRow[] {
  const rows = [...subscriptionOf(state, name).slots.values()]
  const ofLane = rows.filter((row) => row.part === part && laneOf(row) === laneOf({ lane }))
  return ofLane.sort((one, other) => one.lane - other.lane)
}

export function shown(row: ExceptionRow): StreamException {
  const { nextAtMs: _, awaited: __, awaitedLane, ...rest } = row
  return { ...rest, isHandedOver: awaitedLane !== undefined }
}

function byPartAndStream(one: ExceptionRow, other: ExceptionRow): number {
  return one.part - other.part || (one.stream < other.stream ? -1 : 1)
}

export function put(name: string, row: ExceptionRow): Change {
  return (state) => void subscriptionOf(state, name).exceptions.set(streamKeyOf(row.part, row.stream), row)
}

function change(
  name: string,
  part: number,
  stream: Uuid,
  changed: (row: ExceptionRow) => Partial<ExceptionRow>,
): Change {
  return (state) => {
    const row = subscriptionOf(state, name).exceptions.get(streamKeyOf(part, stream))
    if (row !== undefined) put(name, { ...row, ...changed(row) })(state)
  }
}

/** Other blocked streams have their turn before this one. */
export function postpone(name: string, part: number, stream: Uuid, nextAtMs: number): Change {
  return change(name, part, stream, (row) => (row.state === 'blocked' ? { nextAtMs } : {}))
}

export function countExceptions(name: string, slot: SlotKey, count: number): Change {
  return (state) => {
    const row = subscriptionOf(state, name).slots.get(slotName(slot))
    if (row !== undefined) changeSlot(name, slotName(slot), { exceptions: row.exceptions + count })(state)
  }
}

/** A row that owes what comes after a change of lanes takes a failure that came before it as well. */
function asideOf(failure: SetAside, before: ExceptionRow | undefined, nowMs: number): ExceptionRow {
  const { part, lane, stream, nextNumber, awaited, retryAfterMs } = failure
  const untilNumber = Math.max(failure.untilNumber, before?.untilNumber ?? 0)
  const attempts = awaited === undefined ? 1 : 0
  const kept = before ?? { part, lane, stream, afterPosition: 0n, afterLanes: [] }
  const { owedFrom } = failure
  const state = awaited === undefined ? 'retry' : 'blocked'
  const times = { attempts, nextAtMs: nowMs + retryAfterMs, awaited, awaitedLane: undefined }
  return { ...kept, state, nextNumber, untilNumber, owedFrom, ...times }
}

async function waitAsideOne(session: ServerSession, name: string, entry: LaneEntry, nowMs: number): Promise<void> {
  const { part, lane, events, waitsFor } = entry
  const [first] = events
  if (first === undefined || waitsFor === undefined) throw new Error('an early run waits for another one')
  const { stream, number } = first
  await session.lock(lockOn.exception(name, part, stream))
  if (!subscriptionOf(session.view(), name).exceptions.has(streamKeyOf(part, stream))) {
    const numbers = { nextNumber: number, untilNumber: number + events.length, attempts: 0 }
    const kept = { afterPosition: 0n, afterLanes: [], awaited: undefined, nextAtMs: nowMs, owedFrom: undefined }
    session.changes.push(
      put(name, { part, lane, stream, state: 'blocked', ...numbers, ...kept, awaitedLane: waitsFor }),
      countExceptions(name, entry, 1),
    )
  }
  session.changes.push(keepUntil(name, { part, lane: waitsFor.lane }, stream, waitsFor.position))
}

/** The row stays until the lane has confirmed `position`. */
export function keepUntil(name: string, slot: SlotKey, stream: Uuid, position: bigint): Change {
  const greatest = (one: bigint, other: bigint): bigint => (one > other ? one : other)
  return change(name, slot.part, stream, (row) => {
    if (row.lane === slot.lane) return { afterPosition: greatest(row.afterPosition, position) }
    const before = row.afterLanes.find(({ lane }) => lane === slot.lane)?.position ?? 0n
    const others = row.afterLanes.filter(({ lane }) => lane !== slot.lane)
    return { afterLanes: [...others, { lane: slot.lane, position: greatest(before, position) }] }
  })
}
