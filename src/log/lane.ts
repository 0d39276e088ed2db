import type pg from 'pg'
import type { Uuid } from '#domain/ids.ts'
import { kindOfPart } from '#domain/parts.ts'
import { int2Array } from './binary-arrays.ts'
import { decodeBody } from './codec.ts'
import type { LaneCursor, LaneEntry } from './log.ts'

/**
 * Lanes, as consumers read them: entries behind a position, in order, of many lanes in one round trip. Positions have no
 * holes, so a reader that got n entries knows the position of the last one.
 */
const answerBytesMax = 16 * 1024 * 1024
const laneBytesMin = 64 * 1024

/** The first entry of each lane comes whatever its size. */
const lanesText = `
  select g.part, g.lane, s.position, s.recorded_at, s.stream, s.next_number, s.events, encode(s.body, 'hex') as body
  from unnest($1::int2[], $2::int2[], $3::int8[]) with ordinality g (part, lane, after, line)
  cross join lateral (
    select s.*, sum(octet_length(s.body)) over (order by s.position) - octet_length(s.body) as before
    from (
      select s.position, s.recorded_at, s.stream, s.next_number, s.events, s.body
      from segment s
      where s.part = g.part
        and s.lane = g.lane
        and s.position > g.after
      order by s.part, s.lane, s.position
      limit $4
    ) s
  ) s
  where s.before < $5
  order by g.line, s.position`

interface LaneRow {
  readonly part: number
  readonly lane: number
  readonly position: string | bigint
  readonly recorded_at: Date
  readonly stream: Uuid
  readonly next_number: number
  readonly events: number
  readonly body: string
}

export async function readLanes(
  database: pg.Pool | pg.ClientBase,
  cursors: readonly LaneCursor[],
  runsMax: number,
  parts: number,
): Promise<LaneEntry[]> {
  if (cursors.length === 0) return []
  const answer = await database.query<LaneRow>({
    name: 'log lanes',
    text: lanesText,
    values: [
      int2Array(cursors.map((cursor) => cursor.part)),
      int2Array(cursors.map((cursor) => cursor.lane)),
      cursors.map((cursor) => String(cursor.after)),
      runsMax,
      Math.max(laneBytesMin, Math.floor(answerBytesMax / cursors.length)),
    ],
  })
  return answer.rows.map((row) => ({
    part: row.part,
    lane: row.lane,
    position: BigInt(row.position),
    events: decodeBody(row.body, {
      kind: kindOfPart(row.part, parts),
      stream: row.stream,
      start: row.next_number - row.events,
      recordedAt: row.recorded_at,
    }),
  }))
}

const laneHeadsText = `
  select l.part, l.lane, h.position as head
  from lane l
  cross join lateral (
    select s.position
    from segment s
    where s.part = l.part
      and s.lane = l.lane
    order by s.part desc, s.lane desc, s.position desc
    limit 1
  ) h
  order by l.part, l.lane`

export async function readLaneHeads(database: pg.Pool | pg.ClientBase): Promise<Map<string, bigint>> {
  const answer = await database.query<{ part: number; lane: number; head: string | bigint }>({
    name: 'log lane heads',
    text: laneHeadsText,
  })
  return new Map(answer.rows.map(({ part, lane, head }) => [`${part}/${lane}`, BigInt(head)]))
}
