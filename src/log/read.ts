import type pg from 'pg'
import type { StoredEvent, StreamKind } from '#domain/events.ts'
import { int2Array, int4Array, uuidArray } from './binary-arrays.ts'
import type { DecodedEvent } from './body/decoded-event.ts'
import { decodeBody, scanBody } from './codec.ts'
import { typesMask } from './event-types.ts'
import type { ReadLimits, ReadStreamOptions, StreamAnswer, StreamLine } from './log.ts'
import type { PartOfStream } from './plan.ts'
import { type Budget, type ServedLine, serve, turnCame } from './serve.ts'
import type { BeyondRow, LineCursor, RunRow, RunRows } from './store.ts'

/**
 * Events of streams, contiguous prefix only: what lies behind a hole sits in another table and is never looked at, but
 * to say that it is there. Bodies are read no further than the limits ask for.
 */
interface OpenLine extends ServedLine<DecodedEvent>, LineCursor {
  readonly kind: StreamKind
  cursor: number
}

const numberMax = 2 ** 31 - 1

/** Who reads, and what rows held lately: about as many are asked for as are needed, for each costs a look. */
export interface Reading {
  readonly partOf: PartOfStream
  eventsPerRow: number
}

/** Rows that hold about `events`, and more with each round that was not enough. */
function rowsFor(events: number, eventsPerRow: number, round: number): number {
  return Math.min(events, Math.ceil(events / eventsPerRow) * 4 ** round)
}

export async function readStreams(
  rows: RunRows,
  requested: readonly StreamLine[],
  limits: ReadLimits,
  reading: Reading,
): Promise<StreamAnswer[]> {
  const lines = requested.map((line) => openLine(line, reading.partOf))
  const budget: Budget = { events: limits.eventsMax, bytes: limits.bytesMax, isFirst: true, stop: undefined }
  for (let round = 0; serve(lines, budget) === 'read more'; round += 1) {
    const open = lines.filter((line) => !line.isExhausted && line.served === line.candidates.length)
    await readFurther(rows, open, { reading, budget, round })
  }
  const beyond = await readBeyond(rows, lines)
  return lines.map((line, index) => {
    const events = line.candidates.slice(0, line.served)
    const isCut = line.served < line.candidates.length || beyond[index]!.inSegments
    const isAwaited = !isCut && beyond[index]!.inPending
    return { events, isGap: isAwaited && turnCame(budget, line.served, index), isEnd: !isCut && !isAwaited }
  })
}

export async function readStream(
  rows: RunRows,
  stream: Pick<StreamLine, 'kind' | 'stream'>,
  { from, types, ...limits }: ReadStreamOptions,
  reading: Reading,
): Promise<StoredEvent[]> {
  const line = types === undefined ? { ...stream, from } : { ...stream, from, types }
  const [answer] = await readStreams(rows, [line], limits, reading)
  return [...(answer?.events ?? [])]
}

function openLine({ kind, stream, from, types }: StreamLine, partOf: PartOfStream): OpenLine {
  const part = partOf(kind, stream)
  const mask = typesMask(types)
  return { kind, stream, part, mask, cursor: Math.min(from, numberMax), candidates: [], served: 0, isExhausted: false }
}

/**
 * The next rows of each line. `events_before` keeps a line from bringing more than can be served, `bytes_before` the
 * whole answer: rows beyond come without their body and are asked for again if they are needed.
 */
const furtherText = `
  select r.line, r.recorded_at, r.next_number, r.events,
    case when r.bytes_before < $6 then encode(r.body, 'hex') end as body
  from (
    select r.*, sum(octet_length(r.body)) over (order by r.rank, r.line) - octet_length(r.body) as bytes_before
    from (
      select g.line, s.*,
        row_number() over within_line as rank,
        sum(s.events) over within_line - s.events as events_before
      from unnest($1::int2[], $2::uuid[], $3::int4[], $4::int2[]) with ordinality g (part, stream, after, mask, line)
      cross join lateral (
        select s.recorded_at, s.next_number, s.events, s.body
        from segment s
        where s.part = g.part
          and s.stream = g.stream
          and s.next_number > g.after
          and s.types & g.mask <> 0
        order by s.part, s.stream, s.next_number
        limit $5
      ) s
      window within_line as (partition by g.line order by s.next_number)
    ) r
    where r.events_before < $7
  ) r
  order by r.line, r.next_number`

interface Round {
  readonly reading: Reading
  readonly budget: Budget
  readonly round: number
}

