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
import type { LogStore, LogWriter } from './store.ts'
import { readAudits, writeAudit } from './stream-audit.ts'

/** The log's store on PostgreSQL: the statements, each beside what it is for. The pool stays the caller's. */
export function postgresLogStore(pool: pg.Pool, parts: number, partOf: PartOfStream): LogStore {
  return {
    ...runRowsOf(pool),
    openWriter: async () => writerOn(await pool.connect(), partOf),
    freeGates: (bins) => waitForFreeGates(pool, bins),
    laneEntries: (cursors, runsMax, laneBytes) => selectLaneEntries(pool, cursors, runsMax, laneBytes),
    laneHeads: (known) => selectLaneHeads(pool, known),
    statuses: (streams, gapsMax) => readStatuses(pool, streams, gapsMax, partOf),
    metadata: (kind, from, max) => readMetadata(pool, kind, from, max),
    blocked: (max) => readBlockedStreams(pool, max, parts),
    move: (slot, to, by) => moveStream(pool, slot, to, by),
    fold: () => foldContiguous(pool),
    keepRejected: (conflicts, events) => recordRejected({ pool, partOf }, conflicts, events),
    forgetRejected: () => forgetRejected(pool),
    writeAudit: (slot, action, by, detail) => writeAudit(pool, slot, action, by, detail),
    audits: (slot, max) => readAudits(pool, slot, max),
    replaceSecondCopy: (slot) => replaceSecondCopy(pool, slot),
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
