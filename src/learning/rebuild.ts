import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { readSkips, type Skips, withoutSkippedEvents } from '#crew/skips.ts'
import type { StoredEvent, StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { LaneEntry, Log } from '#log/log.ts'
import { isPassing } from '#platform/postgres.ts'
import { connectWriter } from '#platform/servers.ts'
import { type Difference, firstDifference } from './parity.ts'
import { createBeside, exchange, rebuildSchema } from './rebuild-schema.ts'
import { learningSubscription } from './subscription.ts'

/*
 * The read models once more, from the first event on, beside the live ones: folded stream by stream to where the live
 * ones are, compared part by part while that part stands still, and, when wanted, put in their place. Serving goes on;
 * the learning subscription waits for one part at a time, and for all of them during the last moments before an
 * exchange.
 */
export interface RebuildOptions {
  readonly url: string
  readonly log: Pick<Log, 'readStream' | 'readMetadata' | 'laneHeads' | 'statuses'>
  /** `check` compares and drops the copy, `exchange` puts it in place when it is equal, `replace` without comparing. */
  readonly mode: 'check' | 'exchange' | 'replace'
  readonly parts?: number
  readonly report?: (progress: RebuildProgress) => void
  /** How long to wait for the live read models to reach what was in the log at the start. */
  readonly waitMsMax?: number
}

export interface RebuildProgress {
  readonly streams: number
  readonly streamsTotal: number
  readonly events: number
}

export interface RebuildResult {
  readonly streams: number
  readonly events: number
  readonly difference: Difference | undefined
  readonly isExchanged: boolean
  /** Courses that wait set aside and are compared only as far as the live read models have come. */
  readonly setAside: readonly Uuid[]
}

const eventsPerPass = 2000
const attemptsMax = 20

export async function rebuildLearning(options: RebuildOptions): Promise<RebuildResult> {
  const client = await connectWriter(options.url, { application_name: 'biglearn rebuild learning' })
  const rebuild = new Rebuild(client, options)
  try {
    return await rebuild.run()
  } finally {
    await rebuild.release()
    await client.query(`rollback; drop schema if exists ${rebuildSchema} cascade`).catch(() => undefined)
    await client.end()
  }
}

interface Stream {
  readonly kind: StreamKind
  readonly uuid: Uuid
  readonly part: number
}

class Rebuild {
  readonly #client: pg.Client
  readonly #options: RebuildOptions
  readonly #parts: number
  #live = 'public'
  #holding: pg.Client | undefined
  /** Streams that the log had created before the start: the live read models must know them. */
  #created: Stream[] = []
  #setAside = new Set<Uuid>()
  #skips: Skips = new Map()
  /** First number of each stream that is not in the copy yet. */
  readonly #next = new Map<Uuid, number>()
  #events = 0

  constructor(client: pg.Client, options: RebuildOptions) {
    this.#client = client
    this.#options = options
    this.#parts = options.parts ?? partsDefault
  }

  async run(): Promise<RebuildResult> {
    const schema = await this.#client.query<{ name: string }>('select current_schema() as name')
    this.#live = schema.rows[0]?.name ?? 'public'
    await createBeside(this.#client, this.#live)
    // A crash loses the copy anyway, so its commits need not wait for the disk.
    await this.#client.query('set synchronous_commit = off')
    this.#created = await this.#createdStreams()
    await this.#waitForLive(await this.#options.log.laneHeads())
    await this.#readExceptions()
    const streams = await this.#streamsOf(allParts(this.#parts))
    await this.#foldStreams(streams, true)
    const difference = this.#options.mode === 'replace' ? undefined : await this.#compare()
    const isExchanged = this.#options.mode !== 'check' && difference === undefined
    if (isExchanged) await this.#exchange()
    const setAside = [...this.#setAside]
    return { streams: this.#next.size, events: this.#events, difference, isExchanged, setAside }
  }

  async #createdStreams(): Promise<Stream[]> {
    const streams: Stream[] = []
    for (const kind of ['ecosystem', 'course'] as const) {
      for (let from = 0; ; ) {
        const metadata = await this.#options.log.readMetadata(kind, from, 1000)
        for (const { uuid } of metadata) streams.push({ kind, uuid, part: partOf(kind, uuid, this.#parts) })
        if (metadata.length < 1000) break
        from = (metadata.at(-1)?.number ?? from) + 1
      }
    }
    return streams
  }

  /** Otherwise a course that the live read models have not reached yet would look like one that they lost. */
  async #waitForLive(heads: ReadonlyMap<string, bigint>): Promise<void> {
    const until = performance.now() + (this.#options.waitMsMax ?? 60_000)
    for (;;) {
      const found = await this.#client.query<{ lane: string; position: string }>(
        `select part || '/' || lane as lane, position::text from slot where subscription = 'learning'`,
      )
      const positions = new Map(found.rows.map((row) => [row.lane, BigInt(row.position)]))
      const behind = [...heads].find(([lane, head]) => (positions.get(lane) ?? 0n) < head)
      if (behind === undefined) return
      if (performance.now() > until) {
        throw new Error(`the learning subscription has not reached position ${behind[1]} of lane ${behind[0]}`)
      }
      await sleep(200)
    }
  }

  /** Streams that wait set aside, and events that an operator took out: these are no_ops in every replay. */
  async #readExceptions(): Promise<void> {
    const aside = await this.#client.query<{ stream: string }>(
      `select stream from course_exception where subscription = 'learning' order by stream`,
    )
    this.#setAside = new Set(aside.rows.map(({ stream }) => toUuid(stream)))
    this.#skips = await readSkips(this.#client, 'learning')
  }

  /** What the log had created at the start and whatever the live read models know by now. */
  async #streamsOf(parts: readonly number[]): Promise<Stream[]> {
    const known = await this.#client.query<{ kind: StreamKind; uuid: string; part: number }>(
      `select 'course' as kind, course as uuid, part
       from ${this.#live}.learning_course
       where part = any ($1::smallint[])
       union all
       select 'ecosystem', ecosystem, part
       from ${this.#live}.learning_ecosystem
       where part = any ($1::smallint[])`,
      [parts],
    )
    const wanted = new Set(parts)
    const streams = new Map(this.#created.filter(({ part }) => wanted.has(part)).map((one) => [one.uuid, one]))
    for (const row of known.rows) streams.set(toUuid(row.uuid), { ...row, uuid: toUuid(row.uuid) })
    return [...streams.values()].sort((a, b) => a.part - b.part || (a.uuid < b.uuid ? -1 : 1))
  }

  /** Folds each stream to where the live read models are now, many streams a transaction. */
  async #foldStreams(streams: readonly Stream[], reports: boolean): Promise<void> {
    let pass: LaneEntry[] = []
    let inPass = 0
    const flush = async (): Promise<void> => {
      if (pass.length > 0) await this.#apply(pass)
      pass = []
      inPass = 0
    }
    const until = await this.#foldUntil(streams)
    for (const [index, stream] of streams.entries()) {
      for await (const events of this.#readTo(stream, until.get(stream.uuid) ?? -1)) {
        pass.push({ part: stream.part, lane: 0, position: 0n, events })
        inPass += events.length
        this.#events += events.length
        if (inPass >= eventsPerPass) await flush()
      }
      if (reports) this.#options.report?.({ streams: index + 1, streamsTotal: streams.length, events: this.#events })
    }
    await flush()
  }

  /**
   * To which number each stream is folded: where the live read models are, so that the two can be compared. Streams
   * that they lost, and all in mode `replace`, go to the end of the log; what is delivered again later changes nothing.
   */
  async #foldUntil(streams: readonly Stream[]): Promise<Map<Uuid, number>> {
    const parts = [...new Set(streams.map(({ part }) => part))]
    const found = await this.#client.query<{ course: string; applied_number: number }>(
      `select course, applied_number from ${this.#live}.learning_course where part = any ($1::smallint[])`,
      [parts],
    )
    const until = new Map(found.rows.map((row) => [toUuid(row.course), row.applied_number]))
    const trusts = this.#options.mode !== 'replace'
    const toEnd = streams.filter(({ uuid }) => !this.#setAside.has(uuid) && !(trusts && until.has(uuid)))
    for (let from = 0; from < toEnd.length; from += 1000) {
      const asked = toEnd.slice(from, from + 1000).map(({ kind, uuid }) => ({ kind, stream: uuid }))
      for (const status of await this.#options.log.statuses(asked, 1)) {
        until.set(status.stream, status.contiguousSequenceNumber - 1)
      }
    }
    return until
  }

  async *#readTo({ kind, uuid }: Stream, until: number): AsyncGenerator<StoredEvent[]> {
    for (let from = this.#next.get(uuid) ?? 0; from <= until; from = this.#next.get(uuid) ?? 0) {
      const limits = { from, eventsMax: Math.min(1000, until - from + 1), bytesMax: 8_000_000 }
      const events = await this.#options.log.readStream(kind, uuid, limits)
      if (events.length === 0) throw new Error(`${kind} ${uuid}: the log ends before ${from}, but ${until} was folded`)
      this.#next.set(uuid, from + events.length)
      yield withoutSkippedEvents(events, this.#skips)
    }
  }

  async #apply(entries: readonly LaneEntry[]): Promise<void> {
    await this.#client.query('begin')
    await this.#client.query(`set local search_path = ${rebuildSchema}`)
    await learningSubscription().apply(this.#client, entries)
    await this.#client.query('commit')
  }

  /** One part after the other stands still while it is compared. */
  async #compare(): Promise<Difference | undefined> {
    for (let part = 0; part < this.#parts; part += 1) {
      const parts = [part, part + this.#parts]
      const difference = await this.#whileStill(parts, () => firstDifference(this.#client, this.#live, parts))
      if (difference !== undefined) return difference
    }
    return undefined
  }

  /** The second connection, which keeps slots locked while the first one folds and commits. */
  async #holder(): Promise<pg.Client> {
    if (this.#holding !== undefined) return this.#holding
    this.#holding = await connectWriter(this.#options.url, { application_name: 'biglearn rebuild holder' })
    return this.#holding
  }

  async release(): Promise<void> {
    const holder = this.#holding
    this.#holding = undefined
    await holder?.end()
  }

  #exchange(): Promise<void> {
    return this.#whileStill(allParts(this.#parts), (holder) => exchange(holder, this.#live))
  }

  /**
   * Locks the slots of parts, so that nothing is folded into them, folds what the copy lacks, and does the work. Table
   * locks are not waited for long, because everybody else would wait behind; the whole is tried again.
   */
  async #whileStill<Value>(parts: readonly number[], work: (holder: pg.Client) => Promise<Value>): Promise<Value> {
    for (let attempt = 1; ; attempt += 1) {
      const holder = await this.#holder()
      try {
        await holder.query(`begin; set local lock_timeout = '1s'`)
        await holder.query(
          `select
           from slot
           where subscription = 'learning'
             and part = any ($1::smallint[])
           order by part, lane
           for share`,
          [parts],
        )
        await this.#foldStreams(await this.#streamsOf(parts), false)
        const value = await work(holder)
        await holder.query('commit')
        return value
      } catch (error) {
        await holder.query('rollback').catch(() => this.release())
        if (!isPassing(error) || attempt === attemptsMax) throw error
      }
      await sleep(100 * attempt)
    }
  }
}

function allParts(parts: number): number[] {
  return Array.from({ length: 2 * parts }, (_, part) => part)
}
