import type pg from 'pg'
import { waitForFreeGates } from './append-gates.ts'
import { callAppend, readOverlaps } from './append-statement.ts'
import { foldContiguous } from './fold.ts'
import { selectLaneEntries, selectLaneHeads } from './lane.ts'
import { moveStream } from './move.ts'
import type { PartOfStream } from './plan.ts'
import { runRowsOf } from './read.ts'
import { forgetRejected, recordRejected } from './rejected.ts'
import { replaceSecondCopy } from './second-copy.ts'
import { readBlockedStreams, readMetadata, readStatuses } from './status.ts'
import type { LogStore, LogWriter, RunRows } from './store.ts'
import { readAudits, writeAudit } from './stream-audit.ts'

/** The log's store on PostgreSQL: the statements, each beside what it is for. The pool stays the caller's. */
export function postgresLogStore(pool: pg.Pool, parts: number, partOf: PartOfStream): LogStore {
  return {
    ...readingStore(pool, parts),
    openWriter: async () => writerOn(await pool.connect(), partOf),
    freeGates: (parts) => waitForFreeGates(pool, parts),
    laneHeads: (known) => selectLaneHeads(pool, known),
    statuses: (streams, gapsMax) => readStatuses(pool, streams, gapsMax, partOf),
    move: (slot, to, by) => moveStream(pool, slot, to, by),
    fold: () => foldContiguous(pool),
    keepRejected: (conflicts, events) => recordRejected({ pool, partOf }, conflicts, events),
    forgetRejected: () => forgetRejected(pool),
    writeAudit: (slot, action, by, detail) => writeAudit(pool, slot, action, by, detail),
    audits: (slot, max) => readAudits(pool, slot, max),
    replaceSecondCopy: (slot) => replaceSecondCopy(pool, slot),
  }
}

/** The part that takes no lock and may be a little old: a replica can keep it. */
export function readingStore(
  database: pg.Pool | pg.ClientBase,
  parts: number,
): RunRows & Pick<LogStore, 'laneEntries' | 'metadata' | 'blocked'> {
  return {
    ...runRowsOf(database),
    laneEntries: (cursors, runsMax, laneBytes) => selectLaneEntries(database, cursors, runsMax, laneBytes),
    metadata: (kind, from, max) => readMetadata(database, kind, from, max),
    blocked: (max) => readBlockedStreams(database, max, parts),
  }
}

function writerOn(client: pg.PoolClient, partOf: PartOfStream): LogWriter {
  return {
    append: (plan, window, patienceMs) => callAppend(client, plan, window, patienceMs),
    overlaps: (plan) => readOverlaps(client, plan),
    statuses: (streams, gapsMax) => readStatuses(client, streams, gapsMax, partOf),
    release: (error) => client.release(error),
  }
}
