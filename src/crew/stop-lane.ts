import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry, Log } from '#log/log.ts'
import type { SetAside, StreamException } from './exceptions.ts'
import type { LaneSlot } from './fence.ts'
import { laneOf, type SlotKey } from './ownership.ts'
import type { PositionsTransaction } from './store.ts'
import { shareOf, slotOfShare } from './sub-streams.ts'

/*
 * Brings all slots of a lane to one position, in one transaction that holds their locks: when something fails, and when
 * their number changes. What some slots had not delivered by then, and others had, is owed by the exceptions of its
 * streams, which know where each share begins; they are worked off one by one, in order, and then the lane goes on.
 */
export type LaneReader = Pick<Log, 'readLanes'>

export interface StopReason {
  readonly error: string
  readonly awaited: SetAside['awaited']
  readonly retryAfterMs: number
}

export interface StoppedLane {
  readonly failures: readonly SetAside[]
  readonly reached: readonly (SlotKey & { readonly position: bigint })[]
}

/** At the highest position of `slots`, or at `until` if that is higher. */
export async function stopLane(
  { source }: { readonly source: LaneReader },
  transaction: PositionsTransaction,
  slots: readonly LaneSlot[],
  until: bigint,
  reason: StopReason,
): Promise<StoppedLane> {
  const position = slots.reduce((highest, slot) => (slot.position > highest ? slot.position : highest), until)
  const entries = await readBehind(source, slots, position)
  const streams = [...Map.groupBy(entries, streamOf)]
  const keys = streams.map(([stream, [first]]) => ({ stream, part: first?.part ?? 0 }))
  const known = entries.length === 0 ? [] : await transaction.findExceptions(keys, true)
  const failures = streams.flatMap(([stream, runs]): SetAside[] => {
    const owed = owedOf(
      runs,
      slots,
      known.find((exception) => exception.stream === stream),
    )
    const [first] = runs
    if (owed === undefined || first === undefined) return []
    // Only one of several streams may be the one that waits; trying it tells which.
    const { error, retryAfterMs, awaited } = reason
    const state = { error, retryAfterMs, awaited: streams.length > 1 ? undefined : awaited }
    return [{ ...slotOfShare(first, 0), stream, ...owed, ...state }]
  })
  const failed = new Set(failures.map(({ stream }) => stream))
  const owedAlready = streams.filter(([stream]) => known.some((one) => one.stream === stream) && !failed.has(stream))
  await transaction.raiseUntil(owedAlready.map(([stream, runs]) => ({ stream, ...endOf(runs) })))
  await transaction.setAside(failures)
  const reached = slots.map(({ part, lane }) => ({ part, lane, position }))
  await transaction.confirmSlots(reached)
  return { failures, reached }
}

/** Entries that the slowest slot has still to pass. */
async function readBehind(source: LaneReader, slots: readonly LaneSlot[], until: bigint): Promise<LaneEntry[]> {
  const entries: LaneEntry[] = []
  const [first] = slots
  if (first === undefined) return entries
  let after = slots.reduce((lowest, slot) => (slot.position < lowest ? slot.position : lowest), until)
  while (after < until) {
    const cursor = { part: first.part, lane: laneOf(first), after }
    const found = await source.readLanes([cursor], Number(until - after))
    const last = found.at(-1)
    if (last === undefined) throw new Error(`the lane ${cursor.part}/${cursor.lane} ends before ${until}`)
    entries.push(...found)
    after = last.position
  }
  return entries
}

/** What of a stream no slot has delivered, if the exception that it has does not owe that already. */
function owedOf(
  runs: readonly LaneEntry[],
  slots: readonly LaneSlot[],
  known: StreamException | undefined,
): Pick<SetAside, 'nextNumber' | 'untilNumber' | 'owedFrom'> | undefined {
  if (known !== undefined && !known.isHandedOver) return undefined
  const { untilNumber } = endOf(runs)
  const limit = Math.min(untilNumber, known?.nextNumber ?? untilNumber)
  const byShare = slots.toSorted((one, other) => shareOf(one) - shareOf(other))
  const owedFrom = byShare.map(({ position }) => {
    const first = runs.find((run) => run.position > position)
    return Math.min(limit, first?.events[0]?.number ?? limit)
  })
  const nextNumber = Math.min(...owedFrom)
  return nextNumber >= limit ? undefined : { nextNumber, untilNumber, owedFrom }
}

function endOf(runs: readonly LaneEntry[]): { part: number; untilNumber: number } {
  const last = runs.at(-1)
  if (last === undefined) throw new Error('no runs end nowhere')
  return { part: last.part, untilNumber: (last.events.at(-1)?.number ?? -1) + 1 }
}

function streamOf(entry: LaneEntry): Uuid {
  const [first] = entry.events
  if (first === undefined) throw new Error(`the entry at ${entry.part}/${entry.lane} ${entry.position} is empty`)
  return first.stream
}
