import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type EmbeddedDatabase, startEmbedded } from './embedded.ts'

/*
 * A database of its own for a test file: a clone of a migrated template on the cluster that the test runner started
 * (BIGLEARN_TEST_DATABASE), or, for a file that is run by hand, on a cluster started and removed by this file.
 */
export interface TestDatabase {
  readonly url: string
  drop(): Promise<void>
}

export type PrepareTemplate = (url: string) => Promise<unknown>

export async function createTestDatabase(prepare: PrepareTemplate): Promise<TestDatabase> {
  const given = process.env['BIGLEARN_TEST_DATABASE']
  if (given !== undefined) return cloneOf(given, 'biglearn_template')
  const cluster = await startTestCluster()
  await makeTemplate(cluster.url, prepare)
  const database = await cloneOf(cluster.url, 'biglearn_template')
  return { url: database.url, drop: () => cluster.stop() }
}

/** A throw-away cluster. Not durable on purpose: tests that need durability say so in `settings`. */
export async function startTestCluster(
  settings: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<EmbeddedDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'biglearn-test-'))
  const quick = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' }
  const interruptible = signal === undefined ? {} : { signal }
  const cluster = await startEmbedded({ dataDir, settings: { ...quick, ...settings }, ...interruptible }).catch(
    async (error: unknown) => {
      await rm(dataDir, { recursive: true, force: true })
      throw error
    },
  )
  return { ...cluster, stop: cluster.remove }
}

export async function makeTemplate(clusterUrl: string, prepare: PrepareTemplate): Promise<void> {
  await administer(clusterUrl, 'create database biglearn_template')
  await prepare(withDatabase(clusterUrl, 'biglearn_template'))
}

async function cloneOf(clusterUrl: string, template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await administer(clusterUrl, `create database ${name} template ${template} strategy file_copy`)
  return {
    url: withDatabase(clusterUrl, name),
    drop: () => administer(clusterUrl, `drop database if exists ${name} with (force)`),
  }
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.toString()
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
