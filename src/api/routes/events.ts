import { courseEventCodes, type EventType, ecosystemEventCodes, type StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { Log, StreamStatus } from '#log/log.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import {
  fetchCourseEventsRequest,
  fetchCourseEventsResponse,
  fetchEcosystemEventsRequest,
  fetchEcosystemEventsResponse,
} from '../schemas/events.ts'
import { courseEventsExample, ecosystemEventsExample } from '../schemas/examples.ts'
import {
  type Candidate,
  isReadOut,
  type LineFlags,
  lineFlags,
  readQuota,
  type Serving,
  type ServingLine,
  serve,
  startServing,
  takeIn,
} from '../serving-order.ts'
import { inParallel } from './parallel.ts'
import { unknownStream } from './unknown-stream.ts'

/** Bytes of event_data in one answer (D16), and reads in flight for one request. */
const bytesMax = 4_000_000
const readsInFlight = 8

interface EventLine {
  readonly requestUuid: string
  readonly streamUuid: string
  readonly offset: number
  readonly eventTypes: readonly string[] | null | undefined
}

interface StreamLine extends EventLine {
  readonly stream: Uuid
  /** Undefined: all types. Empty: no name was known, so nothing is a candidate. */
  readonly types: ReadonlySet<EventType> | undefined
  readonly status: StreamStatus
}

interface ServedEvent extends Candidate {
  readonly text: string
}

const description =
  'Per line, events from the offset on, ascending, never beyond a gap. is_gap: everything before a missing number was ' +
  'served and more waits behind it. is_end: nothing more is stored. Neither: ask again from the last number + 1. The ' +
  'limits (max_num_events, 4,000,000 bytes of event_data) are for the whole request and spent breadth first.'

export const eventEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'fetch_course_events',
    tag: 'streams',
    summary: 'Read course events',
    description,
    request: fetchCourseEventsRequest,
    response: fetchCourseEventsResponse,
    examples: courseEventsExample,
    run: async (body, { log }) => {
      const lines = body.course_event_requests.map((line) => ({
        requestUuid: line.request_uuid,
        streamUuid: line.course_uuid,
        offset: line.sequence_number_offset,
        eventTypes: line.event_types,
      }))
      const answers = await fetchEvents(log, 'course', lines, body.max_num_events)
      return `{"course_event_responses":[${answers.join(',')}]}`
    },
  }),
  endpoint({
    name: 'fetch_ecosystem_events',
    tag: 'streams',
    summary: 'Read ecosystem events',
    description,
    request: fetchEcosystemEventsRequest,
    response: fetchEcosystemEventsResponse,
    examples: ecosystemEventsExample,
    run: async (body, { log }) => {
      const lines = body.ecosystem_event_requests.map((line) => ({
        requestUuid: line.request_uuid,
        streamUuid: line.ecosystem_uuid,
        offset: line.sequence_number_offset,
        eventTypes: line.event_types,
      }))
      const answers = await fetchEvents(log, 'ecosystem', lines, body.max_num_events)
      return `{"ecosystem_event_responses":[${answers.join(',')}]}`
    },
  }),
]

async function fetchEvents(
  log: Log,
  kind: StreamKind,
  eventLines: readonly EventLine[],
  eventsMax: number,
): Promise<string[]> {
  const lines = await locate(log, kind, eventLines)
  const serving = startServing<ServedEvent>(lines.map(servableRange), { eventsMax, bytesMax })
  while (serve(serving)) await readMore(log, lines, serving)
  const flags = await inParallel(lines, readsInFlight, (line, index) => flagsOf(log, line, serving.lines[index]))
  return lines.map((line, index) => answerText(line, serving.lines[index]?.served ?? [], flags[index]))
}

async function locate(log: Log, kind: StreamKind, eventLines: readonly EventLine[]): Promise<StreamLine[]> {
  const streams = eventLines.map((line) => toUuid(line.streamUuid))
  const distinct = [...new Set(streams)]
  const statuses =
    distinct.length === 0
      ? []
      : await log.statuses(
          distinct.map((stream) => ({ kind, stream })),
          1,
        )
  const byStream = new Map(statuses.map((status) => [status.stream, status]))
  return eventLines.flatMap((line, index) => {
    const stream = streams[index]
    if (stream === undefined) return []
    const status = byStream.get(stream) ?? unknownStream(kind, stream)
    return [{ ...line, stream, status, types: knownTypes(kind, line.eventTypes) }]
  })
}

