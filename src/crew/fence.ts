import type pg from 'pg'
import { laneOf, type SlotKey, slotName } from './ownership.ts'
import type { SlotGrant } from './slots.ts'
import { slotOfShare } from './sub-streams.ts'

/*
 * The proof of ownership. The first statement of each effect transaction locks the slot rows by their tokens and the
 * locks live to the commit: a take-over waits for the effects, or came first and then no row is found (streams.md
 * §4.5).
 */
export interface FencedSlot {
  /** The confirmed position. It differs from the caller's when the outcome of an earlier commit was unknown. */
  readonly position: bigint
  /** Streams that are set aside in any lane of the part: one that changed lanes is passed over in all of them. */
  readonly exceptions: number
}

/** Locks in ascending order; slots that are absent from the answer are lost. `byToken`: see guards.ts. */
export async function lockSlots(
  transaction: pg.ClientBase,
  subscription: string,
  grants: readonly SlotGrant[],
  byToken = true,
): Promise<Map<string, FencedSlot>> {
  const locked = await transaction.query<SlotKey & FencedSlot & { readonly has_others: boolean }>({
    name: 'crew lock slots',
    text: `
      select slot.part, slot.lane, slot.position, slot.exceptions,
             exists (select
                       from slot other
                      where other.part = slot.part
                        and other.lane <> slot.lane
                        and other.subscription = $1) as has_others
        from unnest($2::smallint[], $3::int[], $4::uuid[]) as held (part, lane, token)
        join slot
          on slot.part = held.part
         and slot.lane = held.lane
         and slot.subscription = $1
         and (slot.token = held.token or not $5)
       order by slot.part, slot.lane
         for no key update of slot`,
    values: [
      subscription,
      grants.map((grant) => grant.part),
      grants.map((grant) => grant.lane),
      grants.map((grant) => grant.token),
      byToken,
    ],
  })
  const shared = locked.rows.filter((slot) => slot.has_others).map(({ part }) => part)
  const ofParts = await exceptionsOfParts(transaction, subscription, shared)
  return new Map(
    locked.rows.map(({ part, lane, position, exceptions }) => [
      slotName({ part, lane }),
      { position, exceptions: ofParts.get(part) ?? exceptions },
    ]),
  )
}

/** A statement of its own: one that waited for a lock sees other rows as they were before it waited. */
async function exceptionsOfParts(
  transaction: pg.ClientBase,
  subscription: string,
  parts: readonly number[],
): Promise<Map<number, number>> {
  if (parts.length === 0) return new Map()
  const found = await transaction.query<{ part: number; exceptions: number }>(
    `select part, sum(exceptions)::int as exceptions
       from slot
      where part = any($2::smallint[])
        and subscription = $1
      group by part`,
    [subscription, parts],
  )
  return new Map(found.rows.map(({ part, exceptions }) => [part, exceptions]))
}

export interface LaneSlot extends SlotKey {
  readonly token: string | null
  readonly epoch: bigint
  readonly position: bigint
  readonly shares: number
}

/** Locks all slots of a lane, whoever owns them, in ascending order; before any other slot. */
export async function lockLane(transaction: pg.ClientBase, subscription: string, slot: SlotKey): Promise<LaneSlot[]> {
  const locked = await transaction.query<LaneSlot>(
    `select part, lane, token, epoch, position, shares
       from slot
      where part = $2
        and lane % 32768 = $3
        and subscription = $1
      order by lane
        for no key update`,
    [subscription, slot.part, laneOf(slot)],
  )
  return locked.rows
}

/**
 * Gives a lane of which all slots are locked another number of them, all at one position. Owners have to take theirs
 * again.
 */
export async function resizeLane(
  transaction: pg.ClientBase,
  subscription: string,
  slots: readonly LaneSlot[],
  shares: number,
): Promise<void> {
  const [first] = slots
  if (first === undefined) return
  const { part, position } = first
  const epoch = slots.reduce((highest, slot) => (slot.epoch > highest ? slot.epoch : highest), 0n) + 1n
  const lanes = Array.from({ length: shares }, (_, share) => slotOfShare(first, share).lane)
  await transaction.query(
    `delete from slot
      where part = $2
        and lane % 32768 = $3
        and subscription = $1
        and lane <> all($4::int[])`,
    [subscription, part, laneOf(first), lanes],
  )
  await transaction.query(
    `insert into slot (part, lane, subscription, epoch, position, shares)
     select $2, lane, $1, $4, $5, $6 from unnest($3::int[]) as wanted (lane)
     on conflict (part, lane, subscription)
     do update set owner = null, token = null, epoch = excluded.epoch, shares = excluded.shares`,
    [subscription, part, lanes, epoch, position, shares],
  )
}

/** Where the slots really are, by the same proof but without a lock. */
export async function readPositions(
  client: pg.ClientBase,
  subscription: string,
  grants: readonly SlotGrant[],
): Promise<Map<string, bigint>> {
  const found = await client.query<SlotKey & { position: bigint }>({
    name: 'crew positions',
    text: `
      select slot.part, slot.lane, slot.position
        from unnest($2::smallint[], $3::int[], $4::uuid[]) as held (part, lane, token)
        join slot
          on slot.part = held.part
         and slot.lane = held.lane
         and slot.subscription = $1
         and slot.token = held.token`,
    values: [
      subscription,
      grants.map((grant) => grant.part),
      grants.map((grant) => grant.lane),
      grants.map((grant) => grant.token),
    ],
  })
  return new Map(found.rows.map((row) => [slotName(row), row.position]))
}

/** Moves the positions of slots that this transaction has locked. Positions never go back here (S2). */
export async function confirmSlots(
  transaction: pg.ClientBase,
  subscription: string,
  positions: readonly (SlotKey & { readonly position: bigint })[],
): Promise<void> {
  await transaction.query({
    name: 'crew confirm slots',
    text: `
      update slot
         set position = reached.position, confirmed_at = now()
        from unnest($2::smallint[], $3::int[], $4::bigint[]) as reached (part, lane, position)
       where slot.part = reached.part
         and slot.lane = reached.lane
         and slot.subscription = $1
         and slot.position < reached.position`,
    values: [
      subscription,
      positions.map((slot) => slot.part),
      positions.map((slot) => slot.lane),
      positions.map((slot) => slot.position),
    ],
  })
}
