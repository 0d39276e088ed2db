import type { StreamEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import { type PreparedEvent, prepareEvent } from './codec.ts'
import type { AppendConflict, AppendResult } from './log.ts'
import { streamKey } from './plan.ts'
import { secondCopyOf, secondCopyUuid } from './second-copy.ts'

/**
 * One request on its way through `append`: what is still to be written, and the outcome of each of its items. Pure but
 * for the state it holds.
 */
export interface Request {
  /** What is still to be written. */
  events: PreparedEvent[]
  /** As it came; `outcomes` is parallel to it. */
  readonly given: readonly StreamEvent[]
  readonly outcomes: ('recorded' | 'duplicate')[]
  readonly bytes: number
}

/**
 * A request, or its refusal when it contradicts itself: two events for one number. An event that it names under several
 * numbers is stored under the first and leaves no_ops under the others (design D4).
 */
export function openRequest(events: readonly StreamEvent[]): Request | AppendResult {
  return isWithoutRepetition(events) ? openPlain(events) : openRepeating(events)
}

function openPlain(events: readonly StreamEvent[]): Request {
  const prepared = events.map(prepareEvent)
  return { events: prepared, given: events, outcomes: events.map(() => 'recorded'), bytes: sumOfBytes(prepared) }
}

function sumOfBytes(prepared: readonly PreparedEvent[]): number {
  return prepared.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** True when no number and no uuid comes twice; false when that takes a closer look. */
function isWithoutRepetition(events: readonly StreamEvent[]): boolean {
  if (events.length === 1) return true
  const numbers = new Map<Uuid, Set<number>>()
  const uuids = new Set<Uuid>()
  for (const { stream, number, eventUuid } of events) {
    const known = remembered(numbers, stream, () => new Set())
    if (known.has(number)) return false
    known.add(number)
    uuids.add(eventUuid)
  }
  return uuids.size === events.length
}

function openRepeating(events: readonly StreamEvent[]): Request | AppendResult {
  const slots = slotsOf(events)
  const firstNumbers = new Map<string, number>()
  const outcomes: ('recorded' | 'duplicate')[] = []
  const conflicts: AppendConflict[] = []
  const kept: PreparedEvent[] = []
  events.forEach((event, index) => {
    const first = slots.get(slotKey(event))!
    if (first !== index) {
      const existing = events[first]!
      outcomes.push('duplicate')
      if (existing.eventUuid !== event.eventUuid) conflicts.push(conflictOf(event, existing))
      return
    }
    const firstNumber = remembered(firstNumbers, `${streamKey(event)} ${event.eventUuid}`, () => event.number)
    const isSecondCopy = firstNumber !== event.number
    outcomes.push(isSecondCopy ? 'duplicate' : 'recorded')
    kept.push(prepareEvent(isSecondCopy ? secondCopyOf(event, firstNumber) : event))
  })
  if (conflicts.length > 0) return { kind: 'refused', conflicts }
  return { events: kept, given: events, outcomes, bytes: sumOfBytes(kept) }
}

/** The first event of each stream and number, as an index. */
function slotsOf(events: readonly StreamEvent[]): Map<string, number> {
  const slots = new Map<string, number>()
  for (const [index, event] of events.entries()) remembered(slots, slotKey(event), () => index)
  return slots
}

export function slotKey(event: Pick<StreamEvent, 'kind' | 'stream' | 'number'>): string {
  return `${streamKey(event)}${event.number}`
}

/** An event that is stored already: its uuid decides between a duplicate and a conflict. */
export type StoredSlot = Pick<StreamEvent, 'eventUuid' | 'type'>

/** Would `settle` take anything from this request? */
export function isAnyStored({ events }: Request, stored: ReadonlyMap<string, StoredSlot>): boolean {
  return events.some(({ event }) => stored.has(slotKey(event)))
}

/**
 * Compares what is left of a request with what is stored under its numbers (by `slotKey`). Duplicates leave the
 * request; the conflicts are returned, and if there is one the whole request is refused (design D2).
 */
export function settle(request: Request, stored: ReadonlyMap<string, StoredSlot>): AppendConflict[] {
  const conflicts: AppendConflict[] = []
  const slots = slotsOf(request.given)
  request.events = request.events.filter(({ event }) => {
    const key = slotKey(event)
    const existing = stored.get(key)
    if (existing === undefined) return true
    const index = slots.get(key)!
    const given = request.given[index]!
    if (isSame(given, existing)) request.outcomes[index] = 'duplicate'
    else conflicts.push(conflictOf(given, existing))
    return false
  })
  return conflicts
}

/** The event itself, or the no_op that stands for it because it is stored under another number. */
function isSame(given: StreamEvent, existing: StoredSlot): boolean {
  if (given.eventUuid === existing.eventUuid) return true
  return existing.type === 'no_op' && existing.eventUuid === secondCopyUuid(given.eventUuid, given.number)
}

function conflictOf({ kind, stream, number, eventUuid }: StreamEvent, existing: StoredSlot): AppendConflict {
  return { kind, stream, number, eventUuid, existingEventUuid: existing.eventUuid, existingType: existing.type }
}
