import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { storeMatrix } from '#estimate/sparfa/matrix.ts'
import type { MatrixStore } from './matrix-store.ts'

/** Matrices as researchers read them (design D31), and which ecosystems have one at all (design D27). */
export interface MatrixReads {
  /** Which of these ecosystems have at least one matrix. */
  ecosystemsWithMatrix(ecosystems: readonly Uuid[]): Promise<ReadonlySet<Uuid>>
  /** One answer per line, `undefined` for an unknown ecosystem or matrix. */
  read(lines: readonly MatrixLine[]): Promise<readonly (MatrixAnswer | undefined)[]>
}

/** Exactly one of the two is given: the matrix in use of an ecosystem, or a matrix by its name. */
export interface MatrixLine {
  readonly ecosystem: Uuid | undefined
  readonly matrix: Uuid | undefined
}

export interface MatrixAnswer {
  readonly ecosystem: Uuid
  readonly matrix: Uuid
  /** The keys of the wire, from `Q_ids` to `made_by`. */
  readonly fields: { readonly [key: string]: unknown }
}

export function openMatrixReads(pool: pg.Pool, store: MatrixStore): MatrixReads {
  return {
    ecosystemsWithMatrix: async (ecosystems) => {
      const rows = await pool.query<{ ecosystem: string }>(
        'select distinct ecosystem from ecosystem_matrix where ecosystem = any ($1::uuid[])',
        [ecosystems],
      )
      return new Set(rows.rows.map((row) => toUuid(row.ecosystem)))
    },
    read: (lines) =>
      Promise.all(
        lines.map(async ({ ecosystem, matrix }) => {
          const found = ecosystem === undefined ? await readNamed(store, matrix) : await store.current(ecosystem)
          if (found === undefined) return undefined
          return { ecosystem: found.ecosystem, matrix: found.uuid, fields: { ...storeMatrix(found.matrix) } }
        }),
      ),
  }
}

async function readNamed(store: MatrixStore, matrix: Uuid | undefined) {
  return matrix === undefined ? undefined : store.byUuid(matrix)
}
