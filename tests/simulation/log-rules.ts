import type { AppendWindow, CallOutcome } from '#log/append-statement.ts'
import type { Plan, PlannedRun } from '#log/plan.ts'
import {
  addSegment,
  type Change,
  headOf,
  laneKeyOf,
  type PendingRow,
  rowsBehind,
  type SegmentRow,
  type State,
  streamKeyOf,
} from './state.ts'

/*
 * What the functions of sql/000001_log.sql do with a planned group, written from their rules: given and early runs of
 * each stream in order; what chains on to the head becomes entries of its lane, the rest waits.
 */
export interface Decision {
  readonly outcome: CallOutcome
  /** More of what waits may be contiguous. */
  readonly isFolding: boolean
  readonly changes: readonly Change[]
  /** Entries at positions that must be free at the commit. */
  readonly sealed: readonly SegmentRow[]
}

interface Candidate {
  readonly index: number
  readonly next: number
  readonly events: number
  readonly types: number
  readonly body: Buffer
  /** Absent for those given. */
  readonly early: PendingRow | undefined
}

/** A stream of the plan with what is given for it. */
interface Given {
  readonly part: number
  readonly stream: Plan['streams'][number]['stream']
  /** Undefined when the call only folds. */
  readonly start: number | undefined
  readonly runs: readonly (PlannedRun & { readonly index: number })[]
}

export function overlapsStored(state: State, plan: Plan): boolean {
  return plan.runs.some((run) => {
    const { part, stream } = plan.streams[run.streamIndex]!
    return rowsUnder(state, streamKeyOf(part, stream), run).length > 0
  })
}

/** Stored and early rows that share a number with a run. */
export function rowsUnder(state: State, key: string, run: Pick<PlannedRun, 'next' | 'events'>) {
  const behind = [state.segmentsOfStream.get(key), state.pending.get(key)].flatMap((rows: readonly PendingRow[] = []) =>
    rowsBehind(rows, run.next - run.events),
  )
  return behind.filter((row) => row.next - row.events < run.next)
}

export function decideAppend(heads: State, plan: Plan, window: AppendWindow, atMs: number): Decision {
  const given = plan.streams.map((stream, streamIndex): Given => {
    const runs = plan.runs.map((run, index) => ({ ...run, index })).filter((run) => run.streamIndex === streamIndex)
    return { part: stream.part, stream: stream.stream, start: stream.start, runs }
  })
  const decision = decide(heads, given, window, atMs)
  if (decision.outcome.kind !== 'stored' || plan.created.length === 0) return decision
  const created = plan.created.map(({ event }) => event)
  const number: Change = (state) => {
    for (const event of created) state.created[event.kind].push(event.stream)
  }
  return { ...decision, changes: [...decision.changes, number] }
}

export function decideFold(
  state: State,
  streams: readonly Pick<Given, 'part' | 'stream'>[],
  foldRuns: number,
  atMs: number,
) {
  const given = streams.map(({ part, stream }): Given => ({ part, stream, start: undefined, runs: [] }))
  return decide(state, given, { events: 0, bytes: 0, foldRuns }, atMs)
}

