import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import pg from 'pg'
import { createTestDatabase, type TestDatabase } from '#platform/test-database.ts'
import { migrate, parseMigration } from './migrate.ts'

let database: TestDatabase
before(async () => {
  database = await createTestDatabase(async () => undefined)
})
after(() => database.drop())

const one = parseMigration('900001_one.sql', '-- kind: expand\ncreate table one_of_test (id int primary key);')
const two = parseMigration('900002_two.sql', '-- kind: expand\ncreate table two_of_test (id int primary key);')

test('two runners at once apply each migration once', async () => {
  const applied = await Promise.all([migrate(database.url, [one]), migrate(database.url, [one])])
  assert.equal(applied.flat().length, 1)
  assert.deepEqual(await migrate(database.url, [one, two]), [two])
})

test('a migration that fails leaves nothing behind and can be corrected', async () => {
  const broken = parseMigration('900003_three.sql', '-- kind: expand\ncreate table three_of_test (id int); select 1/0;')
  await assert.rejects(migrate(database.url, [one, two, broken]), /900003 \(three\) failed/)
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const found = await client.query(`select to_regclass('three_of_test') as name`)
  await client.end()
  assert.equal(found.rows[0].name, null)
})

test('a delivered migration that was changed is refused', async () => {
  const changed = parseMigration('900001_one.sql', '-- kind: expand\ncreate table one_of_test (id bigint primary key);')
  await assert.rejects(migrate(database.url, [changed]), /was applied with other content/)
})

test('names and headers are checked', () => {
  assert.throws(() => parseMigration('1_x.sql', '-- kind: expand'), /NNNNNN_name/)
  assert.throws(() => parseMigration('000001_x.sql', 'select 1'), /no header/)
})
