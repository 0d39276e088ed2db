import type { FastifyInstance, FastifyReply, FastifyRequest, RequestPayload } from 'fastify'
import { MatrixRemoved } from '#due/matrix-store.ts'
import { LogOverloaded } from '#log/log.ts'
import { isPassing, withRetry } from '#platform/postgres.ts'
import { isJsonContentType, isNestedTooDeep, nestingMax, parseBody } from './body.ts'
import { type BodyBudget, countedBody, countedFromBytes, createBodyBudget, NoRoomForBody } from './body-budget.ts'
import type { ApiConfig } from './config.ts'
import { type Answer, type Endpoint, isRefusal, type PathNames, type RequestContext } from './endpoint.ts'
import { type Refusal, refuse } from './errors.ts'
import { internalError, stackOf } from './failure.ts'
import type { ApiMetrics, RouteMetrics } from './metrics.ts'
import type { ApiPorts } from './ports.ts'
import { jsonType, type RefusalContext, sendRefusal } from './replies.ts'
import { bearerCheck, type TokenCheck, tokenCheck } from './tokens.ts'
import { compileValidation, type Validation } from './validation.ts'
import { behindHeader, parseView, plainView, positionHeader, tooMuchToExplain, type View } from './view.ts'

/*
 * The routes of the wire. Order of checks: token, content type, parse, schema, effect (api.md §1). Everything happens
 * in the handler on the raw bytes: Fastify's own parsing and validation would answer in other shapes.
 */
interface WireRoute {
  readonly endpoint: Endpoint
  readonly validation: Validation
  readonly metrics: RouteMetrics
  readonly hasToken: (request: FastifyRequest) => boolean
  readonly tokenHeader: string
  readonly ports: ApiPorts
  readonly failoverWaitMs: number
  readonly bodies: BodyBudget
}

const largeBodiesBytesMax = 256 * 1024 * 1024
const noRoom: Refusal = { refused: 'overloaded', retryAfterSeconds: 1 }
const tokenHeaders = {
  api: 'Biglearn-Api-Token',
  scheduler: 'Biglearn-Scheduler-Token',
  sparfa: 'Biglearn-Sparfa-Token',
  consumer: 'Authorization',
} as const

declare module 'fastify' {
  interface FastifyRequest {
    /** When the head of the request was read, milliseconds of `performance.now()`. */
    arrivedAt: number
  }
}

export interface WireSetup {
  readonly endpoints: readonly Endpoint[]
  readonly ports: ApiPorts
  readonly config: ApiConfig
  readonly metrics: ApiMetrics
}

export function registerWire(server: FastifyInstance, { endpoints, ports, config, metrics }: WireSetup): void {
  const bodies = createBodyBudget(largeBodiesBytesMax)
  for (const endpoint of endpoints) {
    const tokenHeader = tokenHeaders[endpoint.audience]
    const headerKey = tokenHeader.toLowerCase()
    const isValid = audienceCheck(endpoint.audience, config)
    const route: WireRoute = {
      endpoint,
      validation: compileValidation(endpoint.request, config.strict),
      metrics: metrics.forRoute(endpoint.name),
      hasToken: (request) => isValid(request.headers[headerKey]),
      tokenHeader,
      ports,
      failoverWaitMs: config.failoverWaitMs,
      bodies,
    }
    server.route({
      method: 'POST',
      url: endpoint.path.replaceAll(/\{(\w+)\}/g, ':$1'),
      bodyLimit: config.bodyBytesMax,
      onRequest: (request, reply, done) => {
        request.arrivedAt = performance.now()
        const refusal = admit(route, { request, reply })
        if (refusal === undefined) done()
        else answerRefusal(route, { request, reply }, refusal)
      },
      preParsing: (request, reply, body, done) => done(null, withinBudget(bodies, { request, reply }, body)),
      errorHandler: (error, request, reply) => answerRefusal(route, { request, reply }, httpRefusal(error)),
      handler: (request, reply) => handle(route, { request, reply }),
    })
  }
}

/** Old endpoints have a header each; ours take a bearer token that the operator or a scheduler holds (design D33). */
function audienceCheck(audience: Endpoint['audience'], { tokens }: ApiConfig): TokenCheck {
  if (audience !== 'consumer') return tokenCheck(tokens[audience])
  return bearerCheck([...tokens.operator, ...tokens.scheduler])
}

export interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** Before the body is read: who asks, and is there room for what is coming. */
function admit(
  { endpoint, hasToken, tokenHeader, bodies }: WireRoute,
  { request, reply }: Exchange,
): Refusal | undefined {
  if (!hasToken(request)) {
    if (endpoint.audience === 'consumer') return refuse('unauthorised')
    return refuse('token_invalid', [`request has an invalid ${tokenHeader}`])
  }
  const bytes = Number(request.headers['content-length'] ?? 0)
  if (bytes < countedFromBytes) return undefined
  if (!bodies.reserve(bytes)) return noRoom
  reply.raw.once('close', () => bodies.release(bytes))
  return undefined
}

function withinBudget(bodies: BodyBudget, { request, reply }: Exchange, body: RequestPayload): RequestPayload {
  if (request.headers['transfer-encoding'] === undefined) return body
  const counted = countedBody(body, bodies)
  reply.raw.once('close', counted.release)
  return counted.body
}

