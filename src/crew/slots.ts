import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partsDefault } from '#domain/parts.ts'
import { ConfigurationError } from '#platform/config.ts'
import { type SlotKey, type SlotOwnership, slotName, slotNamed } from './ownership.ts'
import { runTransactionOn, type TransactionLimits } from './transaction.ts'

/*
 * The SQL of membership and ownership. Every statement is a compare-and-set or an insert that may lose quietly; none
 * waits longer than 100 ms for a lock, and what it could not get is tried again at the next tick (streams.md §4.5).
 */

/** A slot owned by this process: the proof of ownership and where to go on. */
export interface SlotGrant extends SlotKey {
  readonly token: Uuid
  readonly epoch: bigint
  readonly position: bigint
  /** Slots of its lane (sub-streams.ts); a change of their number takes the slot from its owner. */
  readonly shares: number
}

export interface MembershipView {
  /** False after an operator deleted the subscription. */
  readonly exists: boolean
  readonly isPaused: boolean
  readonly live: readonly Uuid[]
}

/** What a member needs from the place where leases and slots are kept. */
export interface OwnershipStore {
  /** Renews the lease and says who else is alive. */
  beat(member: Uuid, ttlMs: number): Promise<MembershipView>
  slots(): Promise<SlotOwnership[]>
  /** Takes what is still as it was seen; returns what was granted. */
  acquire(member: Uuid, seen: readonly SlotOwnership[]): Promise<SlotGrant[]>
  /** Gives back what is still held under these tokens; returns what was released or had been lost already. */
  release(grants: readonly SlotGrant[]): Promise<SlotGrant[]>
  leave(member: Uuid): Promise<void>
}

const lockTimeout = '55P03'
const ownershipLimits: TransactionLimits = { lockTimeoutMs: 100, idleTimeoutMs: 5000, totalTimeoutMs: undefined }
/** Slots found locked in one tick before the rest is left for the next one: bounds a tick at about half a second. */
const lockTimeoutsMax = 3

export interface OwnershipStoreOptions {
  readonly pool: pg.Pool
  readonly subscription: string
  readonly build: string
}

export function createOwnershipStore(options: OwnershipStoreOptions): OwnershipStore {
  const { pool, subscription } = options
  return {
    beat: (member, ttlMs) => beat(options, member, ttlMs),
    slots: () => readOwnership(pool, subscription),
    acquire: (member, seen) => inBulkOrSingly(seen, (some) => acquireSlots(pool, subscription, member, some)),
    release: (grants) => inBulkOrSingly(grants, (some) => releaseSlots(pool, subscription, some)),
    leave: async (member) => {
      await pool.query(
        `update member
            set state = 'stopping', lease_until = now()
          where subscription = $1 and member = $2`,
        [subscription, member],
      )
    },
  }
}

async function beat(options: OwnershipStoreOptions, member: Uuid, ttlMs: number): Promise<MembershipView> {
  const { pool, subscription, build } = options
  await pool.query(
    `insert into member (subscription, member, state, lease_until, build)
     select name, $2, 'working', now() + $3 * interval '1 millisecond', $4
       from subscription
      where name = $1
     on conflict (subscription, member)
     do update set lease_until = excluded.lease_until, state = excluded.state`,
    [subscription, member, ttlMs, build],
  )
  const view = await pool.query<{ is_paused: boolean; live: string[] }>(
    `select is_paused,
            array(select member from member
                   where subscription = $1 and lease_until >= now() and state = 'working'
                   order by member) as live
       from subscription
      where name = $1`,
    [subscription],
  )
  const row = view.rows[0]
  if (row === undefined) return { exists: false, isPaused: true, live: [] }
  return { exists: true, isPaused: row.is_paused, live: row.live.map(toUuid) }
}

/** Rows of members that are long gone; kept for a day because deployments look at builds of the last minutes. */
export async function forgetDeadMembers(pool: pg.Pool): Promise<void> {
  await pool.query(`delete from member where lease_until < now() - interval '1 day'`)
}

