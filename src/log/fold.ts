import type pg from 'pg'
import type { Uuid } from '#domain/ids.ts'
import { binsOf } from './append-statement.ts'
import { int2Array, uuidArray } from './binary-arrays.ts'

/**
 * Seals early runs that have become contiguous. `append` does it in the call that closes a hole, in transactions of a
 * limited number of runs; this finishes what a process killed between two of them left behind.
 */
const foldRuns = 500

/** Each stream's first early run against its head; only parts that hold early runs are looked at. */
const foldableText = `
  select p.part, p.stream
  from (
    select distinct on (p.part, p.stream) p.part, p.stream, p.next_number - p.events as start
    from lane l
    join pending p on p.part = l.part
    where l.lane = 0
      and l.early_runs > 0
    order by p.part, p.stream, p.next_number
  ) p
  where p.start = (
    select coalesce(max(s.next_number), 0)
    from segment s
    where s.part = p.part
      and s.stream = p.stream
  )`

/** The number of streams folded. */
export async function foldContiguous(pool: pg.Pool): Promise<number> {
  const found = await pool.query<{ part: number; stream: Uuid }>(foldableText)
  for (const { part, stream } of found.rows) {
    await pool.query({
      name: 'log fold',
      text: 'call fold_pending($1::int2[], $2::int2[], $3::uuid[], $4)',
      values: [int2Array(binsOf([part])), int2Array([part]), uuidArray([stream]), foldRuns],
    })
  }
  return found.rows.length
}
