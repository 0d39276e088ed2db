import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import { exerciseSlices } from './exercise-slices.ts'
import type {
  ClueKey,
  ClueKind,
  ClueResult,
  CourseEcosystemUpdate,
  CoursePreparation,
  NewestPreparation,
  PickKey,
  PickKind,
  PickResult,
  PreparationKey,
  Results,
} from './results.ts'

/*
 * Results in PostgreSQL (sql/000005_results.sql). Batches travel as one array per column. Rows of one call are sorted
 * by key, so that concurrent uploads lock them in one order; a repeated key was reduced to its last item before.
 */
export interface ResultsOptions {
  /** For every call of the HTTP interface. */
  readonly pool: pg.Pool
  /** Number of parts of this installation. */
  readonly parts: number
}

export function createStoredResults({ pool, parts }: ResultsOptions): Results {
  const place = (uuid: Uuid): number => partOf('course', uuid, parts)
  return {
    putPicks: (kind, picks) => putPicks(pool, kind, lastOfEach(picks, pickKeyText), place),
    readPicks: (kind, keys) => readPicks(pool, kind, keys, place),
    readAllPicks: (kind, subjects) => readAllPicks(pool, kind, subjects, place),
    putClues: (kind, clues) => putClues(pool, kind, lastOfEach(clues, clueKeyText), place),
    readClues: (kind, keys) => readClues(pool, kind, keys, place),
    putPreparation: (preparation) => putPreparation(pool, preparation, place),
    putEcosystemUpdates: (updates) => putEcosystemUpdates(pool, updates, place),
    readPreparations: (keys) => readPreparations(pool, keys, place),
    readNewest: (courses) => readNewest(pool, courses, place),
    markReady: (preparations) => markReady(pool, [...new Set(preparations)].sort(), place),
    readReady: (preparations) => readReady(pool, preparations, place),
  }
}

type Place = (uuid: Uuid) => number

const algorithmKey = (algorithm: string): string => algorithm.toLowerCase()
const pickKeyText = (key: PickKey): string => `${key.subject}/${algorithmKey(key.algorithm)}`
const clueKeyText = (key: ClueKey): string => `${key.subject}/${key.bookContainer}/${algorithmKey(key.algorithm)}`

function lastOfEach<Item>(items: readonly Item[], keyOf: (item: Item) => string): Item[] {
  const byKey = new Map(items.map((item) => [keyOf(item), item]))
  return [...byKey].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, item]) => item)
}

const putPicksSql = `
  insert into pick_result (part, subject_uuid, kind, algorithm_key, algorithm_name, calculation_uuid,
    ecosystem_matrix_uuid, exercise_uuids, spy_info)
  select part, subject_uuid, $1, algorithm_key, algorithm_name, calculation_uuid, ecosystem_matrix_uuid,
    exercise_uuids::uuid[], spy_info
  from unnest($2::smallint[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::text[])
    as line (part, subject_uuid, algorithm_key, algorithm_name, calculation_uuid, ecosystem_matrix_uuid,
      exercise_uuids, spy_info)
  on conflict (part, subject_uuid, kind, algorithm_key) do update
  set calculation_uuid = excluded.calculation_uuid,
    ecosystem_matrix_uuid = excluded.ecosystem_matrix_uuid,
    exercise_uuids = excluded.exercise_uuids,
    spy_info = excluded.spy_info,
    updated_at = now()`

async function putPicks(pool: pg.Pool, kind: PickKind, picks: readonly PickResult[], place: Place): Promise<void> {
  for (const slice of exerciseSlices(picks)) await putPickRows(pool, kind, slice, place)
}

async function putPickRows(pool: pg.Pool, kind: PickKind, picks: readonly PickResult[], place: Place): Promise<void> {
  await pool.query(putPicksSql, [
    kind,
    picks.map(({ subject }) => place(subject)),
    picks.map(({ subject }) => subject),
    picks.map(({ algorithm }) => algorithmKey(algorithm)),
    picks.map(({ algorithm }) => algorithm),
    picks.map(({ calculation }) => calculation),
    picks.map(({ matrix }) => matrix),
    picks.map(({ exercises }) => `{${exercises.join(',')}}`),
    picks.map(({ spyInfo }) => JSON.stringify(spyInfo)),
  ])
}

