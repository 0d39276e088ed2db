import type pg from 'pg'
import type { EventData, EventType, StoredEvent, StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { LaneEntry } from '#log/log.ts'
import { inTransaction } from '#platform/postgres.ts'
import { type LearningOptions, learningSubscription } from './subscription.ts'

/** Courses for tests: events spelt as clients send them, numbered as they are written, folded as the crew would. */
export const noon = Date.UTC(2026, 8, 1, 12)

/** A readable uuid: a letter-free kind and a number. */
export function uuidOf(kind: number, n: number): Uuid {
  return toUuid(`${String(kind).padStart(8, '0')}-0000-4000-8000-${String(n).padStart(12, '0')}`)
}

export const at = (minutes: number): string => new Date(noon + minutes * 60_000).toISOString()

export class TestStream {
  readonly stream: Uuid
  readonly kind: StreamKind
  #next = 0
  #written: StoredEvent[] = []

  constructor(stream: Uuid, kind: StreamKind = 'course') {
    this.stream = stream
    this.kind = kind
  }

  write(
    type: EventType,
    data: EventData,
    eventUuid: Uuid = uuidOf(99, 1000 * Number(this.stream.slice(-3)) + this.#next),
  ): this {
    const number = this.#next
    this.#next += 1
    const recordedAt = new Date(noon + number * 1000)
    this.#written.push({ kind: this.kind, stream: this.stream, number, eventUuid, type, data, recordedAt })
    return this
  }

  create(ecosystem: Uuid, data: EventData = {}): this {
    return this.write('create_course', {
      course_uuid: this.stream,
      ecosystem_uuid: ecosystem,
      is_real_course: true,
      starts_at: at(0),
      ends_at: at(60 * 24 * 100),
      created_at: at(0),
      ...data,
    })
  }

  answer(data: EventData): this {
    return this.write('record_response', {
      response_uuid: uuidOf(50, this.#next),
      course_uuid: this.stream,
      sequence_number: this.#next,
      is_correct: true,
      is_real_response: true,
      responded_at: at(this.#next),
      ...data,
    })
  }

  /** What was written since the last call, as one run. */
  take(): StoredEvent[] {
    const taken = this.#written
    this.#written = []
    return taken
  }
}

let position = 0n

export function entryOf(events: readonly StoredEvent[]): LaneEntry {
  const first = events[0]
  if (first === undefined) throw new TypeError('an entry has at least one event')
  position += 1n
  return { part: partOf(first.kind, first.stream), lane: 0, position, events }
}

/** One pass over all that the streams have written, in one transaction. */
export function fold(pool: pg.Pool, streams: readonly TestStream[], options: LearningOptions = {}): Promise<void> {
  const entries = streams.map((stream) => stream.take()).filter((events) => events.length > 0)
  return foldEntries(pool, entries.map(entryOf), options)
}

export function foldEntries(
  pool: pg.Pool,
  entries: readonly LaneEntry[],
  options: LearningOptions = {},
): Promise<void> {
  return inTransaction(pool, (client) => learningSubscription(options).apply(client, entries))
}
