import type { Client } from './client.ts'
import { ReplyUnexpected } from './errors.ts'
import type { CallOptions } from './transport.ts'
import type { CourseEventType, EcosystemEventType, StreamEvent } from './wire-reads.ts'

/**
 * Reads streams from where the reader stopped last time. The new position is written in the same transaction as the
 * reader's own effects, and only on the condition that it still is where it was: an event is applied exactly once, also
 * after a crash and with two readers at work.
 */
export interface CursorStore<Transaction> {
  /** Positions by stream; absent streams begin at 0. */
  read(streams: readonly string[]): Promise<ReadonlyMap<string, number>>
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>
  /** False when the position is not `from` any more: somebody else was here; then the transaction is given up. */
  advance(transaction: Transaction, step: CursorStep): Promise<boolean>
}

export interface CursorStep {
  readonly stream: string
  readonly from: number
  readonly to: number
}

export interface PulledEvents<Type extends string> {
  readonly stream: string
  readonly events: readonly StreamEvent<Type>[]
}

interface PullOptions<Transaction, Type extends string> {
  readonly client: Client
  readonly cursors: CursorStore<Transaction>
  /** Absent: all types. */
  readonly eventTypes?: readonly Type[]
  /** Applies the events of one stream; must use the transaction, and may be called again with the same ones. */
  readonly apply: (transaction: Transaction, pulled: PulledEvents<Type>) => Promise<void>
  readonly call?: CallOptions
  readonly eventsMax?: number
}

export interface PullOutcome {
  readonly applied: number
  /** Streams that have more events behind a missing one: ask again later. */
  readonly blocked: readonly string[]
  /** Streams that another reader advanced meanwhile. */
  readonly overtaken: readonly string[]
}

/** Reads until every stream is at its end or at a gap. */
export async function pullCourseEvents<Transaction>(
  courses: readonly string[],
  options: PullOptions<Transaction, CourseEventType>,
): Promise<PullOutcome> {
  return await pull(courses, options, async (lines, eventsMax) => {
    const { course_event_responses } = await options.client.fetchCourseEvents(
      {
        course_event_requests: lines.map(({ stream, ...line }) => ({ ...line, course_uuid: stream })),
        max_num_events: eventsMax,
      },
      options.call,
    )
    return course_event_responses
  })
}

export async function pullEcosystemEvents<Transaction>(
  ecosystems: readonly string[],
  options: PullOptions<Transaction, EcosystemEventType>,
): Promise<PullOutcome> {
  return await pull(ecosystems, options, async (lines, eventsMax) => {
    const { ecosystem_event_responses } = await options.client.fetchEcosystemEvents(
      {
        ecosystem_event_requests: lines.map(({ stream, ...line }) => ({ ...line, ecosystem_uuid: stream })),
        max_num_events: eventsMax,
      },
      options.call,
    )
    return ecosystem_event_responses
  })
}

interface Line<Type extends string> {
  readonly stream: string
  readonly request_uuid: string
  readonly sequence_number_offset: number
  readonly event_types?: readonly Type[]
}
interface Reply<Type extends string> {
  readonly events: readonly StreamEvent<Type>[]
  readonly is_gap: boolean
  readonly is_end: boolean
}
type Fetch<Type extends string> = (lines: Line<Type>[], eventsMax: number) => Promise<readonly Reply<Type>[]>

/** Streams of one request; the server takes up to 1000, and spreads its budget over them in turn. */
const streamsPerRequest = 1000

async function pull<Transaction, Type extends string>(
  streams: readonly string[],
  options: PullOptions<Transaction, Type>,
  fetch: Fetch<Type>,
): Promise<PullOutcome> {
  const positions = new Map(await options.cursors.read(streams))
  const blocked: string[] = []
  const overtaken: string[] = []
  let applied = 0
  let open = [...streams]
  while (open.length > 0) {
    options.call?.signal?.throwIfAborted()
    const asked = open.slice(0, streamsPerRequest)
    const replies = await fetch(
      asked.map((stream) => ({
        stream,
        request_uuid: crypto.randomUUID(),
        sequence_number_offset: positions.get(stream) ?? 0,
        ...(options.eventTypes === undefined ? {} : { event_types: options.eventTypes }),
      })),
      options.eventsMax ?? 1000,
    )
    if (replies.length !== asked.length) throw new ReplyUnexpected('fetch_events', 'one line per stream')
    const unfinished: string[] = []
    for (const [index, stream] of asked.entries()) {
      const { events, is_gap, is_end } = replies[index]!
      const last = events.at(-1)
      if (last !== undefined) {
        const step = { stream, from: positions.get(stream) ?? 0, to: last.sequence_number + 1 }
        if (!(await applyStep(options, { step, events }))) {
          overtaken.push(stream)
          continue
        }
        positions.set(stream, step.to)
        applied += events.length
      }
      if (is_gap) blocked.push(stream)
      else if (!is_end) unfinished.push(stream)
    }
    open = [...open.slice(streamsPerRequest), ...unfinished]
  }
  return { applied, blocked, overtaken }
}

class Overtaken extends Error {}

/** Cursor first: a reader that was overtaken finds out before it does any work. */
async function applyStep<Transaction, Type extends string>(
  { cursors, apply }: PullOptions<Transaction, Type>,
  { step, events }: { step: CursorStep; events: readonly StreamEvent<Type>[] },
): Promise<boolean> {
  try {
    await cursors.transaction(async (transaction) => {
      if (!(await cursors.advance(transaction, step))) throw new Overtaken()
      await apply(transaction, { stream: step.stream, events })
    })
    return true
  } catch (error) {
    if (error instanceof Overtaken) return false
    throw error
  }
}

/** New streams of one kind from `offset` on, in order of their creation, and where to go on next time. */
export async function pullMetadatas(
  client: Client,
  kind: 'course' | 'ecosystem',
  { offset, call }: { readonly offset: number; readonly call?: CallOptions },
): Promise<{ readonly uuids: readonly string[]; readonly offset: number }> {
  const uuids: string[] = []
  let next = offset
  for (;;) {
    const request = { metadata_sequence_number_offset: next, max_num_metadatas: metadatasPerRequest }
    const rows =
      kind === 'course'
        ? (await client.fetchCourseMetadatas(request, call)).course_responses
        : (await client.fetchEcosystemMetadatas(request, call)).ecosystem_responses
    uuids.push(...rows.map((row) => row.uuid))
    next = (rows.at(-1)?.metadata_sequence_number ?? next - 1) + 1
    if (rows.length < metadatasPerRequest) return { uuids, offset: next }
  }
}

const metadatasPerRequest = 1000
