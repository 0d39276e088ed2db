import { type Backoff, backoffDefault, delayBeforeRetry, isTransientStatus, parseRetryAfter } from './backoff.ts'
import { RequestGivenUp, RequestRefused } from './errors.ts'
import { createGate } from './gate.ts'

/**
 * One JSON request, repeated until it is answered: network errors, time-outs, 408/425/429/5xx and replies that are not
 * a JSON object are retried with the same bytes; a 4xx in JSON is `RequestRefused`. Built on `fetch`, so it runs in
 * Node ≥ 20 and in browsers.
 */

/** Whom a call is for; each has its own secret. A consumer of subscriptions shows that of the scheduler or operator. */
const audiences = ['api', 'scheduler', 'sparfa', 'consumer', 'operator'] as const
export type Audience = (typeof audiences)[number]
export type Tokens = { readonly [audience in Audience]?: string | undefined }

export interface TransportOptions {
  /** Base address; a path prefix is kept, a trailing slash does not matter. */
  readonly url: string
  readonly tokens?: Tokens
  /** Requests in flight at a time, over all calls of this client but those that wait for events. */
  readonly requestsInFlightMax?: number
  /** One attempt's time limit. The server answers within 60 s or not at all. */
  readonly attemptMsMax?: number
  readonly backoff?: Backoff
  readonly onRetry?: (retry: Retry) => void
  /** An answer was made without what had been acknowledged before, because learning was late: ask again. */
  readonly onBehind?: (endpoint: string) => void
  readonly fetch?: typeof globalThis.fetch
  readonly clock?: Clock
  /** Uniform in 0…1, for the jitter. */
  readonly random?: () => number
}

export interface Clock {
  now(): number
  /** Resolves after `ms`, rejects with the signal's reason when that aborts first. */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>
}

export interface Retry {
  readonly endpoint: string
  readonly attempts: number
  readonly delayMs: number
  readonly cause: unknown
}

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Absent: keep trying until it works, which is right for writes that nobody else remembers. */
  readonly giveUpAfterMs?: number
  /** Of a write (`Client.position`): events and metadatas are read from a replica only if it shows that write. */
  readonly position?: string | undefined
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST'
  readonly endpoint: string
  readonly audience: Audience
  readonly body?: string
  /** The server answers when something comes: meanwhile no place among the requests in flight is taken. */
  readonly waits?: boolean
}

export type JsonObject = { readonly [key: string]: unknown }

export interface Transport {
  send(request: TransportRequest, options?: CallOptions): Promise<JsonObject>
  /** The furthest position that a write was answered with; undefined where the server has no replicas. */
  position(): string | undefined
}

/** What one attempt came to, when it was not an answer. */
class AttemptFailed extends Error {
  override readonly name = 'AttemptFailed'
  readonly retryAfterMs: number | undefined
  readonly code: string | undefined
  constructor(message: string, { retryAfterMs, code }: Pick<AttemptFailed, 'retryAfterMs' | 'code'>) {
    super(message)
    this.retryAfterMs = retryAfterMs
    this.code = code
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      const abort = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }, ms)
      if (signal?.aborted) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    }),
}

export function createTransport(options: TransportOptions): Transport {
  const gate = createGate(options.requestsInFlightMax ?? 8)
  const clock = options.clock ?? systemClock
  const random = options.random ?? Math.random
  const backoff = options.backoff ?? backoffDefault
  // A wrong address or a token that no header can carry would fail alike at every attempt: better to fail now.
  new URL(options.url)
  for (const audience of audiences)
    new Headers(headersOf({ method: 'GET', endpoint: '', audience }, options.tokens ?? {}))

  let position: string | undefined
  const seen = (answered: string): void => {
    if (position === undefined || placeOf(answered) > placeOf(position)) position = answered
  }

  return {
    position: () => position,
    async send(request, call = {}) {
      const deadline = call.giveUpAfterMs === undefined ? Infinity : clock.now() + call.giveUpAfterMs
      let attempts = 0
      for (;;) {
        call.signal?.throwIfAborted()
        try {
          // The deadline counts the wait for a place as well, which is held for the attempt only.
          return await withTimeLimit(deadline - clock.now(), call.signal, async (signal) => {
            const attemptOnce = () => {
              attempts += 1
              return attempt(request, options, { call, signal, clock, seen })
            }
            return await (request.waits === true ? attemptOnce() : gate.run(attemptOnce, signal))
          })
        } catch (error) {
          call.signal?.throwIfAborted()
          if (error instanceof RequestRefused) throw error
          const { retryAfterMs, code } = error instanceof AttemptFailed ? error : noHints
          const delayMs = delayBeforeRetry(backoff, { attempts, retryAfterMs, random: random() })
          const { endpoint } = request
          if (clock.now() + delayMs >= deadline) throw new RequestGivenUp({ endpoint, attempts, code, cause: error })
          options.onRetry?.({ endpoint, attempts, delayMs, cause: error })
          await clock.sleep(delayMs, call.signal)
        }
      }
    },
  }
}

