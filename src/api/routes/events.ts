import { courseEventCodes, type EventType, ecosystemEventCodes, type StreamKind } from '#domain/events.ts'
import { toUuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import { eventDataBytes, eventHeadBytesMax, writeEvent } from '#log/body/event-text.ts'
import { TextBuffer } from '#log/body/text-buffer.ts'
import type { Log, StreamAnswer, StreamLine } from '#log/log.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import type { ApiPorts } from '../ports.ts'
import {
  fetchCourseEventsRequest,
  fetchCourseEventsResponse,
  fetchEcosystemEventsRequest,
  fetchEcosystemEventsResponse,
} from '../schemas/events.ts'
import { courseEventsExample, ecosystemEventsExample } from '../schemas/examples.ts'
import type { View } from '../view.ts'

/** Bytes of event_data in one answer (api.md §4, rule 4; design D16). */
const bytesMax = 4_000_000

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
    views: ['as_of', 'position'],
    run: ({ course_event_requests: requests, max_num_events: eventsMax }, ports, view) => {
      const lines = requests.map((line) => ({ ...line, stream_uuid: line.course_uuid }))
      return fetchEvents(ports, 'course', { lines, eventsMax, view })
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
    views: ['as_of', 'position'],
    run: ({ ecosystem_event_requests: requests, max_num_events: eventsMax }, ports, view) => {
      const lines = requests.map((line) => ({ ...line, stream_uuid: line.ecosystem_uuid }))
      return fetchEvents(ports, 'ecosystem', { lines, eventsMax, view })
    },
  }),
]

interface EventRequest {
  readonly request_uuid: string
  /** As the client spelt it. */
  readonly stream_uuid: string
  readonly sequence_number_offset: number
  readonly event_types?: readonly string[] | null
}

type EventPorts = Pick<ApiPorts, 'log' | 'replicas'>

interface EventsAsked {
  readonly lines: readonly EventRequest[]
  readonly eventsMax: number
  readonly view: View
}

async function fetchEvents(ports: EventPorts, kind: StreamKind, asked: EventsAsked): Promise<Buffer> {
  const { lines, eventsMax, view } = asked
  const { asOf, position } = view
  const streamLines = lines.map((line) => streamLine(kind, line))
  const source = ports.replicas?.at(position) ?? ports.log
  const answers = await source.readStreams(streamLines, { eventsMax, bytesMax })
  const seen = asOf === undefined ? answers : await answersAsOf(ports.log, { streamLines, answers, asOf })
  return answerText(kind, lines, seen)
}

interface PastAnswers {
  readonly streamLines: readonly StreamLine[]
  readonly answers: readonly StreamAnswer[]
  readonly asOf: Instant
}

/** What had been recorded by then: times do not go back within a stream, so the first later event was the end. */
async function answersAsOf(log: Log, { streamLines, answers, asOf }: PastAnswers): Promise<StreamAnswer[]> {
  const blocked = streamLines.filter((_, index) => answers[index]?.isGap === true)
  const statuses = blocked.length === 0 ? [] : await log.statuses(blocked, 1)
  const blockedSince = new Map(statuses.map(({ stream, oldestBlockedAt }) => [stream, oldestBlockedAt?.getTime() ?? 0]))
  return answers.map((answer, index) => {
    const events = answer.events.filter(({ recordedAt }) => recordedAt.getTime() <= asOf)
    const wasBlocked = (blockedSince.get(streamLines[index]?.stream ?? toUuid(nil)) ?? 0) <= asOf
    const isWhole = events.length === answer.events.length && (!answer.isGap || wasBlocked)
    return isWhole ? answer : { events, isGap: false, isEnd: true }
  })
}

const nil = '00000000-0000-0000-0000-000000000000'

/** Absent types mean all; names that are not known select nothing (M17). */
function streamLine(kind: StreamKind, line: EventRequest): StreamLine {
  const position = { kind, stream: toUuid(line.stream_uuid), from: line.sequence_number_offset }
  if (line.event_types === undefined || line.event_types === null) return position
  const codes = kind === 'course' ? courseEventCodes : ecosystemEventCodes
  const types = line.event_types.filter((name): name is EventType => Object.hasOwn(codes, name))
  return { ...position, types: new Set(types) }
}

/** Beside its events: keys, two uuids, two flags. */
const lineBytesMax = 200

/** Written as text, because the schema has already fixed what the two uuids of a line may hold. */
function answerText(kind: StreamKind, lines: readonly EventRequest[], answers: readonly StreamAnswer[]): Buffer {
  const events = answers.flatMap((answer) => answer.events)
  const dataBytes = events.reduce((sum, event) => sum + eventDataBytes(event), 0)
  const target = new TextBuffer(dataBytes + events.length * eventHeadBytesMax + (lines.length + 1) * lineBytesMax)
  target.ascii(`{"${kind}_event_responses":[`)
  for (const [index, { request_uuid: request, stream_uuid: stream }] of lines.entries()) {
    const answer = answers[index] ?? nothing
    target.ascii(`${index === 0 ? '' : ','}{"request_uuid":"${request}","${kind}_uuid":"${stream}","events":[`)
    for (const [place, event] of answer.events.entries()) {
      if (place > 0) target.ascii(',')
      writeEvent(target, event)
    }
    target.ascii(`],"is_gap":${answer.isGap},"is_end":${answer.isEnd}}`)
  }
  target.ascii(']}')
  return target.written()
}

const nothing: StreamAnswer = { events: [], isGap: false, isEnd: true }
