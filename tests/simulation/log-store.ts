import { kindOfPart } from '#domain/parts.ts'
import { isLockTimeout } from '#log/append-gates.ts'
import type { CallOutcome } from '#log/append-statement.ts'
import { scanBody } from '#log/codec.ts'
import type { StreamStatus } from '#log/log.ts'
import type { PartOfStream, Plan } from '#log/plan.ts'
import { type StoredSlot, slotKey } from '#log/request.ts'
import type { BeyondRow, LaneRow, LineCursor, LogStore, LogWriter, RunLimits, RunRow, StreamName } from '#log/store.ts'
import { type Decision, decideAppend, decideFold, overlapsStored, rowsUnder } from './log-rules.ts'
import { lockOn, ServerError, type ServerSession, type SimulatedServer, sqlState } from './server.ts'
import { headOf, laneKeyOf, rowsBehind, type SegmentRow, type State, streamKeyOf } from './state.ts'
import type { ProcessTime } from './virtual-time.ts'

/** `LogStore` in memory: the statements of one process's log, carried out by the simulated server. */
export interface SimulatedLogOptions {
  readonly server: SimulatedServer
  readonly process: ProcessTime
  readonly parts: number
  readonly partOf: PartOfStream
  /** Off: heads are read before the gates are held. */
  readonly readsHeadsUnderGate: boolean
  /** Lanes and streams are read from the standby. */
  readonly readsStandby: boolean
}

const statementTimeoutMs = 5000
const lookMs = 100
const foldRuns = 500
const foldPatienceMs = 1000

export function simulatedLogStore(options: SimulatedLogOptions): LogStore {
  const { server, process, parts, partOf } = options
  const read = <Answer>(name: string, words: readonly unknown[], select: (state: State) => Answer): Promise<Answer> =>
    server.once(process, name, words, () => select(options.readsStandby ? server.standby() : server.state))
  const ask = <Answer>(name: string, words: readonly unknown[], select: (state: State) => Answer): Promise<Answer> =>
    server.once(process, name, words, () => select(server.state))
  return {
    openWriter: async () => writerOn(await server.connect(process, 'writer'), options),
    freeGates: (held) => server.once(process, 'freeGates', [held], (session) => freeGates(session, held)),
    runs: (lines, limits) => {
      return read('runs', [lines.map(lineOf), limits], (state) => runsOf(state, lines.map(lineOf), limits))
    },
    runsBeyond: (lines) => read('runsBeyond', [lines.map(lineOf)], (state) => runsBeyondOf(state, lines)),
    laneEntries: (cursors, runsMax, laneBytes) =>
      read('laneEntries', [cursors, runsMax, laneBytes], (state) =>
        cursors.flatMap((cursor) => laneRows(state, cursor, runsMax, laneBytes)),
      ),
    laneHeads: (known) => read('laneHeads', [[...known]], (state) => laneHeadsOf(state, known)),
    statuses: (streams, gapsMax) =>
      ask('statuses', [streams, gapsMax], (state) => streams.map((name) => statusOf(state, name, gapsMax, partOf))),
    metadata: (kind, from, max) =>
      ask('metadata', [kind, from, max], (state) =>
        state.created[kind].slice(from, from + max).map((uuid, index) => {
          return { uuid, number: from + index, initialEcosystem: undefined }
        }),
      ),
    blocked: (max) => ask('blocked', [max], (state) => blockedOf(state, parts).slice(0, max)),
    move: (slot, to, by) => {
      return server.once(process, 'move', [slot, to, by], (session) => moveOn(session, slot.part, slot.stream, to))
    },
    fold: () => foldAll(options),
    keepRejected: () => ask('keepRejected', [], () => undefined),
    forgetRejected: () => ask('forgetRejected', [], () => undefined),
    writeAudit: () => ask('writeAudit', [], () => undefined),
    audits: () => ask('audits', [], () => []),
    replaceSecondCopy: () => Promise.reject(new Error('second copies are tested on PostgreSQL')),
  }
}

