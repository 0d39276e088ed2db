import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { type EmbeddedDatabase, freePort, startEmbedded } from '#platform/embedded.ts'

/*
 * What a benchmark measures: the product as real processes on a durable database of its own. Settings are read back
 * from the server, never assumed, and go into every line that is printed.
 */
export interface BenchDatabase {
  readonly url: string
  readonly settings: Readonly<Record<string, string | number>>
  readonly pool: pg.Pool
  /** CPU seconds so far of the server's processes. */
  cpuSeconds(): Promise<number>
  stop(): Promise<void>
}

const benchSettings = {
  shared_buffers: '2GB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  jit: 'off',
}

/** What outlives this process: servers, and folders of databases. */
const left = new Set<() => Promise<void>>()

/** For a benchmark that is interrupted. */
export async function removeLeftovers(): Promise<void> {
  await Promise.allSettled(Array.from(left, (remove) => remove()))
}

export async function startBenchDatabase(settings: Readonly<Record<string, string>> = {}): Promise<BenchDatabase> {
  // Beside the code, not in the system's temporary folder, which may live in memory.
  const dataDir = await mkdtemp(join(process.cwd(), '.bench-'))
  const cluster: EmbeddedDatabase = await startEmbedded({ dataDir, settings: { ...benchSettings, ...settings } })
  const { remove } = cluster
  left.add(remove)
  await migrate(cluster.url, await readMigrations())
  const pool = new pg.Pool({ connectionString: cluster.url, max: 4, statement_timeout: 600_000 })
  pool.on('error', () => undefined)
  return {
    url: cluster.url,
    settings: await readSettings(pool),
    pool,
    cpuSeconds: () => cpuSecondsOfServer(join(dataDir, 'postgres')),
    stop: async () => {
      await pool.end()
      left.delete(remove)
      await remove()
    },
  }
}

async function readSettings(pool: pg.Pool): Promise<Record<string, string | number>> {
  const names = ['fsync', 'synchronous_commit', 'full_page_writes', 'shared_buffers', 'min_wal_size', 'server_version']
  const values: Record<string, string | number> = { cores: availableParallelism() }
  for (const name of names) {
    const answer = await pool.query<{ value: string }>('select current_setting($1) as value', [name])
    values[name] = answer.rows[0]?.value ?? ''
  }
  return values
}

export interface Product {
  readonly port: number
  readonly pid: number
  /** Whoever ended it. */
  hasEnded(): boolean
  stop(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
}

/** `biglearn serve` as a process of its own; resolves when it is ready. */
export async function startProduct(
  databaseUrl: string,
  roles: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<Product> {
  const port = await freePort()
  // Where to leave a CPU profile of each server process, for people who look for what to make faster.
  const profiles = process.env['BENCH_CPU_PROFILES']
  const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  const words = [...profiling, 'src/cli/main.ts', 'serve', '--port', String(port), '--roles', roles]
  const child = spawn(process.execPath, words, {
    env: { ...process.env, ...settings, DATABASE_URL: databaseUrl, BIGLEARN_LAME_DUCK_MS: '0' },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const kill = (): Promise<void> => endChild(child, 'SIGKILL')
  left.add(kill)
  child.once('exit', () => left.delete(kill))
  await untilReady(port, child).catch(async (error) => {
    await kill()
    throw error
  })
  return {
    port,
    pid: child.pid ?? 0,
    hasEnded: () => hasEnded(child),
    stop: () => endChild(child, 'SIGTERM'),
    kill,
  }
}

/** Also on a machine that has other things to do. */
const readyMsMax = 120_000

async function untilReady(port: number, child: ChildProcess): Promise<void> {
  const deadline = performance.now() + readyMsMax
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}`)
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return
    await new Promise((done) => setTimeout(done, 50))
  }
  throw new Error(`the server was not ready within ${readyMsMax} ms`)
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Resolves when the process is gone. */
export async function endChild(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (hasEnded(child)) return
  child.kill(signal)
  await once(child, 'exit')
}

/** CPU seconds so far of one process, and of its children that have ended, from /proc. */
export async function cpuSecondsOf(pid: number, { withEnded = false } = {}): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = fields.slice(11, withEnded ? 15 : 13).map(Number)
  return ticks.reduce((sum, one) => sum + one, 0) / 100
}

/** Bytes of a process that are in memory, from /proc. */
export async function residentBytesOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) * 1024
}

/** CPU seconds so far of the processes of one PostgreSQL server, also of those that have ended; it is their parent. */
async function cpuSecondsOfServer(folder: string): Promise<number> {
  const [server] = (await readFile(join(folder, 'postmaster.pid'), 'utf8')).split('\n')
  let seconds = await cpuSecondsOf(Number(server), { withEnded: true })
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const status = await readFile(`/proc/${name}/status`, 'utf8').catch(() => '')
    if (/^PPid:\s+(\d+)$/m.exec(status)?.[1] === server) seconds += await cpuSecondsOf(Number(name))
  }
  return seconds
}
