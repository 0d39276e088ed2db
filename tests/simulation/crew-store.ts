import type { DueException } from '#crew/exceptions.ts'
import type { FencedSlot, LaneSlot } from '#crew/fence.ts'
import { type SlotKey, slotName } from '#crew/ownership.ts'
import type { SlotGrant } from '#crew/slots.ts'
import type { CrewConnection, CrewStore, CrewTransaction } from '#crew/store.ts'
import { slotOfShare } from '#crew/sub-streams.ts'
import { studentOf } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import { exceptionStatements, isHandedOver, postpone, shown, slotsOfLane } from './exception-rules.ts'
import { simulatedOwnership } from './ownership-store.ts'
import { lockOn, type ServerSession, type SimulatedServer } from './server.ts'
import { type Change, changeSlot, type EffectRow, type SlotRow, type State, subscriptionOf } from './state.ts'
import type { ProcessTime } from './virtual-time.ts'

/** `CrewStore` in memory: the statements of one process's runner of one subscription. */
export interface SimulatedCrewOptions {
  readonly server: SimulatedServer
  readonly process: ProcessTime
  readonly subscription: string
  /** Of transactions; the lease's life, as in production. */
  readonly idleTimeoutMs: number
  /** Before the effects of a batch are written; may throw. */
  readonly beforeEffects: (entries: readonly LaneEntry[]) => void
  /** How long they take. */
  readonly workMs: () => number
}

