import type pg from 'pg'
import type { LaneCursor, Log } from '#log/log.ts'
import { inTransaction } from '#platform/postgres.ts'
import { audit, type Deed, type Positions } from './control.ts'
import { slotName, slotNamed } from './ownership.ts'

/** The subscriptions that exist, and where in the lanes a moment in time is. */
export interface KnownSubscription {
  readonly name: string
  readonly mode: 'embedded' | 'remote'
  readonly isPaused: boolean
  readonly eventTypes: readonly string[] | undefined
  readonly createdAt: Date
  readonly members: readonly KnownMember[]
}

export interface KnownMember {
  readonly member: string
  readonly isLive: boolean
  readonly build: string
  readonly startedAt: Date
  readonly slots: number
}

export async function listSubscriptions(pool: pg.Pool): Promise<KnownSubscription[]> {
  const found = await pool.query<{
    name: string
    mode: KnownSubscription['mode']
    is_paused: boolean
    event_types: string[] | null
    created_at: Date
  }>(`select name, mode, is_paused, event_types, created_at from subscription order by name`)
  const members = await pool.query<{
    subscription: string
    member: string
    is_live: boolean
    build: string
    started_at: Date
    slots: number
  }>(
    `select member.subscription, member.member, member.build, member.started_at,
            member.lease_until >= now() and member.state = 'working' as is_live,
            (select count(*)::int
               from slot
              where slot.subscription = member.subscription
                and slot.owner = member.member) as slots
       from member
      order by member.subscription, member.started_at, member.member`,
  )
  return found.rows.map((row) => ({
    name: row.name,
    mode: row.mode,
    isPaused: row.is_paused,
    eventTypes: row.event_types ?? undefined,
    createdAt: row.created_at,
    members: members.rows
      .filter((member) => member.subscription === row.name)
      .map(({ member, is_live, build, started_at, slots }) => {
        return { member, isLive: is_live, build, startedAt: started_at, slots }
      }),
  }))
}

/** Its slots, members and set-aside streams go with it; what it wrote stays, and so do skips and the audit. */
export function deleteSubscription(pool: pg.Pool, deed: Deed): Promise<boolean> {
  return inTransaction(pool, async (transaction) => {
    // Nobody makes slots of it from here on (`createSlots`).
    await transaction.query('select from subscription where name = $1 for update', [deed.subscription])
    // Waits for transactions that hold a slot; those that come after find no row.
    await transaction.query(
      `select part
         from slot
        where subscription = $1
        order by part, lane
          for update`,
      [deed.subscription],
    )
    await transaction.query('delete from course_exception where subscription = $1', [deed.subscription])
    await transaction.query('delete from slot where subscription = $1', [deed.subscription])
    await transaction.query('delete from member where subscription = $1', [deed.subscription])
    const deleted = await transaction.query('delete from subscription where name = $1', [deed.subscription])
    if (deleted.rowCount === 0) return false
    await audit(transaction, deed, 'delete', {})
    return true
  })
}

/**
 * For each lane, the position of the last entry that became readable before `at`: where a replay from a moment begins.
 * Halves all lanes at once, one round trip a step. Entries of transactions that overlapped may be out of order by as
 * much as these took, so a replay that must not miss anything begins some seconds earlier.
 */
export async function positionsAt(source: Pick<Log, 'laneHeads' | 'readLanes'>, at: Date): Promise<Positions> {
  const heads = await source.laneHeads()
  const bounds = new Map([...heads].map(([name, head]) => [name, { low: 0n, high: head }]))
  for (;;) {
    const cursors = [...bounds].flatMap(([name, { low, high }]): LaneCursor[] => {
      return low < high ? [{ ...slotNamed(name), after: (low + high) / 2n }] : []
    })
    if (cursors.length === 0) break
    const entries = await source.readLanes(cursors, 1)
    for (const entry of entries) {
      const bound = bounds.get(slotName(entry))
      const recordedAt = entry.events[0]?.recordedAt
      if (bound === undefined || recordedAt === undefined) continue
      if (recordedAt < at) bound.low = entry.position
      else bound.high = entry.position - 1n
    }
    // Heads only grow and entries stay: fewer answers mean a reader behind the writer.
    if (entries.length < cursors.length) throw new Error('a lane is shorter than its head')
  }
  return new Map([...bounds].map(([name, { low }]) => [name, low]))
}
