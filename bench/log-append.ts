import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { StreamEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import { openLog } from '#log/open.ts'
import { writeUuid } from '#log/uuid-bytes.ts'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { openPool } from '#platform/postgres.ts'
import { startTestCluster } from '#platform/test-database.ts'

/*
 * Append without HTTP, beside a COPY of the same answers into typed rows with both unique indexes (design D41), on one
 * durable server. One JSON line a shape.
 */
const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '3' }, shapes: { type: 'string', default: 'one,ten,single' } },
})
const seconds = Number(values.seconds)
const coursesCount = 2000

interface Shape {
  readonly waiters: number
  readonly answers: number
  readonly coursesPerRequest: number
}
const shapes: Record<string, Shape> = {
  one: { waiters: 20, answers: 10, coursesPerRequest: 1 },
  ten: { waiters: 20, answers: 10, coursesPerRequest: 10 },
  single: { waiters: 200, answers: 1, coursesPerRequest: 1 },
}

function randomUuid(): Uuid {
  const hex = randomBytes(16).toString('hex')
  return toUuid(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
  )
}

const ecosystem = randomUuid()
const exercises = Array.from({ length: 1000 }, randomUuid)

function answersOf(courses: readonly Uuid[]): (course: number, numbers: number[]) => StreamEvent {
  const students = courses.map(() => Array.from({ length: 30 }, randomUuid))
  let made = 0
  const responded = new Date().toISOString()
  return (index, numbers) => {
    made += 1
    const stream = courses[index]!
    const number = numbers[index]!
    numbers[index] = number + 1
    const eventUuid = randomUuid()
    return {
      kind: 'course',
      stream,
      number,
      eventUuid,
      type: 'record_response',
      data: {
        response_uuid: eventUuid,
        course_uuid: stream,
        sequence_number: number,
        ecosystem_uuid: ecosystem,
        trial_uuid: randomUuid(),
        student_uuid: students[index]![made % 30]!,
        exercise_uuid: exercises[made % 1000]!,
        is_correct: made % 3 === 0,
        is_real_response: true,
        responded_at: responded,
      },
    }
  }
}

