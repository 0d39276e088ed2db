import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { createMigratedDatabase } from '#operate/test-database.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { type Program, spawnProgram } from '../support/program.ts'

let database: TestDatabase
let program: Program | undefined

before(async () => {
  database = await createMigratedDatabase()
})
after(async () => {
  await program?.kill()
  await database.drop()
})

test('[S60] the program refuses a database whose default isolation was changed, and says what to do', {
  timeout: 60_000,
}, async () => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const name = new URL(database.url).pathname.slice(1)
  await client.query(`alter database ${name} set default_transaction_isolation = 'repeatable read'`)
  await client.end()
  program = await spawnProgram({ databaseUrl: database.url })
  const [code] = await once(program.child, 'exit')
  assert.equal(code, 78)
  assert.match(
    program.output(),
    /default_transaction_isolation is "repeatable read".*"read committed"\n.*next: run: alter/,
  )
})
