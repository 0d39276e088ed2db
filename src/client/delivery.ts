import { type Batch, bodyOfBatch, planBatches } from './batches.ts'
import { ReplyUnexpected, RequestGivenUp, RequestRefused } from './errors.ts'
import { endpointShapes, type Incident, type OutboxEntry, type OutboxStore } from './outbox.ts'
import { type CallOptions, type Clock, type JsonObject, systemClock, type Transport } from './transport.ts'

/**
 * Sends what waits in an outbox: each stream in the order of its numbers, the next request of a stream only after the
 * one before was acknowledged, many streams at once and in common requests. What may pass by itself is repeated for
 * ever; what the server refuses stops its own stream only and is reported. Several senders of one outbox do no harm
 * (everything may be sent twice), but no good either.
 */
export interface DeliveryOptions {
  readonly store: OutboxStore
  readonly transport: Transport
  /** The server will not take this event: its stream waits until somebody decides (`incidents.ts`). */
  readonly onIncident: (entry: OutboxEntry, incident: Incident) => void
  /** `run` could not go on (token, address, own database) and will try again: nothing is lost, somebody must look. */
  readonly onHalt: (error: unknown) => void
  readonly batchesInFlightMax?: number
  readonly entriesReadMax?: number
  readonly requestBytesMax?: number
  /** How long one request is repeated before its entries are read and grouped anew; they are never given up. */
  readonly batchMsMax?: number
  readonly pollMs?: number
  readonly clock?: Clock
}

export interface Delivery {
  /** Sends until nothing is left that can be sent now. */
  drain(call?: CallOptions): Promise<void>
  /** Drains when woken and at every poll, until the signal. What is in flight then is aborted and sent again later. */
  run(signal: AbortSignal): Promise<void>
  /** Call it after the commit of a transaction that enqueued something. */
  wake(): void
}

/** A configuration that makes every request fail, as opposed to one event that the server will not take. */
export class DeliveryHalted extends Error {
  override readonly name = 'DeliveryHalted'
}

export function createDelivery(options: DeliveryOptions): Delivery {
  const clock = options.clock ?? systemClock
  let wakeUp = () => {}

  async function drain(call: CallOptions = {}): Promise<void> {
    const inFlight = new Set<Promise<void>>()
    const busyStreams = new Set<string>()
    const failures: unknown[] = []
    let planned: Batch[] = []
    const launch = (batch: Batch) => {
      const streams = streamsOf(batch)
      for (const stream of streams) busyStreams.add(stream)
      const task: Promise<void> = deliverBatch(options, batch, { call, isPrepared: false })
        .then(
          () => {},
          (error: unknown) => void failures.push(error),
        )
        .finally(() => {
          for (const stream of streams) busyStreams.delete(stream)
          inFlight.delete(task)
        })
      inFlight.add(task)
    }
    try {
      while (failures.length === 0) {
        // A request that ends while the backlog is read sets its streams free unseen: then it is read again.
        const wasIdle = inFlight.size === 0
        // Only when the last plan is used up: reading the backlog again for each request would cost more than sending.
        if (planned.length === 0) planned = await planNext(options, busyStreams)
        const room = (options.batchesInFlightMax ?? 4) - inFlight.size
        for (const batch of planned.splice(0, room)) launch(batch)
        if (inFlight.size > 0) await Promise.race(inFlight)
        else if (wasIdle) return
      }
    } finally {
      await Promise.all(inFlight)
    }
    throw failures[0]
  }

  /** Until woken, the next poll or the end. */
  async function pause(woken: Promise<void>, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const end = () => over.abort()
    signal.addEventListener('abort', end, { once: true })
    const poll = clock.sleep(options.pollMs ?? 5000, over.signal).catch(() => {})
    await Promise.race([woken, poll])
    signal.removeEventListener('abort', end)
    over.abort()
  }

  return {
    drain,
    async run(signal) {
      while (!signal.aborted) {
        const woken = new Promise<void>((resolve) => {
          wakeUp = resolve
        })
        try {
          await drain({ signal })
        } catch (error) {
          if (!signal.aborted) options.onHalt(error)
        }
        if (!signal.aborted) await pause(woken, signal)
      }
    },
    wake: () => wakeUp(),
  }
}

