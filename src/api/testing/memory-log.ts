import type { StoredEvent, StreamEvent, StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type {
  AppendConflict,
  AppendResult,
  BlockedStream,
  Log,
  ReadLimits,
  ReadStreamOptions,
  StreamAnswer,
  StreamLine,
  StreamMetadata,
  StreamStatus,
} from '#log/log.ts'
import { secondCopyOf, secondCopyUuid } from '#log/second-copy.ts'

/*
 * The streams of the log as a plain map from number to event: the model that tests compare the server with. It has no
 * lanes, because no HTTP endpoint reads one.
 */
interface MemoryStream {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly events: Map<number, StoredEvent>
  blockedSince: Date | undefined
}

/** Numbers that are further ahead of the first missing one are not taken in. */
const aheadMax = 1_000_000

export interface MemoryLog extends Log {
  /** Every stored event, stream by stream. */
  all(): Iterable<StoredEvent>
}

export function createMemoryLog(now: () => Date): MemoryLog {
  const streams = new Map<string, MemoryStream>()
  const created: Record<StreamKind, StreamMetadata[]> = { course: [], ecosystem: [] }
  const find = (kind: StreamKind, stream: Uuid): MemoryStream | undefined => streams.get(`${kind}/${stream}`)

  function append(events: readonly StreamEvent[]): AppendResult {
    const decision = decide(events, find)
    if (decision.kind !== 'stored') return decision
    for (const event of decision.fresh) {
      const key = `${event.kind}/${event.stream}`
      const stream = streams.get(key) ?? emptyStream(event)
      streams.set(key, stream)
      stream.events.set(event.number, { ...event, recordedAt: now() })
      if (isCreate(event)) created[event.kind].push(metadataOf(event, created[event.kind].length))
      const isBlocked = nextOf(stream) > contiguousOf(stream)
      stream.blockedSince = isBlocked ? (stream.blockedSince ?? now()) : undefined
    }
    return { kind: 'stored', outcomes: decision.outcomes }
  }

  return {
    append: async (events) => append(events),
    readStream: async (kind, stream, options) => readPrefix(find(kind, stream), options),
    readStreams: async (lines, limits) => readStreams(lines, limits, (line) => find(line.kind, line.stream)),
    statuses: async (wanted, gapsMax) =>
      wanted.map(({ kind, stream }) => statusOf(kind, stream, find(kind, stream), gapsMax)),
    readMetadata: async (kind, from, max) => created[kind].slice(from, from + max),
    blockedStreams: async (max) => [...streams.values()].flatMap(blockedOf).slice(0, max),
    all: () => [...streams.values()].flatMap((stream) => [...stream.events.values()]),
    readLane: async () => [],
    readLanes: async () => [],
    laneHeads: async () => new Map(),
    onAppended: () => () => undefined,
  }
}

function emptyStream({ kind, stream }: StreamEvent): MemoryStream {
  return { kind, stream, events: new Map(), blockedSince: undefined }
}

function isCreate(event: StreamEvent | undefined): boolean {
  return event?.type === 'create_course' || event?.type === 'create_ecosystem'
}

function metadataOf(event: StreamEvent, number: number): StreamMetadata {
  const ecosystem = event.kind === 'course' ? event.data['ecosystem_uuid'] : undefined
  return {
    uuid: event.stream,
    number,
    initialEcosystem: typeof ecosystem === 'string' ? toUuid(ecosystem) : undefined,
  }
}

type Decision =
  | { kind: 'stored'; outcomes: ('recorded' | 'duplicate')[]; fresh: StreamEvent[] }
  | Exclude<AppendResult, { kind: 'stored' }>

/** Whole or not at all; the only refusal is a number taken by another uuid (design D4). */
function decide(
  events: readonly StreamEvent[],
  find: (kind: StreamKind, stream: Uuid) => MemoryStream | undefined,
): Decision {
  const fresh = new Map<string, StreamEvent>()
  const conflicts: AppendConflict[] = []
  const outcomes: ('recorded' | 'duplicate')[] = []
  const missing: { stream: Uuid; from: number; to: number }[] = []
  for (const event of events) {
    const stored = find(event.kind, event.stream)
    const place = `${event.kind}/${event.stream}/${event.number}`
    const existing = stored?.events.get(event.number) ?? fresh.get(place)
    const { isSame, replacement } = compare(event, existing, [...(stored?.events.values() ?? []), ...fresh.values()])
    if (existing !== undefined && !isSame) conflicts.push(conflictOf(event, existing))
    const contiguous = stored === undefined ? 0 : contiguousOf(stored)
    if (event.number > contiguous + aheadMax) {
      missing.push({ stream: event.stream, from: contiguous, to: event.number - 1 })
    }
    if (existing === undefined) fresh.set(place, replacement ?? event)
    outcomes.push(existing === undefined && replacement === undefined ? 'recorded' : 'duplicate')
  }
  if (conflicts.length > 0) return { kind: 'refused', conflicts }
  if (missing.length > 0) return { kind: 'too_far_ahead', missing }
  return { kind: 'stored', outcomes, fresh: [...fresh.values()] }
}

/** The same uuid again under a free number leaves a no_op there, so that the number is no gap (M12). */
function compare(
  event: StreamEvent,
  existing: StreamEvent | undefined,
  others: readonly StreamEvent[],
): { isSame: boolean; replacement: StreamEvent | undefined } {
  const second = secondCopyUuid(event.eventUuid, event.number)
  if (existing !== undefined) {
    return { isSame: existing.eventUuid === event.eventUuid || existing.eventUuid === second, replacement: undefined }
  }
  const first = others.find(
    ({ kind, stream, eventUuid }) => kind === event.kind && stream === event.stream && eventUuid === event.eventUuid,
  )
  if (first === undefined) return { isSame: false, replacement: undefined }
  return { isSame: false, replacement: secondCopyOf(event, first.number) }
}

function conflictOf(event: StreamEvent, existing: StreamEvent): AppendConflict {
  return {
    kind: event.kind,
    stream: event.stream,
    number: event.number,
    eventUuid: event.eventUuid,
    existingEventUuid: existing.eventUuid,
    existingType: existing.type,
  }
}

function contiguousOf(stream: MemoryStream): number {
  let number = 0
  while (stream.events.has(number)) number += 1
  return number
}

function nextOf(stream: MemoryStream): number {
  let next = 0
  for (const number of stream.events.keys()) next = Math.max(next, number + 1)
  return next
}

function readPrefix(stream: MemoryStream | undefined, options: ReadStreamOptions): StoredEvent[] {
  const { from, types, ...limits } = options
  if (stream === undefined) return []
  const line = { kind: stream.kind, stream: stream.stream, from, ...(types === undefined ? {} : { types }) }
  const [answer] = readStreams([line], limits, () => stream)
  return [...(answer?.events ?? [])]
}

/** The rules of api.md §4 read literally: all candidates in serving order, the longest prefix within both limits. */
function readStreams(
  lines: readonly StreamLine[],
  limits: ReadLimits,
  streamOf: (line: StreamLine) => MemoryStream | undefined,
): StreamAnswer[] {
  const candidates = lines.map((line) => candidatesOf(line, streamOf(line)))
  const turns = candidates
    .flatMap(({ readable }, index) => [...readable, undefined].map((event, rank) => ({ event, rank, index })))
    .sort((left, right) => left.rank - right.rank || left.index - right.index)
  const served: StoredEvent[][] = lines.map(() => [])
  const isServedOut = lines.map(() => false)
  let bytes = 0
  let count = 0
  for (const { event, index } of turns) {
    if (event === undefined) {
      isServedOut[index] = true
      continue
    }
    bytes += Buffer.byteLength(JSON.stringify(event.data))
    if (count > 0 && bytes >= limits.bytesMax) break
    served[index]?.push(event)
    count += 1
    if (count === limits.eventsMax) break
  }
  return candidates.map(({ readable, isAwaited }, index) => {
    const events = served[index] ?? []
    const isDone = events.length === readable.length
    return { events, isGap: isDone && isAwaited && isServedOut[index] === true, isEnd: isDone && !isAwaited }
  })
}

function candidatesOf({ from, types }: StreamLine, stream: MemoryStream | undefined) {
  const numbers = [...(stream?.events.keys() ?? [])].sort((left, right) => left - right)
  const contiguous = stream === undefined ? 0 : contiguousOf(stream)
  const wanted = numbers.flatMap((number) => {
    const event = stream?.events.get(number)
    return event !== undefined && number >= from && (types?.has(event.type) ?? true) ? event : []
  })
  return {
    readable: wanted.filter(({ number }) => number < contiguous),
    isAwaited: wanted.some(({ number }) => number > contiguous),
  }
}

function statusOf(kind: StreamKind, uuid: Uuid, stream: MemoryStream | undefined, gapsMax: number): StreamStatus {
  const next = stream === undefined ? 0 : nextOf(stream)
  const gaps: { from: number; to: number }[] = []
  for (let number = 0; number < next && gaps.length < gapsMax; number += 1) {
    if (stream?.events.has(number)) continue
    const from = number
    while (stream?.events.has(number + 1) === false && number + 1 < next) number += 1
    gaps.push({ from, to: number })
  }
  return {
    kind,
    stream: uuid,
    isKnown: stream !== undefined,
    isCreated: isCreate(stream?.events.get(0)),
    nextSequenceNumber: next,
    contiguousSequenceNumber: stream === undefined ? 0 : contiguousOf(stream),
    gaps,
    oldestBlockedAt: stream?.blockedSince,
  }
}

function blockedOf(stream: MemoryStream): BlockedStream[] {
  const { kind, stream: uuid, blockedSince } = stream
  if (blockedSince === undefined) return []
  const numbers = { contiguousSequenceNumber: contiguousOf(stream), nextSequenceNumber: nextOf(stream) }
  return [{ kind, stream: uuid, blockedSince, ...numbers }]
}
