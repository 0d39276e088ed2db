import type pg from 'pg'
import type { Clue } from '#domain/clue.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'

/** A CLUE that was explained (design D24): enough to compute it again, and what came of it then. */
export interface ClueReceipt {
  readonly calculation: Uuid
  readonly kind: ClueReceiptKind
  /** The student, or the course container. */
  readonly subject: Uuid
  readonly bookContainer: Uuid
  readonly algorithm: string
  readonly matrix: Uuid
  /** The newest course event that the CLUE depends on. */
  readonly position: number
  /** The time that the rules went by. */
  readonly asOf: Instant
  readonly clue: Clue
  /** The experiment whose arm the algorithm is, where one decided. */
  readonly experiment?: { readonly name: string; readonly version: number } | undefined
}

const clueReceiptKinds = ['student_clue', 'teacher_clue'] as const
type ClueReceiptKind = (typeof clueReceiptKinds)[number]

export function isClueReceipt(receipt: { readonly kind: string }): receipt is ClueReceipt {
  return clueReceiptKinds.some((kind) => kind === receipt.kind)
}

const putSql = `
  insert into clue_receipt (part, calculation_uuid, kind, subject_uuid, book_container_uuid, algorithm_name,
    ecosystem_matrix_uuid, position, as_of, minimum, most_likely, maximum, is_real, experiment, experiment_version)
  select *
  from unnest($1::smallint[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::uuid[], $8::integer[],
    $9::timestamptz[], $10::float8[], $11::float8[], $12::float8[], $13::boolean[], $14::text[], $15::integer[])
  on conflict (part, calculation_uuid) do nothing`

/** The first receipt of a calculation stays. */
export async function putClueReceipts(
  pool: pg.Pool,
  receipts: readonly ClueReceipt[],
  place: (calculation: Uuid) => number,
): Promise<void> {
  // In one order, so that processes that write the same receipts do not wait for each other in a circle.
  const sorted = [...receipts].sort((a, b) => (a.calculation < b.calculation ? -1 : 1))
  await pool.query(putSql, [
    sorted.map(({ calculation }) => place(calculation)),
    sorted.map(({ calculation }) => calculation),
    sorted.map(({ kind }) => kind),
    sorted.map(({ subject }) => subject),
    sorted.map(({ bookContainer }) => bookContainer),
    sorted.map(({ algorithm }) => algorithm),
    sorted.map(({ matrix }) => matrix),
    sorted.map(({ position }) => position),
    sorted.map(({ asOf }) => new Date(asOf).toISOString()),
    sorted.map(({ clue }) => clue.minimum),
    sorted.map(({ clue }) => clue.mostLikely),
    sorted.map(({ clue }) => clue.maximum),
    sorted.map(({ clue }) => clue.isReal),
    sorted.map(({ experiment }) => experiment?.name ?? null),
    sorted.map(({ experiment }) => experiment?.version ?? null),
  ])
}

interface ClueReceiptRow {
  readonly kind: ClueReceiptKind
  readonly subject_uuid: string
  readonly book_container_uuid: string
  readonly algorithm_name: string
  readonly ecosystem_matrix_uuid: string
  readonly position: number
  readonly as_of: Date
  readonly minimum: number
  readonly most_likely: number
  readonly maximum: number
  readonly is_real: boolean
  readonly experiment: string | null
  readonly experiment_version: number | null
}

export async function readClueReceipt(
  pool: pg.Pool,
  calculation: Uuid,
  part: number,
): Promise<ClueReceipt | undefined> {
  const { rows } = await pool.query<ClueReceiptRow>(
    `select kind, subject_uuid, book_container_uuid, algorithm_name, ecosystem_matrix_uuid, position, as_of, minimum,
       most_likely, maximum, is_real, experiment, experiment_version
     from clue_receipt
     where part = $1
       and calculation_uuid = $2`,
    [part, calculation],
  )
  const row = rows[0]
  if (row === undefined) return undefined
  const { experiment: name, experiment_version: version } = row
  return {
    ...(name !== null && version !== null && { experiment: { name, version } }),
    calculation,
    kind: row.kind,
    subject: toUuid(row.subject_uuid),
    bookContainer: toUuid(row.book_container_uuid),
    algorithm: row.algorithm_name,
    matrix: toUuid(row.ecosystem_matrix_uuid),
    position: row.position,
    asOf: row.as_of.getTime(),
    clue: { minimum: row.minimum, mostLikely: row.most_likely, maximum: row.maximum, isReal: row.is_real },
  }
}
