import { walPosition } from './copy-yardstick.ts'
import { type BenchDatabase, cpuSecondsOf, type Product } from './product.ts'

/* What a stretch of time cost the database and the server processes, from the counters of both. */
export interface Used {
  readonly walBytes: number
  /** Tables and indexes of the log. */
  readonly storedBytes: number
  /** Transactions that wrote something. */
  readonly commits: number
  /** Begun. */
  readonly checkpoints: number
  readonly apiCpuSeconds: number
  readonly postgresCpuSeconds: number
}

const text = `
  select (select coalesce(sum(pg_total_relation_size(relid)), 0)::float8
      from pg_stat_user_tables
      where relname in ('segment', 'pending', 'lane', 'gate', 'stream_lane', 'stream_metadata')) as stored,
    pg_snapshot_xmax(pg_current_snapshot())::text::float8 as transactions,
    (select (num_timed + num_requested)::float8 from pg_stat_checkpointer) as checkpoints`

export async function measureUse<Result>(
  database: BenchDatabase,
  products: readonly Product[],
  run: () => Promise<Result>,
): Promise<Result & Used> {
  const before = await read(database, products)
  const result = await run()
  const after = await read(database, products)
  return {
    ...result,
    walBytes: after.wal - before.wal,
    storedBytes: after.stored - before.stored,
    commits: after.transactions - before.transactions,
    checkpoints: after.checkpoints - before.checkpoints,
    apiCpuSeconds: after.apiCpu - before.apiCpu,
    postgresCpuSeconds: after.postgresCpu - before.postgresCpu,
  }
}

async function read(database: BenchDatabase, products: readonly Product[]) {
  const answer = await database.pool.query<{ stored: number; transactions: number; checkpoints: number }>(text)
  const [row] = answer.rows
  if (row === undefined) throw new Error('the server gave no counters')
  const cpus = await Promise.all(products.map(({ pid }) => cpuSecondsOf(pid)))
  return {
    ...row,
    wal: await walPosition(database.pool),
    apiCpu: cpus.reduce((sum, cpu) => sum + cpu, 0),
    postgresCpu: await database.cpuSeconds(),
  }
}