async function readOwnership(pool: pg.Pool, subscription: string): Promise<SlotOwnership[]> {
  const found = await pool.query<{ part: number; lane: number; owner: string | null; epoch: bigint }>(
    `select part, lane, owner, epoch
       from slot
      where subscription = $1
      order by part, lane`,
    [subscription],
  )
  return found.rows.map((row) => ({ ...row, owner: row.owner === null ? undefined : toUuid(row.owner) }))
}

/**
 * The usual case is one statement for all. When one row is locked (its owner is inside a transaction, or another member
 * takes it at this moment) the whole statement gives up; then they are tried one by one.
 */
async function inBulkOrSingly<Item extends SlotKey>(
  given: readonly Item[],
  attempt: (items: readonly Item[]) => Promise<SlotGrant[]>,
): Promise<SlotGrant[]> {
  if (given.length === 0) return []
  // As all that locks several slots.
  const items = given.toSorted((one, other) => one.part - other.part || one.lane - other.lane)
  const all = await unlessLocked(() => attempt(items))
  if (all !== undefined || items.length === 1) return all ?? []
  const done: SlotGrant[] = []
  let locked = 0
  for (const item of items) {
    if (locked >= lockTimeoutsMax) break
    const one = await unlessLocked(() => attempt([item]))
    if (one === undefined) locked += 1
    else done.push(...one)
  }
  return done
}

async function unlessLocked<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work()
  } catch (error) {
    if (isLockTimeout(error)) return undefined
    throw error
  }
}

export function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === lockTimeout
}

interface GrantRow {
  readonly part: number
  readonly lane: number
  readonly token: string
  readonly epoch: bigint
  readonly position: bigint
  readonly shares: number
}

/** Epoch and owner as seen: that the seen owner was dead, or nobody, was checked by the reader (Citus variant). */
async function acquireSlots(
  pool: pg.Pool,
  subscription: string,
  member: Uuid,
  seen: readonly SlotOwnership[],
): Promise<SlotGrant[]> {
  return runTransactionOn(pool, ownershipLimits, async (transaction) => {
    const granted = await transaction.query<GrantRow>(
      `update slot
          set owner = $2, token = wanted.token, epoch = slot.epoch + 1
         from unnest($3::smallint[], $4::int[], $5::bigint[], $6::uuid[], $7::uuid[])
              as wanted (part, lane, epoch, owner, token)
        where slot.part = wanted.part
          and slot.lane = wanted.lane
          and slot.subscription = $1
          and slot.epoch = wanted.epoch
          and slot.owner is not distinct from wanted.owner
       returning slot.part, slot.lane, slot.token, slot.epoch, slot.position, slot.shares`,
      [
        subscription,
        member,
        seen.map((slot) => slot.part),
        seen.map((slot) => slot.lane),
        seen.map((slot) => slot.epoch),
        seen.map((slot) => slot.owner ?? null),
        seen.map(() => randomUUID()),
      ],
    )
    return granted.rows.map((row) => ({ ...row, token: toUuid(row.token) }))
  })
}

async function releaseSlots(pool: pg.Pool, subscription: string, grants: readonly SlotGrant[]): Promise<SlotGrant[]> {
  await runTransactionOn(pool, ownershipLimits, (transaction) =>
    transaction.query(
      `update slot
          set owner = null, token = null
         from unnest($2::smallint[], $3::int[], $4::uuid[]) as held (part, lane, token)
        where slot.part = held.part
          and slot.lane = held.lane
          and slot.subscription = $1
          and slot.token = held.token`,
      [
        subscription,
        grants.map((grant) => grant.part),
        grants.map((grant) => grant.lane),
        grants.map((grant) => grant.token),
      ],
    ),
  )
  return [...grants]
}

export interface SubscriptionSetup {
  readonly name: string
  readonly mode: 'embedded' | 'remote'
  readonly kinds: readonly StreamKind[]
  readonly startsAt: 'beginning' | 'now'
  readonly parts?: number
  /** Remote ones only; all when absent. */
  readonly eventTypes?: readonly string[]
  /** Whose order its consumer needs; `stream` when absent. Decided once. */
  readonly orderedBy?: 'stream' | 'student'
}

