import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partsDefault } from '#domain/parts.ts'
import { inTransaction } from '#platform/postgres.ts'
import { answersPerRowMax } from './pack-answer.ts'

/*
 * A student who answers one question at a time leaves one row for each answer: 60 % more bytes than packed ones, and as
 * many pages to visit for a read. In the background neighbouring rows are merged once they fill a row, so that each
 * answer is written again once at most. Folding is not held up: it only inserts rows with higher numbers.
 */
export interface AnswerRow {
  readonly lastNumber: number
  readonly n: number
}

/** Where the sweep through one part stands; `undefined` begins again. */
export interface CompactionStep {
  readonly after: Uuid | undefined
  readonly rowsRead: number
  readonly rowsRemoved: number
}

/** Fewer answers than this are left alone until more have come. */
const answersPerMergeMin = Math.ceil((answersPerRowMax * 2) / 3)
const rowsPerStep = 5000

/**
 * Groups of neighbouring rows that become one row each, oldest first. A row that is full enough stands alone; the
 * newest rows wait until they make a full one.
 */
export function planMerges(rows: readonly AnswerRow[]): AnswerRow[][] {
  const merges: AnswerRow[][] = []
  let group: AnswerRow[] = []
  let size = 0
  const close = (): void => {
    if (group.length > 1 && size >= answersPerMergeMin) merges.push(group)
    group = []
    size = 0
  }
  for (const row of [...rows].sort((a, b) => a.lastNumber - b.lastNumber)) {
    if (size + row.n > answersPerRowMax) close()
    if (row.n >= answersPerMergeMin) {
      close()
      continue
    }
    group.push(row)
    size += row.n
  }
  close()
  return merges
}

/** Looks at the next rows of a part and merges what can be merged, in one short transaction. */
export async function compactAnswers(
  pool: pg.Pool,
  part: number,
  after: Uuid | undefined,
  rowsMax: number = rowsPerStep,
): Promise<CompactionStep> {
  const found = await pool.query<{ student: string; last_number: number; n: number }>({
    name: 'learning_compaction_candidates',
    text: `
      select student, last_number, n
      from learning_answer
      where part = $1
        and ($2::uuid is null or student > $2)
      order by part, student, last_number
      limit $3`,
    values: [part, after ?? null, rowsMax],
  })
  const students = groupByStudent(found.rows)
  // The last student may have been cut off by the limit: it is looked at in the next step, unless it alone fills this
  // one.
  const isCut = found.rows.length === rowsMax && students.size > 1
  const last = [...students.keys()].at(-1)
  if (isCut && last !== undefined) students.delete(last)
  const merges = [...students].flatMap(([student, rows]) => planMerges(rows).map((group) => ({ student, group })))
  if (merges.length > 0) await merge(pool, part, merges)
  return {
    after: found.rows.length < rowsMax ? undefined : [...students.keys()].at(-1),
    rowsRead: found.rows.length,
    rowsRemoved: merges.reduce((sum, { group }) => sum + group.length - 1, 0),
  }
}

/** The sweep through all parts, a step at a time. */
export class AnswerCompactor {
  readonly #pool: pg.Pool
  readonly #parts: number
  #part = 0
  #after: Uuid | undefined

  constructor(pool: pg.Pool, parts: number) {
    this.#pool = pool
    this.#parts = parts
  }

  /** Returns how many rows are gone. */
  async step(): Promise<number> {
    const { after, rowsRemoved } = await compactAnswers(this.#pool, this.#part, this.#after)
    this.#after = after
    if (after === undefined) this.#part = (this.#part + 1) % this.#parts
    return rowsRemoved
  }
}

export interface CompactionOptions {
  readonly pool: pg.Pool
  readonly parts?: number
  readonly onError?: (error: unknown) => void
}

/** A step takes some milliseconds: one a second where nothing is found, more while there is something to merge. */
const pauseMs = { idle: 1000, busy: 100, failed: 10_000 }

/**
 * Sweeps until it is stopped. For processes that fold; several may sweep the same parts, they only waste each other's
 * work.
 */
export function startCompaction({ pool, parts, onError }: CompactionOptions): { stop(): Promise<void> } {
  const compactor = new AnswerCompactor(pool, parts ?? partsDefault)
  const stopping = new AbortController()
  const pause = (ms: number): Promise<void> => sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined)
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await pause((await compactor.step()) > 0 ? pauseMs.busy : pauseMs.idle)
      } catch (error) {
        onError?.(error)
        await pause(pauseMs.failed)
      }
    }
  }
  const running = run()
  return {
    stop: async () => {
      stopping.abort()
      await running
    },
  }
}

function groupByStudent(rows: readonly { student: string; last_number: number; n: number }[]): Map<Uuid, AnswerRow[]> {
  const students = new Map<Uuid, AnswerRow[]>()
  for (const { student, last_number: lastNumber, n } of rows) {
    const key = toUuid(student)
    const list = students.get(key)
    if (list === undefined) students.set(key, [{ lastNumber, n }])
    else list.push({ lastNumber, n })
  }
  return students
}

interface Merge {
  readonly student: Uuid
  readonly group: readonly AnswerRow[]
}

/**
 * Rows are taken out and put back as one. What another compactor has taken meanwhile is not there any more, so the
 * merged row is made of what this statement really removed, never of what was read before.
 */
async function merge(pool: pg.Pool, part: number, merges: readonly Merge[]): Promise<void> {
  const given = merges.flatMap(({ student, group }, place) =>
    group.map(({ lastNumber }) => ({ student, lastNumber, place })),
  )
  await inTransaction(pool, async (client) => {
    const removed = await client.query<{
      student: string
      last_number: number
      n: number
      body: Buffer
      place: number
    }>({
      name: 'learning_compaction_remove',
      text: `
        delete from learning_answer as stored
        using unnest($2::uuid[], $3::int[], $4::int[]) as given (student, last_number, place)
        where stored.part = $1
          and stored.student = given.student
          and stored.last_number = given.last_number
        returning stored.student, stored.last_number, stored.n, stored.body, given.place`,
      values: [
        part,
        given.map(({ student }) => student),
        given.map(({ lastNumber }) => lastNumber),
        given.map(({ place }) => place),
      ],
    })
    const groups = Map.groupBy(removed.rows, ({ place }) => place)
    const rows = [...groups.values()].map((group) => joined(group.sort((a, b) => a.last_number - b.last_number)))
    await client.query({
      name: 'learning_compaction_insert',
      text: `
        insert into learning_answer (part, student, last_number, n, body)
        select $1::smallint, student, last_number, n,
          substring($5::bytea from (1 + sum(length) over (order by place) - length)::int for length)
        from unnest($2::uuid[], $3::int[], $4::smallint[], $6::int[])
          with ordinality as given (student, last_number, n, length, place)`,
      values: [
        part,
        rows.map(({ student }) => student),
        rows.map(({ lastNumber }) => lastNumber),
        rows.map(({ n }) => n),
        Buffer.concat(rows.map(({ body }) => body)),
        rows.map(({ body }) => body.length),
      ],
    })
  })
}

interface StoredRow {
  student: string
  last_number: number
  n: number
  body: Buffer
}

function joined(group: readonly StoredRow[]) {
  return {
    student: group[0]?.student ?? '',
    lastNumber: Math.max(...group.map(({ last_number }) => last_number)),
    n: group.reduce((sum, { n }) => sum + n, 0),
    body: Buffer.concat(group.map(({ body }) => body)),
  }
}