function decide(state: State, streams: readonly Given[], window: AppendWindow, atMs: number): Decision {
  const sealed: SegmentRow[] = []
  const changes: Change[] = []
  const tooFar: number[] = []
  const grown = new Map<number, number>()
  const waiting = new Map<string, { row: PendingRow; index: number }[]>()
  let folded = 0
  for (const given of streams) {
    const key = streamKeyOf(given.part, given.stream)
    const head = headOf(state, given.part, given.stream)
    const lane = state.laneOfStream.get(key) ?? 0
    const { chained, apart } = chain(candidatesOf(state, given, head, window.foldRuns), head)
    const newHead = chained.at(-1)?.next ?? head
    const base = lastPosition(state, sealed, given.part, lane)
    chained.forEach(({ next, events, types, body }, index) => {
      const { part, stream } = given
      sealed.push({ part, lane, position: base + index + 1, stream, next, events, types, body, atMs })
    })
    const gone = new Set(chained.flatMap(({ early }) => early ?? []))
    const added = apart.flatMap(({ early, index, next, events, types, body }) =>
      early === undefined ? [{ row: { next, events, types, body, atMs }, index }] : [],
    )
    folded = Math.max(folded, gone.size)
    for (const { row, index } of added) if (row.next - 1 > newHead + window.events) tooFar.push(index)
    waiting.set(key, added)
    if (gone.size > 0 || added.length > 0) {
      changes.push(
        changePending(
          key,
          gone,
          added.map(({ row }) => row),
        ),
      )
      const bytes = sumOfBytes(added.map(({ row }) => row)) - sumOfBytes([...gone])
      grown.set(given.part, (grown.get(given.part) ?? 0) + bytes)
    }
  }
  const refused = tooFar.length > 0 ? tooFar : tooHeavy(state, streams, waiting, grown, window.bytes)
  if (refused.length > 0) {
    return {
      outcome: { kind: 'too_far_ahead', runs: refused.sort((a, b) => a - b) },
      isFolding: false,
      changes: [],
      sealed: [],
    }
  }
  const isFolding = folded >= window.foldRuns
  return { outcome: { kind: 'stored' }, isFolding, changes: [...changes, ...sealed.map(addSegment)], sealed }
}

/** Early runs are looked at only where something given closes the hole at the head, or on a call to fold. */
function candidatesOf(state: State, { part, stream, start, runs }: Given, head: number, foldRuns: number): Candidate[] {
  const closes = start === undefined || start === head
  const early = closes ? (state.pending.get(streamKeyOf(part, stream)) ?? []).filter((row) => row.next > head) : []
  const candidates = [
    ...runs.map((run): Candidate => ({ ...run, early: undefined })),
    ...early.slice(0, foldRuns).map((row): Candidate => ({ ...row, index: -1, early: row })),
  ]
  return candidates.sort((one, other) => one.next - other.next)
}

function chain(candidates: readonly Candidate[], head: number): { chained: Candidate[]; apart: Candidate[] } {
  const chained: Candidate[] = []
  const apart: Candidate[] = []
  let events = 0
  for (const candidate of candidates) {
    events += candidate.events
    if (candidate.next === head + events) chained.push(candidate)
    else apart.push(candidate)
  }
  return { chained, apart }
}

function lastPosition(state: State, sealed: readonly SegmentRow[], part: number, lane: number): number {
  const ours = sealed.findLast((row) => row.part === part && row.lane === lane)
  return ours?.position ?? state.segmentsOfLane.get(laneKeyOf(part, lane))?.at(-1)?.position ?? 0
}

function changePending(key: string, gone: ReadonlySet<PendingRow>, added: readonly PendingRow[]): Change {
  return (state) => {
    const kept = (state.pending.get(key) ?? []).filter((row) => !gone.has(row))
    const rows = [...kept, ...added].sort((one, other) => one.next - other.next)
    if (rows.length === 0) state.pending.delete(key)
    else state.pending.set(key, rows)
  }
}

function sumOfBytes(rows: readonly PendingRow[]): number {
  return rows.reduce((sum, row) => sum + row.body.length, 0)
}

/** Where a part holds too many early bytes, runs of the streams that hold too many. */
function tooHeavy(
  state: State,
  streams: readonly Given[],
  waiting: ReadonlyMap<string, { row: PendingRow; index: number }[]>,
  grown: ReadonlyMap<number, number>,
  bytesMax: number,
): number[] {
  const isHeavy = [...grown].some(([part, bytes]) => earlyBytes(state, part) + bytes > bytesMax)
  if (!isHeavy) return []
  return streams.flatMap(({ part, stream }) => {
    const key = streamKeyOf(part, stream)
    const added = waiting.get(key) ?? []
    const bytes = sumOfBytes(state.pending.get(key) ?? []) + sumOfBytes(added.map(({ row }) => row))
    return bytes > bytesMax ? added.map(({ index }) => index) : []
  })
}

function earlyBytes(state: State, part: number): number {
  let bytes = 0
  for (const [key, rows] of state.pending) if (key.startsWith(`${part} `)) bytes += sumOfBytes(rows)
  return bytes
}
