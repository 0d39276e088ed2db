import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type EmbeddedDatabase, startEmbedded } from '#platform/embedded.ts'

/*
 * A PostgreSQL server of its own that a test may stop, kill and start again, and standbys that follow it by streaming
 * replication. Commits are durable against the death of processes (synchronous_commit); fsync is off, because no
 * machine loses its power here.
 */
const settings = { fsync: 'off', full_page_writes: 'off', wal_level: 'replica', max_connections: '120' }

export class DatabaseServer {
  readonly dataDir: string
  #running: EmbeddedDatabase | undefined
  readonly #settings: Readonly<Record<string, string>>

  private constructor(dataDir: string, given: Readonly<Record<string, string>>) {
    this.dataDir = dataDir
    this.#settings = { ...settings, ...given }
  }

  static async create(given: Readonly<Record<string, string>> = {}, folder?: string): Promise<DatabaseServer> {
    const server = new DatabaseServer(folder ?? (await mkdtemp(join(tmpdir(), 'biglearn-server-'))), given)
    await server.start()
    return server
  }

  /** A standby that streams from `upstream`, the primary or a proxy before it. It is called by its `name` there. */
  static async createStandby(
    primary: DatabaseServer,
    name: string,
    upstreamPort = primary.port,
  ): Promise<DatabaseServer> {
    const standby = new DatabaseServer(await mkdtemp(join(tmpdir(), 'biglearn-standby-')), {})
    await copyRunning(primary, standby, { name, upstreamPort })
    await standby.start()
    return standby
  }

  get url(): string {
    if (this.#running === undefined) throw new Error('the server does not run')
    return this.#running.url
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  get cluster(): string {
    return join(this.dataDir, 'postgres')
  }

  /** On another port than before. */
  async start(): Promise<void> {
    this.#running = await startEmbedded({ dataDir: this.dataDir, settings: this.#settings })
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    this.#running = undefined
  }

  /** kill -9 of the server and all its processes, in one moment. */
  async kill(): Promise<void> {
    const postmaster = Number((await readFile(join(this.cluster, 'postmaster.pid'), 'utf8')).split('\n')[0])
    const children = await childrenOf(postmaster)
    for (const pid of [postmaster, ...children]) process.kill(pid, 'SIGKILL')
    this.#running = undefined
  }

  /** One statement, on a connection of its own. */
  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: this.url })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<Row>(text, values)).rows
    } finally {
      await client.end()
    }
  }

  /** Commits wait until the standby of this name has them. */
  async requireStandby(name: string): Promise<void> {
    await this.query(`alter system set synchronous_standby_names = '${name}'`)
    await this.query('select pg_reload_conf()')
    for (;;) {
      const rows = await this.query<{ sync_state: string }>('select sync_state from pg_stat_replication')
      if (rows.some((row) => row.sync_state === 'sync')) return
      await new Promise((done) => setTimeout(done, 20))
    }
  }

  /** Resolves when a commit waits for a standby that does not answer. */
  async untilCommitsWait(): Promise<void> {
    for (let looks = 0; looks < 500; looks += 1) {
      const rows = await this.query(
        `select from pg_stat_activity where wait_event = 'SyncRep' and datname = current_database()`,
      )
      if (rows.length > 0) return
      await new Promise((done) => setTimeout(done, 20))
    }
    throw new Error('commits do not wait for the standby')
  }

  /** Resolves when every standby has what is committed now. */
  async untilFollowed(): Promise<void> {
    for (;;) {
      const rows = await this.query<{ follows: boolean }>(
        'select replay_lsn >= pg_current_wal_flush_lsn() as follows from pg_stat_replication',
      )
      if (rows.every(({ follows }) => follows)) return
      await new Promise((done) => setTimeout(done, 20))
    }
  }

  /** Makes a standby the primary; resolves when it accepts writes, and waits for no other standby. */
  async promote(): Promise<void> {
    await this.query('select pg_promote(true, 60)')
    await this.query(`alter system reset synchronous_standby_names`)
    await this.query('select pg_reload_conf()')
  }

  async remove(): Promise<void> {
    await this.stop().catch(() => undefined)
    await rm(this.dataDir, { recursive: true, force: true })
  }
}

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const parents = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      return { pid: Number(pid), parent: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) }
    }),
  )
  return parents.filter((one) => one.parent === parent).map(({ pid }) => pid)
}

interface Upstream {
  readonly name: string
  readonly upstreamPort: number
}

/** The backup interface of the server, because the embedded binaries hold no pg_basebackup. */
async function copyRunning(primary: DatabaseServer, standby: DatabaseServer, upstream: Upstream): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url })
  await client.connect()
  await client.query(`select pg_backup_start('standby', true)`)
  const left = new Set(['postmaster.pid', 'postmaster.opts', 'pg_replslot', 'pg_stat_tmp'])
  await mkdir(standby.cluster, { recursive: true, mode: 0o700 })
  for (const name of await readdir(primary.cluster)) {
    if (left.has(name)) continue
    const isWal = name === 'pg_wal'
    if (isWal) await mkdir(join(standby.cluster, name, 'archive_status'), { recursive: true, mode: 0o700 })
    else await cp(join(primary.cluster, name), join(standby.cluster, name), { recursive: true })
  }
  for (const name of ['pg_replslot', 'pg_stat_tmp']) await mkdir(join(standby.cluster, name), { mode: 0o700 })
  const stopped = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop(false)')
  await client.end()
  await writeFile(join(standby.cluster, 'backup_label'), stopped.rows[0]?.labelfile ?? '')
  await writeFile(join(standby.cluster, 'standby.signal'), '')
  const password = (await readFile(join(primary.dataDir, 'password'), 'utf8')).trim()
  await writeFile(join(standby.dataDir, 'password'), password, { mode: 0o600 })
  const words = `host=127.0.0.1 port=${upstream.upstreamPort} user=postgres password=${password}`
  await writeFile(
    join(standby.cluster, 'postgresql.auto.conf'),
    `primary_conninfo = '${words} application_name=${upstream.name}'\nwal_retrieve_retry_interval = '200ms'\n`,
  )
}