const noHints = { retryAfterMs: undefined, code: undefined }

/** Answers may overtake each other, so positions are compared: two hexadecimal numbers of up to eight digits. */
function placeOf(position: string): string {
  return position
    .split('/')
    .map((half) => half.padStart(8, '0'))
    .join('/')
}

const positionHeader = 'Biglearn-Position'
const behindHeader = 'Biglearn-Behind'

interface AttemptContext {
  readonly call: CallOptions
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly seen: (position: string) => void
}

async function attempt(request: TransportRequest, options: TransportOptions, context: AttemptContext) {
  const { response, text } = await withTimeLimit(options.attemptMsMax ?? 60_000, context.signal, async (signal) => {
    const fetch = options.fetch ?? globalThis.fetch
    const response = await fetch(addressOf(options.url, request.endpoint), {
      method: request.method,
      headers: {
        ...headersOf(request, options.tokens ?? {}),
        ...(context.call.position === undefined ? {} : { [positionHeader]: context.call.position }),
      },
      signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    })
    return { response, text: await response.text() }
  })
  const code = response.headers.get('biglearn-error-code') ?? undefined
  const hints = { code, retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), context.clock.now()) }
  if (isTransientStatus(response.status)) throw new AttemptFailed(`${response.status} ${text.slice(0, 200)}`, hints)
  const reply = parseObject(text)
  if (response.ok && reply !== undefined) {
    const position = response.headers.get(positionHeader)
    if (position !== null) context.seen(position)
    if (response.headers.has(behindHeader)) options.onBehind?.(request.endpoint)
    return reply
  }
  // Biglearn's own refusals are JSON. An HTML 404 comes from a proxy and may be gone with the next deploy; only "too
  // large" is final whoever says it, because the same bytes are sent again.
  if (response.ok || (reply === undefined && response.status !== 413)) {
    throw new AttemptFailed(`${response.status} with a reply that is not a JSON object`, hints)
  }
  throw new RequestRefused({ endpoint: request.endpoint, status: response.status, code, reply: reply ?? {} })
}

/** A longer timer would end at once. */
const timerMsMax = 2 ** 31 - 1

/**
 * Not `AbortSignal.timeout` and `AbortSignal.any`: timers would live on for the whole limit, and on Node 20 each
 * request stayed registered at the caller's signal (50,000 of them: 3 MB), which lives as long as the program.
 */
async function withTimeLimit<Result>(
  limitMs: number,
  signal: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const abort = () => controller.abort(signal?.reason)
  const timerMs = Math.max(1, Math.min(limitMs, timerMsMax))
  const timer = setTimeout(() => controller.abort(new Error(`no answer within ${timerMs} ms`)), timerMs)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

function addressOf(url: string, endpoint: string): string {
  return `${url.replace(/\/+$/, '')}/${endpoint}`
}

const tokenHeaders = {
  api: 'Biglearn-Api-Token',
  scheduler: 'Biglearn-Scheduler-Token',
  sparfa: 'Biglearn-Sparfa-Token',
} as const

function headersOf(request: TransportRequest, tokens: Tokens): Record<string, string> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (request.body !== undefined) headers['Content-Type'] = 'application/json'
  const token = tokens[request.audience]
  if (token === undefined) return headers
  if (request.audience === 'operator' || request.audience === 'consumer') headers['Authorization'] = `Bearer ${token}`
  else headers[tokenHeaders[request.audience]] = token
  return headers
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}
