import type pg from 'pg'
import type { Clue } from '#domain/clue.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'

/*
 * CLUEs that remote algorithms submitted for calculations handed out to them. A result stays in use until the algorithm
 * has answered the next calculation of the same subject and book container.
 */
export type SubmittedClueKind = 'student_clues' | 'teacher_clues'

export interface SubmittedClueKey {
  readonly subject: Uuid
  readonly bookContainer: Uuid
  readonly algorithm: string
}

/** Where one CLUE at a time is in use. */
export interface SubmittedCluePlace extends SubmittedClueKey {
  readonly kind: SubmittedClueKind
}

export interface SubmittedClue extends SubmittedCluePlace {
  readonly calculation: Uuid
  /** The uuid that clients see. */
  readonly result: Uuid
  readonly clue: Clue
  readonly ecosystem: Uuid | undefined
}

export interface SubmittedClues {
  /** The results in use at these places: read before it is decided what to `put` there. */
  held(places: readonly SubmittedCluePlace[]): Promise<ReadonlySet<Uuid>>
  /**
   * One per CLUE, in order; of several for one place the last one is stored. False: the place has a result that is not
   * among `held`, so somebody else was sooner, who may know more; nothing is stored there.
   */
  put(clues: readonly SubmittedClue[], held: ReadonlySet<Uuid>): Promise<boolean[]>
  /** One answer per key, in order. */
  read(kind: SubmittedClueKind, keys: readonly SubmittedClueKey[]): Promise<(SubmittedClue | undefined)[]>
  /** All of these subjects' CLUEs by one algorithm. */
  ofSubjects(kind: SubmittedClueKind, algorithm: string, subjects: readonly Uuid[]): Promise<SubmittedClue[]>
}

export function openSubmittedClues(pool: pg.Pool, parts: number = partsDefault): SubmittedClues {
  const place = (subject: Uuid): number => partOf('course', subject, parts)
  return {
    held: (places) => held(pool, places, place),
    put: (clues, replaced) => put(pool, clues, replaced, place),
    read: (kind, keys) => read(pool, kind, keys, place),
    ofSubjects: (kind, algorithm, subjects) => ofSubjects(pool, { kind, algorithm, subjects, place }),
  }
}

type Place = (subject: Uuid) => number

interface ClueRow {
  place: number
  subject: string
  algorithm: string
  book_container: string
  calculation: string
  result: string
  minimum: number
  most_likely: number
  maximum: number
  is_real: boolean
  ecosystem: string | null
}

const columns = `subject, algorithm, book_container, calculation, result, minimum, most_likely, maximum,
  is_real, ecosystem`

function clueOf(kind: SubmittedClueKind, row: ClueRow): SubmittedClue {
  return {
    kind,
    subject: toUuid(row.subject),
    algorithm: row.algorithm,
    bookContainer: toUuid(row.book_container),
    calculation: toUuid(row.calculation),
    result: toUuid(row.result),
    clue: { minimum: row.minimum, mostLikely: row.most_likely, maximum: row.maximum, isReal: row.is_real },
    ecosystem: row.ecosystem === null ? undefined : toUuid(row.ecosystem),
  }
}

/**
 * Only an answer to the current calculation comes here, but by now another may be current and answered. Settled as that
 * is, the work would not be due again: so no row is overwritten but those that were there before the decision.
 */
const putSql = `
  insert into submitted_clue as stored (part, subject, kind, algorithm, book_container, calculation, result, minimum,
    most_likely, maximum, is_real, ecosystem)
  select part, subject, kind, algorithm, book_container, calculation, result, minimum, most_likely, maximum, is_real,
    ecosystem
  from unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::float8[],
    $9::float8[], $10::float8[], $11::boolean[], $12::uuid[])
    as given (part, subject, kind, algorithm, book_container, calculation, result, minimum, most_likely, maximum,
      is_real, ecosystem)
  on conflict (part, subject, kind, algorithm, book_container) do update set
    calculation = excluded.calculation,
    result = excluded.result,
    minimum = excluded.minimum,
    most_likely = excluded.most_likely,
    maximum = excluded.maximum,
    is_real = excluded.is_real,
    ecosystem = excluded.ecosystem,
    updated_at = now()
  where stored.result = any ($13::uuid[])
  returning result`

