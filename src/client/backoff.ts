/**
 * How long to wait before the next attempt: exponential backoff with full jitter (M. Brooker, "Exponential Backoff And
 * Jitter", AWS Architecture Blog, 2015), never shorter than what the server asked for with Retry-After. Pure.
 */
export interface Backoff {
  readonly firstDelayMs: number
  readonly delayMsMax: number
}

/**
 * From a fifth of a second to half a minute: an outage of a second costs a second, one of a day costs 2 calls a minute.
 */
export const backoffDefault: Backoff = { firstDelayMs: 200, delayMsMax: 30_000 }

/** A server that asks for more than an hour is taken at one hour, so that a wrong header cannot stop a producer. */
const retryAfterMsMax = 3_600_000

export interface DelayInput {
  /** 1 after the first failure. */
  readonly attempts: number
  readonly retryAfterMs: number | undefined
  /** Uniform in 0…1. */
  readonly random: number
}

export function delayBeforeRetry(backoff: Backoff, input: DelayInput): number {
  const ceiling = Math.min(backoff.delayMsMax, backoff.firstDelayMs * 2 ** Math.min(input.attempts - 1, 30))
  const jittered = Math.round(ceiling * input.random)
  if (input.retryAfterMs === undefined) return jittered
  // Jitter comes on top: clients that were told the same second must not all return in it.
  return Math.min(input.retryAfterMs, retryAfterMsMax) + jittered
}

/** Retry-After as milliseconds from `nowMs`: a number of seconds or an HTTP date (RFC 9110 §10.2.3). */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined
  const text = header.trim()
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const date = Date.parse(text)
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}

/** Codes by which a server or proxy says "not now": request timeout, too early, too many requests, and every 5xx. */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500
}
