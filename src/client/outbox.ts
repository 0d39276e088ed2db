import type * as wire from './wire.ts'

/**
 * The transactional outbox of a producer. An event is written in the producer's own transaction: it is numbered there,
 * under a lock of its stream that is held to commit, and its payload is frozen there, so that number order is commit
 * order, nothing is sent that did not commit, and every repeat is byte-identical. `delivery.ts` sends what is waiting.
 */

type Unnumbered<Payload> = Omit<Payload, 'sequence_number'>

/** What can be put into the outbox. Sequence numbers are the outbox's business. */
export type OutboxEvent =
  | { readonly endpoint: 'create_ecosystem'; readonly payload: wire.EcosystemCreation }
  | { readonly endpoint: 'create_course'; readonly payload: wire.CourseCreation }
  | { readonly endpoint: 'update_course_active_dates'; readonly payload: Unnumbered<wire.ActiveDatesUpdate> }
  | { readonly endpoint: 'update_globally_excluded_exercises'; readonly payload: Unnumbered<wire.ExclusionsUpdate> }
  | { readonly endpoint: 'update_course_excluded_exercises'; readonly payload: Unnumbered<wire.ExclusionsUpdate> }
  | { readonly endpoint: 'prepare_course_ecosystem'; readonly payload: Unnumbered<wire.EcosystemPreparation> }
  | { readonly endpoint: 'update_rosters'; readonly payload: Unnumbered<wire.Roster> }
  | { readonly endpoint: 'update_course_ecosystems'; readonly payload: Unnumbered<wire.EcosystemUpdate> }
  | { readonly endpoint: 'create_update_assignments'; readonly payload: Unnumbered<wire.AssignmentUpdate> }
  | { readonly endpoint: 'record_responses'; readonly payload: Unnumbered<wire.ResponseRecord> }

export type OutboxEndpoint = OutboxEvent['endpoint']
export type StreamKind = 'course' | 'ecosystem'

/** How each endpoint is sent: alone, or as items of a list. */
export interface EndpointShape {
  /** Key of the payload that identifies the event for ever. */
  readonly identity: string
  readonly list?: { readonly items: string; readonly lines: string; readonly itemsMax: number }
}

export const endpointShapes: { readonly [endpoint in OutboxEndpoint]: EndpointShape } = {
  create_ecosystem: { identity: 'ecosystem_uuid' },
  create_course: { identity: 'course_uuid' },
  update_course_active_dates: { identity: 'request_uuid' },
  update_globally_excluded_exercises: { identity: 'request_uuid' },
  update_course_excluded_exercises: { identity: 'request_uuid' },
  prepare_course_ecosystem: { identity: 'preparation_uuid' },
  update_rosters: {
    identity: 'request_uuid',
    list: { items: 'rosters', lines: 'updated_rosters', itemsMax: 100 },
  },
  update_course_ecosystems: {
    identity: 'request_uuid',
    list: { items: 'update_requests', lines: 'update_responses', itemsMax: 1000 },
  },
  create_update_assignments: {
    identity: 'request_uuid',
    list: { items: 'assignments', lines: 'updated_assignments', itemsMax: 1000 },
  },
  record_responses: {
    identity: 'response_uuid',
    list: { items: 'responses', lines: 'recorded_response_uuids', itemsMax: 1000 },
  },
}

export function isOutboxEndpoint(text: string): text is OutboxEndpoint {
  return Object.hasOwn(endpointShapes, text)
}

/**
 * - `waiting`: to be sent, as soon as everything before it in its stream was.
 * - `sent`: acknowledged by the server; kept for repairs until it is forgotten.
 * - `refused`: the server will not take it; its stream waits until somebody decides.
 * - `abandoned`: will never be sent; its number is, or will be, a no_op.
 */
export type EntryState = 'waiting' | 'sent' | 'refused' | 'abandoned'

export interface OutboxEntry {
  /** Order of commit within a stream. A string, because databases count further than numbers do. */
  readonly id: string
  readonly kind: StreamKind
  readonly stream: string
  readonly number: number
  readonly endpoint: OutboxEndpoint
  readonly eventUuid: string
  /** The JSON that travels, unchanged, at every attempt. */
  readonly payload: string
  readonly state: EntryState
}

/** Why an entry was refused, as far as it can be said. */
export interface Incident {
  readonly reason: 'refused' | 'number_taken' | 'preparation_unknown'
  readonly status: number
  readonly code: string | undefined
  readonly message: string
  /** The event that holds the number already (`number_taken`). */
  readonly existingEventUuid?: string
  readonly existingEventType?: string
}

export interface OutboxStream {
  readonly kind: StreamKind
  readonly stream: string
  /** The number that the next event gets. */
  readonly nextNumber: number
}

export interface OutboxHealth {
  readonly waiting: number
  readonly refused: number
  /** When the oldest unsent event was committed: its age is how far Biglearn lags behind. */
  readonly oldestWaitingAt: Date | undefined
}

