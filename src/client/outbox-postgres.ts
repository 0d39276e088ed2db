import {
  bundleByStream,
  freeze,
  type Incident,
  isOutboxEndpoint,
  type Outbox,
  type OutboxEntry,
  type OutboxStore,
  type StreamBacklog,
  type StreamBundle,
  streamOrderError,
  withNumber,
} from './outbox.ts'

/**
 * The outbox as two tables in the producer's own PostgreSQL. `enqueue` runs on the connection of the producer's
 * transaction: the row lock on the stream, taken by the numbering statement and held to commit, makes numbers gapless
 * and in commit order; a rollback takes the numbers back with it.
 *
 * Works with `pg` (Pool, Client) and everything else that has its `query(text, values)`; this module imports no driver.
 */
export interface Queryable {
  query(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
}

/** For the producer's migrations. May be run again. */
export const outboxSchema = `
create table if not exists biglearn_outbox_stream (
  stream uuid primary key,
  kind text not null check (kind in ('course', 'ecosystem')),
  next_number integer not null
);
create table if not exists biglearn_outbox (
  outbox_id bigint generated always as identity primary key,
  stream uuid not null references biglearn_outbox_stream,
  sequence_number integer not null,
  endpoint text not null,
  event_uuid uuid not null,
  -- text, not jsonb: what travels must stay byte for byte the same
  payload text not null,
  state text not null check (state in ('waiting', 'sent', 'refused', 'abandoned')),
  incident jsonb,
  committed_at timestamptz not null default transaction_timestamp(),
  sent_at timestamptz,
  unique (stream, sequence_number),
  unique (stream, event_uuid)
);
create index if not exists biglearn_outbox_waiting on biglearn_outbox (outbox_id) where state = 'waiting';
create index if not exists biglearn_outbox_refused on biglearn_outbox (stream) where state = 'refused';
create index if not exists biglearn_outbox_sent on biglearn_outbox (sent_at) where state = 'sent';
`

const entryColumns = `
  outbox.outbox_id::text as id, kind, outbox.stream, sequence_number, endpoint, event_uuid, payload, state, incident`

export function createPostgresOutbox(database: Queryable): Outbox<Queryable> & OutboxStore {
  return {
    async enqueue(transaction, events) {
      for (const bundle of bundleByStream(events)) {
        const firstNumber = await takeNumbers(transaction, bundle)
        await insertEntries(transaction, bundle, firstNumber)
      }
    },
    ...sendingStatements(database),
    ...healthStatements(database),
    ...repairStatements(database),
  }
}

/** Locks the stream until the producer's transaction ends. */
async function takeNumbers(transaction: Queryable, bundle: StreamBundle): Promise<number> {
  const create = `
    insert into biglearn_outbox_stream (stream, kind, next_number)
    values ($1, $2, $3)
    on conflict (stream) do nothing
    returning 0 as first_number`
  const advance = `
    update biglearn_outbox_stream
    set next_number = next_number + $3
    where stream = $1
      and kind = $2
    returning next_number - $3 as first_number`
  const values = [bundle.stream, bundle.kind, bundle.events.length]
  const { rows } = await transaction.query(bundle.isCreation ? create : advance, values)
  const [row] = rows as { first_number: number }[]
  if (row === undefined) throw streamOrderError(bundle.stream, bundle.isCreation)
  return row.first_number
}

async function insertEntries(transaction: Queryable, bundle: StreamBundle, firstNumber: number): Promise<void> {
  const entries = bundle.events.map((event, index) => freeze(bundle, event, firstNumber + index))
  await transaction.query(
    `insert into biglearn_outbox (stream, sequence_number, endpoint, event_uuid, payload, state)
    select $1, sequence_number, endpoint, event_uuid, payload, 'waiting'
    from unnest($2::integer[], $3::text[], $4::uuid[], $5::text[])
      as entry (sequence_number, endpoint, event_uuid, payload)
    order by sequence_number`,
    [
      bundle.stream,
      entries.map((entry) => entry.number),
      entries.map((entry) => entry.endpoint),
      entries.map((entry) => entry.eventUuid),
      entries.map((entry) => entry.payload),
    ],
  )
}

type SendingStatements = Pick<OutboxStore, 'readWaiting' | 'markSent' | 'refuse' | 'find' | 'forgetSent'>

function sendingStatements(database: Queryable): SendingStatements {
  return {
    async readWaiting({ entriesMax, exceptStreams }) {
      // Within a stream, ids ascend with the numbers: both are given under the lock of the stream.
      const { rows } = await database.query(
        `select ${entryColumns}
        from biglearn_outbox as outbox
        join biglearn_outbox_stream using (stream)
        where state = 'waiting'
          and stream <> all ($2::uuid[])
          and not exists (
            select from biglearn_outbox as refused
            where refused.stream = outbox.stream
              and refused.state = 'refused'
          )
        order by outbox_id
        limit $1`,
        [entriesMax, exceptStreams],
      )
      return rows.map(toEntry)
    },
    async markSent(ids) {
      await database.query(
        `update biglearn_outbox
        set state = 'sent', sent_at = clock_timestamp(), incident = null
        where outbox_id = any ($1::bigint[])`,
        [ids],
      )
    },
    async refuse(id, incident) {
      await database.query(`update biglearn_outbox set state = 'refused', incident = $2 where outbox_id = $1`, [
        id,
        JSON.stringify(incident),
      ])
    },
    async find(stream, eventUuid) {
      const { rows } = await database.query(
        `select ${entryColumns}
        from biglearn_outbox as outbox
        join biglearn_outbox_stream using (stream)
        where stream = $1
          and event_uuid = $2`,
        [stream, eventUuid],
      )
      return rows.map(toEntry)[0]
    },
    async forgetSent(before) {
      const { rowCount } = await database.query(
        `delete from biglearn_outbox
        where state = 'sent'
          and sent_at < $1`,
        [before],
      )
      return rowCount ?? 0
    },
  }
}

type HealthStatements = Pick<OutboxStore, 'health' | 'readBacklog'>

function healthStatements(database: Queryable): HealthStatements {
  return {
    async health() {
      const { rows } = await database.query(
        `select
          count(*) filter (where state = 'waiting') as waiting,
          count(*) filter (where state = 'refused') as refused,
          min(committed_at) filter (where state = 'waiting') as oldest
        from biglearn_outbox
        where state in ('waiting', 'refused')`,
      )
      const [row] = rows as [{ waiting: string; refused: string; oldest: Date | null }]
      return { waiting: Number(row.waiting), refused: Number(row.refused), oldestWaitingAt: row.oldest ?? undefined }
    },
    async readBacklog(streamsMax) {
      const { rows } = await database.query(
        `select
          kind,
          stream,
          count(*)::integer as waiting,
          min(committed_at) as "oldestWaitingAt",
          exists (
            select from biglearn_outbox as refused
            where refused.stream = outbox.stream
              and refused.state = 'refused'
          ) as "isStopped"
        from biglearn_outbox as outbox
        join biglearn_outbox_stream using (stream)
        where state = 'waiting'
        group by kind, stream
        order by min(committed_at)
        limit $1`,
        [streamsMax],
      )
      return rows as StreamBacklog[]
    },
  }
}

type RepairStatements = Omit<OutboxStore, keyof SendingStatements | keyof HealthStatements>

function repairStatements(database: Queryable): RepairStatements {
  return {
    async readRefused(entriesMax) {
      const { rows } = await database.query(
        `select ${entryColumns}
        from biglearn_outbox as outbox
        join biglearn_outbox_stream using (stream)
        where state = 'refused'
        order by outbox_id
        limit $1`,
        [entriesMax],
      )
      return rows.map((row) => ({ entry: toEntry(row), incident: (row as EntryRow).incident! }))
    },
    async resend(ids) {
      await database.query(`update biglearn_outbox set state = 'waiting' where outbox_id = any ($1::bigint[])`, [ids])
    },
    async abandon(id) {
      await database.query(`update biglearn_outbox set state = 'abandoned' where outbox_id = $1`, [id])
    },
    async renumber(id) {
      return await renumber(database, id)
    },
    async readStreams({ after, streamsMax }) {
      const { rows } = await database.query(
        `select kind, stream, next_number as "nextNumber"
        from biglearn_outbox_stream
        where stream > coalesce($1, '00000000-0000-0000-0000-000000000000')::uuid
        order by stream
        limit $2`,
        [after, streamsMax],
      )
      return rows as Awaited<ReturnType<OutboxStore['readStreams']>>
    },
    async readNumbers({ stream, from, to }) {
      const { rows } = await database.query(
        `select ${entryColumns}, sent_at
        from biglearn_outbox as outbox
        join biglearn_outbox_stream using (stream)
        where stream = $1
          and sequence_number between $2 and $3
        order by sequence_number`,
        [stream, from, to],
      )
      return rows.map((row) => ({
        entry: toEntry(row),
        sentAt: (row as { sent_at: Date | null }).sent_at ?? undefined,
      }))
    },
    async raiseNextNumber(stream, nextNumber) {
      await database.query(
        `update biglearn_outbox_stream
        set next_number = greatest(next_number, $2)
        where stream = $1`,
        [stream, nextNumber],
      )
    },
  }
}

/**
 * Reads, then writes on the condition that nothing has changed: two people may decide about one incident at a time.
 * The number is taken in the statement that uses it, and the new id puts the entry behind everything it now follows.
 */
async function renumber(database: Queryable, id: string): Promise<OutboxEntry> {
  const found = await database.query(
    `select ${entryColumns}, next_number
    from biglearn_outbox as outbox
    join biglearn_outbox_stream using (stream)
    where outbox_id = $1
      and state = 'refused'`,
    [id],
  )
  const [row] = found.rows as (EntryRow & { next_number: number })[]
  if (row === undefined) throw new Error(`only a refused entry can be renumbered, ${id} is none`)
  const { rows } = await database.query(
    `with taken as (
      update biglearn_outbox_stream
      set next_number = next_number + 1
      where stream = $2
        and next_number = $3
        and exists (select from biglearn_outbox where outbox_id = $1 and state = 'refused')
      returning kind
    )
    update biglearn_outbox as outbox
    set outbox_id = default, sequence_number = $3, payload = $4, state = 'waiting', incident = null
    from taken
    where outbox.outbox_id = $1
      and outbox.state = 'refused'
    returning ${entryColumns}`,
    [id, row.stream, row.next_number, withNumber(row.payload, row.next_number)],
  )
  // Somebody else took the number in between: look again.
  return rows.length === 1 ? toEntry(rows[0]) : await renumber(database, id)
}

interface EntryRow {
  readonly id: string
  readonly kind: 'course' | 'ecosystem'
  readonly stream: string
  readonly sequence_number: number
  readonly endpoint: string
  readonly event_uuid: string
  readonly payload: string
  readonly state: OutboxEntry['state']
  readonly incident: Incident | null
}

function toEntry(value: unknown): OutboxEntry {
  const row = value as EntryRow
  if (!isOutboxEndpoint(row.endpoint)) throw new Error(`the outbox has an entry for the unknown ${row.endpoint}`)
  return {
    id: row.id,
    kind: row.kind,
    stream: row.stream,
    number: row.sequence_number,
    endpoint: row.endpoint,
    eventUuid: row.event_uuid,
    payload: row.payload,
    state: row.state,
  }
}
