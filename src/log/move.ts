import type pg from 'pg'
import { ConfigurationError } from '#platform/config.ts'
import { inTransaction } from '#platform/postgres.ts'
import { ownLanesMax } from './lane-policy.ts'
import type { Reason } from './log.ts'
import { type StreamSlot, writeAudit } from './stream-audit.ts'

/**
 * Hand-over of a stream between lanes (streams.md §4.4). The order of its events is kept by the dependency that the
 * first run in the new lane carries; it always points to an older run, so there is no circle to wait in.
 */
export async function moveStream(
  pool: pg.Pool,
  slot: StreamSlot,
  to: 'dedicated' | 'shared',
  by: Reason,
): Promise<{ lane: number }> {
  return inTransaction(pool, (client) => moveStreamIn(client, slot, to, by))
}

/** Keeps appends of the stream's part waiting until the transaction ends; move in ascending order of parts. */
export async function moveStreamIn(
  client: pg.ClientBase,
  slot: StreamSlot,
  to: 'dedicated' | 'shared',
  by: Reason,
): Promise<{ lane: number }> {
  // Taken before the lane is chosen: two streams of a part must not be given the same one.
  await client.query('select hold_gates(array[$1::int2])', [slot.part])
  const lane = to === 'shared' ? 0 : await ownLane(client, slot)
  await client.query('select move_stream(null, $1::int2, $2, $3::int2)', [slot.part, slot.stream, lane])
  await writeAudit(client, slot, 'move', by, { lane })
  return { lane }
}

/** The stream's own lane if it has one, else the lowest that nobody has. */
async function ownLane(client: pg.ClientBase, { part, stream }: StreamSlot): Promise<number> {
  const answer = await client.query<{ lane: number | null }>(
    `select coalesce(
       (select m.lane from stream_lane m where m.part = $1 and m.stream = $2 and m.lane <> 0),
       (select min(candidate) from generate_series(1, ${ownLanesMax}) candidate
         where not exists (select from stream_lane m where m.part = $1 and m.lane = candidate))) as lane`,
    [part, stream],
  )
  const lane = answer.rows[0]?.lane ?? undefined
  if (lane !== undefined) return lane
  throw new ConfigurationError(
    `part ${part} has ${ownLanesMax} lanes of single streams already, and no more are allowed`,
    'give one of them back first: biglearn streams lanes, then biglearn streams lane COURSE shared',
  )
}
