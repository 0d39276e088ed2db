import type { SubscriptionCalls } from './calls.ts'
import { RequestGivenUp } from './errors.ts'
import { type CallOptions, type Clock, systemClock } from './transport.ts'
import type {
  ConfirmStatus,
  HeldSlot,
  SubscriptionBatch,
  SubscriptionEvent,
  SubscriptionFetched,
  SubscriptionRetry,
} from './wire-subscriptions.ts'

/**
 * Follows a remote subscription until it is told to stop: fetches, hands the events of each stream over in order,
 * confirms what took effect, and keeps the lease meanwhile. Where it stopped, the next one goes on. Run as many as you
 * like, in as many processes: they share the streams. Delivery is at least once, so `handle` has to cope with an event
 * that it knows already: after a crash, or when another instance took over because this one was frozen.
 */
export interface SubscriptionConsumerOptions {
  /** Of `client.subscription(name)`. The subscription has to exist: `create` may be repeated at each start. */
  readonly subscription: SubscriptionCalls
  /**
   * Takes effect of the events of one stream, ascending. When it throws, the stream is set aside and its events come
   * again after a pause, from the first one of this call on; other streams go on.
   */
  readonly handle: (delivery: Delivered) => Promise<void>
  /** Ends the work: what is in hand is finished and confirmed, then the slots are given back. */
  readonly signal: AbortSignal
  /** How long this instance may be silent before others take its streams over; 30 when absent. */
  readonly leaseSeconds?: number
  readonly eventsMax?: number
  readonly onProblem?: (problem: SubscriptionProblem) => void
  readonly clock?: Clock
}

export interface Delivered {
  readonly kind: 'course' | 'ecosystem'
  readonly stream: string
  readonly events: readonly SubscriptionEvent[]
  /** Failures of the first event so far. */
  readonly attempts: number
}

export type SubscriptionProblem =
  /** `parked`: too many attempts; an operator has to look at it. */
  | { readonly kind: 'failed'; readonly stream: string; readonly error: unknown; readonly outcome: string }
  /** Another instance has the slot, or the server lost what it handed out: it comes again, here or there. */
  | { readonly kind: 'not_confirmed'; readonly status: ConfirmStatus }
  /** Calls did not get through for the whole lease: what was in hand is given up and fetched again. */
  | { readonly kind: 'away'; readonly error: unknown }

/** Resolves when what was in hand is confirmed and the slots are given back; rejects when the server refuses a call. */
export async function consumeSubscription(options: SubscriptionConsumerOptions): Promise<void> {
  const consumer = new Consumer(options)
  try {
    while (!options.signal.aborted) await consumer.turn()
  } finally {
    await consumer.release()
  }
}

const waitSeconds = 20
const eventsMaxDefault = 500
const leaseSecondsDefault = 30
/** Of a turn that brought nothing and did not wait either, because the subscription is paused or the server stops. */
const idlePauseMs = 1000
const releaseMsMax = 5000
const errorLengthMax = 2000

class Consumer {
  readonly #options: SubscriptionConsumerOptions
  readonly #clock: Clock
  readonly #lease: { readonly instance_uuid: string; readonly lease_seconds: number }
  #slots: readonly HeldSlot[] = []

  constructor(options: SubscriptionConsumerOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#lease = { instance_uuid: crypto.randomUUID(), lease_seconds: options.leaseSeconds ?? leaseSecondsDefault }
  }