/** What an effect transaction holds, for the observers. */
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
    dueExceptions: (slots, states, max) =>
      ask('dueExceptions', [slots.map(({ part, lane }) => ({ part, lane })), states, max], (state) => {
        const asked = new Set(slots.map(slotName))
        const all = [...subscriptionOf(state, subscription).exceptions.values()]
        const due = all.filter((row) => {
          const isAsked = asked.has(slotName(row)) && states.includes(row.state)
          return isAsked && row.nextAtMs <= server.nowMs() && isHandedOver(state, subscription, row)
        })
        return due
          .sort((one, other) => one.nextAtMs - other.nextAtMs)
          .slice(0, max)
          .map((row): DueException => ({ ...shown(row), awaited: row.awaited }))
      }),
    postpone: (streams, pauseMs) =>
      session.call('postpone', [streams.map(({ part, stream }) => ({ part, stream })), pauseMs], () => {
        const nextAtMs = server.nowMs() + pauseMs
        session.changes.push(...streams.map(({ part, stream }) => postpone(subscription, part, stream, nextAtMs)))
        session.commit(true)
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

/** With the shared lane of each part. */
export function addSubscription(state: State, name: string, parts: number): void {
  const nothing = { slots: new Map(), members: new Map(), exceptions: new Map(), effects: new Map() }
  state.subscriptions.set(name, { isPaused: false, ...nothing })
  for (let part = 0; part < parts; part += 1) addSlot(state, name, part, 0)
}

export function addSlot(state: State, subscription: string, part: number, lane: number): void {
  const { slots } = subscriptionOf(state, subscription)
  if (slots.has(slotName({ part, lane }))) return
  const nobody = { owner: undefined, token: undefined, epoch: 0n }
  slots.set(slotName({ part, lane }), { part, lane, ...nobody, position: 0n, exceptions: 0, shares: 1 })
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
  const apply = async (entries: readonly LaneEntry[]): Promise<void> => {
    await server.time.sleep(options.workMs())
    session.check()
    options.beforeEffects(entries)
    for (const { events } of entries) {
      for (const event of events) {
        const { stream, number, eventUuid, type } = event
        const student = studentOf(event)
        session.changes.push(addEffect({ subscription: name, stream, number, eventUuid, type, student }))
      }
    }
  }
  return {
    ...exceptionStatements(session, name),
    lockSlots: (grants, byToken) =>
      session.call('lockSlots', [grants, byToken], () => lockSlots(session, name, grants, byToken)),
    lockLane: (slot) => session.call('lockLane', [slot], () => lockLane(session, name, slot)),
    resizeLane: (slots, shares) =>
      session.call('resizeLane', [slots, shares], () => {
        session.changes.push(resizeLane(name, slots, shares))
      }),
    lanePositions: (parts) =>
      session.call('lanePositions', [parts], () => {
        const rows = [...subscriptionOf(session.view(), name).slots.values()]
        const asked = rows.filter((row) => parts.includes(row.part))
        return new Map(asked.map((row) => [slotName(row), row.position]))
      }),
    confirmSlots: (positions) =>
      session.call('confirmSlots', [positions], () => {
        for (const { part, lane, position } of positions) session.changes.push(confirm(name, { part, lane, position }))
      }),
    apply: (entries) => session.call('apply', [entries], () => apply(entries)),
    async attempt(entries) {
      const before = session.changes.length
      try {
        await session.call('attempt', [entries], () => apply(entries))
      } catch (error) {
        session.changes.length = Math.min(before, session.changes.length)
        throw error
      }
    },
  }
}

async function lockSlots(
  session: ServerSession,
  name: string,
  grants: readonly SlotGrant[],
  byToken: boolean,
): Promise<Map<string, FencedSlot>> {
  const { server } = session
  const rowOf = (grant: SlotGrant): SlotRow | undefined => {
    const found = subscriptionOf(server.state, name).slots.get(slotName(grant))
    return found !== undefined && (!byToken || found.token === grant.token) ? found : undefined
  }
  const matching = grants
    .filter((grant) => rowOf(grant) !== undefined)
    .sort((one, other) => one.part - other.part || one.lane - other.lane)
  const held: SlotRow[] = []
  for (const grant of matching) {
    await session.lock(lockOn.slot(name, slotName(grant)))
    // Whoever had to wait looks at the newest version of the row.
    const found = rowOf(grant)
    if (found === undefined) continue
    held.push(found)
    session.notes.push({ subscription: name, slot: slotName(grant), token: grant.token } satisfies EffectNote)
  }
  // A statement of its own: one that waited for a lock sees other rows as they were before it waited.
  await session.step()
  const slots = [...subscriptionOf(session.view(), name).slots.values()]
  const exceptionsOf = (part: number): number =>
    slots.filter((slot) => slot.part === part).reduce((sum, slot) => sum + slot.exceptions, 0)
  return new Map(held.map((slot) => [slotName(slot), { position: slot.position, exceptions: exceptionsOf(slot.part) }]))
}

/** One after the other, and only those that were there when it began. */
async function lockLane(session: ServerSession, name: string, slot: SlotKey): Promise<LaneSlot[]> {
  const { server } = session
  const locked: LaneSlot[] = []
  for (const { part, lane } of slotsOfLane(server.state, name, slot)) {
    await session.lock(lockOn.slot(name, slotName({ part, lane })))
    const row = subscriptionOf(server.state, name).slots.get(slotName({ part, lane }))
    if (row === undefined) continue
    const { token = null, epoch, position, shares } = row
    locked.push({ part, lane, token, epoch, position, shares })
  }
  return locked
}

function resizeLane(name: string, locked: readonly LaneSlot[], shares: number): Change {
  return (state) => {
    const [first] = locked
    if (first === undefined) return
    const { slots } = subscriptionOf(state, name)
    const { part, position } = first
    const epoch = locked.reduce((highest, slot) => (slot.epoch > highest ? slot.epoch : highest), 0n) + 1n
    const before = slotsOfLane(state, name, first)
    for (const slot of before) slots.delete(slotName(slot))
    for (let share = 0; share < shares; share += 1) {
      const key = slotOfShare(first, share)
      const known = before.find(({ lane }) => lane === key.lane) ?? { part, lane: key.lane, position, exceptions: 0 }
      slots.set(slotName(key), { ...known, owner: undefined, token: undefined, epoch, shares })
    }
  }
}

function confirm(name: string, reached: Pick<SlotRow, 'part' | 'lane' | 'position'>): Change {
  return (state) => {
    const row = subscriptionOf(state, name).slots.get(slotName(reached))
    if (row === undefined || row.position >= reached.position) return
    changeSlot(name, slotName(reached), { position: reached.position })(state)
  }
}

function addEffect(row: EffectRow): Change {
  return (state) => {
    const { effects } = subscriptionOf(state, row.subscription)
    const known = effects.get(row.stream)
    if (known === undefined) effects.set(row.stream, [row])
    else known.push(row)
  }
}
