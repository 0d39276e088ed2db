import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyServerOptions } from 'fastify'
import type { ApiConfig } from './config.ts'
import { allEndpoints } from './endpoints.ts'
import { refuse } from './errors.ts'
import { internalError } from './failure.ts'
import { type ApiMetrics, createMetrics } from './metrics.ts'
import { openApiDocument } from './openapi.ts'
import { registerOperational } from './operational.ts'
import { pathNormaliser, pathsOf } from './paths.ts'
import type { ApiPorts } from './ports.ts'
import { sendRefusal } from './replies.ts'
import { type Exchange, registerWire } from './wire.ts'

/**
 * The HTTP server: the wire, its OpenAPI document at `/openapi.json`, a page to read it at `/docs`, and the operational
 * paths unless a management port has them (design D32). Whoever serves the console registers its files on the result.
 */
export async function buildServer(
  ports: ApiPorts,
  config: ApiConfig,
  metrics: ApiMetrics = createMetrics(),
): Promise<FastifyInstance> {
  const normalise = pathNormaliser(pathsOf(allEndpoints), config.pathPrefix)
  const server = emptyServer({ rewriteUrl: (request) => normalise(request.url ?? '/') }, ports.logger)
  const document = openApiDocument(allEndpoints)
  await server.register(swagger, { mode: 'static', specification: { document: document as never } })
  await server.register(swaggerUi, { routePrefix: '/docs', staticCSP: docsPolicy })
  await server.register(async (scope) => {
    takeRawBodies(scope)
    // The wire checks and writes bodies itself; other parts of the server keep Fastify's own way.
    scope.setValidatorCompiler(() => () => true)
    scope.setSerializerCompiler(() => (value) => JSON.stringify(value))
    registerWire(scope, { endpoints: allEndpoints, ports, config, metrics })
  })
  server.get('/openapi.json', async () => document)
  if (config.operationalPaths === 'here') {
    registerOperational(server, { readiness: ports.readiness, version: config.version, metrics })
  }
  return server
}

/** The page sends requests, so it may not be put in a frame. It sets styles of elements itself. */
const docsPolicy = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The operational paths alone, for `--management-port`. */
export function buildManagementServer(
  ports: Pick<ApiPorts, 'readiness' | 'logger'>,
  config: Pick<ApiConfig, 'version'>,
  metrics: ApiMetrics,
): FastifyInstance {
  const server = emptyServer({}, ports.logger)
  registerOperational(server, { readiness: ports.readiness, version: config.version, metrics })
  return server
}

function emptyServer(options: FastifyServerOptions, logger: ApiPorts['logger']): FastifyInstance {
  const server = Fastify({
    ...options,
    logger: false,
    // While stopping, requests in flight and on kept connections are still answered (OP-P2).
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    requestTimeout: 60_000,
    keepAliveTimeout: 72_000,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    frameworkErrors: (_error, _request, reply) => void notFound(reply as never),
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  server.decorateRequest('arrivedAt', 0)
  server.setNotFoundHandler((_request, reply) => notFound(reply))
  server.setErrorHandler((error, request, reply) => failure(error, { request, reply }, logger))
  return server
}

/** Routes beside the wire (console, operations): a failure is the JSON 500 of the wire, never a stack or HTML. */
function failure(error: unknown, { request, reply }: Exchange, logger: ApiPorts['logger']): FastifyReply {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  if (status >= 400 && status < 500) {
    return reply.code(status).send({ errors: [error instanceof Error ? error.message : 'refused'] })
  }
  const route = request.routeOptions.url ?? ''
  return sendRefusal(reply, internalError(error, route, logger))
}

function notFound(reply: FastifyReply): FastifyReply {
  return sendRefusal(reply, refuse('not_found'))
}

/**
 * Any content type reaches the handler as bytes, because a refusal repeats the body whatever it was. JSON is named
 * although its parser is the same: for a type that only `*` fits Fastify looks anew each time.
 */
function takeRawBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers()
  const types = ['application/json', '*']
  scope.addContentTypeParser(types, { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
}
