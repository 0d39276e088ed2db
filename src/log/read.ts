import type pg from 'pg'
import type { StoredEvent, StreamKind } from '#domain/events.ts'
import { int2Array, int4Array, uuidArray } from './binary-arrays.ts'
import { type BodyContext, decodeSlot, type EventSlot, scanBody, slotWireBytes, typesMask } from './codec.ts'
import type { ReadLimits, StreamAnswer, StreamLine } from './log.ts'
import type { PartOfStream } from './plan.ts'
import { type Budget, type Candidate, type ServedLine, serve, turnCame } from './serve.ts'
import type { BeyondRow, LineCursor, RunRow, RunRows } from './store.ts'

/**
 * Events of streams, contiguous prefix only: what lies behind a hole sits in another table and is never looked at, but
 * to say that it is there. Bodies are read no further than the limits ask for.
 */
interface StoredCandidate extends Candidate {
  readonly body: string
  readonly slot: EventSlot
  readonly context: BodyContext
}

interface OpenLine extends ServedLine<StoredCandidate>, LineCursor {
  readonly kind: StreamKind
  cursor: number
}

const numberMax = 2 ** 31 - 1

export async function readStreams(
  rows: RunRows,
  requested: readonly StreamLine[],
  limits: ReadLimits,
  partOf: PartOfStream,
): Promise<StreamAnswer[]> {
  const lines = requested.map((line) => openLine(line, partOf))
  const budget: Budget = { events: limits.eventsMax, bytes: limits.bytesMax, isFirst: true, stop: undefined }
  while (serve(lines, budget) === 'read more') {
    const open = lines.filter((line) => !line.isExhausted && line.served === line.candidates.length)
    await readFurther(rows, open, budget)
  }
  const beyond = await readBeyond(rows, lines)
  return lines.map((line, index) => {
    const events = line.candidates.slice(0, line.served).map(decodeCandidate)
    const isCut = line.served < line.candidates.length || beyond[index]!.inSegments
    const isAwaited = !isCut && beyond[index]!.inPending
    return { events, isGap: isAwaited && turnCame(budget, line.served, index), isEnd: !isCut && !isAwaited }
  })
}

function openLine({ kind, stream, from, types }: StreamLine, partOf: PartOfStream): OpenLine {
  const start = Math.min(from, numberMax)
  const part = partOf(kind, stream)
  const mask = typesMask(types)
  return { kind, stream, part, from: start, mask, cursor: start, candidates: [], served: 0, isExhausted: false }
}

function decodeCandidate({ body, slot, context }: StoredCandidate): StoredEvent {
  return decodeSlot(body, slot, context)
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

async function readFurther(store: RunRows, lines: readonly OpenLine[], budget: Budget): Promise<void> {
  const rowsMax = Math.ceil(budget.events / lines.length) + 1
  const found = await store.runs(lines, rowsMax, Math.max(budget.bytes, 1))
  const rowsOf = lines.map((): RunRow[] => [])
  for (const row of found) rowsOf[Number(row.line) - 1]!.push(row)
  lines.forEach((line, index) => {
    const rows = rowsOf[index]!
    let eventsRead = 0
    for (const row of rows) {
      if (row.body === null) return
      eventsRead += row.events
      addCandidates(line, row, row.body)
    }
    // Fewer rows and fewer events than were asked for: there are no more.
    line.isExhausted = rows.length < rowsMax && eventsRead < rowsMax
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

function addCandidates(line: OpenLine, row: RunRow, body: string): void {
  const { kind, stream } = line
  const start = row.next_number - row.events
  const context: BodyContext = { kind, stream, start, recordedAt: row.recorded_at }
  for (const slot of scanBody(body, start)) {
    if (!isCandidate(line, slot)) continue
    line.candidates.push({ body, slot, context, wireBytes: slotWireBytes(body, slot) })
  }
  line.cursor = row.next_number
}

function isCandidate({ from, mask }: OpenLine, slot: EventSlot): boolean {
  return slot.number >= from && (mask & (1 << (slot.code + 1))) !== 0
}

interface Beyond {
  readonly inSegments: boolean
  readonly inPending: boolean
}

/**
 * Is there a candidate behind what was read, contiguous or behind a hole? Two rows decide: only the first can reach
 * back before the line's start, so only its body may have to be looked into.
 */
const beyondText = `
  select g.line, s.is_early, s.next_number, s.events,
    case when s.next_number - s.events < g.start then encode(s.body, 'hex') end as body
  from unnest($1::int2[], $2::uuid[], $3::int4[], $4::int2[], $5::int4[])
    with ordinality g (part, stream, after, mask, start, line)
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
      and p.next_number > g.start
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
  for (const slot of scanBody(body, row.next_number - row.events)) {
    if (isCandidate(line, slot)) return true
  }
  return false
}

/** `RunRows` on PostgreSQL. */
export function runRowsOf(database: pg.Pool | pg.ClientBase): RunRows {
  return {
    async runs(lines, rowsMax, bytesMax) {
      const values = [...lineColumns(lines), rowsMax, bytesMax, rowsMax]
      const answer = await database.query<RunRow>({ name: 'log streams', text: furtherText, values })
      return answer.rows
    },
    async runsBeyond(lines) {
      const values = [...lineColumns(lines), int4Array(lines.map((line) => line.from))]
      const answer = await database.query<BeyondRow>({ name: 'log beyond', text: beyondText, values })
      return answer.rows
    },
  }
}