async function planNext(options: DeliveryOptions, busyStreams: ReadonlySet<string>): Promise<Batch[]> {
  const entries = await options.store.readWaiting({
    entriesMax: options.entriesReadMax ?? 2000,
    exceptStreams: [...busyStreams],
  })
  return planBatches(entries, options.requestBytesMax ?? 8 * 1024 * 1024)
}

interface Sending {
  readonly call: CallOptions
  /** The preparation of these updates was delivered just now: once is enough. */
  readonly isPrepared: boolean
}

/**
 * Returns the streams that could not go on. A batch that is refused is halved until the refused event is alone, so that
 * its neighbours of other streams get through; likewise one that holds a stream with earlier numbers missing.
 */
async function deliverBatch(options: DeliveryOptions, batch: Batch, sending: Sending): Promise<Set<string>> {
  const { call } = sending
  let reply: JsonObject
  try {
    reply = await post(options.transport, batch, { giveUpAfterMs: options.batchMsMax ?? 30_000, ...call })
  } catch (error) {
    if (error instanceof RequestGivenUp) {
      const isOneStreamsFault = error.code === 'too_far_ahead'
      return isOneStreamsFault && batch.entries.length > 1
        ? await deliverHalves(options, batch, sending)
        : streamsOf(batch)
    }
    if (!(error instanceof RequestRefused)) throw error
    if (isHalting(error)) throw new DeliveryHalted(error.message, { cause: error })
    if (batch.entries.length > 1) return await deliverHalves(options, batch, sending)
    return await settleRefusal(options, batch.entries[0]!, { error, call })
  }
  return await settleReply(options, batch, { reply, ...sending })
}

async function deliverHalves(options: DeliveryOptions, batch: Batch, sending: Sending): Promise<Set<string>> {
  const middle = Math.ceil(batch.entries.length / 2)
  const stopped = await deliverBatch(options, { ...batch, entries: batch.entries.slice(0, middle) }, sending)
  const rest = batch.entries.slice(middle).filter((entry) => !stopped.has(entry.stream))
  if (rest.length === 0) return stopped
  const stoppedLater = await deliverBatch(options, { ...batch, entries: rest }, sending)
  return new Set([...stopped, ...stoppedLater])
}

function streamsOf(batch: Batch): Set<string> {
  return new Set(batch.entries.map((entry) => entry.stream))
}

async function post(transport: Transport, batch: Batch, call: CallOptions): Promise<JsonObject> {
  const body = bodyOfBatch(batch)
  return await transport.send({ method: 'POST', endpoint: batch.endpoint, audience: 'api', body }, call)
}

/** Of a good reply everything is sent, except ecosystem updates whose preparation the server does not know. */
async function settleReply(
  options: DeliveryOptions,
  batch: Batch,
  { reply, call, isPrepared }: Sending & { reply: JsonObject },
): Promise<Set<string>> {
  const { list } = endpointShapes[batch.endpoint]
  const lines = list === undefined ? [] : reply[list.lines]
  if (!Array.isArray(lines)) throw new ReplyUnexpected(batch.endpoint, `an array "${list?.lines}"`)
  if (batch.endpoint === 'record_responses') {
    // A uuid comes back as it was spelt.
    const recorded = new Set(lines.map((uuid) => String(uuid).toLowerCase()))
    const isComplete = batch.entries.every((entry) => recorded.has(entry.eventUuid))
    if (!isComplete) throw new ReplyUnexpected(batch.endpoint, 'all the responses that were sent')
  } else if (list !== undefined && lines.length !== batch.entries.length) {
    throw new ReplyUnexpected(batch.endpoint, 'one line per item')
  }
  const unprepared = batch.entries.filter((_, index) => lines[index]?.update_status === 'preparation_unknown')
  const sent = batch.entries.filter((entry) => !unprepared.includes(entry))
  const stopped = new Set<string>()
  // Within a stream, what follows an unprepared update was stored by the server all the same.
  await options.store.markSent(sent.map((entry) => entry.id))
  for (const entry of unprepared) {
    const streams = isPrepared
      ? await stopUnprepared(options, entry, 'the server refuses to know it')
      : await prepareAgain(options, entry, call)
    for (const stream of streams) stopped.add(stream)
  }
  return stopped
}

/**
 * Prepare, then update: both from the outbox, with the bytes they had. Returns the stream if it could not go on. When
 * the preparation is refused now, that is the incident: once it is solved, its update gets through.
 */
