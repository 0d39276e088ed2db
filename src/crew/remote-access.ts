import type pg from 'pg'
import type { EventType, StreamKind } from '#domain/events.ts'
import { kindOfPart, partOf, partsDefault } from '#domain/parts.ts'
import type { Log } from '#log/log.ts'
import {
  type FetchAnswer,
  type FetchRequest,
  hasRemote,
  type RemoteSubscription,
  RemoteSubscriptions,
} from './remote.ts'
import {
  type Confirmations,
  type ConfirmOutcome,
  confirmRemote,
  extendRemote,
  type Nack,
  type NackOutcome,
  nackRemote,
  releaseRemote,
} from './remote-confirm.ts'
import type { LaneSource } from './run-options.ts'

/*
 * Everything a program may do to its remote subscription, in one port for the HTTP interface. A call that names a
 * subscription which is not remote changes nothing: a stranger must not join the crew of an embedded one.
 */
export interface RemoteAccess {
  create(subscription: RemoteSubscription): Promise<'created' | 'exists' | 'differs'>
  /** `overloaded`: as many requests wait as may. */
  fetch(request: FetchRequest): Promise<FetchAnswer | { readonly kind: 'overloaded' }>
  confirm(request: Confirmations): Promise<RemoteConfirmed | undefined>
  nack(nack: Nack): Promise<NackOutcome | 'event_unknown' | undefined>
  extend(request: Parameters<typeof extendRemote>[1]): Promise<'extended' | 'paused' | undefined>
  release(request: Parameters<typeof releaseRemote>[1]): Promise<'released' | undefined>
  /** Requests that wait are answered; later ones do not wait. */
  close(): void
}

export interface RemoteConfirmed {
  readonly batches: readonly ConfirmOutcome[]
  readonly streams: readonly ConfirmOutcome[]
}

export interface RemoteAccessOptions {
  readonly pool: pg.Pool
  readonly log: Log
  /** What fetches read; may be a little behind the log, which confirmations are compared with. */
  readonly readFrom?: LaneSource
  readonly parts?: number
  readonly waitingMax?: number
}

/** Each looks at the database once a second. */
const waitingMaxDefault = 200

/** `undefined` from any call: there is no such remote subscription. */
export function openRemoteAccess(options: RemoteAccessOptions): RemoteAccess {
  const { pool, log, parts = partsDefault, waitingMax = waitingMaxDefault } = options
  const remote = new RemoteSubscriptions({ pool, source: options.readFrom ?? log, parts })
  const context = { pool, source: log }
  let waiting = 0
  const known = async <Answer>(name: string, work: () => Promise<Answer>): Promise<Answer | undefined> =>
    (await hasRemote(pool, name)) ? work() : undefined

  return {
    async create(subscription) {
      const before = await readSettings(pool, subscription.name, parts)
      if (before !== undefined) return isSame(before, subscription) ? 'exists' : 'differs'
      await remote.create(subscription)
      const after = await readSettings(pool, subscription.name, parts)
      return after !== undefined && isSame(after, subscription) ? 'created' : 'differs'
    },
    async fetch(request) {
      if (request.waitMs > 0 && waiting >= waitingMax) return { kind: 'overloaded' }
      waiting += 1
      try {
        return await remote.fetch(request)
      } finally {
        waiting -= 1
      }
    },
    confirm: (request) => known(request.subscription, () => confirmRemote(context, request)),
    nack: (nack) =>
      known(nack.subscription, async () => {
        return (await isReadable(log, nack, parts)) ? nackRemote(context, nack) : 'event_unknown'
      }),
    async extend(request) {
      const answer = await known(request.subscription, () => extendRemote(context, request))
      return answer === 'unknown_subscription' ? undefined : answer
    },
    release: (request) =>
      known(request.subscription, async () => {
        await releaseRemote(context, request)
        return 'released' as const
      }),
    close: () => remote.close(),
  }
}

/** A stream set aside at a number that nobody has would wait for ever. */
async function isReadable(log: Log, { part, stream, number }: Nack, parts: number): Promise<boolean> {
  const kind = kindOfPart(part, parts)
  if (partOf(kind, stream, parts) !== part) return false
  const [status] = await log.statuses([{ kind, stream }], 0)
  return number < (status?.contiguousSequenceNumber ?? 0)
}

interface Settings {
  readonly mode: string
  readonly startsAt: string
  readonly kinds: readonly StreamKind[]
  readonly eventTypes: readonly string[] | undefined
}

async function readSettings(pool: pg.Pool, name: string, parts: number): Promise<Settings | undefined> {
  const found = await pool.query<{
    mode: string
    starts_at: string
    event_types: string[] | null
    has_courses: boolean
    has_ecosystems: boolean
  }>(
    `select mode, starts_at, event_types,
            exists (select from slot where subscription = $1 and part < $2) as has_courses,
            exists (select from slot where subscription = $1 and part >= $2) as has_ecosystems
       from subscription
      where name = $1`,
    [name, parts],
  )
  const row = found.rows[0]
  // Without slots its creation was cut off: it is done again.
  if (row === undefined || (row.mode === 'remote' && !row.has_courses && !row.has_ecosystems)) return undefined
  return {
    mode: row.mode,
    startsAt: row.starts_at,
    kinds: [...(row.has_courses ? (['course'] as const) : []), ...(row.has_ecosystems ? (['ecosystem'] as const) : [])],
    eventTypes: row.event_types ?? undefined,
  }
}

function isSame(settings: Settings, { startsAt, kinds, eventTypes }: RemoteSubscription): boolean {
  const text = (types: readonly (EventType | string)[] | undefined): string => types?.toSorted().join(' ') ?? 'all'
  return (
    settings.mode === 'remote' &&
    settings.startsAt === startsAt &&
    text(settings.kinds) === text([...new Set(kinds)]) &&
    text(settings.eventTypes) === text(eventTypes)
  )
}
