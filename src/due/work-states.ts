import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { Instant } from '#domain/student.ts'

/*
 * Up to which state remote algorithms have answered, and what the uuids mean that were handed out to them. All reads
 * are probes of a primary key, all writes upserts in key order, so that several pollers never wait for each other in a
 * ring.
 */
export type WorkKind = 'exercises' | 'student_clues' | 'teacher_clues' | 'trials'

export interface AnsweredState {
  readonly subject: Uuid
  /** Equal text: nothing that the work depends on has changed. */
  readonly state: string
  /** From then on the work may differ all the same. */
  readonly nextAt: Instant | undefined
}

export interface HandedOut {
  readonly calculation: Uuid
  readonly kind: Exclude<WorkKind, 'trials'>
  readonly subject: Uuid
  readonly bookContainer: Uuid | undefined
  readonly ecosystem: Uuid
  readonly position: number
}

export interface WorkStates {
  readAnswered(kind: WorkKind, algorithm: string, subjects: readonly Uuid[]): Promise<Map<Uuid, AnsweredState>>
  writeAnswered(kind: WorkKind, algorithm: string, states: readonly AnsweredState[]): Promise<void>
  /** Remembers what was handed out; saying it again does no harm. */
  writeHandedOut(items: readonly HandedOut[]): Promise<void>
  readHandedOut(calculations: readonly Uuid[]): Promise<Map<Uuid, HandedOut>>
}

export function openWorkStates(pool: pg.Pool, parts: number = partsDefault): WorkStates {
  const place = (uuid: Uuid): number => partOf('course', uuid, parts)
  return {
    readAnswered: (kind, algorithm, subjects) => readAnswered(pool, { kind, algorithm, subjects, place }),
    writeAnswered: (kind, algorithm, states) => writeAnswered(pool, { kind, algorithm, states, place }),
    writeHandedOut: (items) => writeHandedOut(pool, items, place),
    readHandedOut: (calculations) => readHandedOut(pool, calculations, place),
  }
}

type Place = (uuid: Uuid) => number

interface AnsweredQuery {
  readonly kind: WorkKind
  readonly algorithm: string
  readonly subjects: readonly Uuid[]
  readonly place: Place
}

async function readAnswered(pool: pg.Pool, query: AnsweredQuery): Promise<Map<Uuid, AnsweredState>> {
  const { kind, algorithm, subjects, place } = query
  if (subjects.length === 0) return new Map()
  const found = await pool.query<{ subject: string; state: string; next_at: Date | null }>({
    name: 'due_read_answered',
    text: `
      select stored.*
      from unnest($1::smallint[], $2::uuid[]) as asked (part, subject)
      cross join lateral (
        select subject, state, next_at
        from due_answered
        where part = asked.part
          and subject = asked.subject
          and kind = $3
          and algorithm = $4
        limit 1
      ) as stored`,
    values: [subjects.map(place), subjects, kind, algorithm],
  })
  return new Map(
    found.rows.map((row) => {
      const subject = toUuid(row.subject)
      return [subject, { subject, state: row.state, nextAt: row.next_at?.getTime() }]
    }),
  )
}

interface AnsweredWrite {
  readonly kind: WorkKind
  readonly algorithm: string
  readonly states: readonly AnsweredState[]
  readonly place: Place
}

async function writeAnswered(pool: pg.Pool, { kind, algorithm, states, place }: AnsweredWrite): Promise<void> {
  if (states.length === 0) return
  const rows = [...new Map(states.map((state) => [state.subject, state])).values()].sort(bySubject(place))
  await pool.query({
    name: 'due_write_answered',
    text: `
      insert into due_answered as stored (part, subject, kind, algorithm, state, next_at)
      select part, subject, $3, $4, state, to_timestamp(next_at / 1000)
      from unnest($1::smallint[], $2::uuid[], $5::text[], $6::float8[]) as given (part, subject, state, next_at)
      on conflict (part, subject, kind, algorithm) do update set
        state = excluded.state,
        next_at = excluded.next_at`,
    values: [
      rows.map(({ subject }) => place(subject)),
      rows.map(({ subject }) => subject),
      kind,
      algorithm,
      rows.map(({ state }) => state),
      rows.map(({ nextAt }) => nextAt ?? null),
    ],
  })
}

function bySubject(place: Place): (a: { subject: Uuid }, b: { subject: Uuid }) => number {
  return (a, b) => place(a.subject) - place(b.subject) || (a.subject < b.subject ? -1 : 1)
}

async function writeHandedOut(pool: pg.Pool, items: readonly HandedOut[], place: Place): Promise<void> {
  if (items.length === 0) return
  const rows = [...new Map(items.map((item) => [item.calculation, item])).values()]
  rows.sort((a, b) => (a.calculation < b.calculation ? -1 : 1))
  await pool.query({
    name: 'due_write_handed_out',
    // The age is renewed once a day at most: it only says when the row may be cleaned up.
    text: `
      insert into due_handed_out as stored (part, calculation, kind, subject, book_container, ecosystem, position)
      select part, calculation, kind, subject, book_container, ecosystem, position
      from unnest($1::smallint[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::uuid[], $7::int[])
        as given (part, calculation, kind, subject, book_container, ecosystem, position)
      on conflict (part, calculation) do update set
        handed_out_at = now()
      where stored.handed_out_at < now() - interval '1 day'`,
    values: [
      rows.map(({ calculation }) => place(calculation)),
      rows.map(({ calculation }) => calculation),
      rows.map(({ kind }) => kind),
      rows.map(({ subject }) => subject),
      rows.map(({ bookContainer }) => bookContainer ?? null),
      rows.map(({ ecosystem }) => ecosystem),
      rows.map(({ position }) => position),
    ],
  })
}

interface HandedOutRow {
  calculation: string
  kind: HandedOut['kind']
  subject: string
  book_container: string | null
  ecosystem: string
  position: number
}

async function readHandedOut(
  pool: pg.Pool,
  calculations: readonly Uuid[],
  place: Place,
): Promise<Map<Uuid, HandedOut>> {
  if (calculations.length === 0) return new Map()
  const distinct = [...new Set(calculations)]
  const found = await pool.query<HandedOutRow>({
    name: 'due_read_handed_out',
    text: `
      select stored.*
      from unnest($1::smallint[], $2::uuid[]) as asked (part, calculation)
      cross join lateral (
        select calculation, kind, subject, book_container, ecosystem, position
        from due_handed_out
        where part = asked.part
          and calculation = asked.calculation
        limit 1
      ) as stored`,
    values: [distinct.map(place), distinct],
  })
  return new Map(found.rows.map((row) => [toUuid(row.calculation), handedOutOf(row)]))
}

function handedOutOf(row: HandedOutRow): HandedOut {
  return {
    calculation: toUuid(row.calculation),
    kind: row.kind,
    subject: toUuid(row.subject),
    bookContainer: row.book_container === null ? undefined : toUuid(row.book_container),
    ecosystem: toUuid(row.ecosystem),
    position: row.position,
  }
}