interface PickRow {
  readonly algorithm_name: string
  readonly calculation_uuid: string
  readonly ecosystem_matrix_uuid: string
  readonly exercise_uuids: readonly string[]
  readonly spy_info: string
}

const readPicksSql = `
  select line.position::int as position, algorithm_name, calculation_uuid, ecosystem_matrix_uuid,
    exercise_uuids::text[] as exercise_uuids, spy_info
  from unnest($2::smallint[], $3::uuid[], $4::text[]) with ordinality
    as line (part, subject_uuid, algorithm_key, position)
  join pick_result using (part, subject_uuid, algorithm_key)
  where kind = $1`

const keysPerStatement = 100

async function readPicks(
  pool: pg.Pool,
  kind: PickKind,
  keys: readonly PickKey[],
  place: Place,
): Promise<(PickResult | undefined)[]> {
  const picks: (PickResult | undefined)[] = []
  for (let start = 0; start < keys.length; start += keysPerStatement) {
    picks.push(...(await readPickRows(pool, kind, keys.slice(start, start + keysPerStatement), place)))
  }
  return picks
}

async function readPickRows(
  pool: pg.Pool,
  kind: PickKind,
  keys: readonly PickKey[],
  place: Place,
): Promise<(PickResult | undefined)[]> {
  const { rows } = await pool.query<PickRow & { readonly position: number }>(readPicksSql, [
    kind,
    keys.map(({ subject }) => place(subject)),
    keys.map(({ subject }) => subject),
    keys.map(({ algorithm }) => algorithmKey(algorithm)),
  ])
  const byPosition = new Map(rows.map((row) => [row.position, row]))
  return keys.map(({ subject }, index) => {
    const row = byPosition.get(index + 1)
    return row && pickOf(subject, row)
  })
}

function pickOf(subject: Uuid, row: PickRow): PickResult {
  return {
    subject,
    algorithm: row.algorithm_name,
    calculation: toUuid(row.calculation_uuid),
    matrix: toUuid(row.ecosystem_matrix_uuid),
    exercises: row.exercise_uuids.map(toUuid),
    spyInfo: JSON.parse(row.spy_info),
  }
}

async function readAllPicks(
  pool: pg.Pool,
  kind: PickKind,
  subjects: readonly Uuid[],
  place: Place,
): Promise<Map<Uuid, PickResult[]>> {
  const { rows } = await pool.query<PickRow & { readonly subject_uuid: string }>(
    `select stored.*
     from unnest($2::smallint[], $3::uuid[]) as asked (part, subject_uuid)
     cross join lateral (
       select subject_uuid, algorithm_name, calculation_uuid, ecosystem_matrix_uuid,
         exercise_uuids::text[] as exercise_uuids, spy_info
       from pick_result
       where part = asked.part
         and subject_uuid = asked.subject_uuid
         and kind = $1
       order by algorithm_key
     ) as stored`,
    [kind, subjects.map(place), subjects],
  )
  return Map.groupBy(
    rows.map((row) => pickOf(toUuid(row.subject_uuid), row)),
    ({ subject }) => subject,
  )
}

const putCluesSql = `
  insert into clue_result (part, subject_uuid, book_container_uuid, kind, algorithm_key, algorithm_name,
    calculation_uuid, minimum, most_likely, maximum, is_real, ecosystem_uuid)
  select part, subject_uuid, book_container_uuid, $1, algorithm_key, algorithm_name,
    calculation_uuid, minimum, most_likely, maximum, is_real, ecosystem_uuid
  from unnest($2::smallint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::float8[], $9::float8[],
    $10::float8[], $11::boolean[], $12::uuid[])
    as line (part, subject_uuid, book_container_uuid, algorithm_key, algorithm_name, calculation_uuid,
      minimum, most_likely, maximum, is_real, ecosystem_uuid)
  on conflict (part, subject_uuid, book_container_uuid, kind, algorithm_key) do update
  set calculation_uuid = excluded.calculation_uuid,
    minimum = excluded.minimum,
    most_likely = excluded.most_likely,
    maximum = excluded.maximum,
    is_real = excluded.is_real,
    ecosystem_uuid = excluded.ecosystem_uuid,
    updated_at = now()`

