import type pg from 'pg'
import { kindOfPart } from '#domain/parts.ts'
import { int2Array } from './binary-arrays.ts'
import { decodeBody } from './codec.ts'
import type { LaneCursor, LaneEntry } from './log.ts'
import type { LaneRow, LogStore } from './store.ts'

/**
 * Lanes, as consumers read them: entries behind a position, in order, of many lanes in one round trip. Positions have
 * no holes, so a reader that got n entries knows the position of the last one.
 */
const answerBytesMax = 16 * 1024 * 1024
const laneBytesMin = 64 * 1024

/** The first entry of each lane comes whatever its size. */
const lanesText = `
  select g.part, g.lane, s.position, s.recorded_at, s.stream, s.next_number, s.events, encode(s.body, 'hex') as body,
    (
      select array[m.after_lane, m.after_position]
      from stream_move m
      where m.part = g.part
        and m.stream = s.stream
        and m.number = s.next_number - s.events
        and m.after_lane <> g.lane
    ) as waits_for
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

export async function selectLaneEntries(
  database: pg.Pool | pg.ClientBase,
  cursors: readonly LaneCursor[],
  runsMax: number,
  laneBytes: number,
): Promise<LaneRow[]> {
  const answer = await database.query<LaneRow>({
    name: 'log lanes',
    text: lanesText,
    values: [
      int2Array(cursors.map((cursor) => cursor.part)),
      int2Array(cursors.map((cursor) => cursor.lane)),
      cursors.map((cursor) => String(cursor.after)),
      runsMax,
      laneBytes,
    ],
  })
  return answer.rows
}

export async function readLanes(
  store: Pick<LogStore, 'laneEntries'>,
  cursors: readonly LaneCursor[],
  runsMax: number,
  parts: number,
): Promise<LaneEntry[]> {
  if (cursors.length === 0) return []
  const laneBytes = Math.max(laneBytesMin, Math.floor(answerBytesMax / cursors.length))
  const rows = await store.laneEntries(cursors, runsMax, laneBytes)
  return rows.map((row) => ({
    part: row.part,
    lane: row.lane,
    position: BigInt(row.position),
    ...(row.waits_for === null ? {} : { waitsFor: dependencyOf(row.waits_for) }),
    events: decodeBody(row.body, {
      kind: kindOfPart(row.part, parts),
      stream: row.stream,
      start: row.next_number - row.events,
      recordedAt: row.recorded_at,
    }),
  }))
}

function dependencyOf([lane, position]: readonly bigint[]): { lane: number; position: bigint } {
  if (lane === undefined || position === undefined) throw new TypeError('a move names a lane and a position')
  return { lane: Number(lane), position: BigInt(position) }
}

/**
 * The highest position of each lane. `$1` holds, by part, a position that lane 0 is known to have reached: with it the
 * backward scan stops after the newest entries instead of taking all of its page.
 */
const laneHeadsText = `
  select l.part, l.lane, h.position as head
  from lane l
  cross join lateral (
    select s.position
    from segment s
    where s.part = l.part
      and s.lane = l.lane
      and s.position >= case when l.lane = 0 then ($1::int8[])[l.part + 1] else 0 end
    order by s.part desc, s.lane desc, s.position desc
    limit 1
  ) h
  order by l.part, l.lane`

export async function selectLaneHeads(database: pg.Pool, known: readonly bigint[]): Promise<Map<string, bigint>> {
  const answer = await database.query<{ part: number; lane: number; head: string | bigint }>({
    name: 'log lane heads',
    text: laneHeadsText,
    values: [known.map(String)],
  })
  return new Map(answer.rows.map(({ part, lane, head }) => [`${part}/${lane}`, BigInt(head)]))
}

/**
 * Reads lane heads often: remembers the last ones, and lets callers that come while it reads share the next reading.
 */
export class LaneHeads {
  readonly #store: Pick<LogStore, 'laneHeads'>
  readonly #known: bigint[]
  #reading: Promise<unknown> = Promise.resolve()
  #next: Promise<Map<string, bigint>> | undefined

  constructor(store: Pick<LogStore, 'laneHeads'>, parts: number) {
    this.#store = store
    this.#known = new Array<bigint>(2 * parts).fill(0n)
  }

  /** What it gives was true at some time after the call. */
  read(): Promise<Map<string, bigint>> {
    this.#next ??= this.#reading.then(() => {
      this.#next = undefined
      const reading = this.#query()
      this.#reading = reading.catch(() => undefined)
      return reading
    })
    return this.#next
  }

  async #query(): Promise<Map<string, bigint>> {
    const heads = await this.#store.laneHeads(this.#known)
    const isLost = this.#known.some((known, part) => known > 0n && !heads.has(`${part}/0`))
    this.#known.forEach((_, part) => {
      this.#known[part] = isLost ? 0n : (heads.get(`${part}/0`) ?? 0n)
    })
    // A failover that lost commits took a lane back below what was known of it.
    return isLost ? this.#query() : heads
  }
}
