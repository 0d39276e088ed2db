import { type SlotKey, type SlotOwnership, slotName } from '#crew/ownership.ts'
import type { MembershipView, OwnershipStore, SlotGrant } from '#crew/slots.ts'
import type { Uuid } from '#domain/ids.ts'
import type { SimulatedCrewOptions } from './crew-store.ts'
import { lockOn, ServerError, type ServerSession, sqlState } from './server.ts'
import { changeSlot, type State, subscriptionOf } from './state.ts'

/** Membership and ownership in memory, from the rules of the statements in src/crew/slots.ts. */
const lockTimeoutMs = 100
const lockTimeoutsMax = 3

export function simulatedOwnership(options: SimulatedCrewOptions): OwnershipStore {
  const { server, process, subscription: name } = options
  const once: <Answer>(
    statement: string,
    words: readonly unknown[],
    work: (session: ServerSession) => Answer | Promise<Answer>,
  ) => Promise<Answer> = (statement, words, work) => server.once(process, statement, words, work, `members ${name}`)
  return {
    beat: (member, ttlMs) =>
      once('beat', [member, ttlMs], (session) => {
        const nowMs = server.nowMs()
        const leaseUntilMs = nowMs + ttlMs
        session.changes.push((state) => {
          subscriptionOf(state, name).members.set(member, { isWorking: true, leaseUntilMs })
        })
        session.commit(true)
        return viewOf(server.state, name, nowMs)
      }),
    slots: () => once('slots', [], () => ownershipOf(server.state, name)),
    acquire: (member, seen) =>
      once('acquire', [member, seen], (session) =>
        inBulkOrSingly(session, name, seen, (some) => acquire(session, name, member, some)),
      ),
    release: (grants) =>
      once('release', [grants], (session) =>
        inBulkOrSingly(session, name, grants, (some) => release(session, name, some)),
      ),
    leave: (member) =>
      once('leave', [member], (session) => {
        const leaseUntilMs = server.nowMs()
        session.changes.push((state) => {
          subscriptionOf(state, name).members.set(member, { isWorking: false, leaseUntilMs })
        })
        session.commit(true)
      }),
  }
}

function viewOf(state: State, name: string, nowMs: number): MembershipView {
  const { isPaused, members } = subscriptionOf(state, name)
  const live = [...members].filter(([, row]) => row.isWorking && row.leaseUntilMs >= nowMs).map(([member]) => member)
  return { exists: true, isPaused, live: live.sort() }
}

function ownershipOf(state: State, name: string): SlotOwnership[] {
  return [...subscriptionOf(state, name).slots.values()]
    .map(({ part, lane, epoch, owner }) => ({ part, lane, epoch, owner }))
    .sort((one, other) => one.part - other.part || one.lane - other.lane)
}

/** All in one transaction; when a row is locked, one by one, and after three locked ones the rest is left. */
async function inBulkOrSingly<Item extends SlotKey>(
  session: ServerSession,
  name: string,
  given: readonly Item[],
  attempt: (items: readonly Item[]) => SlotGrant[],
): Promise<SlotGrant[]> {
  if (given.length === 0) return []
  const items = given.toSorted((one, other) => one.part - other.part || one.lane - other.lane)
  const locking = async (some: readonly Item[]): Promise<SlotGrant[] | undefined> => {
    try {
      for (const item of some) {
        await session.lock(lockOn.slot(name, slotName(item)), sqlState.lockTimeout, lockTimeoutMs)
      }
      const done = attempt(some)
      session.commit(false)
      return done
    } catch (error) {
      session.rollback()
      if (error instanceof ServerError && error.code === sqlState.lockTimeout) return undefined
      throw error
    }
  }
  const all = await locking(items)
  if (all !== undefined || items.length === 1) return all ?? []
  const done: SlotGrant[] = []
  let locked = 0
  for (const item of items) {
    if (locked >= lockTimeoutsMax) break
    const one = await locking([item])
    if (one === undefined) locked += 1
    else done.push(...one)
  }
  return done
}

function acquire(session: ServerSession, name: string, member: Uuid, seen: readonly SlotOwnership[]): SlotGrant[] {
  const { slots } = subscriptionOf(session.server.state, name)
  return seen.flatMap((wanted): SlotGrant[] => {
    const row = slots.get(slotName(wanted))
    if (row === undefined || row.epoch !== wanted.epoch || row.owner !== wanted.owner) return []
    const token = session.server.time.uuid()
    const epoch = row.epoch + 1n
    session.changes.push(changeSlot(name, slotName(wanted), { owner: member, token, epoch }))
    return [{ part: row.part, lane: row.lane, token, epoch, position: row.position, shares: row.shares }]
  })
}

function release(session: ServerSession, name: string, grants: readonly SlotGrant[]): SlotGrant[] {
  const { slots } = subscriptionOf(session.server.state, name)
  for (const grant of grants) {
    if (slots.get(slotName(grant))?.token !== grant.token) continue
    session.changes.push(changeSlot(name, slotName(grant), { owner: undefined, token: undefined }))
  }
  return [...grants]
}