async function putClues(pool: pg.Pool, kind: ClueKind, clues: readonly ClueResult[], place: Place): Promise<void> {
  if (clues.length === 0) return
  await pool.query(putCluesSql, [
    kind,
    clues.map(({ subject }) => place(subject)),
    clues.map(({ subject }) => subject),
    clues.map(({ bookContainer }) => bookContainer),
    clues.map(({ algorithm }) => algorithmKey(algorithm)),
    clues.map(({ algorithm }) => algorithm),
    clues.map(({ calculation }) => calculation),
    clues.map(({ clue }) => clue.minimum),
    clues.map(({ clue }) => clue.mostLikely),
    clues.map(({ clue }) => clue.maximum),
    clues.map(({ clue }) => clue.isReal),
    clues.map(({ ecosystem }) => ecosystem ?? null),
  ])
}

interface ClueRow {
  readonly position: number
  readonly algorithm_name: string
  readonly calculation_uuid: string
  readonly minimum: number
  readonly most_likely: number
  readonly maximum: number
  readonly is_real: boolean
  readonly ecosystem_uuid: string | null
}

const readCluesSql = `
  select line.position::int as position, algorithm_name, calculation_uuid, minimum, most_likely, maximum, is_real,
    ecosystem_uuid
  from unnest($2::smallint[], $3::uuid[], $4::uuid[], $5::text[]) with ordinality
    as line (part, subject_uuid, book_container_uuid, algorithm_key, position)
  join clue_result using (part, subject_uuid, book_container_uuid, algorithm_key)
  where kind = $1`

async function readClues(
  pool: pg.Pool,
  kind: ClueKind,
  keys: readonly ClueKey[],
  place: Place,
): Promise<(ClueResult | undefined)[]> {
  if (keys.length === 0) return []
  const { rows } = await pool.query<ClueRow>(readCluesSql, [
    kind,
    keys.map(({ subject }) => place(subject)),
    keys.map(({ subject }) => subject),
    keys.map(({ bookContainer }) => bookContainer),
    keys.map(({ algorithm }) => algorithmKey(algorithm)),
  ])
  const byPosition = new Map(rows.map((row) => [row.position, row]))
  return keys.map(({ subject, bookContainer }, index) => {
    const row = byPosition.get(index + 1)
    if (row === undefined) return undefined
    const { minimum, most_likely: mostLikely, maximum, is_real: isReal } = row
    return {
      subject,
      bookContainer,
      algorithm: row.algorithm_name,
      calculation: toUuid(row.calculation_uuid),
      clue: { minimum, mostLikely, maximum, isReal },
      ecosystem: row.ecosystem_uuid === null ? undefined : toUuid(row.ecosystem_uuid),
    }
  })
}

export async function putPreparation(
  database: pg.Pool | pg.ClientBase,
  preparation: CoursePreparation,
  place: Place,
): Promise<void> {
  await database.query(
    `insert into course_preparation (part, course_uuid, preparation_uuid, sequence_number, ecosystem_uuid)
     values ($1, $2, $3, $4, $5)
     on conflict (part, course_uuid, preparation_uuid) do nothing`,
    [place(preparation.course), preparation.course, preparation.preparation, preparation.number, preparation.ecosystem],
  )
}

export async function putEcosystemUpdates(
  database: pg.Pool | pg.ClientBase,
  updates: readonly CourseEcosystemUpdate[],
  place: Place,
): Promise<void> {
  if (updates.length === 0) return
  const lines = lastOfEach(updates, ({ course, number }) => `${course}/${number}`)
  await database.query(
    `insert into course_ecosystem_update (part, course_uuid, sequence_number, preparation_uuid)
     select part, course_uuid, sequence_number, preparation_uuid
     from unnest($1::smallint[], $2::uuid[], $3::int[], $4::uuid[])
       as line (part, course_uuid, sequence_number, preparation_uuid)
     on conflict (part, course_uuid, sequence_number) do nothing`,
    [
      lines.map(({ course }) => place(course)),
      lines.map(({ course }) => course),
      lines.map(({ number }) => number),
      lines.map(({ preparation }) => preparation),
    ],
  )
}

