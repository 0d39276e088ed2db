import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import { exerciseSlices } from './exercise-slices.ts'

/*
 * Orders of exercises that remote algorithms submitted. A late answer for a superseded calculation is kept, and not
 * used where the same algorithm has answered a newer one: the highest position of a student and ecosystem is in use.
 */
export interface OrderingKey {
  readonly student: Uuid
  readonly ecosystem: Uuid
}

export interface PositionKey extends OrderingKey {
  /** Number of the student's last answer that the calculation knew. */
  readonly position: number
}

export interface Ordering extends PositionKey {
  /** As it was written by the algorithm. */
  readonly algorithm: string
  /** The work that was handed out. */
  readonly calculation: Uuid
  /** What the algorithm made of it: the uuid that clients see, stable as long as the content is. */
  readonly result: Uuid
  readonly matrix: Uuid
  /** Best first. */
  readonly exercises: readonly Uuid[]
}

export interface StoredOrdering extends Ordering {
  readonly updatedAt: Date
}

export type PositionedResult = Pick<Ordering, 'result' | 'position'>

export interface SubmittedOrderings {
  put(orderings: readonly Ordering[]): Promise<void>
  /** Which of these the algorithm has answered, as of exactly these positions: their calculations. */
  answered(algorithm: string, keys: readonly PositionKey[]): Promise<Set<Uuid>>
  /** The orders in use of every algorithm, by `orderingKey`. */
  inUse(keys: readonly OrderingKey[]): Promise<Map<string, StoredOrdering[]>>
  byResult(results: readonly Uuid[]): Promise<StoredOrdering[]>
  /** The results in use, one for each ecosystem that the student works in. */
  ofStudent(student: Uuid, algorithm: string): Promise<PositionedResult[]>
  /** Assignments have been made from these results: they are never cleaned up. */
  markUsed(results: readonly Uuid[]): Promise<void>
}

export function orderingKey({ student, ecosystem }: OrderingKey): string {
  return `${student} ${ecosystem}`
}

export function openSubmittedOrderings(pool: pg.Pool, parts: number = partsDefault): SubmittedOrderings {
  const place = (student: Uuid): number => partOf('course', student, parts)
  return {
    put: (orderings) => put(pool, orderings, place),
    answered: (algorithm, keys) => answered(pool, { algorithm, keys, place }),
    inUse: (keys) => inUse(pool, keys, place),
    byResult: (results) => byResult(pool, results),
    ofStudent: (student, algorithm) => ofStudent(pool, { student, algorithm, part: place(student) }),
    markUsed: (results) => markUsed(pool, results),
  }
}

type Place = (student: Uuid) => number

const columns = `student, ecosystem, algorithm_name, position, calculation, result, matrix, exercises::text[] as exercises,
  updated_at`

interface OrderingRow {
  student: string
  ecosystem: string
  algorithm_name: string
  position: number
  calculation: string
  result: string
  matrix: string
  exercises: string[]
  updated_at: Date
}

function orderingOf(row: OrderingRow): StoredOrdering {
  return {
    student: toUuid(row.student),
    ecosystem: toUuid(row.ecosystem),
    algorithm: row.algorithm_name,
    position: row.position,
    calculation: toUuid(row.calculation),
    result: toUuid(row.result),
    matrix: toUuid(row.matrix),
    exercises: row.exercises.map(toUuid),
    updatedAt: row.updated_at,
  }
}

const putSql = `
  insert into submitted_ordering as stored
    (part, student, ecosystem, algorithm, position, algorithm_name, calculation, result, matrix, exercises)
  select part, student, ecosystem, algorithm, position, algorithm_name, calculation, result, matrix, exercises::uuid[]
  from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::text[], $5::int[], $6::uuid[], $7::uuid[], $8::uuid[],
    $9::text[], $10::text[])
    as given (part, student, ecosystem, algorithm, position, calculation, result, matrix, exercises, algorithm_name)
  on conflict (part, student, ecosystem, algorithm, position) do update set
    algorithm_name = excluded.algorithm_name,
    calculation = excluded.calculation,
    result = excluded.result,
    matrix = excluded.matrix,
    exercises = excluded.exercises,
    updated_at = now()
  where stored.result <> excluded.result`

/** A statement of its own: of two processes that answer at once, the later one then sees the rows of both. */
const supersedeSql = `
  update submitted_ordering as older
  set superseded_at = now()
  from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::text[]) as given (part, student, ecosystem, algorithm)
  where older.part = given.part
    and older.student = given.student
    and older.ecosystem = given.ecosystem
    and older.algorithm = given.algorithm
    and older.superseded_at is null
    and exists (
      select 1
      from submitted_ordering as newer
      where newer.part = older.part
        and newer.student = older.student
        and newer.ecosystem = older.ecosystem
        and newer.algorithm = older.algorithm
        and newer.position > older.position)`