function writerOn(session: ServerSession, options: SimulatedLogOptions): LogWriter {
  const { server, partOf } = options
  return {
    append: (plan, window, patienceMs) =>
      session.call('append', [plan, window, patienceMs], async (): Promise<CallOutcome> => {
        const decide = (heads: State): Decision => {
          if (overlapsStored(heads, plan)) return notStored({ kind: 'overlap' })
          return decideAppend(heads, plan, window, server.nowMs())
        }
        try {
          const { outcome, isFolding } = await inGates(session, plan.parts, options, decide, patienceMs)
          if (isFolding) await foldOn(session, plan.streams, window.foldRuns, options, patienceMs)
          return outcome
        } catch (error) {
          if (!isLockTimeout(error)) throw error
          await session.step()
          return { kind: 'gate_held', parts: heldGates(server, plan.parts) }
        }
      }),
    overlaps: (plan) => session.call('overlaps', [plan], () => overlapsOf(server.state, plan)),
    statuses: (streams, gapsMax) =>
      session.call('statuses', [streams, gapsMax], () =>
        streams.map((name) => statusOf(server.state, name, gapsMax, partOf)),
      ),
    release: () => session.close(),
  }
}

function heldGates(server: SimulatedServer, parts: readonly number[]): number[] {
  return parts.filter((part) => server.isLocked(lockOn.gate(part)))
}

/** A gate that is waited for is held by whoever is first in its queue for no longer than it takes to see it. */
async function freeGates(session: ServerSession, parts: readonly number[]): Promise<readonly number[]> {
  const held = heldGates(session.server, parts)
  if (held.length < parts.length) return parts.filter((part) => !held.includes(part))
  const [first = -1] = parts
  await session.step()
  try {
    await session.lock(lockOn.gate(first), sqlState.lockTimeout, lookMs)
    return [first]
  } catch (error) {
    if (isLockTimeout(error)) return []
    throw error
  } finally {
    session.rollback()
  }
}

function notStored(outcome: CallOutcome): Decision {
  return { outcome, isFolding: false, changes: [], sealed: [] }
}

/** One transaction: gates ascending, then, in later statements, heads and rows; it ends by itself. */
async function inGates(
  session: ServerSession,
  parts: readonly number[],
  options: SimulatedLogOptions,
  decide: (heads: State) => Decision,
  patienceMs: number,
): Promise<Decision> {
  const { server } = options
  try {
    const early = options.readsHeadsUnderGate ? undefined : decide(server.state)
    await session.step()
    for (const part of parts) {
      await session.lock(lockOn.gate(part), sqlState.lockTimeout, patienceMs)
    }
    await session.step()
    const decision = early ?? decide(server.state)
    await session.step()
    if (decision.sealed.some((row) => isTaken(server.state, row))) {
      throw new ServerError(sqlState.uniqueViolation, 'duplicate key value violates unique constraint')
    }
    session.changes.push(...decision.changes)
    await session.step()
    session.commit(true)
    return decision
  } catch (error) {
    session.rollback()
    throw error
  }
}

function isTaken(state: State, row: SegmentRow): boolean {
  const last = state.segmentsOfLane.get(laneKeyOf(row.part, row.lane))?.at(-1)
  const rows = state.segmentsOfStream.get(streamKeyOf(row.part, row.stream)) ?? []
  return (last?.position ?? 0) >= row.position || rows.some((stored) => stored.next === row.next)
}

/** Part by part, holding one gate at a time; a part whose gate does not come free in time is left to the next fold. */
async function foldOn(
  session: ServerSession,
  streams: Plan['streams'],
  foldMax: number,
  options: SimulatedLogOptions,
  patienceMs: number,
): Promise<void> {
  for (const [part, own] of Map.groupBy(streams, (stream) => stream.part)) {
    const heads = (state: State): Decision => decideFold(state, own, foldMax, options.server.nowMs())
    try {
      while ((await inGates(session, [part], options, heads, patienceMs)).isFolding);
    } catch (error) {
      if (!isLockTimeout(error)) throw error
    }
  }
}

