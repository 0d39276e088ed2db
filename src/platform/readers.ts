import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { inTransaction, isPassing, isUnanswered, openReaderConnections } from './postgres.ts'

/*
 * Reads that a replica may serve (operations.md OP-T1 to T3). How far a replica is behind is not asked of it but seen:
 * the primary counts a heartbeat up each second, and a read is served where the count of its own snapshot is young
 * enough. A caller that must see its own write names the position it was given. Whatever a replica can not do, because
 * it lags, is away, or does not know positions, the primary does. Nothing that takes a lock goes here.
 */
export type Database = pg.Pool | pg.ClientBase

export interface ReadNeed {
  /** As `position` gave it: everything that was committed before then has to be seen. */
  readonly position?: string | undefined
}

export interface Readers {
  /** All statements of `work` see one snapshot, of one server. `work` may run twice, the second time on the primary. */
  read<Value>(need: ReadNeed, work: (database: Database) => Promise<Value>): Promise<Value>
  /** What is committed now is seen by reads that ask for this position; undefined where it can not be told. */
  position(): Promise<string | undefined>
  figures(): ReaderFigures
  close(): Promise<void>
}

/** Why a read was served where it was. */
export type ReadOutcome = 'reader' | 'writer_lag' | 'writer_position' | 'writer_away'

export interface ReaderFigures {
  readonly reads: Readonly<Record<ReadOutcome, number>>
  /** Time until the last heartbeat was seen on the replica, or for which one has not been seen; undefined: away. */
  readonly lagMs: number | undefined
}

export interface ReaderOptions {
  readonly writer: pg.Pool
  readonly readerUrl: string
  readonly connectionsMax?: number
  /** A replica that has not got a heartbeat older than this serves nothing. */
  readonly lagMsMax?: number
  readonly beatMs?: number
}

export const lagMsMaxDefault = 1000
const beatMsDefault = 1000
/** How long a read waits for a replica to reach its position (OP-T2). */
const positionMsMax = 30
/** How long a heartbeat is followed, and how long a replica may keep silent. */
const probeMsMax = 1000
/** Of one statement; reads that take longer are for connections of their own. */
const statementMsMax = 5000

export const positionPattern = /^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/

export function openReaders(options: ReaderOptions): Readers {
  return new ReplicaReads(options)
}

/** A replica can not serve this read; the reason is counted. */
class NotServed extends Error {
  readonly outcome: ReadOutcome

  constructor(outcome: ReadOutcome, options?: ErrorOptions) {
    super(`a replica can not serve the read: ${outcome}`, options)
    this.outcome = outcome
  }
}

class ReplicaReads implements Readers {
  readonly #writer: pg.Pool
  readonly #reader: pg.Pool
  readonly #lagMsMax: number
  readonly #beats: { readonly beat: bigint; readonly atMs: number }[] = []
  readonly #reads: Record<ReadOutcome, number> = { reader: 0, writer_lag: 0, writer_position: 0, writer_away: 0 }
  readonly #stop = new AbortController()
  readonly #beating: Promise<void>
  #lagMs: number | undefined
  #followed: bigint | undefined
  #asking: Promise<string | undefined> | undefined
  #seeing: Promise<bigint | undefined> | undefined

