import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, mkdir, readdir, readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { ConfigurationError } from './config.ts'
import { findInstallation, type Installation, run } from './embedded-installation.ts'

/*
 * PostgreSQL from an npm package, for trying, developing and testing. Only its binaries are used, driven through
 * pg_ctl: the server lives in its own session, so a Ctrl-C reaches us alone and the database is always stopped last.
 * A server that outlived a killed program is adopted by the next start.
 */
export interface EmbeddedDatabase {
  readonly url: string
  /** Where its files are: the data folder, except for a root who may not map users. */
  readonly folder: string
  /** True when a server that a killed program left behind was still running. */
  readonly wasAdopted: boolean
  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. */
  stop(): Promise<void>
  /** Stops, and deletes the data folder with everything that was ever stored. */
  remove(): Promise<void>
}

export interface EmbeddedOptions {
  /** Folder for the cluster, its log and its password; made when absent. */
  readonly dataDir: string
  /** See `Where`. */
  readonly reachableDir?: string
  /** Server settings, such as `shared_buffers`. */
  readonly settings?: Readonly<Record<string, string>>
  readonly say?: (line: string) => void
  /** Gives up, and leaves no server behind; the promise of the start is rejected then, unless it was just done. */
  readonly signal?: AbortSignal
}

const serverVersion = 18

export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const dataDir = resolve(options.dataDir)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const installation = await findInstallation({ ...options, dataDir }, options.say ?? (() => undefined))
  const stop = (): Promise<void> => stopServer(installation)
  try {
    const { port, password, wasAdopted } = await startServer(installation, { ...options, dataDir })
    return {
      url: urlOf(port, password),
      folder: installation.folder,
      wasAdopted,
      stop,
      remove: async () => {
        await stop()
        for (const folder of [installation.folder, dataDir]) await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    if (options.signal?.aborted === true) await stop()
    throw error
  }
}

interface RunningServer {
  readonly port: number
  readonly password: string
  readonly wasAdopted: boolean
}

async function startServer(installation: Installation, options: EmbeddedOptions): Promise<RunningServer> {
  const { dataDir, settings = {}, signal } = options
  const passwordFile = join(dataDir, 'password')
  await ensureCluster(installation, passwordFile, signal)
  const password = (await readFile(passwordFile, 'utf8')).trim()
  const adopted = await adopt(installation, password, signal)
  const port = adopted ?? (await launch(installation, settings, signal))
  return { port, password, wasAdopted: adopted !== undefined }
}

function urlOf(port: number, password: string): string {
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
}

function clusterOf({ folder }: Installation): string {
  return join(folder, 'postgres')
}

async function stopServer(installation: Installation): Promise<void> {
  await run(installation, 'pg_ctl', ['-D', clusterOf(installation), '-m', 'fast', '-w', '-t', '30', 'stop'])
}

async function ensureCluster(installation: Installation, passwordFile: string, signal?: AbortSignal): Promise<void> {
  const cluster = clusterOf(installation)
  // A server that ever ran left the one, a backup that was restored here has the other. A cluster without both holds
  // nothing: it was never started, and may be what earlier versions left of an initdb that was killed half-way.
  const held = ['postmaster.opts', 'backup_label'].some((name) => existsSync(join(cluster, name)))
  if (!held) {
    await makeCluster(installation, passwordFile, signal)
    return
  }
  const version = (await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => 'an unknown version')).trim()
  if (version === String(serverVersion) && existsSync(passwordFile)) return
  throw new ConfigurationError(
    version === String(serverVersion)
      ? `the data folder has lost its password file ${passwordFile}`
      : `the database in ${cluster} was made by PostgreSQL ${version}, this one is ${serverVersion}`,
    'use another folder with --data, or move this one away to start afresh',
  )
}

