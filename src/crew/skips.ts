import type pg from 'pg'
import { eventWith, type StoredEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'

/*
 * Events that an operator decided a subscription never gets. Consumers check that numbers follow one another, so a
 * skipped event is delivered as a no_op under its number instead of being left out.
 */
export type Skips = ReadonlyMap<Uuid, ReadonlySet<number>>

export async function readSkips(pool: Pick<pg.ClientBase, 'query'>, subscription: string): Promise<Skips> {
  const found = await pool.query<{ stream: string; numbers: bigint[] }>(
    `select stream, array_agg(number) as numbers
       from subscription_skip
      where subscription = $1
      group by stream`,
    [subscription],
  )
  return new Map(found.rows.map((row) => [toUuid(row.stream), new Set(row.numbers.map(Number))]))
}

export function withoutSkipped(entry: LaneEntry, skips: Skips): LaneEntry {
  const events = withoutSkippedEvents(entry.events, skips)
  return events === entry.events ? entry : { ...entry, events }
}

/** Of one stream; the same list when nothing in the stream is skipped. */
export function withoutSkippedEvents<Events extends readonly StoredEvent[]>(
  events: Events,
  skips: Skips,
): Events | StoredEvent[] {
  const [first] = events
  const numbers = first === undefined ? undefined : skips.get(first.stream)
  if (numbers === undefined) return events
  return events.map((event) => {
    return numbers.has(event.number) ? eventWith(event, { type: 'no_op', data: {} }) : event
  })
}
