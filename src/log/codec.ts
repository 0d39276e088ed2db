import {
  courseEventCodes,
  type EventData,
  type EventType,
  ecosystemEventCodes,
  type StoredEvent,
  type StreamEvent,
  type StreamKind,
} from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import {
  appendPacked,
  locatePacked,
  type PackedResponse,
  packedTag,
  packResponse,
  responseData,
  responseWireBytes,
} from './response-codec.ts'
import { uuidFromHex, writeUuid } from './uuid-bytes.ts'

/*
 * The body of a segment: its events, one after the other, without numbers (they follow from the segment's end). Each
 * starts with a tag: 0x80 and above is a packed response, below it is the event's code + 1, followed by
 *   event uuid 16 | length 4 | event_data as JSON in UTF-8
 * Decoding works on hexadecimal text, the form in which the driver delivers bytes: uuids are slices of it.
 */
const jsonHeaderBytes = 1 + 16 + 4

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

/** Where one event stands in a body; made by `scanBody` without decoding anything. */
export interface EventSlot {
  readonly number: number
  readonly code: number
  readonly at: number
  readonly packed: PackedResponse | undefined
}

/** What a body does not say about itself. */
export interface BodyContext {
  readonly kind: StreamKind
  readonly stream: Uuid
  /** Number of the first event. */
  readonly start: number
  readonly recordedAt: Date
}

/** The events of a body, in order. `hex` is the body as hexadecimal text without prefix. */
export function* scanBody(hex: string, start: number): Generator<EventSlot> {
  let at = 0
  let number = start
  let previous: PackedResponse | undefined
  while (at < hex.length) {
    const tag = Number.parseInt(hex.slice(at, at + 2), 16)
    if (tag >= packedTag) {
      previous = locatePacked(hex, at, previous)
      yield { number, code: courseEventCodes.record_response, at, packed: previous }
      at = previous.next
    } else {
      yield { number, code: tag - 1, at, packed: undefined }
      at += 2 * (jsonHeaderBytes + jsonLength(hex, at))
    }
    number += 1
  }
}

export function decodeBody(hex: string, context: BodyContext): StoredEvent[] {
  const events: StoredEvent[] = []
  for (const slot of scanBody(hex, context.start)) events.push(decodeSlot(hex, slot, context))
  return events
}

export function decodeSlot(hex: string, slot: EventSlot, context: BodyContext): StoredEvent {
  const { kind, stream, recordedAt } = context
  const data: EventData =
    slot.packed === undefined ? JSON.parse(jsonText(hex, slot.at)) : responseData(hex, slot.packed, stream, slot.number)
  const eventUuid = slotUuid(hex, slot)
  return { kind, stream, number: slot.number, eventUuid, type: eventType(kind, slot.code), data, recordedAt }
}

export function slotUuid(hex: string, slot: EventSlot): Uuid {
  return uuidFromHex(hex, slot.at + 2) as Uuid
}

/** UTF-8 bytes of `event_data` as it is sent (design D16). */
export function slotWireBytes(hex: string, slot: EventSlot): number {
  return slot.packed === undefined ? jsonLength(hex, slot.at) : responseWireBytes(hex, slot.packed, slot.number)
}

function jsonLength(hex: string, at: number): number {
  return Number.parseInt(hex.slice(at + 34, at + 42), 16)
}

function jsonText(hex: string, at: number): string {
  const from = at + 2 * jsonHeaderBytes
  return Buffer.from(hex.slice(from, from + 2 * jsonLength(hex, at)), 'hex').toString('utf8')
}

export function eventCode(type: EventType): number {
  if (type === 'create_ecosystem') return ecosystemEventCodes.create_ecosystem
  return courseEventCodes[type]
}

const courseTypes = typesByCode(courseEventCodes)
const ecosystemTypes = typesByCode(ecosystemEventCodes)

export function eventType(kind: StreamKind, code: number): EventType {
  const type = (kind === 'course' ? courseTypes : ecosystemTypes).get(code)
  if (type === undefined) throw new Error(`a ${kind} stream holds an event of unknown code ${code}`)
  return type
}

function typesByCode<Type extends EventType>(codes: Readonly<Record<Type, number>>): ReadonlyMap<number, Type> {
  return new Map((Object.keys(codes) as Type[]).map((type) => [codes[type], type]))
}

/** Column `types` of a segment: bit (code + 1) of each type asked for; all bits when nothing is asked for. */
export function typesMask(types: ReadonlySet<EventType> | undefined): number {
  if (types === undefined) return 0x7fff
  let mask = 0
  for (const type of types) mask |= 1 << (eventCode(type) + 1)
  return mask
}
