import type pg from 'pg'
import type { StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import { ConfigurationError } from '#platform/config.ts'
import { withRetry } from '#platform/postgres.ts'
import { systemTime, type Time } from '#platform/time.ts'
import { Appender, type AppendLimits, appendLimits } from './append.ts'
import { AppenderByPart } from './append-by-part.ts'
import type { AppendWindow } from './append-statement.ts'
import { LaneHeads, readLanes } from './lane.ts'
import type { LogCounters, OpenedLog } from './log.ts'
import { postgresLogStore } from './postgres-store.ts'
import { readStream, readStreams } from './read.ts'
import { repairStream } from './repair.ts'
import type { LogStore } from './store.ts'
import type { StreamSlot } from './stream-audit.ts'

/** Opens the log on a migrated database. The pool stays the caller's; `close` waits for what is being written. */
export interface LogOptions {
  /** Number of parts the database was made with. */
  readonly parts?: number
  readonly limits?: Partial<AppendLimits>
  readonly window?: Partial<AppendWindow>
  readonly time?: Time
  /** One transaction a part, for databases that are distributed by it. */
  readonly cutsByPart?: boolean
  /** Called when events were refused and could not be kept for people to look at. */
  readonly notKept?: (error: unknown) => void
}

/** Design D7 and streams.md §4.8. */
const windowDefault: AppendWindow = { events: 100_000, bytes: 64 * 1024 * 1024, foldRuns: 500 }
const foldEveryMs = 30_000
const forgetEveryMs = 3_600_000
const repeatMs = 25_000

export async function openLog(pool: pg.Pool, options: LogOptions = {}): Promise<OpenedLog> {
  const parts = options.parts ?? partsDefault
  await checkInstallation(pool, parts)
  await pool.query('select fill_gates()')
  const store = postgresLogStore(pool, parts, rememberParts(parts))
  const log = await openLogOn(store, options)
  // Only a process killed in the middle of a long fold leaves work for the first.
  const housekeeping = [every(foldEveryMs, () => store.fold()), every(forgetEveryMs, () => store.forgetRejected())]
  return {
    ...log,
    async close() {
      for (const timer of housekeeping) clearInterval(timer)
      await log.close()
    },
  }
}

/** Streams for those who look back: nothing is folded or forgotten, so the connections may be read-only. */
export async function openStreamReader(
  pool: pg.Pool,
  parts: number = partsDefault,
): Promise<Pick<OpenedLog, 'readStream'>> {
  await checkInstallation(pool, parts)
  const reading = { partOf: rememberParts(parts), eventsPerRow: 1 }
  const store = postgresLogStore(pool, parts, reading.partOf)
  return {
    readStream: (kind, stream, options) =>
      withRetry(() => readStream(store, { kind, stream }, options, reading), { budgetMs: repeatMs }),
  }
}

/** On any store: PostgreSQL, or the one of a simulation. */
export async function openLogOn(store: LogStore, options: LogOptions = {}): Promise<OpenedLog> {
  const { parts = partsDefault, time = systemTime } = options
  await store.fold()

  const partOfStream = rememberParts(parts)
  const slotOf = (kind: StreamKind, stream: Uuid): StreamSlot => ({ kind, stream, part: partOfStream(kind, stream) })
  const laneHeads = new LaneHeads(store, parts)
  const reading = { partOf: partOfStream, eventsPerRow: 1 }
  const listeners = new Set<(parts: readonly number[]) => void>()
  const counted = { appendedEvents: 0, appendedGroups: 0, refusedRequests: 0 }
  const Appending = options.cutsByPart === true ? AppenderByPart : Appender
  const appender = new Appending({
    store,
    time,
    partOf: partOfStream,
    window: { ...windowDefault, ...options.window },
    limits: { ...appendLimits, ...options.limits },
    notKept: options.notKept,
    committed: (touched, events) => {
      counted.appendedEvents += events
      counted.appendedGroups += 1
      for (const listener of listeners) listener(touched)
    },
  })
  // These may be repeated at will, so a dropped connection or a failover costs time and nothing else (OP-P5).
  const repeating = <Answer>(work: () => Promise<Answer>): Promise<Answer> =>
    withRetry(work, { budgetMs: repeatMs, time })

  return {
    async append(events) {
      const result = await appender.append(events)
      if (result.kind === 'refused') counted.refusedRequests += 1
      return result
    },
    readStream: (kind, stream, options) => repeating(() => readStream(store, { kind, stream }, options, reading)),
    readStreams: (lines, limits) => repeating(() => readStreams(store, lines, limits, reading)),
    readLane: (part, lane, after, runsMax) =>
      repeating(() => readLanes(store, [{ part, lane, after }], runsMax, parts)),
    readLanes: (cursors, runsMax) => repeating(() => readLanes(store, cursors, runsMax, parts)),
    laneHeads: () => repeating(() => laneHeads.read()),
    statuses: (streams, gapsMax) => repeating(() => store.statuses(streams, gapsMax)),
    readMetadata: (kind, from, max) => repeating(() => store.metadata(kind, from, max)),
    blockedStreams: (max) => repeating(() => store.blocked(max)),
    onAppended(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    replaceSecondCopy: (kind, stream, number) =>
      repeating(() => store.replaceSecondCopy({ ...slotOf(kind, stream), number })),
    repair: (kind, stream, repair) =>
      repairStream({ store, append: (events) => appender.append(events) }, slotOf(kind, stream), repair),
    moveStream: (kind, stream, to, by) => repeating(() => store.move(slotOf(kind, stream), to, by)),
    audits: (kind, stream, max) => repeating(() => store.audits(slotOf(kind, stream), max)),
    counters(): LogCounters {
      const { waiters, bytes } = appender.load
      return { ...counted, waitingRequests: waiters, waitingBytes: bytes }
    },
    close: () => appender.idle(),
  }
}

/** What fails is done the next time. */
function every(intervalMs: number, work: () => Promise<unknown>): NodeJS.Timeout {
  return setInterval(() => void work().catch(() => undefined), intervalMs).unref()
}

async function checkInstallation(pool: pg.Pool, parts: number): Promise<void> {
  const answer = await pool.query<{ parts: number }>('select i.parts from log_installation i')
  const made = answer.rows[0]?.parts
  if (made === parts) return
  throw new ConfigurationError(
    `this database was made with ${made ?? 'no'} parts, this process is configured for ${parts}`,
    'parts are fixed when the database is made: use the same number',
  )
}

const rememberedMax = 200_000

/** The part of a stream is a hash; those of recent streams are remembered. */
function rememberParts(parts: number): (kind: StreamKind, stream: Uuid) => number {
  const known = { course: new Map<Uuid, number>(), ecosystem: new Map<Uuid, number>() }
  return (kind, stream) => {
    const ofKind = known[kind]
    let part = ofKind.get(stream)
    if (part === undefined) {
      part = partOf(kind, stream, parts)
      if (ofKind.size >= rememberedMax) ofKind.clear()
      ofKind.set(stream, part)
    }
    return part
  }
}
