import type pg from 'pg'
import type { StreamEvent, StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { kindOfPart } from '#domain/parts.ts'
import { int2Array, uuidArray } from './binary-arrays.ts'
import { typesMask } from './event-types.ts'
import type { BlockedStream, StreamMetadata, StreamStatus } from './log.ts'
import type { PartOfStream } from './plan.ts'
import type { LogStore } from './store.ts'

/** What is known about streams as a whole: heads, holes, creation, and who is stopped. Reads only. */
type Queryable = pg.Pool | pg.ClientBase

const createMask = typesMask(new Set(['create_course', 'create_ecosystem']))

const statusText = `
  select coalesce(h.next_number, 0) as contiguous,
    greatest(coalesce(h.next_number, 0), coalesce(e.next_number, 0)) as next_number,
    coalesce(f.is_created, false) as is_created,
    e.arrived_at,
    e.gaps
  from unnest($1::int2[], $2::uuid[]) with ordinality g (part, stream, line)
  left join lateral (
    select s.next_number
    from segment s
    where s.part = g.part
      and s.stream = g.stream
    order by s.part desc, s.stream desc, s.next_number desc
    limit 1
  ) h on true
  left join lateral (
    select s.types & ${createMask} <> 0 as is_created
    from segment s
    where s.part = g.part
      and s.stream = g.stream
    order by s.part, s.stream, s.next_number
    limit 1
  ) f on true
  left join lateral (
    select max(p.next_number) as next_number, min(p.arrived_at) as arrived_at,
      (array_agg(array[p.previous, p.start - 1] order by p.start) filter (where p.previous < p.start))[1:$3] as gaps
    from (
      select p.next_number, p.arrived_at, p.next_number - p.events as start,
        lag(p.next_number, 1, coalesce(h.next_number, 0)) over (order by p.next_number) as previous
      from pending p
      where p.part = g.part
        and p.stream = g.stream
    ) p
  ) e on true
  order by g.line`

interface StatusRow {
  readonly contiguous: number
  readonly next_number: number
  readonly is_created: boolean
  readonly arrived_at: Date | null
  readonly gaps: [number, number][] | null
}

export async function readStatuses(
  database: Queryable,
  streams: readonly { readonly kind: StreamKind; readonly stream: Uuid }[],
  gapsMax: number,
  partOf: PartOfStream,
): Promise<StreamStatus[]> {
  const answer = await database.query<StatusRow>({
    name: 'log statuses',
    text: statusText,
    values: [
      int2Array(streams.map(({ kind, stream }) => partOf(kind, stream))),
      uuidArray(streams.map(({ stream }) => stream)),
      gapsMax,
    ],
  })
  return answer.rows.map((row, line) => {
    const { kind, stream } = streams[line]!
    return {
      kind,
      stream,
      isKnown: row.next_number > 0,
      isCreated: row.is_created,
      nextSequenceNumber: row.next_number,
      contiguousSequenceNumber: row.contiguous,
      gaps: (row.gaps ?? []).map(([from, to]) => ({ from, to })),
      oldestBlockedAt: row.arrived_at ?? undefined,
    }
  })
}

const gapsNamedMax = 100

/** The numbers that have to come before the given events can be taken; ends are inclusive, as in a status. */
export async function missingBefore(
  store: Pick<LogStore, 'statuses'>,
  events: readonly StreamEvent[],
): Promise<{ stream: Uuid; from: number; to: number }[]> {
  const lowest = new Map<string, StreamEvent>()
  for (const event of events) {
    const key = `${event.kind} ${event.stream}`
    const known = lowest.get(key)
    if (known === undefined || event.number < known.number) lowest.set(key, event)
  }
  const streams = [...lowest.values()]
  const statuses = await store.statuses(streams, gapsNamedMax)
  return statuses.flatMap(({ stream, gaps, nextSequenceNumber }, index) => {
    const { number } = streams[index]!
    const before = gaps
      .filter(({ from }) => from < number)
      .map(({ from, to }) => ({ from, to: Math.min(to, number - 1) }))
    const behind = number > nextSequenceNumber ? [{ from: nextSequenceNumber, to: number - 1 }] : []
    return [...before, ...behind].map((range) => ({ stream, ...range }))
  })
}

export async function readMetadata(
  database: Queryable,
  kind: StreamKind,
  from: number,
  max: number,
): Promise<StreamMetadata[]> {
  const answer = await database.query<{ stream: Uuid; number: number; initial_ecosystem: Uuid | null }>({
    name: 'log metadata',
    text: `
      select m.stream, m.number, m.initial_ecosystem
      from stream_metadata m
      where m.kind = $1
        and m.number >= $2
      order by m.number
      limit $3`,
    values: [kind === 'course' ? 0 : 1, Math.min(from, 2 ** 31 - 1), max],
  })
  return answer.rows.map((row) => ({
    uuid: row.stream,
    number: row.number,
    initialEcosystem: row.initial_ecosystem ?? undefined,
  }))
}

/** Only parts that hold early runs are looked at, so the answer is cheap while all is well. */
const blockedText = `
  select p.part, p.stream, min(p.arrived_at) as since, max(p.next_number) as next_number, (
    select coalesce(max(s.next_number), 0)
    from segment s
    where s.part = p.part
      and s.stream = p.stream
  ) as contiguous
  from lane l
  join pending p on p.part = l.part
  where l.lane = 0
    and l.early_runs > 0
  group by p.part, p.stream
  order by since, p.part, p.stream
  limit $1`

export async function readBlockedStreams(database: Queryable, max: number, parts: number): Promise<BlockedStream[]> {
  const answer = await database.query<{
    part: number
    stream: Uuid
    since: Date
    next_number: number
    contiguous: number
  }>({ name: 'log blocked', text: blockedText, values: [max] })
  return answer.rows.map((row) => ({
    kind: kindOfPart(row.part, parts),
    stream: row.stream,
    contiguousSequenceNumber: row.contiguous,
    nextSequenceNumber: row.next_number,
    blockedSince: row.since,
  }))
}
