import pg from 'pg'
import { percentile } from './figures.ts'
import type { BenchDatabase } from './product.ts'

/* The least that a durable write costs: one row by a prepared statement, committed at once, so many a second. */
export interface CommitFigures {
  readonly cpuMicrosPerCommit: number
  /** From the moment it was due. */
  readonly p99Ms: number
}

/** About what ten answers of one course take. */
const rowBytes = 1000

export async function measureCommits(
  database: BenchDatabase,
  perSecond: number,
  seconds: number,
): Promise<CommitFigures> {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    await client.query('create table commit_yardstick (id integer primary key, body bytea not null)')
    const body = Buffer.alloc(rowBytes, 1)
    const text = 'insert into commit_yardstick values ($1, $2)'
    const insert = (id: number) => client.query({ name: 'commit yardstick', text, values: [id, body] })
    for (let id = 0; id < warmUpCommits; id += 1) await insert(id)
    const cpu = await database.cpuSeconds()
    const started = performance.now()
    const latencies: number[] = []
    for (let index = 0; index < perSecond * seconds; index += 1) {
      const due = started + (index * 1000) / perSecond
      const early = due - performance.now()
      if (early > 0) await new Promise((done) => setTimeout(done, early))
      await insert(warmUpCommits + index)
      latencies.push(performance.now() - due)
    }
    const used = (await database.cpuSeconds()) - cpu
    return { cpuMicrosPerCommit: (used * 1e6) / latencies.length, p99Ms: percentile(latencies, 0.99) }
  } finally {
    await client.query('drop table if exists commit_yardstick').catch(() => undefined)
    await client.end()
  }
}

const warmUpCommits = 200
