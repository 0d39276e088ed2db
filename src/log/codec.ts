import { courseEventCodes, type StreamEvent } from '#domain/events.ts'
import { type Body, type BodyContext, DecodedEvent, jsonBytes, jsonHeaderBytes } from './body/decoded-event.ts'
import { appendPacked, type PackedCursor, packedTag, packResponse, passPacked } from './body/response.ts'
import { eventCode, typesMask } from './event-types.ts'
import { byteFromHex, writeUuid } from './uuid-bytes.ts'

/*
 * The body of a segment: its events, one after the other, without numbers (they follow from the segment's end). Each
 * starts with a tag: 0x80 and above is a packed response, below it is the event's code + 1, followed by
 *   event uuid 16 | length 4 | event_data as JSON in UTF-8
 * What it is made of is in `body/`: packed responses (response.ts, moment.ts), an event as it is read
 * (decoded-event.ts), and its text on the wire, put together from the digits of the body (event-text.ts,
 * response-text.ts).
 */

/** An event with its stored form, made once, before it is queued; `json` and `packed` exclude each other. */
export interface PreparedEvent {
  readonly event: StreamEvent
  readonly packed: Buffer | undefined
  readonly json: Buffer | undefined
  /** Upper bound of the bytes it takes in a body. */
  readonly bytes: number
}

export function prepareEvent(event: StreamEvent): PreparedEvent {
  const packed = event.type === 'record_response' ? packResponse(event) : undefined
  if (packed !== undefined) return { event, packed, json: undefined, bytes: packed.length }
  const json = Buffer.from(JSON.stringify(event.data))
  return { event, packed: undefined, json, bytes: jsonHeaderBytes + json.length }
}

/** One body for a gap-free run of one stream's events. */
export function encodeBody(run: readonly PreparedEvent[]): Buffer {
  let bytes = 0
  for (const prepared of run) bytes += prepared.bytes
  const body = Buffer.allocUnsafe(bytes)
  let end = 0
  let previous: Buffer | undefined
  for (const prepared of run) {
    if (prepared.packed !== undefined) {
      end = appendPacked(body, end, prepared.packed, previous)
      previous = prepared.packed
    } else {
      end = appendJson(body, end, prepared)
    }
  }
  return body.subarray(0, end)
}

function appendJson(body: Buffer, end: number, { event, json }: PreparedEvent): number {
  if (json === undefined) throw new TypeError('an event is prepared either packed or as JSON')
  body[end] = eventCode(event.type) + 1
  if (!writeUuid(body, end + 1, event.eventUuid)) throw new TypeError(`not a lower-case uuid: ${event.eventUuid}`)
  body.writeUInt32BE(json.length, end + 17)
  return end + jsonHeaderBytes + json.copy(body, end + jsonHeaderBytes)
}

/** Which events of a body are wanted, and how many of them at most. `mask` is that of `typesMask`. */
export interface Wanted {
  readonly from: number
  readonly mask: number
  readonly eventsMax: number
}

const all: Wanted = { from: 0, mask: typesMask(undefined), eventsMax: Number.POSITIVE_INFINITY }

/** The wanted events of a body, in order. The body may be cut behind the header of its last event. */
export function decodeBody(hex: string, context: BodyContext, { from, mask, eventsMax }: Wanted = all): DecodedEvent[] {
  const body: Body = { ...context, hex }
  const events: DecodedEvent[] = []
  const cursor: PackedCursor = { at: 0, ecosystemAt: -1, studentAt: -1 }
  for (let number = context.start; cursor.at < hex.length && events.length < eventsMax; number += 1) {
    const { at } = cursor
    const tag = byteFromHex(hex, at)
    const isPacked = tag >= packedTag
    const code = isPacked ? courseEventCodes.record_response : tag - 1
    if (isPacked) passPacked(hex, cursor)
    else cursor.at += 2 * (jsonHeaderBytes + jsonBytes(hex, at))
    if (number >= from && (mask & (1 << (code + 1))) !== 0) {
      const { ecosystemAt, studentAt } = cursor
      events.push(new DecodedEvent(body, number, code, { at, ecosystemAt, studentAt: isPacked ? studentAt : -1 }))
    }
  }
  return events
}

/** The same for who asks neither for data nor for times. */
export function scanBody(hex: string, place: Omit<BodyContext, 'recordedAt'>, wanted: Wanted = all): Scanned[] {
  return decodeBody(hex, { ...place, recordedAt: unknownTime }, wanted)
}

type Scanned = Pick<DecodedEvent, 'number' | 'eventUuid' | 'code' | 'type'>
const unknownTime = new Date(Number.NaN)
