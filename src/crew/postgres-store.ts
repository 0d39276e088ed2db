import type pg from 'pg'
import { isPassing } from '#platform/postgres.ts'
import {
  dueExceptions,
  endException,
  findExceptions,
  keepUntil,
  moveException,
  postpone,
  raiseUntil,
  setAside,
  waitAside,
} from './exceptions.ts'
import { confirmSlots, lockLane, lockSlots, readPositions, resizeLane } from './fence.ts'
import { readLanePositions } from './hand-over.ts'
import { readSkips } from './skips.ts'
import { createOwnershipStore, createSlots } from './slots.ts'
import type { CrewConnection, CrewStore, CrewTransaction, PositionsTransaction } from './store.ts'
import type { Subscription } from './subscription.ts'
import { runTransaction, type TransactionLimits } from './transaction.ts'

/** One subscription's store on PostgreSQL: the statements, each beside what it is for. */
export interface PostgresCrew {
  readonly pool: pg.Pool
  readonly heartbeatPool: pg.Pool
  readonly subscription: Pick<Subscription, 'name' | 'apply'>
  readonly limits: TransactionLimits
  readonly build: string
}

export function postgresCrewStore(crew: PostgresCrew): CrewStore {
  const { pool, heartbeatPool, subscription, build } = crew
  return {
    ownership: createOwnershipStore({ pool: heartbeatPool, subscription: subscription.name, build }),
    async connect(onEnd) {
      const client = await pool.connect()
      client.on('error', onEnd)
      client.on('end', onEnd)
      return connectionOn(client, crew, () => {
        client.off('error', onEnd)
        client.off('end', onEnd)
        client.release(true)
      })
    },
  }
}

function connectionOn(client: pg.PoolClient, crew: PostgresCrew, close: () => void): CrewConnection {
  const { limits, subscription } = crew
  const { name } = subscription
  return {
    positions: (grants) => readPositions(client, name, grants),
    skips: () => readSkips(client, name),
    dueExceptions: (slots, states, max) => dueExceptions(client, name, slots, states, max),
    postpone: (streams, pauseMs) => postpone(client, name, streams, pauseMs),
    createSlots: (keys) => createSlots(client, name, keys, new Map()),
    transaction: (work) => runTransaction(client, limits, () => work(transactionOn(client, subscription))),
    close,
  }
}

export function positionsOn(client: pg.ClientBase, name: string): PositionsTransaction {
  return {
    lockSlots: (grants, byToken) => lockSlots(client, name, grants, byToken),
    findExceptions: (streams, isLocked) => findExceptions(client, name, streams, isLocked),
    lockLane: (slot) => lockLane(client, name, slot),
    resizeLane: (slots, shares) => resizeLane(client, name, slots, shares),
    setAside: (failures) => setAside(client, name, failures),
    keepUntil: (lane, streams, position) => keepUntil(client, name, lane, streams, position),
    waitAside: (early) => waitAside(client, name, early),
    lanePositions: (parts) => readLanePositions(client, name, parts),
    raiseUntil: (skipped) => raiseUntil(client, name, skipped),
    moveException: (exception, progress) => moveException(client, name, exception, progress),
    endException: (exception) => endException(client, name, exception),
    confirmSlots: (positions) => confirmSlots(client, name, positions),
  }
}

function transactionOn(client: pg.ClientBase, subscription: PostgresCrew['subscription']): CrewTransaction {
  return {
    ...positionsOn(client, subscription.name),
    apply: (entries) => subscription.apply(client, entries),
    async attempt(entries) {
      await client.query('savepoint attempt')
      try {
        await subscription.apply(client, entries)
      } catch (error) {
        // On a broken connection this throws, and the whole pass with it.
        if (!isPassing(error)) await client.query('rollback to savepoint attempt; release savepoint attempt')
        throw error
      }
      await client.query('release savepoint attempt')
    },
  }
}
