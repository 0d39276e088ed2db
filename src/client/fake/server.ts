import type { Audience } from '../transport.ts'
import { createHandlers, type Handler, Refused } from './handlers.ts'
import { FakeResults } from './results.ts'
import { isObject, problemsOf, requestShapes } from './shapes.ts'
import { FakeStreams, type Kind } from './streams.ts'

/**
 * Biglearn in memory, for tests of programs that use the client: pass its `fetch` to `createClient`. It keeps the rules
 * of the wire contract (numbers, duplicates, conflicts, gaps, statuses, error shapes) and computes nothing: CLUEs and
 * picks are what the test uploads. The same contract tests run against it and against the real server.
 */
export interface FakeServerOptions {
  /** Absent: every token is accepted. */
  readonly tokens?: { readonly [audience in Audience]?: string }
  /** Sees each request before the server does; may answer instead, fail, or spoil the server's own answer. */
  readonly intercept?: (request: FakeRequest, next: () => Promise<Response>) => Promise<Response>
}

export interface FakeRequest {
  readonly endpoint: string
  readonly method: string
  readonly headers: Headers
  readonly text: string
}

export interface FakeServer {
  readonly fetch: typeof globalThis.fetch
  /** Every request, in order of arrival. */
  readonly requests: readonly FakeRequest[]
  /** Looks behind the interface, also past a gap. */
  storedNumbers(kind: Kind, stream: string): number[]
  /** Loses everything from this number on, as a restored backup does. */
  loseFrom(kind: Kind, stream: string, number: number): void
}

export function createFakeServer(options: FakeServerOptions = {}): FakeServer {
  const streams = new FakeStreams()
  const handlers = createHandlers({ streams, results: new FakeResults() })
  const requests: FakeRequest[] = []

  const fakeFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const received = new Request(input, init)
    const endpoint = new URL(received.url).pathname.split('/').filter(Boolean).at(-1) ?? ''
    const request = { endpoint, method: received.method, headers: received.headers, text: await received.text() }
    init?.signal?.throwIfAborted()
    requests.push(request)
    const next = async () => answer(request, handlers, options.tokens ?? {})
    return options.intercept === undefined ? await next() : await options.intercept(request, next)
  }

  return {
    fetch: fakeFetch,
    requests,
    storedNumbers: (kind, stream) => streams.eventsOf(kind, stream.toLowerCase()).map((event) => event.number),
    loseFrom: (kind, stream, number) => streams.forget(kind, stream.toLowerCase(), number),
  }
}

const tokenHeader = {
  api: 'Biglearn-Api-Token',
  scheduler: 'Biglearn-Scheduler-Token',
  sparfa: 'Biglearn-Sparfa-Token',
}
const echoedMax = 2048

function answer(
  request: FakeRequest,
  handlers: { readonly [endpoint: string]: Handler },
  tokens: NonNullable<FakeServerOptions['tokens']>,
): Response {
  const { endpoint, text } = request
  const handler = handlers[endpoint]
  if (handler === undefined || request.method !== 'POST') {
    return json(404, { status: 404, error: 'Not Found' }, 'not_found')
  }
  const audience = audienceOf(endpoint)
  if (tokens[audience] !== undefined && request.headers.get(tokenHeader[audience]) !== tokens[audience]) {
    return json(400, { errors: [`request has an invalid ${tokenHeader[audience]}`] }, 'token_invalid')
  }
  const echoed = text.slice(0, echoedMax)
  const mediaType = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (mediaType !== 'application/json') {
    const errors = ['request must have Content-Type = application/json']
    return json(400, { errors, request: echoed }, 'content_type_invalid')
  }
  const body = parse(text)
  if (!isObject(body)) {
    return json(400, { errors: ['could not parse request json payload'], request: echoed }, 'body_not_json')
  }
  const shape = requestShapes[endpoint]
  const problems = shape === undefined ? [] : problemsOf(shape, body)
  if (problems.length > 0) return json(400, { errors: problems, request: echoed }, 'body_invalid')
  try {
    return json(200, handler(body))
  } catch (error) {
    if (error instanceof Refused) return json(error.status, error.body, error.code)
    throw error
  }
}

const schedulerEndpoints = new Set([
  'fetch_ecosystem_matrix_updates',
  'fetch_exercise_calculations',
  'fetch_clue_calculations',
  'fetch_algorithm_exercise_calculations',
  'ecosystem_matrices_updated',
  'update_exercise_calculations',
  'update_clue_calculations',
])

function audienceOf(endpoint: string): 'api' | 'scheduler' | 'sparfa' {
  if (endpoint === 'fetch_ecosystem_matrices') return 'sparfa'
  return schedulerEndpoints.has(endpoint) ? 'scheduler' : 'api'
}

function json(status: number, body: unknown, code?: string): Response {
  const headers = new Headers({ 'Content-Type': 'application/json; charset=utf-8' })
  if (code !== undefined) headers.set('Biglearn-Error-Code', code)
  return new Response(JSON.stringify(body), { status, headers })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