  constructor({ writer, readerUrl, ...options }: ReaderOptions) {
    this.#writer = writer
    this.#reader = openReaderConnections(readerUrl, {
      name: 'reader',
      connectionsMax: options.connectionsMax ?? 8,
      statementTimeoutMs: statementMsMax,
    })
    this.#lagMsMax = options.lagMsMax ?? lagMsMaxDefault
    this.#beating = this.#beatOn(options.beatMs ?? beatMsDefault)
  }

  async read<Value>(need: ReadNeed, work: (database: Database) => Promise<Value>): Promise<Value> {
    try {
      const value = await this.#onReader(need, work)
      this.#reads.reader += 1
      return value
    } catch (error) {
      if (!(error instanceof NotServed)) throw error
      this.#reads[error.outcome] += 1
      return work(this.#writer)
    }
  }

  /** Callers that come while it is asked share the next answer, which was true after their call. */
  position(): Promise<string | undefined> {
    const asked = this.#asking ?? Promise.resolve(undefined)
    const asking = asked.then(() => {
      if (this.#asking === asking) this.#asking = undefined
      return this.#askPosition()
    })
    this.#asking ??= asking
    return asking
  }

  figures(): ReaderFigures {
    return { reads: { ...this.#reads }, lagMs: this.#lagMs }
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#beating
    await this.#reader.end()
  }

  async #onReader<Value>(need: ReadNeed, work: (database: Database) => Promise<Value>): Promise<Value> {
    // An absent replica is looked for by the heartbeat, not by each read.
    if (this.#lagMs === undefined) throw new NotServed('writer_away')
    const client = await this.#reader.connect().catch((cause: unknown) => {
      throw new NotServed('writer_away', { cause })
    })
    let broken: Error | undefined
    try {
      if (need.position !== undefined) await requirePosition(client, need.position)
      await this.#begin(client)
      const value = await work(client)
      await client.query('commit')
      return value
    } catch (error) {
      if (isUnanswered(error)) broken = error
      else await client.query('rollback').catch((failure: Error) => (broken = failure))
      if (isPassing(error)) throw new NotServed('writer_away', { cause: error })
      throw error
    } finally {
      client.release(broken)
    }
  }

  /** One snapshot for all that follows, which is young enough or is not used. */
  async #begin(client: pg.PoolClient): Promise<void> {
    const answers = await client.query(`begin isolation level repeatable read, read only; ${beatText}`)
    const [, answer] = answers as unknown as [unknown, pg.QueryResult<{ beat: bigint }>]
    if (!this.#isYoung(answer.rows[0]?.beat ?? 0n)) throw new NotServed('writer_lag')
  }

  #isYoung(beat: bigint): boolean {
    const oldestMs = performance.now() - this.#lagMsMax
    // At first nobody can tell how old a replica is, unless it has what this process wrote.
    const due = this.#beats.findLast(({ atMs }) => atMs <= oldestMs) ?? this.#beats[0]
    return due !== undefined && beat >= due.beat
  }

  async #askPosition(): Promise<string | undefined> {
    const answer = await this.#writer.query<{ position: string }>(positionText).catch(() => undefined)
    return answer?.rows[0]?.position
  }

  async #beatOn(beatMs: number): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const startedMs = performance.now()
      await this.#beat()
      await this.#probe()
      const pauseMs = Math.max(0, startedMs + beatMs - performance.now())
      await sleep(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    }
  }

  /** While the primary is away nothing is committed, so its replicas do not grow older. */
  async #beat(): Promise<void> {
    const beaten = await inTransaction(this.#writer, async (client) => {
      await client.query('set local synchronous_commit = off; set local lock_timeout = 100')
      return client.query<{ beat: bigint }>('update reader_heartbeat set beat = beat + 1 returning beat')
    }).catch(() => undefined)
    const beat = beaten?.rows[0]?.beat
    if (beat === undefined) return
    this.#beats.push({ beat, atMs: performance.now() })
    while (this.#beats.length > beatsMax) this.#beats.shift()
  }

  /** Follows the last heartbeat to the replica; one that keeps silent is away. */
  async #probe(): Promise<void> {
    const untilMs = performance.now() + probeMsMax
    for (let pauseMs = 1; !this.#stop.signal.aborted; pauseMs *= 2) {
      const seen = await within(probeMsMax, this.#see())
      const missing = seen === undefined ? undefined : this.#beats.find(({ beat }) => beat > seen)
      if (missing !== undefined) this.#lagMs = performance.now() - missing.atMs
      else this.#lagMs = seen === undefined ? undefined : this.#lagOfNewest()
      if (missing === undefined || performance.now() > untilMs) return
      await sleep(pauseMs)
    }
  }

  /** The heartbeat that a replica shows. One at a time is asked for: what is lost on its way holds a connection. */
  #see(): Promise<bigint | undefined> {
    this.#seeing ??= this.#reader
      .query<{ beat: bigint }>(beatText)
      .then((answer) => answer.rows[0]?.beat)
      .catch(() => undefined)
      .finally(() => (this.#seeing = undefined))
    return this.#seeing
  }

  /** Of a heartbeat that was followed to the replica before, nothing new is known. */
  #lagOfNewest(): number {
    const newest = this.#beats.at(-1)
    if (newest === undefined || this.#followed === newest.beat) return this.#lagMs ?? 0
    this.#followed = newest.beat
    return performance.now() - newest.atMs
  }
}

/** What `work` comes to, or undefined when it takes longer. */
async function within<Value>(msMax: number, work: Promise<Value>): Promise<Value | undefined> {
  const late = new AbortController()
  const limit = sleep(msMax, undefined, { signal: late.signal }).catch(() => undefined)
  try {
    return await Promise.race([work, limit])
  } finally {
    late.abort()
  }
}

const beatText = 'select beat from reader_heartbeat'
/** A replica that is further behind than so many heartbeats is only shown as that far behind. */
const beatsMax = 600

/**
 * What was acknowledged is on disk, and only that is sent to replicas. What others commit without waiting for the disk
 * is not there for a while, and nobody was promised it.
 */
const positionText = `
  select case when current_setting('synchronous_commit') = 'off' then pg_current_wal_insert_lsn()
    else pg_current_wal_flush_lsn() end::text as position`

const replayedText = `
  select case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end >= $1::pg_lsn
    as has_it`

/** Some managed databases share storage and know no replay positions: the primary serves such reads. */
async function requirePosition(client: pg.PoolClient, position: string): Promise<void> {
  const untilMs = performance.now() + positionMsMax
  for (;;) {
    const answer = await client.query<{ has_it: boolean | null }>(replayedText, [position]).catch((error: unknown) => {
      throw isPassing(error) ? error : new NotServed('writer_position', { cause: error })
    })
    if (answer.rows[0]?.has_it === true) return
    if (performance.now() >= untilMs) throw new NotServed('writer_position')
    await sleep(2)
  }
}
