import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { Instant } from '#domain/student.ts'
import type { FitRecord } from '#estimate/sparfa/fit-record.ts'
import { loadMatrix, type MadeBy, type SparfaMatrix, storeMatrix } from '#estimate/sparfa/matrix.ts'

/*
 * Matrices as they are stored: immutable, exact, named by uuid. Estimates always use what was read back from here, so a
 * CLUE is the same before and after a restart.
 */
export interface NamedMatrix {
  readonly uuid: Uuid
  readonly ecosystem: Uuid
  readonly createdAt: Date
  readonly matrix: SparfaMatrix
}

export interface MatrixSummary {
  readonly uuid: Uuid
  readonly ecosystem: Uuid
  readonly createdAt: Date
  readonly madeBy: MadeBy
  /** When retention removed what it is made of; how it was made stays. */
  readonly removedAt: Date | undefined
}

/** The matrix that was in use at a time was removed by retention, so nothing from then can be computed again. */
export class MatrixRemoved extends Error {
  constructor(matrix: Uuid) {
    super(`matrix ${matrix}, in use then, was superseded long ago, named by nothing, and removed`)
  }
}

export interface MatrixStore {
  /** The matrix in use for an ecosystem now; every process changes to a new one at the same time. */
  current(ecosystem: Uuid): Promise<NamedMatrix | undefined>
  /** The one that was in use at a time. Throws `MatrixRemoved` if it is no longer kept. */
  inUseAt(ecosystem: Uuid, instant: Instant): Promise<NamedMatrix | undefined>
  byUuid(matrix: Uuid): Promise<NamedMatrix | undefined>
  /** How its fit went, where a note of it was kept. */
  fitRecord(matrix: Uuid): Promise<FitRecord | undefined>
  /** Newest first, superseded ones too. */
  history(ecosystem: Uuid, max: number): Promise<MatrixSummary[]>
  /** Drops what is known about the matrix in use, so that the next read asks the database. */
  forget(ecosystem: Uuid): void
}

interface MatrixRow {
  matrix: string
  ecosystem: string
  created_at: Date
  q_ids: string[]
  c_ids: string[]
  d_data: number[]
  w_data: number[]
  w_row: number[]
  w_col: number[]
  h_mask_data: boolean[]
  h_mask_row: number[]
  h_mask_col: number[]
  made_by: MadeBy
}

const columns = `matrix, ecosystem, created_at, q_ids, c_ids, d_data, w_data, w_row, w_col,
  h_mask_data, h_mask_row, h_mask_col, made_by`

/**
 * For this statement: an installation may have set fewer digits, and doubles would come back rounded. Rows are printed
 * after all their columns have been computed, this one included.
 */
const withAllDigits = `set_config('extra_float_digits', '1', true)`

export interface MatrixStoreOptions {
  /** How long what is known about an ecosystem's matrices is trusted; less than the time before a new one is used. */
  readonly freshMs: number
  /** Matrices kept in memory. */
  readonly matricesMax: number
}

export function openMatrixStore(
  pool: pg.Pool,
  options: MatrixStoreOptions,
  now: () => Instant = Date.now,
): MatrixStore {
  const loaded = new LRUCache<Uuid, NamedMatrix>({ max: options.matricesMax })
  const starts = new LRUCache<Uuid, Promise<readonly Start[]>>({ max: 10_000, ttl: options.freshMs })

  async function byUuid(matrix: Uuid): Promise<NamedMatrix | undefined> {
    const known = loaded.get(matrix)
    if (known !== undefined) return known
    const rows = await pool.query<MatrixRow>(
      `select ${columns}, ${withAllDigits} from ecosystem_matrix where matrix = $1 and removed_at is null`,
      [matrix],
    )
    const row = rows.rows[0]
    if (row === undefined) return undefined
    const named = toNamedMatrix(row)
    loaded.set(matrix, named)
    return named
  }

  async function inUseAt(known: readonly Start[], instant: Instant): Promise<NamedMatrix | undefined> {
    const start = known.find(({ inUseFrom }) => inUseFrom <= instant)
    if (start === undefined) return undefined
    const named = await byUuid(start.matrix)
    if (named === undefined) throw new MatrixRemoved(start.matrix)
    return named
  }

  return {
    byUuid,
    current: async (ecosystem) => {
      let known = starts.get(ecosystem)
      if (known === undefined) {
        known = readStarts(pool, ecosystem, startsMax)
        starts.set(ecosystem, known)
        // A failed look-up must not be remembered.
        known.catch(() => starts.delete(ecosystem))
      }
      return inUseAt(await known, now())
    },
    inUseAt: async (ecosystem, instant) => inUseAt(await readStarts(pool, ecosystem, null), instant),
    fitRecord: (matrix) => readFitRecord(pool, matrix),
    history: (ecosystem, max) => readHistory(pool, ecosystem, max),
    forget: (ecosystem) => void starts.delete(ecosystem),
  }
}