interface PreparationRow {
  readonly position: number
  readonly preparation_uuid: string
  readonly sequence_number: number
  readonly ecosystem_uuid: string
}

async function readPreparations(
  pool: pg.Pool,
  keys: readonly PreparationKey[],
  place: Place,
): Promise<(CoursePreparation | undefined)[]> {
  if (keys.length === 0) return []
  const { rows } = await pool.query<PreparationRow>(
    `select line.position::int as position, preparation_uuid, sequence_number, ecosystem_uuid
     from unnest($1::smallint[], $2::uuid[], $3::uuid[]) with ordinality
       as line (part, course_uuid, preparation_uuid, position)
     join course_preparation using (part, course_uuid, preparation_uuid)`,
    [
      keys.map(({ course }) => place(course)),
      keys.map(({ course }) => course),
      keys.map(({ preparation }) => preparation),
    ],
  )
  const byPosition = new Map(rows.map((row) => [row.position, row]))
  return keys.map((key, index) => preparationOf(key.course, byPosition.get(index + 1)))
}

function preparationOf(course: Uuid, row: PreparationRow | undefined): CoursePreparation | undefined {
  if (row === undefined) return undefined
  return {
    course,
    preparation: toUuid(row.preparation_uuid),
    number: row.sequence_number,
    ecosystem: toUuid(row.ecosystem_uuid),
  }
}

const newestPreparedSql = `
  select line.position::int as position, preparation_uuid, sequence_number, ecosystem_uuid
  from unnest($1::smallint[], $2::uuid[]) with ordinality as line (part, course_uuid, position)
  cross join lateral (
    select preparation_uuid, sequence_number, ecosystem_uuid
    from course_preparation
    where course_preparation.part = line.part
      and course_preparation.course_uuid = line.course_uuid
    order by sequence_number desc
    limit 1) as newest`

const newestUpdatedSql = `
  select line.position::int as position, newest.preparation_uuid, newest.sequence_number, prepared.ecosystem_uuid
  from unnest($1::smallint[], $2::uuid[]) with ordinality as line (part, course_uuid, position)
  cross join lateral (
    select preparation_uuid, sequence_number
    from course_ecosystem_update
    where course_ecosystem_update.part = line.part
      and course_ecosystem_update.course_uuid = line.course_uuid
    order by sequence_number desc
    limit 1) as newest
  join course_preparation as prepared
    on prepared.part = line.part
    and prepared.course_uuid = line.course_uuid
    and prepared.preparation_uuid = newest.preparation_uuid`

async function readNewest(pool: pg.Pool, courses: readonly Uuid[], place: Place): Promise<NewestPreparation[]> {
  if (courses.length === 0) return []
  const parameters = [courses.map(place), courses]
  const [prepared, updated] = await Promise.all([
    pool.query<PreparationRow>(newestPreparedSql, parameters),
    pool.query<PreparationRow>(newestUpdatedSql, parameters),
  ])
  const preparedBy = new Map(prepared.rows.map((row) => [row.position, row]))
  const updatedBy = new Map(updated.rows.map((row) => [row.position, row]))
  return courses.map((course, index) => ({
    course,
    prepared: preparationOf(course, preparedBy.get(index + 1)),
    updated: preparationOf(course, updatedBy.get(index + 1)),
  }))
}

async function markReady(pool: pg.Pool, preparations: readonly Uuid[], place: Place): Promise<void> {
  if (preparations.length === 0) return
  await pool.query(
    `insert into preparation_ready (part, preparation_uuid)
     select part, preparation_uuid
     from unnest($1::smallint[], $2::uuid[]) as line (part, preparation_uuid)
     on conflict (part, preparation_uuid) do nothing`,
    [preparations.map(place), preparations],
  )
}

async function readReady(pool: pg.Pool, preparations: readonly Uuid[], place: Place): Promise<ReadonlySet<Uuid>> {
  if (preparations.length === 0) return new Set()
  const { rows } = await pool.query<{ preparation_uuid: string }>(
    `select preparation_uuid
     from unnest($1::smallint[], $2::uuid[]) as line (part, preparation_uuid)
     join preparation_ready using (part, preparation_uuid)`,
    [preparations.map(place), preparations],
  )
  return new Set(rows.map((row) => toUuid(row.preparation_uuid)))
}
