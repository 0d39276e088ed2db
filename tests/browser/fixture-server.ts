import Fastify, { type FastifyInstance } from 'fastify'
import { buildConsole } from '#api/console/build.ts'
import type { ConsoleData } from '#api/console/console-data.ts'
import { consolePlugin } from '#api/console/console-plugin.ts'
import { operatorCheck } from '#api/tokens.ts'
import { seedConsoleData } from './seeded-console-data.ts'

/** The console's plugin on a Fastify of its own, over any `ConsoleData`; with a token it asks for it. */
export interface FixtureServer {
  readonly address: string
  readonly port: number
  close(): Promise<void>
}

export interface FixtureOptions {
  readonly data: ConsoleData
  readonly port?: number
  readonly token?: string
}

export async function startFixtureServer(options: FixtureOptions): Promise<FixtureServer> {
  const folder = await buildConsole()
  const server: FastifyInstance = Fastify({
    forceCloseConnections: true,
    routerOptions: { ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  })
  const isOperator = operatorCheck(options.token === undefined ? [] : [options.token])
  await server.register(consolePlugin({ data: options.data, folder, isOperator }))
  const address = await server.listen({ host: '127.0.0.1', port: options.port ?? 0 })
  return { address, port: Number(new URL(address).port), close: () => server.close() }
}

/** `node tests/browser/fixture-server.ts [port]`: to work on the application without a database. */
if (import.meta.main) {
  const data = seedConsoleData()
  const { address } = await startFixtureServer({ data, port: Number(process.argv[2] ?? 4680) })
  process.stdout.write(`${address}/console\n`)
  setInterval(() => {
    const course = data.blockedCourse
    const student = data.studentsOf(course)[0]
    const page = data.pagesOf(course)[3]
    if (student !== undefined && page !== undefined) data.answer(course, student, page, Math.random() < 0.6)
  }, 1_000)
}
