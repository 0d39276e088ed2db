import fc from 'fast-check'
import type { Endpoint } from '#api/endpoint.ts'
import { errorList } from '#api/errors.ts'
import { compileValidation } from '#api/validation.ts'
import { anyRequest, type FuzzRequest } from './requests.ts'

/*
 * Sends fuzzed requests to a server and judges every answer: never a 500, never silence, always JSON, a known error
 * code under its own status, 200 only with a body that matches the schema, and never 400 for what the schema admits.
 */
export interface FuzzOptions {
  readonly url: string
  readonly tokens: Readonly<Record<string, string>>
  readonly endpoints: readonly Endpoint[]
  readonly seed: number
  readonly inFlight: number
  /** Asked before each batch. */
  readonly goOn: () => boolean
}

export interface FuzzReport {
  readonly endpoints: ReadonlyMap<string, EndpointReport>
  readonly faults: readonly FuzzFault[]
}

export interface EndpointReport {
  /** Status → number of requests. */
  readonly statuses: Map<number, number>
  slowestMs: number
}

export interface FuzzFault {
  readonly request: FuzzRequest
  readonly reason: string
}

const batchSize = 100
const answerMsMax = 20_000
const faultsMax = 20

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const requests = anyRequest(options.endpoints)
  const passesBy = new Map(
    options.endpoints.map(({ name, response }) => [name, compileValidation(response, false).passes]),
  )
  const endpoints = new Map(options.endpoints.map(({ name }) => [name, emptyReport()]))
  const faults: FuzzFault[] = []
  for (let batch = 0; options.goOn() && faults.length < faultsMax; batch += 1) {
    const queue = fc.sample(requests, { numRuns: batchSize, seed: options.seed + batch })
    const worker = async (): Promise<void> => {
      for (let request = queue.pop(); request !== undefined; request = queue.pop()) {
        const startedAt = performance.now()
        const { status, reason } = await judge(options, request, passesBy.get(request.endpoint))
        count(endpoints.get(request.endpoint), status, performance.now() - startedAt)
        if (reason !== undefined) faults.push({ request, reason })
      }
    }
    await Promise.all(Array.from({ length: options.inFlight }, worker))
  }
  return { endpoints, faults }
}

interface Verdict {
  readonly status: number
  readonly reason: string | undefined
}

type Passes = (body: unknown) => boolean

async function judge(options: FuzzOptions, request: FuzzRequest, passes: Passes | undefined): Promise<Verdict> {
  const hasBody = request.method !== 'GET'
  let response: Response
  let text: string
  try {
    response = await fetch(`${options.url}${request.path}`, {
      method: request.method,
      headers: { ...options.tokens, 'content-type': request.contentType },
      ...(hasBody ? { body: new Uint8Array(request.body) } : {}),
      signal: AbortSignal.timeout(answerMsMax),
    })
    text = await response.text()
  } catch (error) {
    return { status: 0, reason: `no answer: ${error instanceof Error ? error.message : String(error)}` }
  }
  const code = response.headers.get('biglearn-error-code')
  return { status: response.status, reason: faultOf({ request, status: response.status, code, text }, passes) }
}

interface Answer {
  readonly request: FuzzRequest
  readonly status: number
  readonly code: string | null
  readonly text: string
}

function faultOf({ request, status, code, text }: Answer, passes: Passes | undefined): string | undefined {
  const body = parse(text)
  if (body === undefined) return `status ${status} without JSON: ${text.slice(0, 200)}`
  if (status === 200) {
    if (request.method !== 'POST') return `${request.method} was answered`
    return passes?.(body) === true ? undefined : `an answer that does not match its schema: ${text.slice(0, 300)}`
  }
  const entry = Object.entries(errorList).find(([name]) => name === code)?.[1]
  if (entry?.status !== status) return `status ${status} with code ${code}: ${text.slice(0, 300)}`
  if (status === 500) return `failed: ${text.slice(0, 300)}`
  if (status === 503 && code !== 'too_far_ahead' && code !== 'overloaded') return `unavailable: ${text.slice(0, 300)}`
  if (status === 400 && request.mustPass) return `a valid body was refused: ${text.slice(0, 300)}`
  return undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function emptyReport(): EndpointReport {
  return { statuses: new Map(), slowestMs: 0 }
}

function count(report: EndpointReport | undefined, status: number, tookMs: number): void {
  if (report === undefined) return
  report.statuses.set(status, (report.statuses.get(status) ?? 0) + 1)
  report.slowestMs = Math.max(report.slowestMs, tookMs)
}
