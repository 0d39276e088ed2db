import type pg from 'pg'
import type { Uuid } from '#domain/ids.ts'
import { int2Array, uuidArray } from './binary-arrays.ts'

/**
 * Seals early runs that have become contiguous. `append` does it in the call that closes a hole, in transactions of a
 * limited number of runs; this finishes what a process killed between two of them left behind.
 */
const foldRuns = 500
/** A stream whose gate is not free by then is left to the next time. */
const patienceMs = 1000

/**
 * The first early run of each stream against its head. Goes from stream to stream by the index, so that a stream with
 * 100,000 early runs costs no more than one with a single one.
 */
const foldableText = `
  with recursive blocked as (
    select p.part, p.stream, p.start
    from lane l
    cross join lateral (
      select p.part, p.stream, p.next_number - p.events as start
      from pending p
      where p.part = l.part
      order by p.part, p.stream, p.next_number
      limit 1
    ) p
    where l.needs_look
    union all
    select p.part, p.stream, p.start
    from blocked b
    cross join lateral (
      select p.part, p.stream, p.next_number - p.events as start
      from pending p
      where p.part = b.part
        and p.stream > b.stream
      order by p.part, p.stream, p.next_number
      limit 1
    ) p
  )
  select b.part, b.stream
  from blocked b
  where b.start = (
    select coalesce(max(s.next_number), 0)
    from segment s
    where s.part = b.part
      and s.stream = b.stream
  )`

/** The number of streams found. */
export async function foldContiguous(pool: pg.Pool): Promise<number> {
  const found = await pool.query<{ part: number; stream: Uuid }>(foldableText)
  for (const { part, stream } of found.rows) {
    await pool.query({
      name: 'log fold',
      text: `call fold_pending($1, '{}', $2::int2[], $3::uuid[], $4)`,
      values: [patienceMs, int2Array([part]), uuidArray([stream]), foldRuns],
    })
  }
  return found.rows.length
}
