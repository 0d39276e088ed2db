import { randomUUID } from 'node:crypto'
import type { EventType, StoredEvent, StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { LaneCursor, LaneEntry } from '#log/log.ts'
import type { LaneSource } from './run-options.ts'

/** Lanes in memory, for tests of the crew that need no durable log: what is added is readable at once. */
export class TestLanes implements LaneSource {
  readonly #lanes = new Map<string, LaneEntry[]>()
  readonly #streams = new Map<Uuid, StoredEvent[]>()
  /** Where streams are, and the run at which they changed lanes. */
  readonly #laneOf = new Map<Uuid, number>()
  readonly #lastRun = new Map<Uuid, { lane: number; position: bigint }>()
  readonly #listeners = new Set<(parts: readonly number[]) => void>()
  /** Signals are optional (streams.md W1): off, readers find everything by polling. */
  isSignalling = true
  reads = 0

  readonly parts: number

  constructor(parts: number) {
    this.parts = parts
  }

  /** From its next run on the stream comes in this lane of its part. */
  move(stream: Uuid, lane: number): void {
    this.#laneOf.set(stream, lane)
  }

  /** Adds the next `count` events of a stream as one entry at the end of its lane. */
  add(
    stream: Uuid,
    count = 1,
    kind: StreamKind = 'course',
    type: EventType = 'no_op',
    recordedAt: Date = new Date(0),
  ): LaneEntry {
    const part = partOf(kind, stream, this.parts)
    const known = this.#streams.get(stream) ?? []
    const events = Array.from(
      { length: count },
      (_, index): StoredEvent => ({
        kind,
        stream,
        number: known.length + index,
        eventUuid: toUuid(randomUUID()),
        type,
        data: {},
        recordedAt,
      }),
    )
    this.#streams.set(stream, [...known, ...events])
    const lane = this.#laneOf.get(stream) ?? 0
    const entries = this.#lanes.get(`${part}/${lane}`) ?? []
    const position = BigInt(entries.length + 1)
    const waitsFor = this.#lastRun.get(stream)
    const hasMoved = waitsFor !== undefined && waitsFor.lane !== lane
    const entry = { part, lane, position, events, ...(hasMoved ? { waitsFor } : {}) }
    this.#lanes.set(`${part}/${lane}`, [...entries, entry])
    this.#lastRun.set(stream, { lane, position })
    if (this.isSignalling) for (const listener of this.#listeners) listener([part])
    return entry
  }

  has(stream: Uuid): boolean {
    return this.#streams.has(stream)
  }

  async readLanes(cursors: readonly LaneCursor[], runsMax: number): Promise<LaneEntry[]> {
    this.reads += 1
    return cursors.flatMap(({ part, lane, after }) =>
      (this.#lanes.get(`${part}/${lane}`) ?? []).slice(Number(after), Number(after) + runsMax),
    )
  }

  async laneHeads(): Promise<Map<string, bigint>> {
    return new Map([...this.#lanes].map(([name, entries]) => [name, BigInt(entries.length)]))
  }

  async readStream(
    _kind: StreamKind,
    stream: Uuid,
    options: { from: number; eventsMax: number },
  ): Promise<StoredEvent[]> {
    return (this.#streams.get(stream) ?? []).slice(options.from, options.from + options.eventsMax)
  }

  async statuses(streams: readonly { kind: StreamKind; stream: Uuid }[]): ReturnType<LaneSource['statuses']> {
    return streams.map(({ kind, stream }) => {
      const count = this.#streams.get(stream)?.length ?? 0
      const numbers = { nextSequenceNumber: count, contiguousSequenceNumber: count }
      return {
        kind,
        stream,
        isKnown: count > 0,
        isCreated: count > 0,
        ...numbers,
        gaps: [],
        oldestBlockedAt: undefined,
      }
    })
  }

  onAppended(listener: (parts: readonly number[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

export function newStream(): Uuid {
  return toUuid(randomUUID())
}