  async turn(): Promise<void> {
    const startedMs = this.#clock.now()
    const fetched = await this.#fetch()
    if (fetched === undefined) return
    this.#slots = fetched.slots
    if (fetched.batches.length + fetched.retries.length === 0) {
      if (this.#clock.now() - startedMs < idlePauseMs) await this.#sleep(idlePauseMs)
      return
    }
    await this.#keepingLease(() => this.#work(fetched))
  }

  async release(): Promise<void> {
    if (this.#slots.length === 0) return
    const slots = this.#slots.map(({ part, lane, token_uuid }) => ({ part, lane, token_uuid }))
    const request = { instance_uuid: this.#lease.instance_uuid, slots }
    try {
      await this.#options.subscription.release(request, { giveUpAfterMs: releaseMsMax })
    } catch (error) {
      // The lease ends by itself.
      this.#options.onProblem?.({ kind: 'away', error })
    }
  }

  async #fetch(): Promise<SubscriptionFetched | undefined> {
    const { subscription, signal, eventsMax = eventsMaxDefault } = this.#options
    const request = { ...this.#lease, wait_seconds: waitSeconds, max_num_events: eventsMax }
    try {
      return await subscription.fetch(request, { signal })
    } catch (error) {
      if (signal.aborted) return undefined
      throw error
    }
  }

  /** Retries first: they are older. After the signal nothing new is begun, and what is done is still confirmed. */
  async #work({ batches, retries }: SubscriptionFetched): Promise<void> {
    const doneStreams: SubscriptionRetry[] = []
    const doneBatches: SubscriptionBatch[] = []
    for (const retry of retries) {
      if (this.#options.signal.aborted) break
      if (await this.#retry(retry)) doneStreams.push(retry)
    }
    for (const batch of batches) {
      if (this.#options.signal.aborted) break
      if (await this.#batch(batch)) doneBatches.push(batch)
    }
    await this.#confirm(doneBatches, doneStreams)
  }

  async #retry(retry: SubscriptionRetry): Promise<boolean> {
    const { events, attempts } = retry
    return events.length === 0 || (await this.#handle(retry, { events, attempts, received: '0' })) === 'done'
  }

  /** A stream that failed does not hold the batch back, unless the slot is another's. */
  async #batch(batch: SubscriptionBatch): Promise<boolean> {
    for (const events of byStream(batch.events)) {
      if ((await this.#handle(batch, { events, attempts: 0, received: batch.position })) === 'lost') return false
    }
    return true
  }

  async #handle(held: HeldSlot, given: Given): Promise<'done' | 'set aside' | 'lost'> {
    const { events, attempts } = given
    const [first] = events
    if (first === undefined) return 'done'
    const { kind, stream } = streamOf(first)
    try {
      await this.#options.handle({ kind, stream, events, attempts })
      return 'done'
    } catch (error) {
      const outcome = await this.#nack(held, { stream, number: first.sequence_number, received: given.received }, error)
      this.#options.onProblem?.({ kind: 'failed', stream, error, outcome })
      return outcome === 'lost_lease' || outcome === 'away' ? 'lost' : 'set aside'
    }
  }

  async #nack(
    { part, lane, token_uuid }: HeldSlot,
    { stream, number, received }: { readonly stream: string; readonly number: number; readonly received: string },
    error: unknown,
  ): Promise<string> {
    const text = (error instanceof Error ? error.message : String(error)).replaceAll('\0', '').slice(0, errorLengthMax)
    const request = { part, lane, token_uuid, stream_uuid: stream, number, error: text || 'failed', received }
    const answer = await this.#withinLease((call) => this.#options.subscription.nack(request, call))
    return answer?.status ?? 'away'
  }

  async #confirm(batches: readonly SubscriptionBatch[], streams: readonly SubscriptionRetry[]): Promise<void> {
    if (batches.length + streams.length === 0) return
    const request = {
      ...this.#lease,
      batches: batches.map(({ events: _, ...line }) => line),
      streams: streams.map(({ part, lane, token_uuid, stream_uuid, next_number }) => {
        return { part, lane, token_uuid, stream_uuid, next_number }
      }),
    }
    const answer = await this.#withinLease((call) => this.#options.subscription.confirm(request, call))
    for (const { status } of [...(answer?.batches ?? []), ...(answer?.streams ?? [])]) {
      if (status === 'confirmed' || status === 'already_confirmed') continue
      this.#options.onProblem?.({ kind: 'not_confirmed', status })
    }
  }

  /** Not under the signal: what took effect is worth telling. After the lease nobody would believe it. */
  async #withinLease<Answer>(call: (options: CallOptions) => Promise<Answer>): Promise<Answer | undefined> {
    try {
      return await call({ giveUpAfterMs: this.#lease.lease_seconds * 1000 })
    } catch (error) {
      if (!(error instanceof RequestGivenUp)) throw error
      this.#options.onProblem?.({ kind: 'away', error })
      return undefined
    }
  }

  async #keepingLease(work: () => Promise<void>): Promise<void> {
    const finished = new AbortController()
    const extending = this.#extendUntil(finished.signal)
    try {
      await work()
    } finally {
      finished.abort()
      await extending
    }
  }

  /** Three times a lease. A failure is told by the next call that matters. */
  async #extendUntil(finished: AbortSignal): Promise<void> {
    const everyMs = (this.#lease.lease_seconds * 1000) / 3
    while (!finished.aborted) {
      await this.#clock.sleep(everyMs, finished).catch(() => undefined)
      if (finished.aborted) return
      await this.#options.subscription
        .extend(this.#lease, { signal: finished, giveUpAfterMs: everyMs })
        .catch(() => undefined)
    }
  }

  async #sleep(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#options.signal).catch(() => undefined)
  }
}

interface Given {
  readonly events: readonly SubscriptionEvent[]
  readonly attempts: number
  readonly received: string
}

/** In the order in which streams first appear; within a stream the order of the lane, which is that of its numbers. */
function byStream(events: readonly SubscriptionEvent[]): Iterable<SubscriptionEvent[]> {
  const streams = new Map<string, SubscriptionEvent[]>()
  for (const event of events) {
    const { stream } = streamOf(event)
    const known = streams.get(stream)
    if (known === undefined) streams.set(stream, [event])
    else known.push(event)
  }
  return streams.values()
}

function streamOf({ course_uuid, ecosystem_uuid }: SubscriptionEvent): Pick<Delivered, 'kind' | 'stream'> {
  return course_uuid === undefined
    ? { kind: 'ecosystem', stream: ecosystem_uuid ?? '' }
    : { kind: 'course', stream: course_uuid }
}
