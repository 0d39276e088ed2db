import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import { pino } from 'pino'
import { withReceipts } from '#answers/receipts.ts'
import { type ApiConfig, type ApiSettings, apiDefaults } from '#api/config.ts'
import { buildConsole } from '#api/console/build.ts'
import { consolePlugin } from '#api/console/console-plugin.ts'
import {
  type ApiMetrics,
  collectProcessMetrics,
  collectReceipts,
  collectStudentRecords,
  createMetrics,
} from '#api/metrics.ts'
import type { ApiPorts } from '#api/ports.ts'
import { buildManagementServer, buildServer } from '#api/server.ts'
import { operatorCheck } from '#api/tokens.ts'
import { checkSchema, readMigrations } from '#operate/migrate.ts'
import { ConfigurationError, requireTokens, type Tokens } from '#platform/config.ts'
import { checkServer, openPool } from '#platform/postgres.ts'
import type { Shutdown } from '#platform/shutdown.ts'
import { prepareDrain } from './drain.ts'
import { createLiveConsole, type LiveConsole } from './live-console.ts'
import type { AlgorithmName, Role } from './options.ts'
import { createReadiness } from './readiness.ts'
import { collectReplicaMetrics, type ReplicaSettings } from './replicas.ts'
import { openServices, type Services } from './services.ts'
import { registerStatus } from './status.ts'
import { openStorage, type StorageSettings } from './storage.ts'
import { collectStreamMetrics } from './stream-metrics.ts'
import { readVersion } from './version.ts'

/*
 * One server process: pools, services, HTTP, in this order; stopped in the reverse order (OP-P2). Which services run is
 * decided by roles; the code is the same for one process on a laptop and for a fleet.
 */
export interface ApplicationOptions {
  readonly databaseUrl: string
  readonly roles: ReadonlySet<Role>
  readonly algorithms: readonly AlgorithmName[]
  readonly host: string
  readonly port: number
  readonly managementPort: number | undefined
  readonly tokens: Tokens
  readonly lameDuckMs: number
  readonly replicas?: ReplicaSettings | undefined
  /** The database is distributed by part (docs/operations/sharding.md). */
  readonly isSharded?: boolean
  readonly notifies?: boolean
  /** The volume of the database, where this machine has it. */
  readonly storage?: StorageSettings | undefined
  /** Least time between two matrix updates that remote algorithms are asked for; a minute when absent. */
  readonly matrixIntervalMs?: number
  /** How long receipts are kept. */
  readonly receiptDays?: number | undefined
  /** Students whose records stay in memory; 0: everything is read each time. */
  readonly studentsMax?: number | undefined
  /** See `FitOrder.threads`. */
  readonly fitThreads?: number | undefined
  readonly settings?: ApiSettings
  readonly say: (line: string) => void
}

export interface Application {
  readonly url: string
  readonly pool: pg.Pool
  readonly tokens: Tokens
  readonly console: LiveConsole
  readonly services: Services
}

const drainMsMax = 25_000

export async function startApplication(options: ApplicationOptions, shutdown: Shutdown): Promise<Application> {
  const { say, tokens } = options
  const open = requireTokens(tokens, options.host)
  if (open.length > 0) say(`no token is set for: ${open.join(', ')}; open to everybody on this machine`)
  const pool = openPool(options.databaseUrl, { name: 'api', connectionsMax: 16 })
  shutdown.add('the connection pool', 2000, () => pool.end())
  await checkServer(pool)
  const migrations = await readMigrations()
  const version = readVersion(migrations, await checkSchema(pool, migrations))
  const build = `${version.build}+${version.commit}`
  const services = await openServices({ ...options, pool, build }, shutdown)
  const readiness = createReadiness(pool, () => performance.now())
  const heartbeat = setInterval(() => void readiness.check(), 1000)
  shutdown.add('the readiness checks', 100, async () => clearInterval(heartbeat))

  const metrics = createMetrics()
  collectProcessMetrics(metrics.registry)
  const { replicas, log } = services
  collectStreamMetrics(metrics.registry, { pool, log: replicas?.source(log) ?? log })
  if (replicas !== undefined) collectReplicaMetrics(metrics.registry, replicas.readers)
  const storage = openStorage({ ...options.storage, say }, metrics.registry, shutdown)
  collectReceipts(metrics.registry, services.receipts.counters)
  collectStudentRecords(metrics.registry, services.recordCounters)
  // Receipts are of what goes over the wire; people who look at the console leave none.
  const answers = withReceipts(services.answers, services.receipts)
  const ports: ApiPorts = {
    ...services,
    answers,
    readiness,
    storage,
    logger: pino(pino.destination({ fd: 2, sync: true })),
  }
  const live = createLiveConsole({ services, startedAt: version.startedAt.getTime(), version: version.build })
  const config: ApiConfig = {
    ...apiDefaults,
    ...options.settings,
    tokens,
    operationalPaths: options.managementPort === undefined ? 'here' : 'elsewhere',
    version: { ...version, group: [...options.roles].join('+') },
  }
  const url = await listenAll({ options, ports, config, metrics, live, services }, shutdown)
  // Before HTTP waits for its answers, after balancers have looked away: asked again at once, they would not wait.
  shutdown.add('requests that wait for events', 100, async () => services.remote.close())
  shutdown.add('lame duck', options.lameDuckMs + 1000, async () => {
    readiness.stopping()
    await new Promise((done) => setTimeout(done, options.lameDuckMs))
  })
  readiness.started()
  return { url, pool, tokens, console: live, services }
}

interface Listening {
  readonly options: ApplicationOptions
  readonly ports: ApiPorts
  readonly config: ApiConfig
  readonly metrics: ApiMetrics
  readonly live: LiveConsole
  readonly services: Services
}

async function listenAll(listening: Listening, shutdown: Shutdown): Promise<string> {
  const { options, ports, config, metrics, live, services } = listening
  const servers: { readonly server: FastifyInstance; readonly port: number }[] = []
  const server = options.roles.has('api') ? await buildServer(ports, config, metrics) : undefined
  if (server !== undefined) {
    const isOperator = operatorCheck(options.tokens.operator)
    registerStatus(server, { services, isOperator })
    if (options.roles.has('console')) {
      await server.register(consolePlugin({ data: live.data, folder: await buildConsole(), isOperator }))
    }
    servers.push({ server, port: options.port })
  }
  // A process without the API still tells its supervisor how it is.
  const managementPort = options.managementPort ?? (server === undefined ? options.port : undefined)
  if (managementPort !== undefined) {
    servers.push({ server: buildManagementServer(ports, config, metrics), port: managementPort })
  }
  const addresses: string[] = []
  for (const { server: one, port } of servers) {
    shutdown.add('HTTP', drainMsMax, prepareDrain(one))
    addresses.push(await listen(one, options.host, port))
  }
  return addresses[0] ?? ''
}

async function listen(server: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await server.listen({ host, port })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    const taken = error.code === 'EADDRINUSE'
    throw new ConfigurationError(
      taken ? `port ${port} is taken by another program` : `cannot listen on ${host}:${port} (${String(error.code)})`,
      taken ? 'stop that program, or choose another port with --port' : 'choose another --host or --port',
    )
  }
}
