import type { StreamEvent } from '#domain/events.ts'
import { type PreparedEvent, prepareEvent } from './codec.ts'
import type { AppendConflict, AppendResult } from './log.ts'
import { streamKey } from './plan.ts'

/**
 * One request on its way through `append`: what is still to be written, and the outcome of each of its items. Pure but
 * for the state it holds.
 */
export interface Request {
  /** What is still to be written. */
  events: PreparedEvent[]
  readonly outcomes: ('recorded' | 'duplicate')[]
  /** Index in `outcomes` by stream and number. */
  readonly slots: ReadonlyMap<string, number>
  readonly bytes: number
}

/** A request, or its refusal when it contradicts itself: two events for one number. */
export function openRequest(events: readonly StreamEvent[]): Request | AppendResult {
  const slots = new Map<string, number>()
  const outcomes: ('recorded' | 'duplicate')[] = []
  const conflicts: AppendConflict[] = []
  const kept: PreparedEvent[] = []
  let bytes = 0
  events.forEach((event, index) => {
    const key = slotKey(event)
    const first = slots.get(key)
    if (first === undefined) {
      slots.set(key, index)
      outcomes.push('recorded')
      const prepared = prepareEvent(event)
      bytes += prepared.bytes
      kept.push(prepared)
      return
    }
    outcomes.push('duplicate')
    const existing = events[first]!
    if (existing.eventUuid !== event.eventUuid) {
      conflicts.push(conflictOf(event, existing))
    }
  })
  if (conflicts.length > 0) return { kind: 'refused', conflicts }
  return { events: kept, outcomes, slots, bytes }
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
    if (existing.eventUuid !== event.eventUuid) conflicts.push(conflictOf(event, existing))
    else request.outcomes[request.slots.get(key)!] = 'duplicate'
    return false
  })
  return conflicts
}

function conflictOf({ kind, stream, number, eventUuid }: StreamEvent, existing: StoredSlot): AppendConflict {
  return { kind, stream, number, eventUuid, existingEventUuid: existing.eventUuid, existingType: existing.type }
}
