import type pg from 'pg'
import { readSkips, withoutSkippedEvents } from '#crew/skips.ts'
import type { Log } from '#log/log.ts'

/**
 * The log as the read models got it: events that an operator had them skip are no_ops. Whoever folds a course again
 * reads this one, or finds assignments and rosters that there never were.
 */
export function openDeliveredLog(log: Pick<Log, 'readStream'>, pool: pg.Pool): Pick<Log, 'readStream'> {
  return {
    readStream: async (kind, stream, options) => {
      const events = await log.readStream(kind, stream, options)
      return withoutSkippedEvents(events, await readSkips(pool, 'learning'))
    },
  }
}
