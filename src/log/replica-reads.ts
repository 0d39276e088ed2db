import type { Database, Readers, ReadNeed } from '#platform/readers.ts'
import { readLanes } from './lane.ts'
import type { Log } from './log.ts'
import type { PartOfStream } from './plan.ts'
import { readingStore } from './postgres-store.ts'
import { readStream, readStreams } from './read.ts'

/**
 * The reads of the log that may run on a replica: it shows a prefix of the primary's commits, so a stream or lane is at
 * most shorter there, never with a hole. A read of several statements sees one snapshot: were its second statement
 * answered by an older server than its first, what lies between would look like an end or a gap.
 */
export type LogReads = Pick<Log, 'readStream' | 'readStreams' | 'readLanes' | 'readMetadata' | 'blockedStreams'>

export interface ReplicaReadsOptions {
  readonly readers: Readers
  readonly parts: number
  readonly partOf: PartOfStream
}

export function openReplicaReads({ readers, parts, partOf }: ReplicaReadsOptions, need: ReadNeed = {}): LogReads {
  const on = (database: Database) => readingStore(database, parts)
  const reading = { partOf, eventsPerRow: 1 }
  return {
    readStream: (kind, stream, options) =>
      readers.read(need, (database) => readStream(on(database), { kind, stream }, options, reading)),
    readStreams: (lines, limits) => readers.read(need, (database) => readStreams(on(database), lines, limits, reading)),
    readLanes: (cursors, runsMax) => readers.read(need, (database) => readLanes(on(database), cursors, runsMax, parts)),
    readMetadata: (kind, from, max) => readers.read(need, (database) => on(database).metadata(kind, from, max)),
    blockedStreams: (max) => readers.read(need, (database) => on(database).blocked(max)),
  }
}
