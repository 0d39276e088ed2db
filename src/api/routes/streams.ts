import type { StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { StreamStatus } from '#log/log.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import { noOpsExample, streamStatusesExample } from '../schemas/examples.ts'
import * as schemas from '../schemas/streams.ts'
import { noOpRecorded } from '../wire-events.ts'
import { tooFarAhead } from './append.ts'
import { inParallel } from './parallel.ts'
import { unknownStream } from './unknown-stream.ts'

const appendsInFlight = 100
const gapsDefault = 100

interface StreamName {
  readonly course_uuid?: string | null
  readonly ecosystem_uuid?: string | null
}

const noOps = endpoint({
  name: 'record_no_ops',
  tag: 'streams',
  summary: 'Fill numbers that will never be sent',
  description:
    'accepted: the number was empty and holds a no_op now (or held this one already). already_filled: it holds ' +
    'another event, nothing was written. Lines are independent. Number 0 belongs to the create event.',
  request: schemas.recordNoOpsRequest,
  response: schemas.recordNoOpsResponse,
  examples: noOpsExample,
  check: ({ no_ops: lines }) => ambiguousStreams('no_ops', lines),
  run: async ({ no_ops: lines }, { log }) => {
    const outcomes = await inParallel(lines, appendsInFlight, (line) => log.append([noOpRecorded(line)]))
    const waiting = outcomes.filter((outcome) => outcome.kind === 'too_far_ahead')
    if (waiting.length > 0) return tooFarAhead(waiting.flatMap(({ missing }) => missing))
    const answers = lines.map((line, index) => ({
      request_uuid: line.request_uuid,
      status: outcomes[index]?.kind === 'stored' ? 'accepted' : 'already_filled',
    }))
    return JSON.stringify({ no_op_responses: answers })
  },
})

const statuses = endpoint({
  name: 'fetch_stream_statuses',
  tag: 'streams',
  summary: 'How far streams are, and which numbers they miss',
  description:
    'next_sequence_number is the highest stored number + 1, contiguous_sequence_number the first missing one; gaps ' +
    'lists missing ranges below the former, both ends included.',
  request: schemas.fetchStreamStatusesRequest,
  response: schemas.fetchStreamStatusesResponse,
  examples: streamStatusesExample,
  check: ({ stream_requests: lines }) => ambiguousStreams('stream_requests', lines),
  run: async ({ stream_requests: lines }, { log }) => {
    const streams = lines.map(streamOf)
    const gapsMax = Math.max(1, ...lines.map((line) => line.max_num_gaps ?? gapsDefault))
    const distinct = new Map(streams.map((stream) => [`${stream.kind}/${stream.stream}`, stream]))
    const found = distinct.size === 0 ? [] : await log.statuses([...distinct.values()], gapsMax)
    const byStream = new Map(found.map((status) => [`${status.kind}/${status.stream}`, status]))
    const answers = lines.map((line, index) => {
      const { kind, stream } = streams[index] ?? streamOf(line)
      const status = byStream.get(`${kind}/${stream}`) ?? unknownStream(kind, stream)
      return { request_uuid: line.request_uuid, ...statusLine(status, line.max_num_gaps ?? gapsDefault) }
    })
    return JSON.stringify({ stream_responses: answers })
  },
})

export const streamEndpoints: readonly Endpoint[] = [noOps, statuses]

function streamOf(line: StreamName): { kind: StreamKind; stream: Uuid } {
  const course = line.course_uuid ?? undefined
  return course === undefined
    ? { kind: 'ecosystem', stream: toUuid(line.ecosystem_uuid ?? '') }
    : { kind: 'course', stream: toUuid(course) }
}

function statusLine(status: StreamStatus, gapsMax: number): object {
  return {
    is_known: status.isKnown,
    is_created: status.isCreated,
    next_sequence_number: status.nextSequenceNumber,
    contiguous_sequence_number: status.contiguousSequenceNumber,
    gaps: status.gaps.slice(0, gapsMax),
    oldest_blocked_at: status.oldestBlockedAt?.toISOString() ?? null,
  }
}

/** Null counts as absent, which a schema can not say for "exactly one of". */
function ambiguousStreams(array: string, lines: readonly StreamName[]): string[] {
  return lines.flatMap((line, index) => {
    const hasCourse = line.course_uuid !== undefined && line.course_uuid !== null
    const hasEcosystem = line.ecosystem_uuid !== undefined && line.ecosystem_uuid !== null
    return hasCourse === hasEcosystem ? [`$.${array}[${index}]: exactly one of course_uuid and ecosystem_uuid`] : []
  })
}