/** When a matrix came into use. */
interface Start {
  readonly matrix: Uuid
  readonly inUseFrom: Instant
}

/** Enough to hold the one in use and those that wait for their time. */
const startsMax = 3

/** Newest first. */
async function readStarts(pool: pg.Pool, ecosystem: Uuid, max: number | null): Promise<Start[]> {
  const rows = await pool.query<{ matrix: string; in_use_from: Date }>(
    `select matrix, in_use_from
     from ecosystem_matrix
     where part = $1
       and ecosystem = $2
     order by in_use_from desc
     limit $3`,
    [partOf('ecosystem', ecosystem), ecosystem, max],
  )
  return rows.rows.map((row) => ({ matrix: toUuid(row.matrix), inUseFrom: row.in_use_from.getTime() }))
}

async function readFitRecord(pool: pg.Pool, matrix: Uuid): Promise<FitRecord | undefined> {
  const rows = await pool.query<{ fit_record: FitRecord | null }>(
    'select fit_record from ecosystem_matrix where matrix = $1',
    [matrix],
  )
  return rows.rows[0]?.fit_record ?? undefined
}

async function readHistory(pool: pg.Pool, ecosystem: Uuid, max: number): Promise<MatrixSummary[]> {
  const rows = await pool.query<{ matrix: string; created_at: Date; made_by: MadeBy; removed_at: Date | null }>(
    `select matrix, created_at, made_by, removed_at
     from ecosystem_matrix
     where part = $1
       and ecosystem = $2
     order by created_at desc
     limit $3`,
    [partOf('ecosystem', ecosystem), ecosystem, max],
  )
  return rows.rows.map((row) => ({
    uuid: toUuid(row.matrix),
    ecosystem,
    createdAt: row.created_at,
    madeBy: row.made_by,
    removedAt: row.removed_at ?? undefined,
  }))
}

function toNamedMatrix(row: MatrixRow): NamedMatrix {
  const matrix = loadMatrix({
    Q_ids: row.q_ids,
    C_ids: row.c_ids,
    d_data: row.d_data,
    W_data: row.w_data,
    W_row: row.w_row,
    W_col: row.w_col,
    H_mask_data: row.h_mask_data,
    H_mask_row: row.h_mask_row,
    H_mask_col: row.h_mask_col,
    made_by: row.made_by,
  })
  return { uuid: toUuid(row.matrix), ecosystem: toUuid(row.ecosystem), createdAt: row.created_at, matrix }
}

/**
 * Inserts a matrix and supersedes the ones before it; runs inside the caller's fenced transaction. Unless it is the
 * first one, it is used two seconds later: by then every process knows of it, and what was in use at a time is a fact.
 */
export async function insertMatrix(
  transaction: pg.ClientBase,
  ecosystem: Uuid,
  uuid: Uuid,
  { matrix, record }: { readonly matrix: SparfaMatrix; readonly record?: FitRecord | undefined },
): Promise<void> {
  const part = partOf('ecosystem', ecosystem)
  const stored = storeMatrix(matrix)
  await transaction.query(
    `update ecosystem_matrix
     set superseded_at = clock_timestamp()
     where part = $1
       and ecosystem = $2
       and superseded_at is null`,
    [part, ecosystem],
  )
  await transaction.query(
    `insert into ecosystem_matrix (part, ecosystem, matrix, in_use_from, q_ids, c_ids, d_data, w_data, w_row, w_col,
       h_mask_data, h_mask_row, h_mask_col, made_by, fit_record)
     values ($1, $2, $3,
       clock_timestamp() + case
         when exists (select 1 from ecosystem_matrix where part = $1 and ecosystem = $2) then interval '2 seconds'
         else interval '0'
       end,
       $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    [
      part,
      ecosystem,
      uuid,
      stored.Q_ids,
      stored.C_ids,
      stored.d_data,
      stored.W_data,
      stored.W_row,
      stored.W_col,
      stored.H_mask_data,
      stored.H_mask_row,
      stored.H_mask_col,
      JSON.stringify(stored.made_by),
      record === undefined ? null : JSON.stringify(record),
    ],
  )
}
