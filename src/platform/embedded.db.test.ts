import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import pg from 'pg'
import { createTestDatabase } from './test-database.ts'

const isLinux = process.platform === 'linux'

test('sessions of the embedded server keep memory between transactions', { skip: !isLinux }, async (context) => {
  const database = await createTestDatabase(async () => undefined)
  context.after(() => database.drop())
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const session = await client.query<{ id: number }>('select pg_backend_pid() as id')
  const status = await readFile(`/proc/${session.rows[0]?.id}/status`, 'utf8')
  await client.end()
  const server = /^PPid:\s+(\d+)$/m.exec(status)?.[1]
  // A session overwrites its own with what `ps` shows of it.
  const environment = await readFile(`/proc/${server}/environ`, 'latin1')
  assert.match(environment, /(?:^|\0)MALLOC_TRIM_THRESHOLD_=\d+/)
})
