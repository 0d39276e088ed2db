import type { DueException, SetAside, StreamException } from '#crew/exceptions.ts'
import type { FencedSlot } from '#crew/fence.ts'
import { slotName } from '#crew/ownership.ts'
import type { SlotGrant } from '#crew/slots.ts'
import type { CrewConnection, CrewStore, CrewTransaction, PartStream } from '#crew/store.ts'
import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import { simulatedOwnership } from './ownership-store.ts'
import { lockOn, ServerError, type ServerSession, type SimulatedServer } from './server.ts'
import {
  type Change,
  changeSlot,
  type EffectRow,
  type ExceptionRow,
  type State,
  streamKeyOf,
  subscriptionOf,
} from './state.ts'
import type { ProcessTime } from './virtual-time.ts'

/** `CrewStore` in memory: the statements of one process's runner of one subscription. */
export interface SimulatedCrewOptions {
  readonly server: SimulatedServer
  readonly process: ProcessTime
  readonly subscription: string
  /** Of transactions; the lease's life, as in production. */
  readonly idleTimeoutMs: number
  /** Before the effects of a batch are written; may throw. Takes `workMs` of the server's time. */
  readonly beforeEffects: (entries: readonly LaneEntry[]) => void
  readonly workMs: () => number
}

/** What an effect transaction did, for the observers. */
export interface EffectNote {
  readonly subscription: string
  readonly slot: string
  readonly token: Uuid | undefined
}

export function simulatedCrewStore(options: SimulatedCrewOptions): CrewStore {
  const { server, process } = options
  return {
    ownership: simulatedOwnership(options),
    async connect(onEnd) {
      const session = await server.connect(process, `worker ${options.subscription}`)
      session.onEnd = onEnd
      return connectionOn(session, options)
    },
  }
}

function connectionOn(session: ServerSession, options: SimulatedCrewOptions): CrewConnection {
  const { server, subscription, idleTimeoutMs } = options
  const ask = <Answer>(name: string, words: readonly unknown[], select: (state: State) => Answer): Promise<Answer> =>
    session.call(name, words, () => select(server.state))
  return {
    positions: (grants) => ask('positions', [grants], (state) => positionsOf(state, subscription, grants)),
    skips: () => ask('skips', [], () => new Map()),
    dueExceptions: (parts, states, max) =>
      ask('dueExceptions', [parts, states, max], (state) => {
        const all = [...subscriptionOf(state, subscription).exceptions.values()]
        const due = all.filter((row) => {
          return parts.includes(row.part) && states.includes(row.state) && row.nextAtMs <= server.nowMs()
        })
        return due
          .sort((one, other) => one.nextAtMs - other.nextAtMs)
          .slice(0, max)
          .map((row): DueException => ({ ...shown(row), awaited: row.awaited }))
      }),
    createSlots: (keys) =>
      session.call('createSlots', [keys], () => {
        session.changes.push((state) => {
          for (const { part, lane } of keys) addSlot(state, subscription, part, lane)
        })
        session.commit(true)
      }),
    async transaction(work) {
      const limits = { lockTimeoutMs: 5000, idleTimeoutMs }
      try {
        await session.call('begin', [], () => session.begin(limits))
        const value = await work(transactionOn(session, options))
        await session.call('commit', [], () => session.commit(false))
        return value
      } catch (error) {
        await session.call('rollback', [], () => session.rollback()).catch(() => undefined)
        throw error
      }
    },
    close: () => session.close(),
  }
}

export function addSlot(state: State, subscription: string, part: number, lane: number): void {
  const { slots } = subscriptionOf(state, subscription)
  if (slots.has(slotName({ part, lane }))) return
  const nobody = { owner: undefined, token: undefined, epoch: 0n }
  slots.set(slotName({ part, lane }), { part, lane, ...nobody, position: 0n, exceptions: 0 })
}

function positionsOf(state: State, subscription: string, grants: readonly SlotGrant[]): Map<string, bigint> {
  const { slots } = subscriptionOf(state, subscription)
  return new Map(
    grants.flatMap((grant): [string, bigint][] => {
      const row = slots.get(slotName(grant))
      return row !== undefined && row.token === grant.token ? [[slotName(grant), row.position]] : []
    }),
  )
}

