import type { CursorStore } from './consumer.ts'
import { createGate } from './gate.ts'
import type { Queryable } from './outbox-postgres.ts'

/** Where consumers keep their positions: in the reader's own PostgreSQL, or in memory for tests. */

/** For the reader's migrations. May be run again. */
export const cursorSchema = `
create table if not exists biglearn_cursor (
  consumer text not null,
  stream uuid not null,
  next_number integer not null,
  primary key (consumer, stream)
);
`

export interface PostgresCursorOptions<Transaction extends Queryable> {
  readonly database: Queryable
  /** Name of this reader: each one has its own positions. */
  readonly consumer: string
  /** Begins, commits, and rolls back when the work throws. */
  readonly transaction: <Result>(work: (transaction: Transaction) => Promise<Result>) => Promise<Result>
}

export function createPostgresCursors<Transaction extends Queryable>(
  options: PostgresCursorOptions<Transaction>,
): CursorStore<Transaction> {
  const { database, consumer } = options
  return {
    transaction: options.transaction,
    async read(streams) {
      const { rows } = await database.query(
        `select stream, next_number
        from biglearn_cursor
        where consumer = $1
          and stream = any ($2::uuid[])`,
        [consumer, streams],
      )
      return new Map((rows as { stream: string; next_number: number }[]).map((row) => [row.stream, row.next_number]))
    },
    async advance(transaction, { stream, from, to }) {
      const first = `
        insert into biglearn_cursor (consumer, stream, next_number)
        values ($1, $2, $4)
        on conflict (consumer, stream) do update
        set next_number = excluded.next_number
        where biglearn_cursor.next_number = $3`
      const later = `
        update biglearn_cursor
        set next_number = $4
        where consumer = $1
          and stream = $2
          and next_number = $3`
      // Both wait for a transaction that is advancing the same cursor, and then see what it left.
      const { rowCount } = await transaction.query(from === 0 ? first : later, [consumer, stream, from, to])
      return rowCount === 1
    },
  }
}

export interface MemoryCursors extends CursorStore<Map<string, number>> {
  readonly positions: ReadonlyMap<string, number>
}

export function createMemoryCursors(): MemoryCursors {
  const positions = new Map<string, number>()
  const oneAtATime = createGate(1)
  return {
    positions,
    async read(streams) {
      return new Map(streams.flatMap((stream) => (positions.has(stream) ? [[stream, positions.get(stream)!]] : [])))
    },
    transaction: (work) =>
      oneAtATime.run(async () => {
        const changes = new Map<string, number>()
        const result = await work(changes)
        for (const [stream, position] of changes) positions.set(stream, position)
        return result
      }),
    async advance(changes, { stream, from, to }) {
      if ((positions.get(stream) ?? 0) !== from) return false
      changes.set(stream, to)
      return true
    },
  }
}