/** What a process killed in the middle of a long fold left behind. */
async function foldAll(options: SimulatedLogOptions): Promise<number> {
  const { server, process, parts } = options
  return server.once(process, 'fold', [], async (session) => {
    const left = [...server.state.pending].filter(([key, rows]) => {
      const [part = '', stream = ''] = key.split(' ')
      return rows[0]!.next - rows[0]!.events === headOf(server.state, Number(part), stream as SegmentRow['stream'])
    })
    for (const [key] of left) {
      const [part = '', stream = ''] = key.split(' ')
      const kind = kindOfPart(Number(part), parts)
      const streams = [{ part: Number(part), stream: stream as SegmentRow['stream'], kind, start: 0 }]
      await foldOn(session, streams, foldRuns, options, foldPatienceMs)
    }
    return left.length
  })
}

async function moveOn(
  session: ServerSession,
  part: number,
  stream: SegmentRow['stream'],
  to: 'dedicated' | 'shared',
): Promise<{ lane: number }> {
  const { server } = session
  const key = streamKeyOf(part, stream)
  try {
    await session.lock(lockOn.gate(part), sqlState.statementTimeout, statementTimeoutMs)
    await session.step()
    const lane = to === 'shared' ? 0 : ownLane(server.state, part, key)
    const last = server.state.segmentsOfStream.get(key)?.at(-1)
    session.changes.push((state) => {
      state.laneOfStream.set(key, lane)
      const move = `${key} ${last?.next}`
      if (last !== undefined && !state.moves.has(move))
        state.moves.set(move, { lane: last.lane, position: last.position })
    })
    await session.step()
    session.commit(true)
    return { lane }
  } catch (error) {
    session.rollback()
    throw error
  }
}

function ownLane(state: State, part: number, key: string): number {
  const own = state.laneOfStream.get(key) ?? 0
  if (own !== 0) return own
  const taken = new Set(
    [...state.laneOfStream].flatMap(([other, lane]) => (other.startsWith(`${part} `) ? [lane] : [])),
  )
  let lane = 1
  while (taken.has(lane)) lane += 1
  return lane
}

function overlapsOf(state: State, plan: Plan): Map<string, StoredSlot> {
  const stored = new Map<string, StoredSlot>()
  for (const run of plan.runs) {
    const { kind, stream, part } = plan.streams[run.streamIndex]!
    for (const row of rowsUnder(state, streamKeyOf(part, stream), run)) {
      const events = scanBody(row.body.toString('hex'), { kind, stream, start: row.next - row.events })
      for (const { number, eventUuid, type } of events)
        stored.set(slotKey({ kind, stream, number }), { eventUuid, type })
    }
  }
  return stored
}

function laneRows(
  state: State,
  { part, lane, after }: { readonly part: number; readonly lane: number; readonly after: bigint },
  runsMax: number,
  laneBytes: number,
): LaneRow[] {
  const rows = (state.segmentsOfLane.get(laneKeyOf(part, lane)) ?? []).slice(Number(after), Number(after) + runsMax)
  let before = 0
  return rows.flatMap((row): LaneRow[] => {
    const isIn = before < laneBytes
    before += row.body.length
    if (!isIn) return []
    const move = state.moves.get(`${streamKeyOf(part, row.stream)} ${row.next - row.events}`)
    return [
      {
        part,
        lane,
        position: BigInt(row.position),
        recorded_at: new Date(row.atMs),
        stream: row.stream,
        next_number: row.next,
        events: row.events,
        body: row.body.toString('hex'),
        waits_for: move === undefined || move.lane === lane ? null : [BigInt(move.lane), BigInt(move.position)],
      },
    ]
  })
}

function laneHeadsOf(state: State, known: readonly bigint[]): Map<string, bigint> {
  const heads = new Map<string, bigint>()
  for (const [key, rows] of [...state.segmentsOfLane].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const head = BigInt(rows.at(-1)?.position ?? 0)
    const [part = '', lane = ''] = key.split('/')
    if (lane !== '0' || head >= (known[Number(part)] ?? 0n)) heads.set(key, head)
  }
  return heads
}