/** Creates the subscription and the slots of the lanes there are; does nothing to one that exists. */
export async function registerSubscription(
  pool: pg.Pool,
  setup: SubscriptionSetup,
  heads: () => Promise<ReadonlyMap<string, bigint>>,
): Promise<void> {
  await pool.query(
    `insert into subscription (name, mode, starts_at, event_types, ordered_by)
     values ($1, $2, $3, $4, $5)
     on conflict (name) do nothing`,
    [setup.name, setup.mode, setup.startsAt, setup.eventTypes ?? null, setup.orderedBy ?? 'stream'],
  )
  await requireSame(pool, setup)
  await forgetDeadMembers(pool)
  const parts = setup.parts ?? partsDefault
  const first = setup.kinds.includes('course') ? 0 : parts
  const last = setup.kinds.includes('ecosystem') ? 2 * parts : parts
  const shared = Array.from({ length: last - first }, (_, index): SlotKey => ({ part: first + index, lane: 0 }))
  const known = await heads()
  const own = ownLanes(known).filter(({ part }) => first <= part && part < last)
  await createSlots(pool, setup.name, [...shared, ...own], setup.startsAt === 'now' ? known : new Map())
}

/** Lanes that hold, or held, one stream; keys are `part/lane`. */
export function ownLanes(heads: ReadonlyMap<string, unknown>): SlotKey[] {
  return [...heads.keys()].map(slotNamed).filter(({ lane }) => lane > 0)
}

async function requireSame(pool: pg.Pool, setup: SubscriptionSetup): Promise<void> {
  const { name, mode, orderedBy = 'stream' } = setup
  const text = `select mode, ordered_by from subscription where name = $1`
  const found = await pool.query<{ mode: string; ordered_by: string }>(text, [name])
  const [row] = found.rows
  if (row?.mode === mode && row.ordered_by === orderedBy) return
  const [is, wanted] = row?.mode === mode ? [`ordered by ${row.ordered_by}`, `by ${orderedBy}`] : [row?.mode, mode]
  throw new ConfigurationError(
    `the subscription "${name}" exists already and is ${is ?? 'deleted'}, not ${wanted}`,
    row?.mode === 'remote'
      ? `use another name, or delete it first: biglearn streams delete ${name}`
      : "use another name, this one is the server's own",
  )
}

/**
 * Slots of lanes that appeared, for every subscription that reads their part. They start at 0 whatever its policy: what
 * they hold came after it began.
 */
export async function createSlotsOfLanes(
  database: Pick<pg.ClientBase, 'query'>,
  lanes: readonly SlotKey[],
): Promise<void> {
  if (lanes.length === 0) return
  await database.query(
    `insert into slot (part, lane, subscription)
     select wanted.part, wanted.lane, shared.subscription
       from unnest($1::smallint[], $2::int[]) as wanted (part, lane)
       join slot shared
         on shared.part = wanted.part
        and shared.lane = 0
       join subscription
         on subscription.name = shared.subscription
        for key share of subscription
     on conflict (part, lane, subscription) do nothing`,
    [lanes.map(({ part }) => part), lanes.map(({ lane }) => lane)],
  )
}

/** None of a subscription that was deleted meanwhile: a runner may not know of it yet. */
export async function createSlots(
  pool: Pick<pg.ClientBase, 'query'>,
  subscription: string,
  keys: readonly SlotKey[],
  positions: ReadonlyMap<string, bigint>,
): Promise<void> {
  await pool.query(
    `insert into slot (part, lane, subscription, position)
     select wanted.part, wanted.lane, subscription.name, wanted.position
       from unnest($2::smallint[], $3::int[], $4::bigint[]) as wanted (part, lane, position)
       join subscription
         on subscription.name = $1
        for key share of subscription
     on conflict (part, lane, subscription) do nothing`,
    [
      subscription,
      keys.map((key) => key.part),
      keys.map((key) => key.lane),
      keys.map((key) => positions.get(slotName(key)) ?? 0n),
    ],
  )
}
