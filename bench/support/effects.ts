import assert from 'node:assert/strict'
import type pg from 'pg'
import type { Subscription } from '#crew/subscription.ts'
import type { Uuid } from '#domain/ids.ts'

/*
 * A subscription whose effect is a row for each run of events, written in its transaction: what happened twice, not at
 * all, or in another order shows in the table.
 */
export const effectTable = `
  create table bench_effect (
    place bigint generated always as identity,
    stream uuid not null,
    first_number integer not null,
    events integer not null
  )`

export function effectSubscription(name: string): Subscription {
  return {
    name,
    kinds: ['course'],
    async apply(transaction, entries) {
      const values = [
        entries.map(({ events }) => events[0]?.stream),
        entries.map(({ events }) => events[0]?.number),
        entries.map(({ events }) => events.length),
      ]
      await transaction.query(
        `insert into bench_effect (stream, first_number, events)
         select e.stream, e.first_number, e.events
         from unnest($1::uuid[], $2::int[], $3::int[]) with ordinality e (stream, first_number, events, line)
         order by e.line`,
        values,
      )
    },
  }
}

/** Every acknowledged event of each stream took effect exactly once, in order, and no other did. Returns how many. */
export async function verifyEffects(pool: pg.Pool, acknowledged: ReadonlyMap<Uuid, number>): Promise<number> {
  const { rows } = await pool.query<{ stream: Uuid; first_number: number; events: number }>(
    'select e.stream, e.first_number, e.events from bench_effect e order by e.place',
  )
  const next = new Map<Uuid, number>()
  for (const { stream, first_number: first, events } of rows) {
    assert.equal(first, next.get(stream) ?? 0, `an effect of ${stream} came twice, or out of order`)
    next.set(stream, first + events)
  }
  for (const [stream, count] of acknowledged) {
    assert.equal(next.get(stream) ?? 0, count, `${stream} has other effects than were acknowledged`)
  }
  assert.equal(next.size, acknowledged.size, 'effects of streams that were never acknowledged')
  return [...next.values()].reduce((sum, count) => sum + count, 0)
}