/** Made under another name, so that what is called `postgres` is whole, and an initdb that goes on harms nothing. */
async function makeCluster(installation: Installation, passwordFile: string, signal?: AbortSignal): Promise<void> {
  const { folder, owner } = installation
  const cluster = clusterOf(installation)
  const left = (await readdir(folder)).filter((name) => name === 'postgres' || name.startsWith('postgres.new-'))
  for (const name of left) await rm(join(folder, name), { recursive: true, force: true })
  const unfinished = `${cluster}.new-${randomBytes(6).toString('hex')}`
  signal?.throwIfAborted()
  const password = randomBytes(24).toString('base64url')
  await writeFile(passwordFile, password, { mode: 0o600 })
  // The server's user may not be able to read ours.
  const passwordForServer = `${unfinished}.password`
  await writeFile(passwordForServer, password, { mode: 0o600 })
  if (owner !== undefined) await chown(passwordForServer, owner, owner)
  const options = ['-U', 'postgres', '--encoding=UTF8', '--locale=C', '--auth=scram-sha-256']
  const words = ['-D', unfinished, ...options, `--pwfile=${passwordForServer}`]
  try {
    signal?.throwIfAborted()
    const result = await run(installation, 'initdb', words, signal)
    signal?.throwIfAborted()
    if (result.code !== 0) throw new ConfigurationError(`initdb failed: ${result.output}`, 'is the folder writable?')
    await rename(unfinished, cluster)
  } finally {
    for (const path of [unfinished, passwordForServer]) await rm(path, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** The port of a server that already runs on this cluster, or undefined. */
async function adopt(installation: Installation, password: string, signal?: AbortSignal): Promise<number | undefined> {
  const cluster = clusterOf(installation)
  const deadline = performance.now() + adoptMsMax
  let reason = ''
  while (performance.now() < deadline) {
    signal?.throwIfAborted()
    const status = await run(installation, 'pg_ctl', ['-D', cluster, 'status'])
    if (status.code !== 0) return undefined
    const lock = (await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (await isKilledServer(Number(lock[0]), cluster)) {
      await rm(join(cluster, 'postmaster.pid'), { force: true })
      return undefined
    }
    const port = Number(lock[3])
    try {
      await requireServes(urlOf(port, password), cluster)
      return port
    } catch (error) {
      if (error instanceof ConfigurationError) throw error
      // It may still be starting, recovering, or about to be seen as dead.
      reason = error instanceof Error ? error.message : String(error)
      await sleep(250)
    }
  }
  throw new ConfigurationError(
    `a PostgreSQL server holds ${cluster} and does not answer: ${reason}`,
    'stop that server, or use another folder with --data',
  )
}

const adoptMsMax = 30_000

async function requireServes(url: string, cluster: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const answer = await client.query<{ data_directory: string }>('show data_directory')
    const served = answer.rows[0]?.data_directory ?? ''
    if ((await realpath(served)) === (await realpath(cluster))) return
    throw new ConfigurationError(`${served} is served where ${cluster} should be`, 'stop that server, or use --data')
  } finally {
    await client.end()
  }
}

/**
 * A killed server whose parent never asks for its exit code stays a zombie, which `pg_ctl` and `postgres` take for a
 * running one. Its lock file may go once no process of its is left in the cluster's folder.
 */
async function isKilledServer(pid: number, cluster: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  if (stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z') return false
  const folder = await realpath(cluster)
  for (const other of await readdir('/proc')) {
    const cwd = /^\d+$/.test(other) ? await readlink(`/proc/${other}/cwd`).catch(() => '') : ''
    if (cwd === folder) return false
  }
  return true
}

async function launch(
  installation: Installation,
  settings: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<number> {
  const defaults = { timezone: 'UTC', log_timezone: 'UTC', max_connections: '200', shared_buffers: '256MB' }
  const words = Object.entries({ ...defaults, ...settings }).map(([name, value]) => `-c ${name}=${value}`)
  const logFile = join(installation.folder, 'postgres.log')
  let output = ''
  // Children of a killed server may need a moment to go, and a free port may be taken before we get it.
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const port = await freePort()
    const server = ['-p', String(port), '-c listen_addresses=127.0.0.1', '-c unix_socket_directories=', ...words]
    const pgCtl = ['-D', clusterOf(installation), '-l', logFile, '-w', '-t', '60', '-o', server.join(' '), 'start']
    signal?.throwIfAborted()
    const result = await stoppable(installation, () => run(installation, 'pg_ctl', pgCtl), signal)
    if (result.code === 0) return port
    output = result.output
    await sleep(500)
  }
  throw new ConfigurationError(`the embedded PostgreSQL does not start: ${output}`, `read ${logFile}`)
}

/** A server may recover for long before it has started; one that is not wanted any more is stopped meanwhile. */
async function stoppable<Result>(
  installation: Installation,
  starting: () => Promise<Result>,
  signal?: AbortSignal,
): Promise<Result> {
  let isOver = false
  const stop = async (): Promise<void> => {
    // In its first moments it can not be found yet.
    while (!isOver) {
      await stopServer(installation)
      await sleep(50)
    }
  }
  signal?.addEventListener('abort', stop)
  try {
    return await starting()
  } finally {
    isOver = true
    signal?.removeEventListener('abort', stop)
  }
}

export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer()
    server.on('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