/** One stream with unsent events. */
export interface StreamBacklog {
  readonly kind: StreamKind
  readonly stream: string
  readonly waiting: number
  readonly oldestWaitingAt: Date
  /** A refused event stops it. */
  readonly isStopped: boolean
}

/** Where a producer puts events: inside its own transaction, and as late in it as possible, once. */
export interface Outbox<Transaction> {
  enqueue(transaction: Transaction, events: readonly OutboxEvent[]): Promise<void>
}

/** What the sender needs. Implementations: `outbox-postgres.ts`, and `outbox-memory.ts` for tests. */
export interface OutboxStore {
  /**
   * The oldest waiting entries of streams that no refused entry stops, ascending within each stream and starting with
   * its first waiting one.
   */
  readWaiting(options: {
    readonly entriesMax: number
    readonly exceptStreams: readonly string[]
  }): Promise<OutboxEntry[]>
  markSent(ids: readonly string[]): Promise<void>
  refuse(id: string, incident: Incident): Promise<void>
  find(stream: string, eventUuid: string): Promise<OutboxEntry | undefined>
  readRefused(entriesMax: number): Promise<{ readonly entry: OutboxEntry; readonly incident: Incident }[]>
  /** Back to waiting, whatever the state was. */
  resend(ids: readonly string[]): Promise<void>
  abandon(id: string): Promise<void>
  /** Gives a refused entry the next number of its stream and lets it wait again. */
  renumber(id: string): Promise<OutboxEntry>
  /** Streams in order of uuid, after the given one. */
  readStreams(options: { readonly after: string | undefined; readonly streamsMax: number }): Promise<OutboxStream[]>
  /** Entries with numbers `from` … `to`, both inclusive, and when they were acknowledged last. */
  readNumbers(range: {
    readonly stream: string
    readonly from: number
    readonly to: number
  }): Promise<{ readonly entry: OutboxEntry; readonly sentAt: Date | undefined }[]>
  /** After the server turned out to be ahead (this database was restored from a backup): go on from its number. */
  raiseNextNumber(stream: string, nextNumber: number): Promise<void>
  /** Forgets what was sent before; returns how many. Until then it can be resent if the server loses it. */
  forgetSent(before: Date): Promise<number>
  health(): Promise<OutboxHealth>
  /** The streams that wait longest. */
  readBacklog(streamsMax: number): Promise<StreamBacklog[]>
}

/** Number 0 belongs to the creation of a stream: nothing else may come first, and it may not come twice. */
export class StreamOrderError extends Error {
  override readonly name = 'StreamOrderError'
}

export function streamOrderError(stream: string, isCreation: boolean): StreamOrderError {
  return new StreamOrderError(
    isCreation ? `the stream ${stream} was created before` : `the stream ${stream} has not been created yet`,
  )
}

/** The events of one `enqueue` by stream, in order; streams sorted, so that concurrent callers lock them alike. */
export interface StreamBundle {
  readonly kind: StreamKind
  readonly stream: string
  readonly isCreation: boolean
  readonly events: readonly OutboxEvent[]
}

export function bundleByStream(events: readonly OutboxEvent[]): StreamBundle[] {
  const bundles = new Map<string, OutboxEvent[]>()
  for (const event of events) {
    const stream = streamOf(event)
    const bundle = bundles.get(stream)
    if (bundle === undefined) bundles.set(stream, [event])
    else if (isCreation(event)) throw new StreamOrderError(`${event.endpoint} of ${stream} must be its first event`)
    else bundle.push(event)
  }
  const sorted = [...bundles].sort(([one], [other]) => (one < other ? -1 : 1))
  return sorted.map(([stream, bundled]) => {
    const [first] = bundled as [OutboxEvent]
    const kind = first.endpoint === 'create_ecosystem' ? 'ecosystem' : 'course'
    return { kind, stream, isCreation: isCreation(first), events: bundled }
  })
}

function isCreation(event: OutboxEvent): boolean {
  return event.endpoint === 'create_ecosystem' || event.endpoint === 'create_course'
}

function streamOf(event: OutboxEvent): string {
  const stream = event.endpoint === 'create_ecosystem' ? event.payload.ecosystem_uuid : event.payload.course_uuid
  return stream.toLowerCase()
}

/** The entry as it will travel. The server supplies the number 0 of a creation itself. */
export function freeze(bundle: StreamBundle, event: OutboxEvent, number: number): Omit<OutboxEntry, 'id'> {
  const payload = isCreation(event) ? event.payload : { ...event.payload, sequence_number: number }
  const identity = (event.payload as unknown as Record<string, unknown>)[endpointShapes[event.endpoint].identity]
  return {
    kind: bundle.kind,
    stream: bundle.stream,
    number,
    endpoint: event.endpoint,
    eventUuid: String(identity).toLowerCase(),
    payload: JSON.stringify(payload),
    state: 'waiting',
  }
}

/** The frozen payload with another number; everything else stays as it was written. */
export function withNumber(payload: string, number: number): string {
  return JSON.stringify({ ...(JSON.parse(payload) as object), sequence_number: number })
}
