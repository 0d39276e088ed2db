import { once } from 'node:events'
import pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import type { BenchAnswer } from './answers.ts'

/*
 * The COPY yardstick (docs/architecture.md): the run's own answers, in the run's own order, into an empty typed table
 * with the two unique keys that the log's promises would need without our design; one connection, binary COPY, 10,000
 * rows a transaction, at least five seconds.
 */
export interface CopyFigures {
  readonly answersPerSecond: number
  readonly walBytesPerAnswer: number
  readonly storedBytesPerAnswer: number
}

const rowsPerTransaction = 10_000
const secondsMin = 5

const table = `
  create table copy_yardstick (
    part smallint, course uuid, seq int, event_uuid uuid, student uuid, trial uuid, exercise uuid, ecosystem uuid,
    responded_at timestamptz, recorded_at timestamptz, flags smallint,
    unique (part, course, seq), unique (part, course, event_uuid))`

export async function measureCopy(url: string, answers: readonly BenchAnswer[]): Promise<CopyFigures> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('drop table if exists copy_yardstick')
    await client.query(table)
    await client.query('checkpoint')
    const walBefore = await walPosition(client)
    const started = performance.now()
    let rows = 0
    let inFlight = Promise.resolve()
    // Rows are encoded while the server works on the ones before, so that the yardstick is the server's speed.
    for (let batch = 0; ; batch += 1) {
      const batches = Math.ceil(answers.length / rowsPerTransaction)
      const from = (batch % batches) * rowsPerTransaction
      const part = answers.slice(from, from + rowsPerTransaction)
      const data = encodeRows(part, Math.floor(batch / batches))
      await inFlight
      if (batch >= batches && (performance.now() - started) / 1000 >= secondsMin) break
      inFlight = copyBatch(client, data)
      rows += part.length
    }
    const seconds = (performance.now() - started) / 1000
    const wal = (await walPosition(client)) - walBefore
    const stored = await client.query(`select pg_total_relation_size('copy_yardstick')::float8 as bytes`)
    return {
      answersPerSecond: rows / seconds,
      walBytesPerAnswer: wal / rows,
      storedBytesPerAnswer: stored.rows[0].bytes / rows,
    }
  } finally {
    await client.query('drop table if exists copy_yardstick').catch(() => undefined)
    await client.end()
  }
}

/** The same rows out again: one connection, binary COPY of the whole table in its own order, read to the end. */
export async function measureCopyOut(url: string, answers: readonly BenchAnswer[]): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query('drop table if exists copy_yardstick')
    await client.query(table)
    for (let from = 0; from < answers.length; from += rowsPerTransaction) {
      await copyBatch(client, encodeRows(answers.slice(from, from + rowsPerTransaction), 0))
    }
    const started = performance.now()
    let rounds = 0
    for (; rounds === 0 || (performance.now() - started) / 1000 < secondsMin; rounds += 1) {
      const stream = client.query(copyTo('copy copy_yardstick to stdout (format binary)'))
      stream.resume()
      await once(stream, 'end')
    }
    return (rounds * answers.length * 1000) / (performance.now() - started)
  } finally {
    await client.query('drop table if exists copy_yardstick').catch(() => undefined)
    await client.end()
  }
}

export async function walPosition(client: pg.Client | pg.Pool): Promise<number> {
  const answer = await client.query(`select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8 as bytes`)
  return answer.rows[0].bytes
}

async function copyBatch(client: pg.Client, data: Buffer): Promise<void> {
  const stream = client.query(copyFrom('copy copy_yardstick from stdin (format binary)'))
  stream.end(data)
  await once(stream, 'finish')
}

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const columnBytes = [2, 16, 4, 16, 16, 16, 16, 16, 8, 8, 2]
const rowBytes = 2 + columnBytes.reduce((sum, bytes) => sum + 4 + bytes, 0)
const postgresEpochMs = Date.UTC(2000, 0, 1)

/** A later round repeats the answers under other courses and event uuids, so that no key repeats. */
function encodeRows(answers: readonly BenchAnswer[], round: number): Buffer {
  const data = Buffer.alloc(signature.length + answers.length * rowBytes + 2)
  let at = signature.copy(data)
  const field = (bytes: number): number => {
    at = data.writeInt32BE(bytes, at)
    at += bytes
    return at - bytes
  }
  for (const answer of answers) {
    at = data.writeInt16BE(columnBytes.length, at)
    data.writeInt16BE(answer.part, field(2))
    data.writeUInt16BE(data.readUInt16BE(putUuid(data, answer.course, field(16))) ^ round, at - 16)
    data.writeInt32BE(answer.number, field(4))
    data.writeUInt16BE(data.readUInt16BE(putUuid(data, answer.response, field(16))) ^ round, at - 16)
    putUuid(data, answer.student, field(16))
    putUuid(data, answer.trial, field(16))
    putUuid(data, answer.exercise, field(16))
    putUuid(data, answer.ecosystem, field(16))
    const micros = BigInt(answer.respondedAtMs - postgresEpochMs) * 1000n
    data.writeBigInt64BE(micros, field(8))
    data.writeBigInt64BE(micros, field(8))
    data.writeInt16BE(answer.isCorrect ? 1 : 0, field(2))
  }
  data.writeInt16BE(-1, at)
  return data
}

function putUuid(data: Buffer, uuid: string, at: number): number {
  data.write(uuid.replaceAll('-', ''), at, 'hex')
  return at
}
