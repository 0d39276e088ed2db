import type { StreamEvent } from '#domain/events.ts'
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
  /** Index in both by stream and number. */
  readonly slots: ReadonlyMap<string, number>
  readonly bytes: number
}

/**
 * A request, or its refusal when it contradicts itself: two events for one number. An event that it names under several
 * numbers is stored under the first and leaves no_ops under the others (design D4).
 */
export function openRequest(events: readonly StreamEvent[]): Request | AppendResult {
  const slots = new Map<string, number>()
  const firstNumbers = new Map<string, number>()
  const outcomes: ('recorded' | 'duplicate')[] = []
  const conflicts: AppendConflict[] = []
  const kept: PreparedEvent[] = []
  let bytes = 0
  events.forEach((event, index) => {
    const key = slotKey(event)
    const first = slots.get(key)
    if (first !== undefined) {
      const existing = events[first]!
      outcomes.push('duplicate')
      if (existing.eventUuid !== event.eventUuid) conflicts.push(conflictOf(event, existing))
      return
    }
    slots.set(key, index)
    const firstNumber = remembered(firstNumbers, `${streamKey(event)} ${event.eventUuid}`, () => event.number)
    const isSecondCopy = firstNumber !== event.number
    const prepared = prepareEvent(isSecondCopy ? secondCopyOf(event, firstNumber) : event)
    outcomes.push(isSecondCopy ? 'duplicate' : 'recorded')
    kept.push(prepared)
    bytes += prepared.bytes
  })
  if (conflicts.length > 0) return { kind: 'refused', conflicts }
  return { events: kept, given: events, outcomes, slots, bytes }
}

export function slotKey(event: Pick<StreamEvent, 'kind' | 'stream' | 'number'>): string {
  return `${streamKey(event)}${event.number}`
}

/** An event that is stored already: its uuid decides between a duplicate and a conflict. */
export type StoredSlot = Pick<StreamEvent, 'eventUuid' | 'type'>

/**
 * Compares what is left of a request with what is stored under its numbers (by `slotKey`). Duplicates leave the
 * request; the conflicts are returned, and if there is one the whole request is refused (design D2).
 */
export function settle(request: Request, stored: ReadonlyMap<string, StoredSlot>): AppendConflict[] {
  const conflicts: AppendConflict[] = []
  request.events = request.events.filter(({ event }) => {
    const key = slotKey(event)
    const existing = stored.get(key)
    if (existing === undefined) return true
    const index = request.slots.get(key)!
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
