import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
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
}

export interface MatrixStore {
  /** The matrix in use for an ecosystem; at most `freshMs` behind the database. */
  current(ecosystem: Uuid): Promise<NamedMatrix | undefined>
  byUuid(matrix: Uuid): Promise<NamedMatrix | undefined>
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

export interface MatrixStoreOptions {
  /** How long an ecosystem's matrix in use is trusted without asking again. */
  readonly freshMs: number
  /** Matrices kept in memory. */
  readonly matricesMax: number
}

export function openMatrixStore(pool: pg.Pool, options: MatrixStoreOptions): MatrixStore {
  const loaded = new LRUCache<Uuid, NamedMatrix>({ max: options.matricesMax })
  const inUse = new LRUCache<Uuid, Promise<Uuid | undefined>>({ max: 10_000, ttl: options.freshMs })

  async function byUuid(matrix: Uuid): Promise<NamedMatrix | undefined> {
    const known = loaded.get(matrix)
    if (known !== undefined) return known
    const rows = await pool.query<MatrixRow>(`select ${columns} from ecosystem_matrix where matrix = $1`, [matrix])
    const row = rows.rows[0]
    if (row === undefined) return undefined
    const named = toNamedMatrix(row)
    loaded.set(matrix, named)
    return named
  }

  async function findInUse(ecosystem: Uuid): Promise<Uuid | undefined> {
    const rows = await pool.query<{ matrix: string }>(
      `select matrix
       from ecosystem_matrix
       where part = $1
         and ecosystem = $2
         and superseded_at is null
       order by created_at desc
       limit 1`,
      [partOf('ecosystem', ecosystem), ecosystem],
    )
    const row = rows.rows[0]
    return row === undefined ? undefined : toUuid(row.matrix)
  }

  return {
    byUuid,
    current: async (ecosystem) => {
      let found = inUse.get(ecosystem)
      if (found === undefined) {
        found = findInUse(ecosystem)
        inUse.set(ecosystem, found)
        // A failed look-up must not be remembered.
        found.catch(() => inUse.delete(ecosystem))
      }
      const matrix = await found
      return matrix === undefined ? undefined : byUuid(matrix)
    },
    history: (ecosystem, max) => readHistory(pool, ecosystem, max),
    forget: (ecosystem) => void inUse.delete(ecosystem),
  }
}

async function readHistory(pool: pg.Pool, ecosystem: Uuid, max: number): Promise<MatrixSummary[]> {
  const rows = await pool.query<{ matrix: string; created_at: Date; made_by: MadeBy }>(
    `select matrix, created_at, made_by
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

/** Inserts a matrix and supersedes the ones before it; runs inside the caller's fenced transaction. */
export async function insertMatrix(
  transaction: pg.ClientBase,
  ecosystem: Uuid,
  uuid: Uuid,
  matrix: SparfaMatrix,
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
    `insert into ecosystem_matrix (part, ecosystem, matrix, q_ids, c_ids, d_data, w_data, w_row, w_col,
       h_mask_data, h_mask_row, h_mask_col, made_by)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
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
    ],
  )
}
