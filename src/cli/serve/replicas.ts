import type pg from 'pg'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Replicas } from '#api/ports.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { Log } from '#log/log.ts'
import { type LogReads, openReplicaReads } from '#log/replica-reads.ts'
import { openReaders, type Readers } from '#platform/readers.ts'
import type { Shutdown } from '#platform/shutdown.ts'

/** Where the replicas are, and how old what they show may be. */
export interface ReplicaSettings {
  readonly readerUrl: string
  readonly lagMsMax: number
}

export interface OpenReplicas extends Replicas {
  readonly readers: Readers
  at(position: string | undefined): LogReads
  /** The log, with reads of lanes and streams by way of replicas, for consumers that are not in a hurry. */
  source(log: Log): Log
  /** For work of minutes: undefined while there is no replica that keeps up. */
  urlForLongReads(): string | undefined
}

/** Minutes of reading do not mind a replica that is a little late. */
const longReadLagMsMax = 60_000

export function openReplicasOf(writer: pg.Pool, settings: ReplicaSettings, shutdown: Shutdown): OpenReplicas {
  const { readerUrl, lagMsMax } = settings
  const readers = openReaders({ writer, readerUrl, lagMsMax })
  shutdown.add('the connections to replicas', 3000, () => readers.close())
  const parts = partsDefault
  const at = (position: string | undefined): LogReads =>
    openReplicaReads({ readers, parts, partOf: (kind, stream) => partOf(kind, stream, parts) }, { position })
  const any = at(undefined)
  return {
    readers,
    at,
    position: () => readers.position(),
    source: (log) => ({ ...log, ...any }),
    urlForLongReads: () =>
      (readers.figures().lagMs ?? Number.POSITIVE_INFINITY) <= longReadLagMsMax ? readerUrl : undefined,
  }
}

export function collectReplicaMetrics(registry: Registry, readers: Readers): void {
  new Counter({
    name: 'biglearn_reads_total',
    help: 'Reads that a replica may serve, by what served them: a replica, or the primary and why',
    labelNames: ['target', 'reason'],
    registers: [registry],
    collect() {
      this.reset()
      for (const [outcome, count] of Object.entries(readers.figures().reads)) {
        const [target = '', reason = 'asked'] = outcome.split('_')
        this.inc({ target, reason }, count)
      }
    },
  })
  new Gauge({
    name: 'biglearn_replica_lag_seconds',
    help: 'Time from a commit of the primary until a replica showed it; NaN while none answers',
    registers: [registry],
    collect() {
      this.set((readers.figures().lagMs ?? Number.NaN) / 1000)
    },
  })
}