const createTypes = 2

function statusOf(state: State, { kind, stream }: StreamName, gapsMax: number, partOf: PartOfStream): StreamStatus {
  const key = streamKeyOf(partOf(kind, stream), stream)
  const stored = state.segmentsOfStream.get(key) ?? []
  const early = state.pending.get(key) ?? []
  const contiguous = stored.at(-1)?.next ?? 0
  const gaps: { from: number; to: number }[] = []
  let previous = contiguous
  for (const { next, events } of early) {
    if (previous < next - events) gaps.push({ from: previous, to: next - events - 1 })
    previous = next
  }
  const next = Math.max(contiguous, early.at(-1)?.next ?? 0)
  return {
    kind,
    stream,
    isKnown: next > 0,
    isCreated: ((stored[0]?.types ?? 0) & createTypes) !== 0,
    nextSequenceNumber: next,
    contiguousSequenceNumber: contiguous,
    gaps: gaps.slice(0, gapsMax),
    oldestBlockedAt: early.length === 0 ? undefined : new Date(Math.min(...early.map(({ atMs }) => atMs))),
  }
}

function blockedOf(state: State, parts: number) {
  const blocked = [...state.pending].map(([key, rows]) => {
    const [part = '', stream = ''] = key.split(' ')
    return {
      kind: kindOfPart(Number(part), parts),
      stream: stream as SegmentRow['stream'],
      contiguousSequenceNumber: headOf(state, Number(part), stream as SegmentRow['stream']),
      nextSequenceNumber: rows.at(-1)!.next,
      blockedSince: new Date(Math.min(...rows.map(({ atMs }) => atMs))),
    }
  })
  return blocked.sort((one, other) => one.blockedSince.getTime() - other.blockedSince.getTime())
}

function lineOf({ stream, part, mask, cursor }: LineCursor): LineCursor {
  return { stream, part, mask, cursor }
}

function runsOf(state: State, lines: readonly LineCursor[], { rowsMax, eventsMax, bytesMax }: RunLimits): RunRow[] {
  const found = lines.flatMap((line, index) => {
    const rows = rowsBehind(state.segmentsOfStream.get(streamKeyOf(line.part, line.stream)), line.cursor)
      .filter((row) => (row.types & line.mask) !== 0)
      .slice(0, rowsMax)
    let before = 0
    return rows.flatMap((row, rank) => {
      const isIn = before < eventsMax
      before += row.events
      return isIn ? [{ row, rank, line: index + 1 }] : []
    })
  })
  let bytes = 0
  const within = new Set<SegmentRow>()
  for (const { row } of found.toSorted((one, other) => one.rank - other.rank || one.line - other.line)) {
    if (bytes < bytesMax) within.add(row)
    bytes += row.body.length
  }
  return found.map(({ row, line }) => ({
    line: BigInt(line),
    recorded_at: new Date(row.atMs),
    next_number: row.next,
    events: row.events,
    body: within.has(row) ? row.body.toString('hex') : null,
  }))
}

function runsBeyondOf(state: State, lines: readonly LineCursor[]): BeyondRow[] {
  return lines.flatMap(({ part, stream, cursor, mask }, index) => {
    const key = streamKeyOf(part, stream)
    const rowOf =
      (isEarly: boolean) =>
      (row: { next: number; events: number; body: Buffer }): BeyondRow => ({
        line: BigInt(index + 1),
        is_early: isEarly,
        next_number: row.next,
        events: row.events,
        body: row.next - row.events < cursor ? row.body.toString('hex') : null,
      })
    const stored = rowsBehind(state.segmentsOfStream.get(key), cursor).filter((row) => (row.types & mask) !== 0)
    const early = (state.pending.get(key) ?? []).filter((row) => row.next > cursor && (row.types & mask) !== 0)
    return [...stored.slice(0, 2).map(rowOf(false)), ...early.slice(0, 2).map(rowOf(true))]
  })
}
