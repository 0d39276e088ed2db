import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { ConfigurationError, readTokens } from '#platform/config.ts'
import { lockDataFolder } from '#platform/data-folder.ts'
import { type EmbeddedDatabase, startEmbedded } from '#platform/embedded.ts'
import { addressesOf } from '#platform/servers.ts'
import { createShutdown, type Shutdown, stopOnSignal } from '#platform/shutdown.ts'
import { type Application, startApplication } from './serve/application.ts'
import { type DemoState, loadDemoOnce } from './serve/demo-load.ts'
import { algorithmsDefault, allRoles, checkedUrl, parsePort } from './serve/options.ts'

/*
 * `npm start`: brings its own database, migrates, runs every role in one process and loads a demonstration course the
 * first time. Stopping order: HTTP, workers, database; all of it within ten seconds.
 */
interface StartOptions {
  readonly port: number
  readonly data: string
  readonly empty?: true
}

const host = '127.0.0.1'
const projectRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

export function startCommand(): Command {
  return new Command('start')
    .description('try it: everything in one process on 127.0.0.1, with an embedded database and a demonstration course')
    .option('--port <n>', 'port of the API and the console', parsePort, 8080)
    .option('--data <folder>', 'folder of the embedded database', join(projectRoot, 'data'))
    .option('--empty', 'do not load the demonstration course')
    .addHelpText(
      'after',
      '\nDATABASE_URL uses that PostgreSQL (15 or newer) instead of the embedded one; it gets no demonstration course.',
    )
    .action(start)
}

async function start(options: StartOptions): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`biglearn: ${line}\n`)
  const shutdown = createShutdown(say)
  const stopped = stopOnSignal(shutdown)
  try {
    // Whatever the start waits for, such as another session's migration: a signal does not wait for it.
    await Promise.race([startAll(options, shutdown, say), stopped])
  } catch (error) {
    // A signal during the start makes steps fail; only what failed by itself is an error.
    if (!shutdown.isStopping) {
      await shutdown.stop('the start failed')
      throw error
    }
  }
  process.exit(await stopped)
}

async function startAll(options: StartOptions, shutdown: Shutdown, say: (line: string) => void): Promise<void> {
  await requireFreePort(options.port)
  const given = process.env['DATABASE_URL']
  const isGiven = given !== undefined && given !== ''
  const database = isGiven ? givenDatabase(given, say) : await openEmbedded(options, shutdown, say)
  if (shutdown.isStopping) return
  const applied = await migrate(database.url, await readMigrations(), say)
  if (applied.length > 0) say(`database prepared (${applied.length} migrations)`)
  if (shutdown.isStopping) return
  const application = await startApplication(
    {
      databaseUrl: database.url,
      roles: new Set(allRoles),
      algorithms: algorithmsDefault,
      host,
      port: options.port,
      managementPort: undefined,
      tokens: readTokens(process.env),
      lameDuckMs: 0,
      storage: database.folder === undefined ? undefined : { folder: database.folder, freeBytesEnough },
      say,
    },
    shutdown,
  )
  if (shutdown.isStopping) return
  // The log keeps for ever what it was given once: a database that is somebody's gets a demonstration only on request.
  const isDemoWanted = !isGiven && options.empty !== true
  const demo = isDemoWanted ? await loadDemoOnce(application, shutdown, say) : 'not wanted'
  printWelcome(application, { demo, database: isGiven ? nameOf(given) : undefined })
}

/** A laptop's disk may well be nearly full for ever. */
const freeBytesEnough = 1024 ** 3

interface Database {
  readonly url: string
  /** On the volume of its files, where they are ours. */
  readonly folder?: string
}

function givenDatabase(given: string, say: (line: string) => void): Database {
  const url = checkedUrl(given)
  say(`DATABASE_URL is set: using the database ${nameOf(url)} instead of an embedded one`)
  return { url }
}

/** Name and addresses, without its secrets. */
function nameOf(url: string): string {
  const [first, ...others] = addressesOf(url).map((address) => new URL(address))
  const name = decodeURIComponent(first?.pathname.slice(1) ?? '')
  const hosts = [first, ...others].map((address) => address?.host ?? '')
  return `${name === '' ? '(no name)' : name} at ${hosts.join(', ')}`
}

async function openEmbedded(
  options: StartOptions,
  shutdown: Shutdown,
  say: (line: string) => void,
): Promise<EmbeddedDatabase> {
  const dataDir = resolve(options.data)
  const unlock = await lockDataFolder(dataDir)
  shutdown.add('the data folder', 1000, unlock)
  const stopping = new AbortController()
  const starting = startEmbedded({ dataDir, say, signal: stopping.signal })
  // Before it has started, because a signal may come while it does.
  shutdown.add('the database', 8000, async () => {
    stopping.abort()
    const started = await starting.catch(() => undefined)
    await started?.stop()
  })
  const database = await starting
  if (database.wasAdopted) say('found the database of an earlier run still running; using it')
  return database
}

/** Said before anything is started, because nothing else would explain why the page shows another program. */
function requireFreePort(port: number): Promise<void> {
  return new Promise((done, failed) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'is taken by another program' : `can not be used (${error.code})`
      failed(new ConfigurationError(`port ${port} ${reason}`, 'stop that program, or choose another port with --port'))
    })
    probe.listen(port, host, () => probe.close(() => done()))
  })
}

const demoWords: Readonly<Record<DemoState, string>> = {
  loading: 'a demonstration course is loading; ',
  loaded: 'the demonstration course is there; ',
  'not wanted': '',
}

interface Welcome {
  readonly demo: DemoState
  /** Somebody's, by DATABASE_URL. */
  readonly database: string | undefined
}

function printWelcome({ url }: Application, { demo, database }: Welcome): void {
  const given =
    database === undefined
      ? ''
      : `Database: ${database}, by DATABASE_URL (no demonstration course; this loads one: npm run demo -- --url ${url})\n`
  process.stdout.write(`
Biglearn is running at ${url}   (${demoWords[demo]}Ctrl-C stops everything)
${given}
Three things to try:
  1. Look at the class forecast        ${url}/
  2. Read and try the API              ${url}/docs
  3. Send real answers through it      npm run demo -- --url ${url} --answers FILE.csv.gz

`)
}
