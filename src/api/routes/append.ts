import type { StreamEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { subjectsOf } from '#due/waiting-subjects.ts'
import type { AppendConflict, Log } from '#log/log.ts'
import type { Refusal } from '../errors.ts'
import type { ApiPorts } from '../ports.ts'

/**
 * Stores the events of one request, whole or not at all. `undefined` means stored and durable; a conflict is a 422 that
 * wrote nothing, numbers too far ahead are a 503, because the missing ones may still come (design D7).
 */
export async function append(log: Log, events: readonly StreamEvent[]): Promise<Refusal | undefined> {
  if (events.length === 0) return undefined
  const result = await log.append(events)
  if (result.kind === 'stored') return undefined
  if (result.kind === 'refused') return conflictRefusal(result.conflicts, events)
  return tooFarAhead(result.missing)
}

/** Names each missing range once: of those that begin alike, of lines further and further ahead, the shortest. */
export function tooFarAhead(missing: readonly { stream: Uuid; from: number; to: number }[]): Refusal {
  const shortest = new Map<string, number>()
  for (const { stream, from, to } of missing) {
    const range = `${stream} lacks numbers ${from} to`
    shortest.set(range, Math.min(to, shortest.get(range) ?? to))
  }
  const details = [...shortest].map(([range, to]) => `${range} ${to}`)
  return { refused: 'too_far_ahead', details, retryAfterSeconds: 5 }
}

/**
 * The same for events that announce students, course containers or assignments: those that wait behind a gap are
 * remembered before the request is acknowledged, so that they are known at once (api.md §3.3).
 */
export async function appendAnnouncements(
  { log, waiting }: ApiPorts,
  events: readonly StreamEvent[],
): Promise<Refusal | undefined> {
  const refusal = await append(log, events)
  if (refusal !== undefined || events.length === 0) return refusal
  const streams = [...new Set(events.map(({ stream }) => stream))]
  const statuses = await log.statuses(
    streams.map((stream) => ({ kind: 'course', stream })),
    1,
  )
  const readable = new Map(statuses.map((status) => [status.stream, status.contiguousSequenceNumber]))
  const parked = events.filter(({ stream, number }) => number >= (readable.get(stream) ?? 0))
  await waiting.put(parked.flatMap(subjectsOf))
  return undefined
}

function conflictRefusal(conflicts: readonly AppendConflict[], events: readonly StreamEvent[]): Refusal {
  return {
    refused: 'sequence_number_taken',
    details: conflicts.map(
      (conflict) =>
        `${conflict.kind} ${conflict.stream}: number ${conflict.number} is taken by ${conflict.existingEventUuid}`,
    ),
    conflicts: conflicts.map((conflict) => wireConflict(conflict, events)),
  }
}

/** Names the stream and the event as the client spelt them. */
function wireConflict(conflict: AppendConflict, events: readonly StreamEvent[]): object {
  const event = events.find(
    ({ kind, stream, number, eventUuid }) =>
      kind === conflict.kind &&
      stream === conflict.stream &&
      number === conflict.number &&
      eventUuid === conflict.eventUuid,
  )
  const streamKey = `${conflict.kind}_uuid`
  return {
    [streamKey]: event?.data[streamKey] ?? conflict.stream,
    sequence_number: conflict.number,
    event_uuid: spellingOf(event) ?? conflict.eventUuid,
    existing_event_uuid: conflict.existingEventUuid,
    existing_event_type: conflict.existingType,
  }
}

function spellingOf(event: StreamEvent | undefined): unknown {
  if (event === undefined) return undefined
  return Object.values(event.data).find((value) => typeof value === 'string' && value.toLowerCase() === event.eventUuid)
}