async function prepareAgain(options: DeliveryOptions, update: OutboxEntry, call: CallOptions): Promise<Set<string>> {
  const { preparation_uuid } = JSON.parse(update.payload) as { preparation_uuid: string }
  const preparation = await options.store.find(update.stream, preparation_uuid.toLowerCase())
  if (preparation === undefined) {
    return await stopUnprepared(options, update, 'the outbox has no such preparation any more')
  }
  if (preparation.state === 'abandoned') return await stopUnprepared(options, update, 'its preparation was given up')
  // The stream waits for a decision about it.
  if (preparation.state === 'refused') return new Set([update.stream])
  const preparing: Batch = { endpoint: 'prepare_course_ecosystem', entries: [preparation] }
  const stopped = await deliverBatch(options, preparing, { call, isPrepared: false })
  if (stopped.size > 0) return stopped
  const updating: Batch = { endpoint: 'update_course_ecosystems', entries: [update] }
  return await deliverBatch(options, updating, { call, isPrepared: true })
}

async function stopUnprepared(options: DeliveryOptions, update: OutboxEntry, message: string): Promise<Set<string>> {
  await reportIncident(options, update, { reason: 'preparation_unknown', status: 200, code: undefined, message })
  return new Set([update.stream])
}

/** Returns the stopped stream, unless the number turns out to hold this very event. */
async function settleRefusal(
  options: DeliveryOptions,
  entry: OutboxEntry,
  { error, call }: { error: RequestRefused; call: CallOptions },
): Promise<Set<string>> {
  const refusal = { status: error.status, code: error.code, message: error.message }
  if (error.status !== 422) {
    await reportIncident(options, entry, { reason: 'refused', ...refusal })
    return new Set([entry.stream])
  }
  const existing = existingEventOf(error.reply) ?? (await fetchEventAt(options.transport, entry, call))
  if (existing?.eventUuid.toLowerCase() === entry.eventUuid) {
    await options.store.markSent([entry.id])
    return new Set()
  }
  const holder =
    existing === undefined ? {} : { existingEventUuid: existing.eventUuid, existingEventType: existing.eventType }
  await reportIncident(options, entry, { reason: 'number_taken', ...refusal, ...holder })
  return new Set([entry.stream])
}

async function reportIncident(options: DeliveryOptions, entry: OutboxEntry, incident: Incident): Promise<void> {
  await options.store.refuse(entry.id, incident)
  options.onIncident(entry, incident)
}

interface ExistingEvent {
  readonly eventUuid: string
  readonly eventType: string
}

function existingEventOf(reply: JsonObject): ExistingEvent | undefined {
  const conflicts = reply['conflicts']
  if (!Array.isArray(conflicts)) return undefined
  const [conflict] = conflicts as { existing_event_uuid?: string; existing_event_type?: string }[]
  if (typeof conflict?.existing_event_uuid !== 'string') return undefined
  return { eventUuid: conflict.existing_event_uuid, eventType: conflict.existing_event_type ?? 'unknown' }
}

/** Servers that do not name the holder of the number are asked for it; behind a gap they will not tell. */
async function fetchEventAt(
  transport: Transport,
  entry: OutboxEntry,
  call: CallOptions,
): Promise<ExistingEvent | undefined> {
  const name = `${entry.kind}_uuid`
  const line = { request_uuid: entry.eventUuid, [name]: entry.stream, sequence_number_offset: entry.number }
  const body = JSON.stringify({ [`${entry.kind}_event_requests`]: [line], max_num_events: 1 })
  const endpoint = `fetch_${entry.kind}_events`
  const reply = await transport.send({ method: 'POST', endpoint, audience: 'api', body }, call)
  const [answer] = reply[`${entry.kind}_event_responses`] as { events: { [key: string]: unknown }[] }[]
  const event = answer?.events[0]
  if (event?.['sequence_number'] !== entry.number) return undefined
  return { eventUuid: String(event['event_uuid']), eventType: String(event['event_type']) }
}

/**
 * Wrong token (400 with the code or the sentence of the contract, or 401/403) and wrong address (404, 405) concern
 * every event.
 */
function isHalting(error: RequestRefused): boolean {
  if ([401, 403, 404, 405].includes(error.status) || error.code === 'token_invalid') return true
  const errors = error.reply['errors']
  return error.status === 400 && Array.isArray(errors) && errors.some((text) => /invalid Biglearn-\S+-Token/.test(text))
}
