import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { ConsoleData } from './console-data.ts'
import { registerConsoleRoutes } from './console-routes.ts'
import { shareReads } from './shared-reads.ts'

/**
 * The console's server side: `GET /console/api/…` as JSON for operators, and the browser application itself, which
 * needs no token (design D32). Only paths that are pages of the application answer; the rest is the server's 404.
 */
export interface ConsolePorts {
  readonly data: ConsoleData
  /** Folder with the built application (`buildConsole`). */
  readonly folder: string
  /** Whether these headers are an operator's, see `operatorCheck`. */
  isOperator(headers: IncomingHttpHeaders): boolean
}

/** Pages of the application; `src/console/router.ts` holds the same list for the browser. */
const pagePaths = [
  '/',
  '/console',
  '/console/courses/:course',
  '/console/courses/:course/stream',
  '/console/courses/:course/students/:student',
  '/console/courses/:course/students/:student/basis/:container',
  '/console/courses/:course/students/:student/assignments',
  '/console/courses/:course/students/:student/assignments/:assignment',
  '/console/courses/:course/containers/:container',
  '/console/operations',
  '/console/matrices/:matrix',
]

/** Nothing from elsewhere, no inline script: a stored id can never run as code. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

export function consolePlugin(ports: ConsolePorts): FastifyPluginAsync {
  return async function registerConsole(server: FastifyInstance): Promise<void> {
    await server.register(fastifyStatic, {
      root: join(ports.folder, 'assets'),
      prefix: '/console/assets/',
      index: false,
      // Names carry a hash of the content.
      immutable: true,
      maxAge: '365d',
      setHeaders: (reply) => void reply.header('x-content-type-options', 'nosniff'),
    })
    for (const path of pagePaths) server.get(path, (_request, reply) => sendPage(reply, ports.folder))
    await server.register(consoleApi(ports), { prefix: '/console/api' })
  }
}

function sendPage(reply: FastifyReply, folder: string): FastifyReply {
  return reply
    .header('content-security-policy', contentSecurityPolicy)
    .header('referrer-policy', 'no-referrer')
    .header('x-content-type-options', 'nosniff')
    .sendFile('index.html', folder, { maxAge: 0, immutable: false })
}

function consoleApi(ports: ConsolePorts): FastifyPluginAsync {
  return async function registerConsoleApi(server: FastifyInstance): Promise<void> {
    // Lets the browser tell a restarted server from a broken line.
    const instance = randomUUID()
    const reads = shareReads({ now: () => performance.now(), ageMsMin: 200, entriesMax: 1_000 })
    server.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
      reply.header('biglearn-instance', instance)
      if (ports.isOperator(request.headers)) return
      return reply
        .code(401)
        .header('www-authenticate', 'Bearer')
        .send({ errors: ['the console needs the operator token'] })
    })
    registerConsoleRoutes(server, ports.data, reads)
  }
}
