import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import pg from 'pg'
import { ConfigurationError } from '#platform/config.ts'
import { createTestDatabase, type TestDatabase } from '#platform/test-database.ts'
import { checkSchema, migrate, parseMigration } from './migrate.ts'

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
  await assert.rejects(migrate(database.url, [one, two, broken]), /900003 \(three\) failed: division by zero/)
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

/** Another session on the same database, for what others hold while a migration runs. */
async function other(context: TestContext): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  context.after(() => client.end())
  return client
}

const indexed =
  '-- kind: expand\n-- transaction: no\ncreate index concurrently if not exists one_idx on one_of_test (id);'

describe('a migration that can not go on', { timeout: 60_000 }, () => {
  test('a connection that was lost was asked again for five minutes, without the lock', async () => {
    const lost = parseMigration('900004_lost.sql', '-- kind: expand\nselect pg_terminate_backend(pg_backend_pid());')
    const failure = await failureOf(migrate(database.url, [one, two, lost]))
    assert.match(failure.message, /900004 \(lost\) failed: the connection to the database was lost/)
    assert.match(failure.nextStep, /migrate` again/)
  })

  test('a full disk was waited for silently for five minutes', async () => {
    const text = `-- kind: expand\ndo $$ begin raise exception 'no space left' using errcode = '53100'; end $$;`
    const failure = await failureOf(migrate(database.url, [one, two, parseMigration('900004_full.sql', text)]))
    assert.match(failure.message, /900004 \(full\) failed: the database has no room left/)
    assert.match(failure.nextStep, /make room/)
  })

  test('waiting for a lock was not said', async (context) => {
    const holder = await other(context)
    await holder.query('begin; lock table two_of_test')
    const said: string[] = []
    const waiting = parseMigration('900004_wait.sql', '-- kind: expand\nalter table two_of_test add column more int;')
    await migrate(database.url, [one, two, waiting], (line) => {
      if (said.push(line) === 1) void holder.query('commit')
    })
    assert.match(said[0] ?? '', /900004 \(wait\) waits 600 ms for others \(.*lock timeout/)
  })

  test('a second runner says that it waits for the first', async (context) => {
    const first = await other(context)
    await first.query('select pg_advisory_lock(7203511)')
    const said: string[] = []
    await migrate(database.url, [one, two], (line) => {
      said.push(line)
      void first.query('select pg_advisory_unlock(7203511)')
    })
    assert.deepEqual(said, ['somebody else migrates this database: waiting until they are done'])
  })
})

describe('an index that is built concurrently', { timeout: 60_000 }, () => {
  async function indexes(client: pg.Client): Promise<string[]> {
    const found = await client.query<{ line: string }>(`
      select concat_ws(' ', indexrelid::regclass, indisvalid) as line
      from pg_index
      where indrelid = 'one_of_test'::regclass and not indisprimary
      order by line`)
    return found.rows.map(({ line }) => line)
  }

  test('what a lock timeout left of it, invalid, was taken for the index and recorded as done', async (context) => {
    const writer = await other(context)
    await writer.query('begin; insert into one_of_test values (1)')
    let left: string[] = []
    const looked = Promise.withResolvers<void>()
    const migration = parseMigration('900005_index.sql', indexed)
    await migrate(database.url, [one, two, migration], () => {
      const look = async () => {
        left = left.length > 0 ? left : await indexes(writer)
        await writer.query('commit')
      }
      look().then(looked.resolve, looked.reject)
    })
    await looked.promise
    assert.deepEqual(left, ['one_idx f'])
    assert.deepEqual(await indexes(writer), ['one_idx t'])
  })

  test('while any index is invalid, a migration without a transaction is not recorded', async (context) => {
    const client = await other(context)
    await client.query('alter table one_of_test add column same int default 1; insert into one_of_test values (2), (3)')
    await assert.rejects(client.query('create unique index concurrently broken_idx on one_of_test (same)'))
    const migration = parseMigration('900006_index.sql', indexed)
    const failure = await failureOf(migrate(database.url, [one, two, migration]))
    assert.match(failure.message, /900006 \(index\) is not recorded as done: the index broken_idx is invalid/)
    await client.query('drop index concurrently broken_idx')
    assert.deepEqual(await migrate(database.url, [one, two, migration]), [migration])
  })
})

test('serving accepts what a later build added, refuses what it took away, and tells the newest number', async () => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  const record = (number: number, kind: string) =>
    client.query(`insert into schema_migration values ($1, 'later', $2, '', now(), now(), 1)`, [number, kind])
  try {
    await record(900_100, 'expand')
    await record(900_101, 'backfill')
    assert.equal(await checkSchema(client, [one, two]), 900_101)
    await record(900_102, 'contract')
    await assert.rejects(checkSchema(client, [one, two]), /taken away what this one needs: migration 900102 later/)
  } finally {
    await client.end()
  }
})

async function failureOf(migrating: Promise<unknown>): Promise<ConfigurationError> {
  const failure = await migrating.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(failure instanceof ConfigurationError, String(failure))
  return failure
}
