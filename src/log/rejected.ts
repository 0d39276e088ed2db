import type pg from 'pg'
import type { StreamEvent } from '#domain/events.ts'
import { int2Array, int4Array, uuidArray } from './binary-arrays.ts'
import { eventCode } from './event-types.ts'
import type { AppendConflict } from './log.ts'
import type { PartOfStream } from './plan.ts'
import { slotKey } from './request.ts'

/** Refused events are kept for people, in a transaction of their own (design D6), a limited number a stream. */
const keptPerStream = 100
const keptDays = 90

const insertText = `
  insert into rejected_event
    (part, stream, number, event_uuid, type, existing_event_uuid, existing_type, data)
  select g.part, g.stream, g.number, g.event_uuid, g.type, g.existing_event_uuid, g.existing_type, g.data
  from (
    select g.*, row_number() over (partition by g.part, g.stream order by g.line) as rank
    from unnest($1::int2[], $2::uuid[], $3::int4[], $4::uuid[], $5::int2[], $6::uuid[], $7::int2[], $8::json[])
      with ordinality g (part, stream, number, event_uuid, type, existing_event_uuid, existing_type, data, line)
  ) g
  where g.rank + (
    select count(*)
    from (select from rejected_event r where r.part = g.part and r.stream = g.stream limit ${keptPerStream}) kept
  ) <= ${keptPerStream}
  on conflict do nothing`

export async function recordRejected(
  { pool, partOf }: { readonly pool: pg.Pool; readonly partOf: PartOfStream },
  conflicts: readonly AppendConflict[],
  events: readonly StreamEvent[],
): Promise<void> {
  const refused = conflicts.flatMap((conflict) => {
    const event = events.find((given) => given.eventUuid === conflict.eventUuid && slotKey(given) === slotKey(conflict))
    return event === undefined ? [] : [{ ...conflict, event }]
  })
  await pool.query({
    name: 'log rejected',
    text: insertText,
    values: [
      int2Array(refused.map(({ kind, stream }) => partOf(kind, stream))),
      uuidArray(refused.map(({ stream }) => stream)),
      int4Array(refused.map(({ number }) => number)),
      uuidArray(refused.map(({ eventUuid }) => eventUuid)),
      int2Array(refused.map(({ event }) => eventCode(event.type))),
      uuidArray(refused.map(({ existingEventUuid }) => existingEventUuid)),
      int2Array(refused.map(({ existingType }) => eventCode(existingType))),
      refused.map(({ event }) => JSON.stringify(event.data)),
    ],
  })
}

/** Deletes a limited number of old ones; asked for once in a while. */
export async function forgetRejected(pool: pg.Pool): Promise<void> {
  await pool.query(`
    delete from rejected_event
    where (part, stream, number, event_uuid) in (
      select r.part, r.stream, r.number, r.event_uuid
      from rejected_event r
      where r.rejected_at < now() - interval '${keptDays} days'
      limit 10000
    )`)
}