async function readFurther(
  store: RunRows,
  lines: readonly OpenLine[],
  { reading, budget, round }: Round,
): Promise<void> {
  const eventsMax = Math.ceil(budget.events / lines.length) + 1
  const rowsMax = rowsFor(eventsMax, reading.eventsPerRow, round)
  const found = await store.runs(lines, { rowsMax, eventsMax, bytesMax: Math.max(budget.bytes, 1) })
  const rowsOf = lines.map((): RunRow[] => [])
  for (const row of found) rowsOf[Number(row.line) - 1]!.push(row)
  lines.forEach((line, index) => {
    const rows = rowsOf[index]!
    let eventsRead = 0
    for (const row of rows) {
      if (row.body === null) return
      eventsRead += row.events
      reading.eventsPerRow += (Math.max(row.events, 1) - reading.eventsPerRow) / 100
      // The rest of the row comes again if it is needed.
      if (!addCandidates(line, row, { body: row.body, eventsMax })) return
    }
    // Fewer rows and fewer events than were asked for: there are no more.
    line.isExhausted = rows.length < rowsMax && eventsRead < eventsMax
  })
}

function lineColumns(lines: readonly LineCursor[]): Buffer[] {
  return [
    int2Array(lines.map((line) => line.part)),
    uuidArray(lines.map((line) => line.stream)),
    int4Array(lines.map((line) => line.cursor)),
    int2Array(lines.map((line) => line.mask)),
  ]
}

interface Taking {
  readonly body: string
  readonly eventsMax: number
}

/** False when the row may hold more than `eventsMax` candidates that are not served yet. */
function addCandidates(line: OpenLine, row: RunRow, { body, eventsMax }: Taking): boolean {
  const { kind, stream, cursor, mask } = line
  const start = row.next_number - row.events
  const missing = eventsMax - (line.candidates.length - line.served)
  const context = { kind, stream, start, recordedAt: row.recorded_at }
  const events = decodeBody(body, context, { from: cursor, mask, eventsMax: missing })
  line.candidates.push(...events)
  const isWhole = events.length < missing
  line.cursor = isWhole ? row.next_number : (events.at(-1)?.number ?? cursor) + 1
  return isWhole
}

interface Beyond {
  readonly inSegments: boolean
  readonly inPending: boolean
}

/**
 * Is there a candidate behind what was read, contiguous or behind a hole? Two rows decide: only the first can reach
 * back before where the line is, so only its body may have to be looked into.
 */
const beyondText = `
  select g.line, s.is_early, s.next_number, s.events,
    case when s.next_number - s.events < g.after then encode(s.body, 'hex') end as body
  from unnest($1::int2[], $2::uuid[], $3::int4[], $4::int2[]) with ordinality g (part, stream, after, mask, line)
  cross join lateral (
    (select false as is_early, s.next_number, s.events, s.body
    from segment s
    where s.part = g.part
      and s.stream = g.stream
      and s.next_number > g.after
      and s.types & g.mask <> 0
    order by s.part, s.stream, s.next_number
    limit 2)
    union all
    (select true, p.next_number, p.events, p.body
    from pending p
    where p.part = g.part
      and p.stream = g.stream
      and p.next_number > g.after
      and p.types & g.mask <> 0
    order by p.part, p.stream, p.next_number
    limit 2)
  ) s`

async function readBeyond(store: RunRows, lines: readonly OpenLine[]): Promise<Beyond[]> {
  const found = lines.map(() => ({ inSegments: false, inPending: false }))
  const asked = lines.flatMap((line, index) => (line.served === line.candidates.length ? [{ line, index }] : []))
  if (asked.length === 0) return found
  for (const row of await store.runsBeyond(asked.map(({ line }) => line))) {
    const { line, index } = asked[Number(row.line) - 1]!
    if (row.body !== null && !holdsCandidate(line, row, row.body)) continue
    if (row.is_early) found[index]!.inPending = true
    else found[index]!.inSegments = true
  }
  return found
}

function holdsCandidate(line: OpenLine, row: BeyondRow, body: string): boolean {
  const place = { kind: line.kind, stream: line.stream, start: row.next_number - row.events }
  return scanBody(body, place, { from: line.cursor, mask: line.mask, eventsMax: 1 }).length > 0
}

/** `RunRows` on PostgreSQL. */
export function runRowsOf(database: pg.Pool | pg.ClientBase): RunRows {
  return {
    async runs(lines, { rowsMax, eventsMax, bytesMax }) {
      const values = [...lineColumns(lines), rowsMax, bytesMax, eventsMax]
      const answer = await database.query<RunRow>({ name: 'log streams', text: furtherText, values })
      return answer.rows
    },
    async runsBeyond(lines) {
      const values = lineColumns(lines)
      const answer = await database.query<BeyondRow>({ name: 'log beyond', text: beyondText, values })
      return answer.rows
    },
  }
}
