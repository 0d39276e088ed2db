import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { toUuid } from '#domain/ids.ts'
import { openLog } from '#log/open.ts'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { openPool } from '#platform/postgres.ts'
import { importPeer, peersFolder, peerVersion } from '../peers/peers.ts'
import { answerJson, type BenchAnswer } from './answers.ts'
import { eventOf } from './ingest-load.ts'

/*
 * Stores of numbered events, each called in the process of the generator with the same answers: one stream a course,
 * as their documentation shows. A store is opened on an empty database of its own.
 */
export interface PeerStore {
  readonly version: string
  /** What a reader has to know about the row. */
  readonly note: string
  /** The answers follow each other in one course; resolves when they are durable. */
  append(answers: readonly BenchAnswer[]): Promise<unknown>
  /** Event uuids of a course in the order the store gives. */
  read(course: string): Promise<string[]>
  close(): Promise<void>
}

type OpenStore = (url: string, connections: number) => Promise<PeerStore>

export const peerStores: Readonly<Record<string, OpenStore>> = {
  'log.append': openProductLog,
  'message-db': openMessageDb,
  emmett: openEmmett,
  'pg-boss': openPgBoss,
}

async function openProductLog(url: string, connections: number): Promise<PeerStore> {
  await migrate(url, await readMigrations())
  const pool = openPool(url, { name: 'peers', connectionsMax: connections })
  const log = await openLog(pool)
  const everything = { from: 0, eventsMax: 1e6, bytesMax: 1e9 }
  return {
    version: 'this one',
    note: 'appends in flight share transactions',
    async append(answers) {
      const { kind } = await log.append(answers.map(eventOf))
      if (kind !== 'stored') throw new Error(`append was ${kind}`)
    },
    read: async (course) =>
      (await log.readStream('course', toUuid(course), everything)).map(({ eventUuid }) => eventUuid),
    async close() {
      await log.close()
      await pool.end()
    },
  }
}

/** The files of its install scripts, in their order; those run psql, which machines need not have. */
const messageDbFiles = [
  ...['roles/message-store', 'schema/message-store', 'extensions/pgcrypto', 'tables/messages', 'types/message'],
  ...['message-store-version', 'hash-64', 'acquire-lock', 'category', 'is-category', 'id', 'cardinal-id'].map(
    inFunctions,
  ),
  ...['stream-version', 'write-message', 'get-stream-messages', 'get-category-messages'].map(inFunctions),
  inFunctions('get-last-stream-message'),
  ...['indexes/messages-id', 'indexes/messages-stream', 'indexes/messages-category'],
]

function inFunctions(name: string): string {
  return `functions/${name}`
}

async function openMessageDb(url: string, connections: number): Promise<PeerStore> {
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    options: '-c search_path=message_store,public -c client_min_messages=warning',
  })
  for (const file of messageDbFiles) {
    await pool.query(await readFile(join(peersFolder, '@eventide/message-db/database', `${file}.sql`), 'utf8'))
  }
  return {
    version: peerVersion('@eventide/message-db'),
    note: 'write_message for each answer, all of a request in one statement; writers of a category wait for each other',
    append: (answers) =>
      pool.query(
        `select write_message(e.id, $1, 'record_response', e.data::jsonb)
         from unnest($2::text[], $3::text[]) with ordinality e (id, data, line)
         order by e.line`,
        [`course-${answers[0]?.course}`, answers.map(({ response }) => response), answers.map(answerJson)],
      ),
    async read(course) {
      const { rows } = await pool.query('select id from get_stream_messages($1, 0, -1)', [`course-${course}`])
      return rows.map(({ id }) => id)
    },
    close: () => pool.end(),
  }
}

interface EmmettStore {
  readonly schema: { migrate(): Promise<unknown> }
  appendToStream(stream: string, events: readonly object[]): Promise<unknown>
  readStream(stream: string): Promise<{ events: readonly { data: { response_uuid: string } }[] }>
  close(): Promise<void>
}

async function openEmmett(url: string, connections: number): Promise<PeerStore> {
  const { getPostgreSQLEventStore } = (await importPeer('@event-driven-io/emmett-postgresql')) as {
    getPostgreSQLEventStore(url: string, options: object): EmmettStore
  }
  const pool = new pg.Pool({ connectionString: url, max: connections })
  const store = getPostgreSQLEventStore(url, { connectionOptions: { pool } })
  await store.schema.migrate()
  return {
    version: peerVersion('@event-driven-io/emmett-postgresql'),
    note: 'appendToStream, all answers of a request in one call',
    append: (answers) =>
      store.appendToStream(
        `course-${answers[0]?.course}`,
        answers.map((answer) => ({ type: 'record_response', data: JSON.parse(answerJson(answer)) })),
      ),
    read: async (course) => (await store.readStream(`course-${course}`)).events.map(({ data }) => data.response_uuid),
    async close() {
      await store.close()
      await pool.end()
    },
  }
}

interface Boss {
  on(event: 'error', listener: () => void): void
  start(): Promise<unknown>
  stop(options: object): Promise<void>
  createQueue(name: string): Promise<void>
  insert(name: string, jobs: readonly object[]): Promise<unknown>
}

async function openPgBoss(url: string, connections: number): Promise<PeerStore> {
  const { PgBoss } = (await importPeer('pg-boss')) as { PgBoss: new (options: object) => Boss }
  const boss = new PgBoss({ connectionString: url, max: connections })
  boss.on('error', () => undefined)
  await boss.start()
  await boss.createQueue('answers')
  const pool = new pg.Pool({ connectionString: url, max: 1 })
  let jobs: Map<string, string[]> | undefined
  return {
    version: peerVersion('pg-boss'),
    note: 'insert, all answers of a request in one call; a queue numbers nothing, so order is that of the numbers sent',
    append: (answers) =>
      boss.insert(
        'answers',
        answers.map((answer) => ({ id: answer.response, data: JSON.parse(answerJson(answer)) })),
      ),
    async read(course) {
      jobs ??= await readJobs(pool)
      return jobs.get(course) ?? []
    },
    async close() {
      await boss.stop({ graceful: false })
      await pool.end()
    },
  }
}

async function readJobs(pool: pg.Pool): Promise<Map<string, string[]>> {
  const { rows } = await pool.query<{ course: string; ids: string[] }>(
    `select data->>'course_uuid' as course, array_agg(id::text order by (data->>'sequence_number')::int) as ids
     from pgboss.job
     where name = 'answers'
     group by 1`,
  )
  return new Map(rows.map(({ course, ids }) => [course, ids]))
}