function transactionOn(session: ServerSession, options: SimulatedCrewOptions): CrewTransaction {
  const { server, subscription: name } = options
  const change = (statement: string, words: readonly unknown[], make: () => Change[]): Promise<void> =>
    session.call(statement, words, () => {
      session.changes.push(...make())
    })
  const apply = async (entries: readonly LaneEntry[]): Promise<void> => {
    await server.time.sleep(options.workMs())
    session.check()
    options.beforeEffects(entries)
    const rows = entries.flatMap((entry) =>
      entry.events.map(({ stream, number, eventUuid }) => ({ stream, number, eventUuid })),
    )
    session.changes.push((state) => {
      for (const row of rows) addEffect(state, { subscription: name, ...row })
    })
  }
  return {
    lockSlots: (grants, byToken) =>
      session.call('lockSlots', [grants, byToken], () => lockSlots(session, name, grants, byToken)),
    findExceptions: (streams, isLocked) =>
      session.call('findExceptions', [streams, isLocked], () => exceptionsOf(server.state, name, streams)),
    setAside: (failures) =>
      change('setAside', [failures], () => failures.flatMap((one) => setAsideOne(name, one, server))),
    raiseUntil: (skipped) =>
      change('raiseUntil', [skipped], () =>
        skipped.map(({ part, stream, untilNumber }) =>
          changeException(name, part, stream, (row) => ({ untilNumber: Math.max(row.untilNumber, untilNumber) })),
        ),
      ),
    moveException: ({ part, stream }, progress) =>
      change('moveException', [{ part, stream }, progress], () => {
        const nextAtMs = server.nowMs() + progress.retryAfterMs
        const { state, nextNumber, attempts, awaited } = progress
        return [changeException(name, part, stream, () => ({ state, nextNumber, attempts, nextAtMs, awaited }))]
      }),
    endException: (exception) =>
      change('endException', [exception], () => [
        (state) => void subscriptionOf(state, name).exceptions.delete(streamKeyOf(exception.part, exception.stream)),
        countExceptions(name, slotName(exception), -1),
      ]),
    confirmSlots: (positions) =>
      change('confirmSlots', [positions], () =>
        positions.map(
          (reached): Change =>
            (state) => {
              const row = subscriptionOf(state, name).slots.get(slotName(reached))
              if (row === undefined || row.position >= reached.position) return
              changeSlot(name, slotName(reached), { position: reached.position })(state)
            },
        ),
      ),
    apply: (entries) => session.call('apply', [entries], () => applying(session, apply, entries)),
    async attempt(entries) {
      const before = session.changes.length
      try {
        await session.call('attempt', [entries], () => applying(session, apply, entries))
      } catch (error) {
        session.changes.length = Math.min(before, session.changes.length)
        throw error
      }
    },
  }
}

/** A failure of the consumer is an answer like any other: it reaches the process after the statement. */
async function applying(
  session: ServerSession,
  apply: (entries: readonly LaneEntry[]) => Promise<void>,
  entries: readonly LaneEntry[],
): Promise<void> {
  session.check()
  await apply(entries)
}

async function lockSlots(
  session: ServerSession,
  name: string,
  grants: readonly SlotGrant[],
  byToken: boolean,
): Promise<Map<string, FencedSlot>> {
  const { server } = session
  const row = (grant: SlotGrant) => {
    const found = subscriptionOf(server.state, name).slots.get(slotName(grant))
    return found !== undefined && (!byToken || found.token === grant.token) ? found : undefined
  }
  const matching = grants
    .filter((grant) => row(grant) !== undefined)
    .sort((one, other) => one.part - other.part || one.lane - other.lane)
  const locked = new Map<string, FencedSlot>()
  for (const grant of matching) {
    await session.lock(lockOn.slot(name, slotName(grant)))
    // Whoever had to wait looks at the newest version of the row.
    const found = row(grant)
    if (found === undefined) continue
    locked.set(slotName(grant), { position: found.position, exceptions: found.exceptions })
    session.notes.push({ subscription: name, slot: slotName(grant), token: grant.token } satisfies EffectNote)
  }
  return locked
}

function exceptionsOf(state: State, name: string, streams: readonly PartStream[]): StreamException[] {
  const { exceptions } = subscriptionOf(state, name)
  return streams
    .flatMap(({ part, stream }) => exceptions.get(streamKeyOf(part, stream)) ?? [])
    .sort((one, other) => one.part - other.part || (one.stream < other.stream ? -1 : 1))
    .map(shown)
}

function shown(row: ExceptionRow): StreamException {
  const { part, lane, stream, state, nextNumber, untilNumber, afterPosition, attempts } = row
  return { part, lane, stream, state, nextNumber, untilNumber, afterPosition, attempts }
}

function setAsideOne(name: string, failure: SetAside, server: SimulatedServer): Change[] {
  const { part, lane, stream, nextNumber, untilNumber, awaited, retryAfterMs } = failure
  const row: ExceptionRow = {
    part,
    lane,
    stream,
    state: awaited === undefined ? 'retry' : 'blocked',
    nextNumber,
    untilNumber,
    afterPosition: 0n,
    attempts: awaited === undefined ? 1 : 0,
    nextAtMs: server.nowMs() + retryAfterMs,
    awaited,
  }
  if (subscriptionOf(server.state, name).exceptions.has(streamKeyOf(part, stream))) {
    throw new ServerError('23505', 'duplicate key value violates unique constraint "course_exception_pkey"')
  }
  return [
    (state) => void subscriptionOf(state, name).exceptions.set(streamKeyOf(part, stream), row),
    countExceptions(name, slotName(failure), 1),
  ]
}

function changeException(
  name: string,
  part: number,
  stream: Uuid,
  change: (row: ExceptionRow) => Partial<ExceptionRow>,
): Change {
  return (state) => {
    const { exceptions } = subscriptionOf(state, name)
    const row = exceptions.get(streamKeyOf(part, stream))
    if (row !== undefined) exceptions.set(streamKeyOf(part, stream), { ...row, ...change(row) })
  }
}

export function countExceptions(name: string, slot: string, change: number): Change {
  return (state) => {
    const row = subscriptionOf(state, name).slots.get(slot)
    if (row !== undefined) changeSlot(name, slot, { exceptions: row.exceptions + change })(state)
  }
}

function addEffect(state: State, row: EffectRow): void {
  const { effects } = subscriptionOf(state, row.subscription)
  const known = effects.get(row.stream)
  if (known === undefined) effects.set(row.stream, [row])
  else known.push(row)
}
