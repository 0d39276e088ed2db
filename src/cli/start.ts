import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { ConfigurationError, readTokens } from '#platform/config.ts'
import { lockDataFolder } from '#platform/data-folder.ts'
import { startEmbedded } from '#platform/embedded.ts'
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
    .addHelpText('after', '\nDATABASE_URL uses that PostgreSQL (15 or newer) instead of the embedded one.')
    .action(start)
}

async function start(options: StartOptions): Promise<void> {
  const say = (line: string): void => void process.stderr.write(`biglearn: ${line}\n`)
  const shutdown = createShutdown(say)
  const stopped = stopOnSignal(shutdown)
  try {
    await startAll(options, shutdown, say)
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
  const databaseUrl = await openDatabase(options, shutdown, say)
  if (shutdown.isStopping) return
  const applied = await migrate(databaseUrl, await readMigrations())
  if (applied.length > 0) say(`database prepared (${applied.length} migrations)`)
  const application = await startApplication(
    {
      databaseUrl,
      roles: new Set(allRoles),
      algorithms: algorithmsDefault,
      host,
      port: options.port,
      managementPort: undefined,
      tokens: readTokens(process.env),
      lameDuckMs: 0,
      storage: process.env['DATABASE_URL'] ? undefined : { folder: resolve(options.data), freeBytesEnough },
      say,
    },
    shutdown,
  )
  const demo = options.empty === true ? 'not wanted' : await loadDemoOnce(application, shutdown, say)
  printWelcome(application, demo)
}

/** A laptop's disk may well be nearly full for ever. */
const freeBytesEnough = 1024 ** 3

async function openDatabase(options: StartOptions, shutdown: Shutdown, say: (line: string) => void): Promise<string> {
  const url = process.env['DATABASE_URL']
  if (url !== undefined && url !== '') return checkedUrl(url)
  const dataDir = resolve(options.data)
  const unlock = await lockDataFolder(dataDir)
  shutdown.add('the data folder', 1000, unlock)
  const database = await startEmbedded({ dataDir, say })
  shutdown.add('the database', 8000, () => database.stop())
  if (database.wasAdopted) say('found the database of an earlier run still running; using it')
  return database.url
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

function printWelcome({ url }: Application, demo: DemoState): void {
  process.stdout.write(`
Biglearn is running at ${url}   (${demoWords[demo]}Ctrl-C stops everything)

Three things to try:
  1. Look at the class forecast        ${url}/
  2. Read and try the API              ${url}/docs
  3. Send real answers through it      npm run demo -- --url ${url} --answers FILE.csv.gz

`)
}
