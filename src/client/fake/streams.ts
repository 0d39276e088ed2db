/**
 * The streams of the fake server: numbered slots, filled in any order, never rewritten; read back only up to the first
 * missing number. Everything is in memory and synchronous, so a request is atomic by construction.
 */
export type Kind = 'course' | 'ecosystem'
export type Data = { readonly [key: string]: unknown }

export interface FakeEvent {
  readonly kind: Kind
  readonly stream: string
  readonly number: number
  readonly uuid: string
  readonly type: string
  readonly data: Data
}

export interface Conflict {
  readonly course_uuid?: string
  readonly ecosystem_uuid?: string
  readonly sequence_number: number
  readonly event_uuid: string
  readonly existing_event_uuid: string
  readonly existing_event_type: string
}

interface Stream {
  readonly slots: Map<number, FakeEvent>
  readonly numberOfUuid: Map<string, number>
  metadataNumber: number | undefined
}

export interface ReadLine {
  readonly stream: string
  readonly offset: number
  readonly types: readonly string[] | undefined
}
export interface ReadAnswer {
  readonly events: readonly FakeEvent[]
  readonly isGap: boolean
  readonly isEnd: boolean
}

export class FakeStreams {
  readonly #streams = { course: new Map<string, Stream>(), ecosystem: new Map<string, Stream>() }
  readonly #created = { course: 0, ecosystem: 0 }

  /** All of them, or none and the conflicts. */
  append(events: readonly FakeEvent[]): readonly Conflict[] {
    const conflicts: Conflict[] = []
    const taken = new Map<string, FakeEvent>()
    for (const event of events) {
      const key = `${event.kind}/${event.stream}/${event.number}`
      const holder = taken.get(key) ?? this.#find(event)?.slots.get(event.number)
      if (holder === undefined) taken.set(key, event)
      else if (!isSameEvent(holder, event)) {
        conflicts.push({
          [`${event.kind}_uuid`]: event.stream,
          sequence_number: event.number,
          event_uuid: event.uuid,
          existing_event_uuid: holder.uuid,
          existing_event_type: holder.type,
        })
      }
    }
    if (conflicts.length === 0) for (const event of events) this.#store(event)
    return conflicts
  }

  read(
    kind: Kind,
    lines: readonly ReadLine[],
    limits: { readonly eventsMax: number; readonly bytesMax: number },
  ): ReadAnswer[] {
    const candidates = lines.map((line) => this.#candidates(kind, line))
    const served = candidates.map((): FakeEvent[] => [])
    let events = 0
    let bytes = 0
    // Each line's first candidate, then each line's second: one busy stream does not starve the others.
    const turns = candidates.flatMap(({ readable }, line) => readable.map((event, turn) => ({ event, turn, line })))
    turns.sort((one, other) => one.turn - other.turn || one.line - other.line)
    for (const { event, line } of turns) {
      const size = new TextEncoder().encode(JSON.stringify(event.data)).byteLength
      if (events === limits.eventsMax || (events > 0 && bytes + size >= limits.bytesMax)) break
      served[line]!.push(event)
      events += 1
      bytes += size
    }
    // A request that used its limit up says nothing about gaps yet: the reader asks again.
    const isUsedUp = events === limits.eventsMax
    return candidates.map(({ readable, hasBeyondGap }, line) => {
      const isComplete = served[line]!.length === readable.length
      return {
        events: served[line]!,
        isGap: isComplete && hasBeyondGap && !isUsedUp,
        isEnd: isComplete && !hasBeyondGap,
      }
    })
  }

  #candidates(kind: Kind, { stream, offset, types }: ReadLine) {
    const slots = [...(this.#streams[kind].get(stream)?.slots.values() ?? [])]
    const wanted = slots
      .filter((event) => event.number >= offset && (types === undefined || types.includes(event.type)))
      .sort((one, other) => one.number - other.number)
    const end = this.contiguous(kind, stream)
    const readable = wanted.filter((event) => event.number < end)
    return { readable, hasBeyondGap: readable.length < wanted.length }
  }

  /** The first missing number. */
  contiguous(kind: Kind, stream: string): number {
    const slots = this.#streams[kind].get(stream)?.slots
    let number = 0
    while (slots?.has(number)) number += 1
    return number
  }

  next(kind: Kind, stream: string): number {
    return Math.max(-1, ...(this.#streams[kind].get(stream)?.slots.keys() ?? [])) + 1
  }

  isKnown(kind: Kind, stream: string): boolean {
    return this.#streams[kind].has(stream)
  }

  isCreated(kind: Kind, stream: string): boolean {
    return this.#streams[kind].get(stream)?.metadataNumber !== undefined
  }

  eventAt(kind: Kind, stream: string, number: number): FakeEvent | undefined {
    return this.#streams[kind].get(stream)?.slots.get(number)
  }

  eventsOf(kind: Kind, stream: string): FakeEvent[] {
    const slots = [...(this.#streams[kind].get(stream)?.slots.values() ?? [])]
    return slots.sort((one, other) => one.number - other.number)
  }

  gaps(kind: Kind, stream: string): { from: number; to: number }[] {
    const gaps: { from: number; to: number }[] = []
    let expected = 0
    for (const { number } of this.eventsOf(kind, stream)) {
      if (number > expected) gaps.push({ from: expected, to: number - 1 })
      expected = number + 1
    }
    return gaps
  }

  metadata(kind: Kind, from: number, max: number): { readonly uuid: string; readonly number: number }[] {
    const created = [...this.#streams[kind]].flatMap(([uuid, { metadataNumber }]) =>
      metadataNumber === undefined || metadataNumber < from ? [] : [{ uuid, number: metadataNumber }],
    )
    return created.sort((one, other) => one.number - other.number).slice(0, max)
  }

  /** What a restored backup does: everything from this number on was never there. */
  forget(kind: Kind, stream: string, fromNumber: number): void {
    for (const { number, uuid } of this.eventsOf(kind, stream)) {
      if (number < fromNumber) continue
      const found = this.#streams[kind].get(stream)!
      found.slots.delete(number)
      found.numberOfUuid.delete(uuid)
    }
  }

  #find({ kind, stream }: FakeEvent): Stream | undefined {
    return this.#streams[kind].get(stream)
  }

  #store(event: FakeEvent): void {
    const stream = this.#find(event) ?? { slots: new Map(), numberOfUuid: new Map(), metadataNumber: undefined }
    this.#streams[event.kind].set(event.stream, stream)
    if (stream.slots.has(event.number)) return
    const original = stream.numberOfUuid.get(event.uuid)
    if (original !== undefined) {
      stream.slots.set(event.number, repeatedUnderNumber(event, original))
      return
    }
    stream.slots.set(event.number, event)
    stream.numberOfUuid.set(event.uuid, event.number)
    if (event.number === 0 && event.type !== 'no_op') {
      stream.metadataNumber = this.#created[event.kind]
      this.#created[event.kind] += 1
    }
  }
}

/** The same event again under another number fills that number with a no_op. */
function repeatedUnderNumber(event: FakeEvent, original: number): FakeEvent {
  const data = { sequence_number: event.number, event_uuid: event.uuid, original_sequence_number: original }
  return { ...event, uuid: crypto.randomUUID(), type: 'no_op', data }
}

function isSameEvent(holder: FakeEvent, event: FakeEvent): boolean {
  return holder.uuid === event.uuid || (holder.type === 'no_op' && holder.data['event_uuid'] === event.uuid)
}