/** What Fastify refuses before the handler: bodies that are too large, or cut off. */
function httpRefusal(error: unknown): Refusal {
  if (error instanceof NoRoomForBody) return noRoom
  const code = error instanceof Error && 'code' in error ? error.code : ''
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return refuse('body_too_large')
  return refuse('body_not_json', [error instanceof Error ? error.message : 'the request can not be read'])
}

async function handle(route: WireRoute, exchange: Exchange): Promise<FastifyReply> {
  const { request, reply } = exchange
  const rawBody = Buffer.isBuffer(request.body) ? request.body : undefined
  const refusalOf = (refusal: Refusal) => answerRefusal(route, exchange, refusal, { rawBody })
  if (!isJsonContentType(request.headers['content-type'])) return refusalOf(refuse('content_type_invalid'))
  const parsed = parseBody(rawBody)
  if ('problem' in parsed) return refusalOf(refuse('body_not_json', [parsed.problem]))
  const problems = validate(route, parsed.object)
  if (problems.length > 0) return refusalOf(refuse('body_invalid', problems))
  const view = route.endpoint.views.length === 0 ? plainView : viewOf(request, route.endpoint)
  if ('problem' in view) return refusalOf(refuse('body_invalid', [view.problem]))
  const tooMuch = tooMuchToExplain(view, parsed.object)
  if (tooMuch !== undefined) return refusalOf(refuse('body_invalid', [tooMuch]))
  let isBehind = false
  const behind = (): void => {
    isBehind = true
  }
  const outcome = await runSafely(route, parsed.object, { ...view, behind }, contextOf(route, exchange))
  if (isRefusal(outcome)) return refusalOf(outcome)
  if (isBehind) {
    route.metrics.behind()
    void reply.header(behindHeader, '1')
  }
  if (route.endpoint.writes && route.ports.replicas !== undefined) await tellPosition(route.ports.replicas, reply)
  route.metrics.answered(200, secondsSince(request.arrivedAt))
  return reply.header('content-type', jsonType).send(outcome)
}

function viewOf(request: FastifyRequest, { views }: Endpoint): ReturnType<typeof parseView> {
  return parseView(queryOf(request), views, request.headers[positionHeader.toLowerCase()])
}

/** Reads that name it see this write, whichever replica serves them. */
async function tellPosition(replicas: NonNullable<ApiPorts['replicas']>, reply: FastifyReply): Promise<void> {
  const position = await replicas.position()
  if (position !== undefined) void reply.header(positionHeader, position)
}

function contextOf({ endpoint }: WireRoute, { request, reply }: Exchange): RequestContext {
  const path = namesOf(request)
  if (!endpoint.waits) return { path }
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return { path, gone: gone.signal }
}

function namesOf({ params }: FastifyRequest): PathNames {
  return typeof params === 'object' && params !== null ? { ...params } : {}
}

function queryOf({ query }: FastifyRequest): Readonly<Record<string, unknown>> {
  return typeof query === 'object' && query !== null ? { ...query } : {}
}

function validate({ endpoint, validation, metrics }: WireRoute, body: object): readonly string[] {
  if (!validation.passes(body)) return validation.explain(body)
  if (endpoint.keepsNested && isNestedTooDeep(body)) return [`$ is nested deeper than ${nestingMax} levels`]
  if (validation.exceedsSoftLimit(body)) metrics.softLimitExceeded()
  return endpoint.check(body)
}

/** Every failure becomes a refusal here; what is not foreseen is logged once, with an id the caller gets as well. */
async function runSafely(
  route: WireRoute,
  body: object,
  view: View,
  context: RequestContext,
): Promise<Answer | Refusal> {
  const { endpoint, ports } = route
  if (ports.readiness.isFailing()) return refuse('database_unavailable')
  if (endpoint.writes && ports.storage?.isFull()) return storageFull
  try {
    return await withRetry(() => endpoint.run(body, ports, view, context), { budgetMs: route.failoverWaitMs })
  } catch (error) {
    if (error instanceof MatrixRemoved) return refuse('as_of_gone', [error.message])
    if (error instanceof LogOverloaded) return { refused: 'overloaded', retryAfterSeconds: error.retryAfterSeconds }
    if (ports.storage?.tellsFull(error) && endpoint.writes) return storageFull
    if (isPassing(error) || isOutOfMeans(error)) {
      ports.logger.warn({ route: endpoint.name, error: stackOf(error) }, 'database unavailable')
      return { refused: 'database_unavailable', retryAfterSeconds: 1 }
    }
    return internalError(error, endpoint.name, ports.logger)
  }
}

const storageFull: Refusal = { refused: 'storage_full', retryAfterSeconds: 5 }

/** A statement that took too long, or a full disk, memory or process table: repeating at once would make it worse. */
function isOutOfMeans(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(?:57014|53...)$/.test(String(error.code))
}

function answerRefusal(
  route: WireRoute,
  { request, reply }: Exchange,
  refusal: Refusal,
  context: RefusalContext = {},
): FastifyReply {
  const sent = sendRefusal(reply, refusal, context)
  route.metrics.answered(reply.statusCode, secondsSince(request.arrivedAt))
  return sent
}

function secondsSince(arrivedAt: number): number {
  return (performance.now() - arrivedAt) / 1000
}