async function put(pool: pg.Pool, orderings: readonly Ordering[], place: Place): Promise<void> {
  const keyOf = (one: Ordering): string => `${orderingKey(one)} ${one.algorithm.toLowerCase()} ${one.position}`
  const byKey = new Map(orderings.map((one) => [keyOf(one), one]))
  const rows = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  for (const slice of exerciseSlices(rows)) await putRows(pool, slice, place)
}

async function putRows(pool: pg.Pool, rows: readonly Ordering[], place: Place): Promise<void> {
  const keys = [
    rows.map(({ student }) => place(student)),
    rows.map(({ student }) => student),
    rows.map(({ ecosystem }) => ecosystem),
    rows.map(({ algorithm }) => algorithm.toLowerCase()),
  ]
  await pool.query(putSql, [
    ...keys,
    rows.map(({ position }) => position),
    rows.map(({ calculation }) => calculation),
    rows.map(({ result }) => result),
    rows.map(({ matrix }) => matrix),
    rows.map(({ exercises }) => `{${exercises.join(',')}}`),
    rows.map(({ algorithm }) => algorithm),
  ])
  await pool.query(supersedeSql, keys)
}

interface AnsweredQuery {
  readonly algorithm: string
  readonly keys: readonly PositionKey[]
  readonly place: Place
}

async function answered(pool: pg.Pool, { algorithm, keys, place }: AnsweredQuery): Promise<Set<Uuid>> {
  if (keys.length === 0) return new Set()
  const found = await pool.query<{ calculation: string }>({
    name: 'due_answered_orderings',
    text: `
      select stored.*
      from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::int[]) as asked (part, student, ecosystem, position)
      cross join lateral (
        select calculation
        from submitted_ordering
        where part = asked.part
          and student = asked.student
          and ecosystem = asked.ecosystem
          and algorithm = $5
          and position = asked.position
        limit 1
      ) as stored`,
    values: [
      keys.map(({ student }) => place(student)),
      keys.map(({ student }) => student),
      keys.map(({ ecosystem }) => ecosystem),
      keys.map(({ position }) => position),
      algorithm,
    ],
  })
  return new Set(found.rows.map(({ calculation }) => toUuid(calculation)))
}

async function inUse(
  pool: pg.Pool,
  keys: readonly OrderingKey[],
  place: Place,
): Promise<Map<string, StoredOrdering[]>> {
  const orderings = new Map<string, StoredOrdering[]>()
  if (keys.length === 0) return orderings
  const distinct = [...new Map(keys.map((key) => [orderingKey(key), key])).values()]
  const found = await pool.query<OrderingRow>({
    name: 'due_orderings_in_use',
    text: `
      select stored.*
      from unnest($1::smallint[], $2::uuid[], $3::uuid[]) as asked (part, student, ecosystem)
      cross join lateral (
        select distinct on (algorithm) ${columns}
        from submitted_ordering
        where part = asked.part
          and student = asked.student
          and ecosystem = asked.ecosystem
        order by algorithm desc, position desc
      ) as stored`,
    values: [
      distinct.map(({ student }) => place(student)),
      distinct.map(({ student }) => student),
      distinct.map(({ ecosystem }) => ecosystem),
    ],
  })
  for (const ordering of found.rows.map(orderingOf)) {
    const list = orderings.get(orderingKey(ordering))
    if (list === undefined) orderings.set(orderingKey(ordering), [ordering])
    else list.push(ordering)
  }
  return orderings
}

async function byResult(pool: pg.Pool, results: readonly Uuid[]): Promise<StoredOrdering[]> {
  if (results.length === 0) return []
  const found = await pool.query<OrderingRow>({
    name: 'due_orderings_by_result',
    text: `
      select stored.*
      from unnest($1::uuid[]) as asked (result)
      cross join lateral (
        select ${columns}
        from submitted_ordering
        where result = asked.result
        order by part
        limit 1
      ) as stored`,
    values: [[...new Set(results)]],
  })
  return found.rows.map(orderingOf)
}

interface StudentQuery {
  readonly student: Uuid
  readonly algorithm: string
  readonly part: number
}

async function ofStudent(pool: pg.Pool, { student, algorithm, part }: StudentQuery): Promise<PositionedResult[]> {
  const found = await pool.query<Pick<OrderingRow, 'result' | 'position'>>(
    `select distinct on (ecosystem) result, position
     from submitted_ordering
     where part = $1
       and student = $2
       and algorithm = $3
     order by ecosystem, position desc`,
    [part, student, algorithm],
  )
  return found.rows.map(({ result, position }) => ({ result: toUuid(result), position }))
}

async function markUsed(pool: pg.Pool, results: readonly Uuid[]): Promise<void> {
  if (results.length === 0) return
  await pool.query({
    name: 'due_mark_used',
    text: `
      update submitted_ordering
      set is_used = true
      where result = any ($1::uuid[])
        and not is_used`,
    values: [[...new Set(results)]],
  })
}
