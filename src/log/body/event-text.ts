import type { StoredEvent } from '#domain/events.ts'
import { DecodedEvent } from './decoded-event.ts'
import { writeResponse } from './response-text.ts'
import type { TextBuffer } from './text-buffer.ts'

/*
 * Events as the wire shows them (api.md §4): the same text whether an event comes from the log, which has most of it
 * already, or from anywhere else.
 */

/** UTF-8 bytes of `event_data` as it is sent (design D16). */
export function eventDataBytes(event: StoredEvent): number {
  return event instanceof DecodedEvent ? event.wireBytes : Buffer.byteLength(JSON.stringify(event.data))
}

/** Bound of what `writeEvent` writes beside `event_data`. */
export const eventHeadBytesMax = 160

export function writeEvent(target: TextBuffer, event: StoredEvent): void {
  if (event instanceof DecodedEvent && event.isPacked) {
    writeResponse(target, event)
    return
  }
  const { number, eventUuid, type } = event
  target.ascii(`{"sequence_number":${number},"event_uuid":"${eventUuid}","event_type":"${type}","event_data":`)
  if (event instanceof DecodedEvent) target.hex(event.jsonDigits)
  else target.utf8(JSON.stringify(event.data))
  target.ascii('}')
}
