import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import { jittered, type Time } from '#platform/time.ts'
import type { CircuitBreaker } from './breaker.ts'
import { type CatchUpContext, recordFailure, type StepResult, stepException, takeUnblocked } from './catch-up.ts'
import type { DueException } from './exceptions.ts'
import { slotName } from './ownership.ts'
import type { CrewEvent } from './run-options.ts'
import type { SlotGrant } from './slots.ts'

/*
 * The runner's work on streams that do not follow their lanes: now and then it looks which of them are due, and takes
 * one step with each, so that lanes and streams take turns.
 */
export interface SetAsideWorkOptions {
  readonly time: Time
  readonly breaker: CircuitBreaker
  mayGoOn(): boolean
  applied(entries: readonly LaneEntry[]): void
  report(event: CrewEvent): void
  /** Whether the server ended the transaction because it took too long. */
  wasCutOff(error: unknown): boolean
}

const pollMs = 500
const dueAtOnce = 20
const stepEventsMax = 500

export class SetAsideWork {
  /** When to look again. */
  dueMs = 0
  readonly #options: SetAsideWorkOptions
  /** Streams whose last step took too long: how much to try now, and what to say when even one event is too much. */
  readonly #cutOff = new Map<Uuid, { readonly eventsMax: number; readonly error: unknown }>()

  constructor(options: SetAsideWorkOptions) {
    this.#options = options
  }

  async work(context: CatchUpContext, grants: readonly SlotGrant[], nowMs: number): Promise<void> {
    if (nowMs < this.dueMs) return
    this.dueMs = nowMs + jittered(pollMs, this.#options.time)
    if (grants.length === 0) return
    const { connection, source } = context
    const due = await connection.dueExceptions(grants, ['retry', 'replay'], dueAtOnce)
    const unblocked = await takeUnblocked({
      source,
      due: (max) => connection.dueExceptions(grants, ['blocked'], max),
      postpone: (streams, pauseMs) => connection.postpone(streams, pauseMs),
    })
    const owned = new Map(grants.map((grant) => [slotName(grant), grant]))
    for (const exception of [...due, ...unblocked]) {
      const grant = owned.get(slotName(exception))
      // While the breaker probes, the first step that tells anything closes it, or opens it again.
      if (!this.#options.mayGoOn() || this.#options.breaker.state(this.#options.time.monotonicMs()) === 'open') return
      if (grant !== undefined) this.#settle(exception, await this.#step(context, grant, exception))
    }
  }

  async #step(context: CatchUpContext, grant: SlotGrant, exception: DueException): Promise<StepResult> {
    const { stream } = exception
    const cutOff = this.#cutOff.get(stream)
    this.#cutOff.delete(stream)
    // The connection on which it took too long is gone; this is the next one.
    if (cutOff !== undefined && cutOff.eventsMax < 1) return recordFailure(context, grant, exception, cutOff.error)
    const eventsMax = cutOff?.eventsMax ?? stepEventsMax
    try {
      return await stepException(context, grant, exception, eventsMax)
    } catch (error) {
      const tried = Math.min(eventsMax, exception.untilNumber - exception.nextNumber)
      if (this.#options.wasCutOff(error)) this.#cutOff.set(stream, { eventsMax: Math.floor(tried / 4), error })
      throw error
    }
  }

  #settle(exception: DueException, result: StepResult): void {
    const { breaker, time, report, applied } = this.#options
    const isProbe = breaker.state(time.monotonicMs()) === 'probing'
    if (result.kind === 'advanced' || result.kind === 'ended') {
      if (result.entry !== undefined && result.entry.events.length > 0) {
        if (isProbe) breaker.close()
        applied([result.entry])
      }
      if (result.kind === 'ended') report({ kind: 'rejoined', stream: exception.stream })
      else if (result.entry !== undefined) this.dueMs = 0
    } else if (result.kind === 'failed' || result.kind === 'parked') {
      if (isProbe) breaker.open(time.monotonicMs())
      else breaker.failed(exception.stream, time.monotonicMs())
      if (result.kind === 'parked') report({ kind: 'parked', stream: exception.stream, error: result.error })
    }
  }
}
