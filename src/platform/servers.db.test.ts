import assert from 'node:assert/strict'
import dns from 'node:dns'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './embedded.ts'
import { isPassing, openPool, withRetry } from './postgres.ts'
import { addressesOf, connectWriter } from './servers.ts'
import { createTestDatabase, type TestDatabase } from './test-database.ts'

let database: TestDatabase

before(async () => {
  database = await createTestDatabase(async () => undefined)
})
after(() => database.drop())

test('an address may name several hosts, with or without ports, a user and parameters', () => {
  assert.deepEqual(addressesOf('postgres://u:p%40w@one:1,two:2/name?sslmode=require'), [
    'postgres://u:p%40w@one:1/name?sslmode=require',
    'postgres://u:p%40w@two:2/name?sslmode=require',
  ])
  assert.deepEqual(addressesOf('postgresql://one,two'), ['postgresql://one', 'postgresql://two'])
  assert.deepEqual(addressesOf('postgres://one/name'), ['postgres://one/name'])
})

async function withDeadHostFirst(): Promise<string> {
  const url = new URL(database.url)
  return database.url.replace(url.host, `127.0.0.1:${await freePort()},${url.host}`)
}

test('a host that does not answer is passed over', async () => {
  const url = await withDeadHostFirst()
  const client = await connectWriter(url, {})
  assert.equal((await client.query('select 1 as one')).rows[0]?.one, 1)
  await client.end()

  const pool = openPool(await withDeadHostFirst(), { name: 'test', connectionsMax: 2 })
  const answer = await withRetry(() => pool.query('select 1 as one'), { budgetMs: 5000 })
  assert.equal(answer.rows[0]?.one, 1)
  await pool.end()
})

test('a host whose name is not found for a moment is passed over, or waited for when it is the only one', async (t) => {
  const lookups: string[] = []
  const { hostname, host } = new URL(database.url)
  let known = true
  // As `net` calls it, with options.
  const lookup = (
    name: string,
    _: unknown,
    done: (error: unknown, found?: { address: string; family: 4 }[]) => void,
  ) => {
    lookups.push(name)
    if (known && name !== 'gone.invalid') process.nextTick(done, null, [{ address: '127.0.0.1', family: 4 }])
    else process.nextTick(done, Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }))
  }
  t.mock.method(dns, 'lookup', lookup as never)
  const address = database.url.replace(hostname, 'primary.invalid')
  const several = openPool(database.url.replace(host, `gone.invalid,${host}`), { name: 'test', connectionsMax: 1 })
  const answer = await withRetry(() => several.query('select 1 as one'), { budgetMs: 25_000 })
  assert.equal(answer.rows[0]?.one, 1)
  await several.end()

  known = false
  const only = openPool(address, { name: 'test', connectionsMax: 1 })
  const asked = withRetry(() => only.query('select 1 as one'), { budgetMs: 25_000 })
  while (lookups.filter((name) => name === 'primary.invalid').length < 2) await Promise.race([asked, sleep(5)])
  known = true
  assert.equal((await asked).rows[0]?.one, 1)
  await only.end()
})

test('the only host was given up after two seconds, however busy its machine was', async () => {
  const target = Number(new URL(database.url).port)
  const slow = createServer((near) => {
    near.on('error', () => undefined)
    setTimeout(() => {
      const far = connect(target, '127.0.0.1')
      far.on('error', () => undefined)
      near.pipe(far).pipe(near)
      near.on('close', () => far.destroy())
    }, 2200).unref()
  })
  slow.listen(0, '127.0.0.1')
  await once(slow, 'listening')
  const address = slow.address()
  const url = new URL(database.url)
  url.port = String(typeof address === 'object' ? address?.port : 0)
  slow.unref()
  const client = await connectWriter(url.toString(), {})
  assert.equal((await client.query('select 1 as one')).rows[0]?.one, 1)
  await client.end()
  slow.close()
})

test('[OP-P5] a server that accepts no writes any more costs the whole pool, not one connection', async () => {
  const pool = openPool(database.url, { name: 'test', connectionsMax: 3 })
  const pids = () =>
    Promise.all(
      [1, 2, 3].map(async () => (await pool.query('select pg_backend_pid() as pid, pg_sleep(0.05)')).rows[0]?.pid),
    )
  const before = new Set(await pids())
  assert.equal(before.size, 3)
  const client = await pool.connect()
  await client.query('set default_transaction_read_only = on')
  const failure = await client.query('create table never ()').then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(isPassing(failure), String(failure))
  client.release(true)
  const after = await withRetry(pids, { budgetMs: 5000 })
  assert.ok(
    after.every((pid) => !before.has(pid)),
    'a connection to the old primary was used again',
  )
  await pool.end()
})
