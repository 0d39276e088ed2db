import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { Instant } from '#domain/student.ts'
import { type ClueReceipt, isClueReceipt, putClueReceipts, readClueReceipt } from './clue-receipts.ts'
import type { PickKind } from './results.ts'

/*
 * Receipts of exercises that were handed out (design D24): enough to compute the same choice again, and what came of it
 * then. One per calculation; the first one stays. An experiment is added when it hands out the same calculation later.
 */
export interface Receipt {
  readonly calculation: Uuid
  readonly kind: PickKind
  /** The assignment, or the student whose worst areas are practised. */
  readonly subject: Uuid
  /** As it is asked for, with the kind of history for spaced exercises. */
  readonly algorithm: string
  /** Every algorithm of this process that had a say. */
  readonly advisers: readonly string[]
  readonly matrix: Uuid
  /** The newest course event that the choice depends on. */
  readonly position: number
  /** The time that the rules went by. */
  readonly asOf: Instant
  readonly exercisesMax: number | undefined
  readonly exercises: readonly Uuid[]
  /** The experiment whose arm the algorithm is, where one decided. */
  readonly experiment?: { readonly name: string; readonly version: number } | undefined
}

/** A receipt of exercises or of a CLUE. */
export type AnyReceipt = Receipt | ClueReceipt

export interface Receipts {
  put(receipts: readonly AnyReceipt[]): Promise<void>
  read(calculation: Uuid): Promise<AnyReceipt | undefined>
}

export function openReceipts(pool: pg.Pool, parts: number = partsDefault): Receipts {
  // A receipt is asked for by nothing but its calculation.
  const place = (calculation: Uuid): number => partOf('course', calculation, parts)
  return {
    put: async (receipts) => {
      const ofExercises = receipts.filter((receipt) => !isClueReceipt(receipt))
      const ofClues = receipts.filter(isClueReceipt)
      if (ofExercises.length > 0) await put(pool, firstOfEach(ofExercises), place)
      if (ofClues.length > 0) await putClueReceipts(pool, ofClues, place)
    },
    read: async (calculation) =>
      (await read(pool, calculation, place(calculation))) ?? readClueReceipt(pool, calculation, place(calculation)),
  }
}

/** One statement can not write a row twice: the first receipt, with the experiment of whichever had one first. */
function firstOfEach(receipts: readonly Receipt[]): Receipt[] {
  const firsts = new Map<Uuid, Receipt>()
  for (const receipt of receipts) {
    const first = firsts.get(receipt.calculation) ?? receipt
    firsts.set(receipt.calculation, { ...first, experiment: first.experiment ?? receipt.experiment })
  }
  return [...firsts.values()]
}

const putSql = `
  insert into pick_receipt (part, calculation_uuid, kind, subject_uuid, algorithm_name, advisers,
    ecosystem_matrix_uuid, position, as_of, exercises_max, exercise_uuids, experiment, experiment_version)
  select part, calculation_uuid, kind, subject_uuid, algorithm_name, advisers::text[], ecosystem_matrix_uuid, position,
    as_of, exercises_max, exercise_uuids::uuid[], experiment, experiment_version
  from unnest($1::smallint[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::integer[],
      $9::timestamptz[], $10::integer[], $11::text[], $12::text[], $13::integer[])
    as line (part, calculation_uuid, kind, subject_uuid, algorithm_name, advisers, ecosystem_matrix_uuid, position,
      as_of, exercises_max, exercise_uuids, experiment, experiment_version)
  on conflict (part, calculation_uuid) do update
  set experiment = excluded.experiment,
    experiment_version = excluded.experiment_version
  where pick_receipt.experiment is null
    and excluded.experiment is not null`

async function put(pool: pg.Pool, receipts: readonly Receipt[], place: (calculation: Uuid) => number): Promise<void> {
  // In one order, so that processes that write the same receipts do not wait for each other in a circle.
  const sorted = [...receipts].sort((a, b) => (a.calculation < b.calculation ? -1 : 1))
  const values = [
    sorted.map(({ calculation }) => place(calculation)),
    sorted.map(({ calculation }) => calculation),
    sorted.map(({ kind }) => kind),
    sorted.map(({ subject }) => subject),
    sorted.map(({ algorithm }) => algorithm),
    sorted.map(({ advisers }) => `{${advisers.join(',')}}`),
    sorted.map(({ matrix }) => matrix),
    sorted.map(({ position }) => position),
    sorted.map(({ asOf }) => new Date(asOf).toISOString()),
    sorted.map(({ exercisesMax }) => exercisesMax ?? null),
    sorted.map(({ exercises }) => `{${exercises.join(',')}}`),
    sorted.map(({ experiment }) => experiment?.name ?? null),
    sorted.map(({ experiment }) => experiment?.version ?? null),
  ]
  await pool.query({ name: 'due_put_receipts', text: putSql, values })
}

interface ReceiptRow {
  readonly kind: PickKind
  readonly subject_uuid: string
  readonly algorithm_name: string
  readonly advisers: readonly string[]
  readonly ecosystem_matrix_uuid: string
  readonly position: number
  readonly as_of: Date
  readonly exercises_max: number | null
  readonly exercise_uuids: readonly string[]
  readonly experiment: string | null
  readonly experiment_version: number | null
}

async function read(pool: pg.Pool, calculation: Uuid, part: number): Promise<Receipt | undefined> {
  const rows = await pool.query<ReceiptRow>(
    `select kind, subject_uuid, algorithm_name, advisers, ecosystem_matrix_uuid, position, as_of, exercises_max,
       exercise_uuids::text[] as exercise_uuids, experiment, experiment_version
     from pick_receipt
     where part = $1
       and calculation_uuid = $2`,
    [part, calculation],
  )
  const row = rows.rows[0]
  return row && { calculation, ...receiptOf(row) }
}

function receiptOf(row: ReceiptRow): Omit<Receipt, 'calculation'> {
  const { experiment: name, experiment_version: version } = row
  return {
    ...(name !== null && version !== null && { experiment: { name, version } }),
    kind: row.kind,
    subject: toUuid(row.subject_uuid),
    algorithm: row.algorithm_name,
    advisers: row.advisers,
    matrix: toUuid(row.ecosystem_matrix_uuid),
    position: row.position,
    asOf: row.as_of.getTime(),
    exercisesMax: row.exercises_max ?? undefined,
    exercises: row.exercise_uuids.map(toUuid),
  }
}
