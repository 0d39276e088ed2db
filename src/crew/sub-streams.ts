import { type StoredEvent, studentOf } from '#domain/events.ts'
import { shareOfStudent } from '#domain/parts.ts'
import type { LaneEntry } from '#log/log.ts'
import { laneNumbers, laneOf, type SlotKey, slotName } from './ownership.ts'

/*
 * A lane of its own, read through several slots: each delivers the events of its share of the students, for
 * subscriptions to which the order of each student's events is enough (streams.md §5.5). Nothing of it is in the log:
 * all slots of a lane read the same entries, each from its own position, and pass over what is not theirs.
 *
 * An event of no one student (roster, dates, exclusions, book) is a barrier. The slot of share 0 applies the whole
 * entry that holds it, when all slots of the lane stand right before it and are locked, and moves all of them past it.
 */

/** Entries that a slot may be ahead of the slowest one of its lane: what a failure or a new number of shares leaves. */
const entriesAheadMax = 256

export function shareOf(slot: Pick<SlotKey, 'lane'>): number {
  return Math.floor(slot.lane / laneNumbers)
}

export function slotOfShare({ part, lane }: SlotKey, share: number): SlotKey {
  return { part, lane: laneOf({ lane }) + share * laneNumbers }
}

/** What all slots of a lane have confirmed, by the positions of slots; 0 for a lane without slots. */
export function lanePosition(positions: ReadonlyMap<string, bigint>, lane: SlotKey): bigint {
  let lowest = positions.get(slotName(slotOfShare(lane, 0))) ?? 0n
  for (let share = 1; ; share += 1) {
    const position = positions.get(slotName(slotOfShare(lane, share)))
    if (position === undefined) return lowest
    if (position < lowest) lowest = position
  }
}

/** Holds an event that concerns no one student. A no_op concerns nobody. */
export function isBarrier({ events }: LaneEntry): boolean {
  return events.some((event) => event.type !== 'no_op' && studentOf(event) === undefined)
}

export function shareOfEvent(event: StoredEvent, shares: number): number {
  const student = studentOf(event)
  return student === undefined ? 0 : shareOfStudent(student, shares)
}

/** The entry with the events of one share; it may hold none. */
export function ofShare(entry: LaneEntry, share: number, shares: number): LaneEntry {
  return { ...entry, events: entry.events.filter((event) => shareOfEvent(event, shares) === share) }
}

/** Whether the entry is within reach: not too far ahead of the slowest slot of its lane. */
export function isWithinReach({ position }: LaneEntry, lowest: bigint): boolean {
  return position <= lowest + BigInt(entriesAheadMax)
}
