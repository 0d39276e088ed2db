import type pg from 'pg'
import { isLockTimeout, selectHeldGates } from './append-gates.ts'
import { byteaArray, int2Array, int4Array, uuidArray } from './binary-arrays.ts'
import { scanBody } from './codec.ts'
import type { Plan } from './plan.ts'
import type { StoredSlot } from './request.ts'
import { slotKey } from './request.ts'

/**
 * The statements of `append`: one call stores a planned group (sql/000001_log.sql, 000017_part_gate.sql,
 * 000021_fold_one_part.sql), one query reads what is stored under the numbers of a group that overlaps.
 */
export interface AppendWindow {
  /** How far beyond a hole a stream's early events may reach, in numbers and in stored bytes (design D7). */
  readonly events: number
  readonly bytes: number
  /** Early runs folded in one transaction. */
  readonly foldRuns: number
}

export type CallOutcome =
  | { readonly kind: 'stored' }
  | { readonly kind: 'overlap' }
  /** Indexes of runs that reach too far. */
  | { readonly kind: 'too_far_ahead'; readonly runs: readonly number[] }
  /** A gate did not come free in time. Nothing was written; those are held that were seen so a moment later. */
  | { readonly kind: 'gate_held'; readonly parts: readonly number[] }

/** The empty array stands for gates of the version before. */
const callText = `call append(
  $1, '{}', $2::int2[], $3::int2[], $4::uuid[], $5::int4[], $6::int4[], $7::int4[], $8::int4[],
  $9::int4[], $10::int2[], $11::int2[], $12::bytea[], $13, $14::int2[], $15::int2[], $16::uuid[], $17::uuid[],
  $18, $19, $20, null, null)`

/** Sent by a prepared statement; complete with its commit, whether or not a Sync follows. */
export function appendStatement(plan: Plan, window: AppendWindow, patienceMs: number) {
  const { parts, streams, runs, created } = plan
  const { kinds, createdParts, ecosystems } = createdColumns(plan)
  return {
    name: 'append',
    text: callText,
    values: [
      patienceMs,
      int2Array(parts),
      int2Array(streams.map((stream) => stream.part)),
      uuidArray(streams.map((stream) => stream.stream)),
      int4Array(streams.map((stream) => stream.start)),
      int4Array(runs.map((run) => run.streamIndex + 1)),
      int4Array(runs.map((run) => run.partIndex + 1)),
      int4Array(runs.map((run) => run.rank)),
      int4Array(runs.map((run) => run.next)),
      int2Array(runs.map((run) => run.events)),
      int2Array(runs.map((run) => run.types)),
      byteaArray(runs.map((run) => run.body)),
      plan.hasHole,
      int2Array(kinds),
      int2Array(createdParts),
      uuidArray(created.map(({ event }) => event.stream)),
      uuidArray(ecosystems),
      window.events,
      window.bytes,
      window.foldRuns,
    ],
  }
}

/** Waits `patienceMs` at most for each gate. */
export async function callAppend(
  client: pg.ClientBase,
  plan: Plan,
  window: AppendWindow,
  patienceMs: number,
): Promise<CallOutcome> {
  let row: { status: number; refused: number[] | null } | undefined
  try {
    const answer = await client.query<NonNullable<typeof row>>(appendStatement(plan, window, patienceMs))
    row = answer.rows[0]
  } catch (error) {
    if (isLockTimeout(error)) return { kind: 'gate_held', parts: await selectHeldGates(client, plan.parts) }
    throw error
  }
  if (row === undefined) throw new Error('append gave no answer')
  if (row.status === 1) return { kind: 'overlap' }
  if (row.status === 2) return { kind: 'too_far_ahead', runs: (row.refused ?? []).map((index) => index - 1) }
  return { kind: 'stored' }
}

interface CreatedColumns {
  readonly kinds: number[]
  readonly createdParts: number[]
  readonly ecosystems: (string | undefined)[]
}

function createdColumns({ created, streams }: Plan): CreatedColumns {
  const columns: CreatedColumns = { kinds: [], createdParts: [], ecosystems: [] }
  for (const { event } of created) {
    const stream = streams.find((given) => given.stream === event.stream && given.kind === event.kind)
    const ecosystem = event.data['ecosystem_uuid']
    columns.kinds.push(event.kind === 'course' ? 0 : 1)
    columns.createdParts.push(stream?.part ?? -1)
    const isNamed = event.kind === 'course' && typeof ecosystem === 'string'
    columns.ecosystems.push(isNamed ? ecosystem.toLowerCase() : undefined)
  }
  return columns
}

/** More than an event has before its JSON, and than any packed one. */
const headerBytes = 256

/**
 * Rows, contiguous or early, that share a number with a planned run. What is stored never changes, so what it says is
 * final. The row of one event is cut, for that may be large and its header is enough; where several share a row, the
 * last is needed as well, and second copies that became no_ops may have made it longer than any that was planned.
 */
const overlapText = `
  select g.run, s.next_number, s.events,
    encode(case when s.events = 1 then substring(s.body for ${headerBytes}) else s.body end, 'hex') as body
  from unnest($1::int2[], $2::uuid[], $3::int4[], $4::int2[]) with ordinality g (part, stream, next_number, events, run)
  cross join lateral (
    (select s.next_number, s.events, s.body
    from segment s
    where s.part = g.part
      and s.stream = g.stream
      and s.next_number > g.next_number - g.events
    order by s.part, s.stream, s.next_number
    limit g.events)
    union all
    (select p.next_number, p.events, p.body
    from pending p
    where p.part = g.part
      and p.stream = g.stream
      and p.next_number > g.next_number - g.events
    order by p.part, p.stream, p.next_number
    limit g.events)
  ) s
  where s.next_number - s.events < g.next_number`

/** What is stored under the numbers of the plan's runs, by `slotKey`. */
export async function readOverlaps(client: pg.ClientBase, plan: Plan): Promise<Map<string, StoredSlot>> {
  const { runs, streams } = plan
  const answer = await client.query<{ run: bigint; next_number: number; events: number; body: string }>({
    name: 'append overlaps',
    text: overlapText,
    values: [
      int2Array(runs.map((run) => streams[run.streamIndex]!.part)),
      uuidArray(runs.map((run) => streams[run.streamIndex]!.stream)),
      int4Array(runs.map((run) => run.next)),
      int2Array(runs.map((run) => run.events)),
    ],
  })
  const stored = new Map<string, StoredSlot>()
  for (const row of answer.rows) {
    const { kind, stream } = streams[runs[Number(row.run) - 1]!.streamIndex]!
    for (const event of scanBody(row.body, { kind, stream, start: row.next_number - row.events })) {
      const { number, eventUuid, type } = event
      stored.set(slotKey({ kind, stream, number }), { eventUuid, type })
    }
  }
  return stored
}