function knownTypes(kind: StreamKind, names: EventLine['eventTypes']): ReadonlySet<EventType> | undefined {
  if (names === undefined || names === null) return undefined
  const codes = kind === 'course' ? courseEventCodes : ecosystemEventCodes
  return new Set(names.filter((name): name is EventType => Object.hasOwn(codes, name)))
}

function servableRange({ offset, types, status }: StreamLine): { from: number; end: number } {
  return { from: offset, end: types?.size === 0 ? 0 : status.contiguousSequenceNumber }
}

async function readMore(log: Log, lines: readonly StreamLine[], serving: Serving<ServedEvent>): Promise<void> {
  const hungry = serving.lines.flatMap((line, index) => (needsRead(line) ? [{ line, index }] : []))
  const eventsMax = readQuota(serving)
  const bytesShare = Math.max(1, Math.ceil(serving.bytesLeft / Math.max(1, hungry.length)))
  await inParallel(hungry, readsInFlight, async ({ line, index }) => {
    const wanted = lines[index]
    if (wanted !== undefined)
      takeIn(line, await readEvents(log, wanted, line.cursor, { eventsMax, bytesMax: bytesShare }))
  })
}

function needsRead(line: ServingLine<Candidate>): boolean {
  return line.waiting.length === 0 && !isReadOut(line)
}

interface ReadLimits {
  readonly eventsMax: number
  readonly bytesMax: number
}

async function readEvents(log: Log, line: StreamLine, from: number, limits: ReadLimits): Promise<ServedEvent[]> {
  const types = line.types === undefined ? {} : { types: line.types }
  const events = await log.readStream(line.status.kind, line.stream, { from, ...types, ...limits })
  return events.map((event) => {
    const data = JSON.stringify(event.data)
    const head = `{"sequence_number":${event.number},"event_uuid":"${event.eventUuid}","event_type":"${event.type}"`
    return { number: event.number, bytes: Buffer.byteLength(data), text: `${head},"event_data":${data}}` }
  })
}

async function flagsOf(log: Log, line: StreamLine, served: ServingLine<ServedEvent> | undefined): Promise<LineFlags> {
  if (served === undefined) return { isGap: false, isEnd: true }
  const { waiting, cursor, isServedOut } = served
  const hasMore = waiting.length > 0 || (!isReadOut(served) && (await hasCandidate(log, line, cursor)))
  const isAwaited = !hasMore && (await isAwaitedBehindGap(log, line))
  return lineFlags({ hasMore, isAwaited, isServedOut })
}

/** Without a type filter every number before the gap is a candidate; with one, only a look can tell. */
async function hasCandidate(log: Log, line: StreamLine, from: number): Promise<boolean> {
  if (line.types === undefined) return true
  const { kind, contiguousSequenceNumber } = line.status
  const [next] = await log.readStream(kind, line.stream, { from, types: line.types, eventsMax: 1, bytesMax: 1 })
  return next !== undefined && next.number < contiguousSequenceNumber
}

/** The highest stored number lies behind the gap, so without a filter it decides alone. */
async function isAwaitedBehindGap(log: Log, line: StreamLine): Promise<boolean> {
  const { kind, nextSequenceNumber, contiguousSequenceNumber } = line.status
  const hasGap = nextSequenceNumber > contiguousSequenceNumber
  if (!hasGap || line.offset >= nextSequenceNumber) return false
  if (line.types === undefined) return true
  if (line.types.size === 0) return false
  return log.hasBeyondGap(kind, line.stream, Math.max(line.offset, contiguousSequenceNumber), line.types)
}

function answerText(line: StreamLine, events: readonly ServedEvent[], flags: LineFlags | undefined): string {
  const texts = events.map((event) => event.text).join(',')
  const { isGap, isEnd } = flags ?? { isGap: false, isEnd: true }
  const head = `{"request_uuid":"${line.requestUuid}","${line.status.kind}_uuid":"${line.streamUuid}"`
  return `${head},"events":[${texts}],"is_gap":${isGap},"is_end":${isEnd}}`
}