async function cpuSeconds(pids: readonly number[]): Promise<number> {
  let ticks = 0
  for (const pid of pids) {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks / 100
}

const cluster = await startTestCluster({
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '2GB',
  max_wal_size: '4GB',
  jit: 'off',
})
const control = new pg.Client({ connectionString: cluster.url })
await control.connect()
await migrate(cluster.url, await readMigrations())

async function copyYardstick(): Promise<number> {
  await control.query('drop table if exists yardstick')
  await control.query(`create table yardstick (part smallint, course uuid, seq int, event_uuid uuid, student uuid,
    trial uuid, exercise uuid, ecosystem uuid, responded_at timestamptz, recorded_at timestamptz, flags smallint)`)
  await control.query('create unique index on yardstick (part, course, seq)')
  await control.query('create unique index on yardstick (part, course, event_uuid)')
  const courses = Array.from({ length: coursesCount }, randomUuid)
  const parts = courses.map((course) => partOf('course', course))
  const numbers = courses.map(() => 0)
  const makeBatch = (): Buffer => {
    const rowBytes = 2 + 11 * 4 + 2 + 16 * 6 + 4 + 8 + 8 + 2
    const buffer = Buffer.alloc(19 + 10_000 * rowBytes + 2)
    Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1').copy(buffer)
    let at = 19
    const put = (bytes: number): number => {
      buffer.writeInt32BE(bytes, at)
      at += 4 + bytes
      return at - bytes
    }
    for (let row = 0; row < 10_000; row += 1) {
      const index = Math.floor(Math.random() * coursesCount)
      buffer.writeInt16BE(11, at)
      at += 2
      buffer.writeInt16BE(parts[index]!, put(2))
      writeUuid(buffer, put(16), courses[index]!)
      buffer.writeInt32BE(numbers[index]!++, put(4))
      for (let column = 0; column < 5; column += 1) randomBytes(16).copy(buffer, put(16))
      buffer.writeBigInt64BE(700_000_000_000_000n, put(8))
      buffer.writeBigInt64BE(700_000_000_000_000n, put(8))
      buffer.writeInt16BE(1, put(2))
    }
    buffer.writeInt16BE(-1, at)
    return Object.assign(buffer) as never
  }
  const batches = Array.from({ length: 30 }, () => makeBatch() as unknown as Buffer)
  const started = performance.now()
  for (const batch of batches) {
    await pipeline(Readable.from([batch]), control.query(copyFrom('copy yardstick from stdin binary')))
  }
  const rate = 300_000 / ((performance.now() - started) / 1000)
  await control.query('drop table yardstick')
  return rate
}

async function measure(name: string, shape: Shape): Promise<void> {
  const copyRate = await copyYardstick()
  await control.query('checkpoint')
  const pool = openPool(cluster.url, { name: 'bench', connectionsMax: 3 })
  const log = await openLog(pool)
  const courses = Array.from({ length: coursesCount }, randomUuid)
  const make = answersOf(courses)
  const numbers = courses.map(() => 0)
  const latencies: number[] = []
  let answers = 0
  // Each waiter has courses of its own, so that numbers arrive in order.
  const perWaiter = Math.floor(coursesCount / shape.waiters)
  const waiter = async (index: number, until: number): Promise<void> => {
    let turn = 0
    while (performance.now() < until) {
      const events: StreamEvent[] = []
      for (let answer = 0; answer < shape.answers; answer += 1) {
        const step = shape.coursesPerRequest === 1 ? turn : turn * shape.coursesPerRequest + answer
        events.push(make(index * perWaiter + (step % perWaiter), numbers))
      }
      turn += 1
      const started = performance.now()
      await log.append(events)
      latencies.push(performance.now() - started)
      answers += events.length
    }
  }
  const run = (forSeconds: number): Promise<unknown> => {
    const until = performance.now() + forSeconds * 1000
    return Promise.all(Array.from({ length: shape.waiters }, (_, index) => waiter(index, until)))
  }
  await run(0.7)
  latencies.length = 0
  answers = 0
  const groupsBefore = log.counters().appendedGroups
  const sizeQuery = `select pg_current_wal_insert_lsn() - '0/0' as wal,
    pg_table_size('segment') + pg_indexes_size('segment') as stored,
    (select array_agg(pid) from pg_stat_activity where application_name = 'biglearn bench') as pids`
  const before = (await control.query(sizeQuery)).rows[0]
  const cpuBefore = await cpuSeconds(before.pids)
  const ownBefore = process.cpuUsage()
  const started = performance.now()
  await run(seconds)
  const elapsed = (performance.now() - started) / 1000
  const own = process.cpuUsage(ownBefore)
  const after = (await control.query(sizeQuery)).rows[0]
  const cpu = (await cpuSeconds(before.pids)) - cpuBefore
  latencies.sort((one, other) => one - other)
  const rate = answers / elapsed
  const percentile = (share: number): number => Math.round(latencies[Math.floor(latencies.length * share)]! * 10) / 10
  process.stdout.write(
    `${JSON.stringify({
      name: `append ${name}`,
      answersPerSecond: Math.round(rate),
      copyPerSecond: Math.round(copyRate),
      ratio: Math.round((rate / copyRate) * 100) / 100,
      p50: percentile(0.5),
      p99: percentile(0.99),
      databaseMicros: Math.round((cpu / answers) * 1e7) / 10,
      ownMicros: Math.round(((own.user + own.system) / answers) * 10) / 10,
      walBytes: Math.round(Number(after.wal - before.wal) / answers),
      storedBytes: Math.round(Number(after.stored - before.stored) / answers),
      perGroup: Math.round(answers / (log.counters().appendedGroups - groupsBefore)),
    })}\n`,
  )
  await log.close()
  await pool.end()
}

for (const name of values.shapes.split(',')) await measure(name, shapes[name]!)
await control.end()
await cluster.stop()
