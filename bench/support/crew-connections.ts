import type pg from 'pg'
import type { OpenedLog } from '#log/log.ts'
import { type LogOptions, openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'

/* Connections of a process that runs subscriptions: for the log, for its work, and apart from both for heartbeats. */
export interface CrewConnections {
  readonly log: OpenedLog
  readonly pool: pg.Pool
  readonly heartbeatPool: pg.Pool
  close(): Promise<void>
}

export async function connectCrew(url: string, connectionsMax: number, options?: LogOptions): Promise<CrewConnections> {
  const open = (name: string): pg.Pool => openPool(url, { name, connectionsMax })
  const [logPool, pool, heartbeatPool] = [open('log'), open('work'), open('heartbeat')]
  const log = await openLog(logPool, options)
  return {
    log,
    pool,
    heartbeatPool,
    async close() {
      await log.close()
      await Promise.all([logPool, pool, heartbeatPool].map((each) => each.end()))
    },
  }
}