async function put(
  pool: pg.Pool,
  clues: readonly SubmittedClue[],
  replaced: ReadonlySet<Uuid>,
  place: Place,
): Promise<boolean[]> {
  if (clues.length === 0) return []
  const keyOf = (one: SubmittedClue): string =>
    `${one.subject} ${one.kind} ${one.algorithm.toLowerCase()} ${one.bookContainer}`
  const byKey = new Map(clues.map((one) => [keyOf(one), one]))
  const rows = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  const stored = await pool.query<{ result: string }>(putSql, [
    rows.map(({ subject }) => place(subject)),
    rows.map(({ subject }) => subject),
    rows.map(({ kind }) => kind),
    rows.map(({ algorithm }) => algorithm.toLowerCase()),
    rows.map(({ bookContainer }) => bookContainer),
    rows.map(({ calculation }) => calculation),
    rows.map(({ result }) => result),
    rows.map(({ clue }) => clue.minimum),
    rows.map(({ clue }) => clue.mostLikely),
    rows.map(({ clue }) => clue.maximum),
    rows.map(({ clue }) => clue.isReal),
    rows.map(({ ecosystem }) => ecosystem ?? null),
    [...replaced],
  ])
  const written = new Set(stored.rows.map(({ result }) => result))
  return clues.map((one) => written.has(byKey.get(keyOf(one))?.result ?? ''))
}

async function held(pool: pg.Pool, places: readonly SubmittedCluePlace[], place: Place): Promise<ReadonlySet<Uuid>> {
  const byKind = [...Map.groupBy(places, ({ kind }) => kind)]
  const found = await Promise.all(byKind.map(([kind, keys]) => read(pool, kind, keys, place)))
  return new Set(found.flat().flatMap((one) => one?.result ?? []))
}

async function read(
  pool: pg.Pool,
  kind: SubmittedClueKind,
  keys: readonly SubmittedClueKey[],
  place: Place,
): Promise<(SubmittedClue | undefined)[]> {
  if (keys.length === 0) return []
  const found = await pool.query<ClueRow>({
    name: 'due_read_clues',
    text: `
      select asked.place::int as place, stored.*
      from unnest($1::smallint[], $2::uuid[], $3::text[], $4::uuid[])
        with ordinality as asked (part, subject, algorithm, book_container, place)
      cross join lateral (
        select ${columns}
        from submitted_clue
        where part = asked.part
          and subject = asked.subject
          and kind = $5
          and algorithm = asked.algorithm
          and book_container = asked.book_container
        limit 1
      ) as stored`,
    values: [
      keys.map(({ subject }) => place(subject)),
      keys.map(({ subject }) => subject),
      keys.map(({ algorithm }) => algorithm.toLowerCase()),
      keys.map(({ bookContainer }) => bookContainer),
      kind,
    ],
  })
  const byPlace = new Map(found.rows.map((row) => [row.place, clueOf(kind, row)]))
  return keys.map((_, index) => byPlace.get(index + 1))
}

interface SubjectsQuery {
  readonly kind: SubmittedClueKind
  readonly algorithm: string
  readonly subjects: readonly Uuid[]
  readonly place: Place
}

async function ofSubjects(pool: pg.Pool, query: SubjectsQuery): Promise<SubmittedClue[]> {
  const { kind, algorithm, place } = query
  const subjects = [...new Set(query.subjects)]
  if (subjects.length === 0) return []
  const found = await pool.query<ClueRow>({
    name: 'due_clues_of_subjects',
    text: `
      select 0 as place, stored.*
      from unnest($1::smallint[], $2::uuid[]) as asked (part, subject)
      cross join lateral (
        select ${columns}
        from submitted_clue
        where part = asked.part
          and subject = asked.subject
          and kind = $3
          and algorithm = $4
        order by book_container
      ) as stored`,
    values: [subjects.map(place), subjects, kind, algorithm],
  })
  return found.rows.map((row) => clueOf(kind, row))
}
