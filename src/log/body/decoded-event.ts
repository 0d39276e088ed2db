import type { EventData, EventType, StoredEvent, StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { eventType } from '../event-types.ts'
import { numberFromHex, uuidFromHex } from '../uuid-bytes.ts'
import { digitsOf, uuidAt } from './digits.ts'
import { type PackedResponse, responseData } from './response.ts'
import { type ResponseEvent, responseDataBytes } from './response-text.ts'

/** What a body does not say about itself. */
export interface BodyContext {
  readonly kind: StreamKind
  readonly stream: Uuid
  /** Number of the first event. */
  readonly start: number
  readonly recordedAt: Date
}

/** A body as hexadecimal text without prefix, the form in which the driver delivers bytes. */
export interface Body extends BodyContext {
  readonly hex: string
}

/** Tag 1, event uuid 16, length 4, before the JSON of an event that is not packed. */
export const jsonHeaderBytes = 1 + 16 + 4

/**
 * The data that was worked out last. Readers take what they need of one event and go on to the next; data kept with
 * every event of a pass would live until its end, and the garbage collector took a fifth of a replay for that.
 */
let inHand: { readonly event: DecodedEvent | undefined; readonly data: EventData } = { event: undefined, data: {} }

/**
 * One event of a body. It knows where its parts stand and works them out when asked: most readers want a few of its
 * fields, and the wire wants its text, which needs none of them. Keeps its body in memory.
 */
export class DecodedEvent implements StoredEvent, ResponseEvent {
  readonly #body: Body
  readonly number: number
  readonly code: number
  /** Digits before the event, and before the ecosystem and the student of a packed response; −1 in any other. */
  readonly at: number
  readonly ecosystemAt: number
  readonly studentAt: number

  constructor(body: Body, number: number, code: number, places: PackedResponse) {
    this.#body = body
    this.number = number
    this.code = code
    this.at = places.at
    this.ecosystemAt = places.ecosystemAt
    this.studentAt = places.studentAt
  }

  get kind(): StreamKind {
    return this.#body.kind
  }

  get stream(): Uuid {
    return this.#body.stream
  }

  get recordedAt(): Date {
    return this.#body.recordedAt
  }

  get type(): EventType {
    return eventType(this.#body.kind, this.code)
  }

  get eventUuid(): Uuid {
    const from = this.at + 2
    if (this.isPacked && inHand.event === this) return inHand.data['response_uuid'] as Uuid
    // Bodies with packed responses are small, others may have megabytes: too much to copy for one uuid, and to keep.
    return (this.isPacked ? uuidAt(digitsOf(this.hex), from) : uuidFromHex(this.hex, from)) as Uuid
  }

  get hex(): string {
    return this.#body.hex
  }

  get data(): EventData {
    if (inHand.event !== this) {
      const data = this.isPacked
        ? responseData(this.hex, this, this.stream, this.number)
        : (JSON.parse(Buffer.from(this.jsonDigits, 'hex').toString()) as EventData)
      inHand = { event: this, data }
    }
    return inHand.data
  }

  /** UTF-8 bytes of `event_data` as it is sent (design D16). */
  get wireBytes(): number {
    return this.isPacked ? responseDataBytes(this.hex, this, this.number) : jsonBytes(this.hex, this.at)
  }

  get isPacked(): boolean {
    return this.studentAt >= 0
  }

  /** Of an event that is not packed: the JSON of its data, the digits of its UTF-8. */
  get jsonDigits(): string {
    const from = this.at + 2 * jsonHeaderBytes
    return this.hex.slice(from, from + 2 * jsonBytes(this.hex, this.at))
  }
}

/** Bytes of the JSON of the event at `at`, which is not packed. */
export function jsonBytes(hex: string, at: number): number {
  return numberFromHex(hex, at + 34, 8)
}
