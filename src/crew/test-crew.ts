import type pg from 'pg'
import type { Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { allGuards, type Guards } from './guards.ts'
import type { CrewEvent, LaneSource, RunOptions } from './run-options.ts'
import { type SubscriptionRunner, startSubscription } from './run-subscription.ts'
import type { Subscription } from './subscription.ts'

/*
 * A database with a table of effects that has no key: a second effect of the same event would show. The subscription
 * under test writes one row an event and keeps no guard of its own.
 */
export class TestCrew {
  readonly database: TestDatabase
  readonly admin: pg.Pool
  readonly events: CrewEvent[] = []
  readonly #runners = new Set<SubscriptionRunner>()
  readonly #pools = new Set<pg.Pool>()

  constructor(database: TestDatabase, admin: pg.Pool) {
    this.database = database
    this.admin = admin
  }

  static async open(): Promise<TestCrew> {
    const database = await createMigratedDatabase()
    const admin = openPool(database.url, { name: 'test', connectionsMax: 8 })
    await admin.query(`
      create table effect (
        id bigint generated always as identity,
        subscription text not null,
        stream uuid not null,
        number bigint not null)`)
    return new TestCrew(database, admin)
  }

  pool(connectionsMax: number): pg.Pool {
    const pool = openPool(this.database.url, { name: 'crew test', connectionsMax })
    this.#pools.add(pool)
    return pool
  }

  /** Starts a runner with short leases; `options` override anything, `off` switches guards off. */
  async run(
    subscription: Subscription,
    source: LaneSource & { readonly parts?: number },
    options: Partial<RunOptions> = {},
    off: Partial<Guards> = {},
  ): Promise<SubscriptionRunner> {
    const given: RunOptions = {
      subscription,
      source,
      pool: this.pool(2),
      heartbeatPool: this.pool(2),
      ...(source.parts === undefined ? {} : { parts: source.parts }),
      ttlMs: 1000,
      report: (event) => this.events.push(event),
      ...options,
    }
    const runner = await startSubscription(given, { ...allGuards, ...off })
    this.#runners.add(runner)
    return runner
  }

  /** Numbers of each stream in the order in which their effects were written. */
  async effects(subscription: string): Promise<Map<Uuid, number[]>> {
    const found = await this.admin.query<{ stream: Uuid; numbers: string[] }>(
      `select stream, array_agg(number::text order by id) as numbers
         from effect
        where subscription = $1
        group by stream`,
      [subscription],
    )
    return new Map(found.rows.map((row) => [row.stream, row.numbers.map(Number)]))
  }

  async slot(
    subscription: string,
    part: number,
    lane = 0,
  ): Promise<{ position: bigint; owner: Uuid | null; epoch: bigint; exceptions: number }> {
    const found = await this.admin.query(
      `select position, owner, epoch, exceptions from slot where subscription = $1 and part = $2 and lane = $3`,
      [subscription, part, lane],
    )
    return found.rows[0]
  }

  /** Streams of part 0 that wait for `book`, the first ones longest, as the lane of the subscription left them. */
  async block(subscription: string, streams: readonly Uuid[], book: Uuid, since: Date): Promise<void> {
    await this.admin.query(
      `insert into course_exception
         (part, stream, subscription, lane, state, next_number, until_number, next_at, awaited_kind, awaited)
       select 0, stream, $1, 0, 'blocked', 0, 1, $4, 'ecosystem', $3 from unnest($2::uuid[]) as waiting (stream)`,
      [subscription, streams, book, since],
    )
    await this.admin.query(`update slot set exceptions = exceptions + $2 where subscription = $1 and part = 0`, [
      subscription,
      streams.length,
    ])
  }

  async close(): Promise<void> {
    await Promise.all([...this.#runners].map((runner) => runner.stop()))
    await Promise.all([...this.#pools].map((pool) => pool.end().catch(() => undefined)))
    await this.admin.end()
    await this.database.drop()
  }
}

/** Writes one effect an event; `onEvent` may throw for one. */
export function recording(
  name: string,
  onEvent: (entry: LaneEntry, number: number) => void = () => undefined,
): Subscription {
  return {
    name,
    kinds: ['course'],
    async apply(transaction, entries) {
      const events = entries.flatMap((entry) => entry.events.map((event) => ({ entry, event })))
      for (const { entry, event } of events) onEvent(entry, event.number)
      await transaction.query(
        `insert into effect (subscription, stream, number)
         select $1, stream, number from unnest($2::uuid[], $3::bigint[]) as given (stream, number)`,
        [name, events.map(({ event }) => event.stream), events.map(({ event }) => event.number)],
      )
    },
  }
}

export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

type Fault = 'go' | 'kill' | 'lose_answer'

/**
 * A pool whose clients ask before each statement what should happen to it: `kill` ends the session in the server before
 * the statement, `lose_answer` lets it take effect and then loses the connection.
 */
export function faultyPool(
  pool: pg.Pool,
  admin: pg.Pool,
  decide: (statement: string) => Fault | Promise<Fault>,
): pg.Pool {
  const wrap = (client: pg.PoolClient): pg.PoolClient =>
    new Proxy(client, {
      get(target, name) {
        if (name !== 'query') {
          const value = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        }
        return async (query: string | pg.QueryConfig, values?: unknown[]) => {
          const fault = await decide((typeof query === 'string' ? query : query.text).trimStart())
          const killed = Reflect.get(target, 'processID')
          const kill = () => admin.query('select pg_terminate_backend($1, 1000)', [killed])
          if (fault === 'kill') await kill()
          const answer = await target.query(query, values)
          if (fault === 'go') return answer
          await kill()
          throw new Error('Connection terminated unexpectedly')
        }
      },
    })
  return new Proxy(pool, {
    get(target, name) {
      if (name === 'connect') return async () => wrap(await target.connect())
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
