import { Command, Option } from 'commander'
import { readApiSettings } from '#api/config.ts'
import { readTokens } from '#platform/config.ts'
import { createShutdown, stopOnSignal } from '#platform/shutdown.ts'
import { startApplication } from './application.ts'
import {
  type AlgorithmName,
  algorithmNames,
  algorithmsDefault,
  allRoles,
  parseAlgorithms,
  parsePort,
  parseRoles,
  parseThreads,
  type Role,
  readMilliseconds,
  readReplicaSettings,
  readStorageSettings,
  readSwitch,
  readWhole,
  requireDatabaseUrl,
} from './options.ts'

interface ServeOptions {
  readonly roles: ReadonlySet<Role>
  readonly algorithms: readonly AlgorithmName[]
  readonly host: string
  readonly port: number
  readonly managementPort?: number
  readonly fitThreads?: number
}

/** Long enough for a balancer to notice (its interval × fall count + 1 s) before connections are refused (OP-P2). */
const lameDuckMs = 5000

export function serveCommand(): Command {
  return new Command('serve')
    .description('run one server process on the database at DATABASE_URL; it never migrates')
    .addOption(
      new Option('--roles <list>', `what this process does: ${allRoles.join(', ')}`)
        .argParser(parseRoles)
        .default(new Set(allRoles), 'all'),
    )
    .addOption(
      new Option(
        '--algorithms <list>',
        `what answers in this process, by name: ${algorithmNames.join(', ')}; the console shows the first one`,
      )
        .argParser(parseAlgorithms)
        .default(algorithmsDefault, algorithmsDefault.join(',')),
    )
    .option('--fit-threads <n>', 'threads that share a fit of the trainer; by default half of the cores', parseThreads)
    .option('--host <address>', 'address to listen on; anything but loopback needs tokens', '127.0.0.1')
    .option('--port <n>', 'port of the API and the console', parsePort, 8080)
    .option('--management-port <n>', 'serve /livez, /readyz, /version and /metrics there, and only there', parsePort)
    .addHelpText(
      'after',
      `
Secrets come from the environment, each also as …_FILE, each a comma list for rotation:
  BIGLEARN_API_TOKEN, BIGLEARN_SCHEDULER_TOKEN, BIGLEARN_SPARFA_TOKEN, BIGLEARN_OPERATOR_TOKEN

Replicas of the database, optional:
  DATABASE_READER_URL (reads that may be a little old go there; several hosts are possible),
  BIGLEARN_REPLICA_LAG_MS (1000; a replica that is further behind serves nothing)

Storage of the database, where this machine has it, optional:
  BIGLEARN_STORAGE_FOLDER (writes are refused while less than 15 % of its volume is free),
  BIGLEARN_STORAGE_CHECK_MS (5000; at least 100)

Wake-ups between processes, optional:
  BIGLEARN_NOTIFY=1 (consumers in other processes hear of appends at once instead of at their next poll; needs a
  connection that is not pooled)

A database that is distributed by part, optional:
  BIGLEARN_SHARDED=1 (no transaction of the hot path spans two parts)

Settings of the API, each optional:
  BIGLEARN_PATH_PREFIX (also served below this path), BIGLEARN_BODY_BYTES_MAX (64 MiB),
  BIGLEARN_STRICT=1 (apply every limit that was ever declared; for contract tests),
  BIGLEARN_STUDENTS_KEPT (5000: students whose records stay in memory, 100 kB each with 300 answers)

Settings of the role due, each optional:
  BIGLEARN_RECEIPT_DAYS (400: how long receipts, and so the matrices they name, are kept)

Deploying, optional:
  BIGLEARN_LAME_DUCK_MS (5000: how long it still serves after SIGTERM while /readyz says no, so that balancers notice),
  BIGLEARN_COMMIT (what /version calls the commit; by default that of the clone)`,
    )
    .action(serve)
}

async function serve(options: ServeOptions): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`biglearn: ${line}\n`)
  const shutdown = createShutdown(say)
  const stopped = stopOnSignal(shutdown)
  try {
    const starting = startApplication(
      {
        databaseUrl: requireDatabaseUrl(process.env),
        roles: options.roles,
        algorithms: options.algorithms,
        fitThreads: options.fitThreads,
        host: options.host,
        port: options.port,
        managementPort: options.managementPort,
        tokens: readTokens(process.env),
        replicas: readReplicaSettings(process.env),
        storage: readStorageSettings(process.env),
        notifies: readSwitch(process.env, 'BIGLEARN_NOTIFY'),
        isSharded: readSwitch(process.env, 'BIGLEARN_SHARDED'),
        lameDuckMs: readMilliseconds(process.env, 'BIGLEARN_LAME_DUCK_MS', lameDuckMs),
        settings: readApiSettings(process.env),
        receiptDays: readWhole(process.env, 'BIGLEARN_RECEIPT_DAYS', [1, 36_500]),
        studentsMax: readWhole(process.env, 'BIGLEARN_STUDENTS_KEPT', [0, 1_000_000]),
        say,
      },
      shutdown,
    ).then(({ url }) => say(`listening at ${url} (roles ${[...options.roles].join(', ')})`))
    await Promise.race([starting, stopped])
  } catch (error) {
    if (!shutdown.isStopping) {
      await shutdown.stop('the start failed')
      throw error
    }
  }
  process.exit(await stopped)
}
