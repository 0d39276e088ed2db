import type pg from 'pg'
import type { LaneEntry } from '#log/log.ts'
import { type SlotKey, slotName } from './ownership.ts'
import type { SlotBatch } from './pass.ts'
import { lanePosition } from './sub-streams.ts'

/*
 * Streams that changed lanes: the first run in the new lane may be passed only when the subscription has confirmed the
 * run before it in the old one (streams.md §4.4). It always waits for an older run, so there is no circle to wait in. A
 * lane that belongs to one stream waits; in the shared lane the stream waits aside and the others go on.
 */
const sharedLane = 0

/** Confirmed positions of slots by `part/lane`; a lane that is not there has confirmed nothing. */
export type LanePositions = ReadonlyMap<string, bigint>

export interface HandOvers {
  /** The batches as far as they may be passed now. */
  readonly batches: readonly SlotBatch[]
  /** Their entries in an order that keeps that of each lane and of each stream. */
  readonly entries: readonly LaneEntry[]
  /** Those of the entries, all in shared lanes, whose stream has to wait aside for another lane. */
  readonly early: readonly LaneEntry[]
}

/** `confirmed` holds the lanes of the batches and those that their entries wait for. */
export function inHandOverOrder(batches: readonly SlotBatch[], confirmed: LanePositions): HandOvers {
  const positions = new Map(confirmed)
  const counts = batches.map(() => 0)
  const entries: LaneEntry[] = []
  const early: LaneEntry[] = []
  const next = (index: number): LaneEntry | undefined => batches[index]?.entries[counts[index] ?? 0]
  const pass = (index: number, entry: LaneEntry): void => {
    entries.push(entry)
    positions.set(slotName(entry), entry.position)
    counts[index] = (counts[index] ?? 0) + 1
  }
  for (let isMoving = true; isMoving; ) {
    isMoving = false
    for (const index of batches.keys()) {
      for (let entry = next(index); entry !== undefined && isReleased(entry, positions); entry = next(index)) {
        pass(index, entry)
        isMoving = true
      }
    }
    if (isMoving) continue
    // Only when no lane in hand can go on: what a run waits for may be among what is in hand.
    const stopped = batches.findIndex((_, index) => next(index)?.lane === sharedLane)
    const entry = next(stopped)
    if (entry === undefined) break
    early.push(entry)
    pass(stopped, entry)
    isMoving = true
  }
  const passed = batches.map((batch, index) => ({ ...batch, entries: batch.entries.slice(0, counts[index]) }))
  return { batches: passed, entries, early }
}

function isReleased({ part, waitsFor }: LaneEntry, positions: LanePositions): boolean {
  if (waitsFor === undefined) return true
  return lanePosition(positions, { part, lane: waitsFor.lane }) >= waitsFor.position
}

/** Parts in which an entry waits for another lane. */
export function partsWithHandOvers(entries: readonly LaneEntry[]): number[] {
  return [...new Set(entries.flatMap(({ part, waitsFor }) => (waitsFor === undefined ? [] : [part])))]
}

/**
 * What a subscription has confirmed of all lanes of these parts. Needs no lock: positions only grow, and what takes
 * them back (a reset) locks every slot.
 */
export async function readLanePositions(
  database: Pick<pg.ClientBase, 'query'>,
  subscription: string,
  parts: readonly number[],
): Promise<Map<string, bigint>> {
  if (parts.length === 0) return new Map()
  const found = await database.query<SlotKey & { position: bigint }>(
    `select part, lane, position
       from slot
      where part = any($2::smallint[])
        and subscription = $1`,
    [subscription, parts],
  )
  return new Map(found.rows.map((row) => [slotName(row), row.position]))
}
