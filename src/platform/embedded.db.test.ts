import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import pg from 'pg'
import { ConfigurationError } from './config.ts'
import { type EmbeddedDatabase, startEmbedded } from './embedded.ts'
import { findInstallation } from './embedded-installation.ts'
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

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'biglearn-embedded-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query({ text, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

test('a cluster that an earlier version left half-made could never be started', async () => {
  const dataDir = join(folder, 'data')
  await mkdir(join(dataDir, 'postgres', 'global'), { recursive: true })
  await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '18\n')
  const database = await startEmbedded({ dataDir, settings: { fsync: 'off' } })
  try {
    assert.deepEqual(await query(database.url, 'select 1'), [[1]])
    assert.deepEqual((await readdir(dataDir)).sort(), ['password', 'postgres', 'postgres.log'])
  } finally {
    await database.remove()
  }
  assert.ok(!existsSync(dataDir))
})

test('a backup that was restored into the data folder is not taken for a half-made cluster', async () => {
  const dataDir = join(folder, 'data')
  await mkdir(join(dataDir, 'postgres'), { recursive: true })
  await writeFile(join(dataDir, 'postgres', 'backup_label'), 'START WAL LOCATION')
  await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '18\n')
  await assert.rejects(startEmbedded({ dataDir }), /has lost its password file/)
  assert.ok(existsSync(join(dataDir, 'postgres', 'backup_label')))
})

const isRoot = process.getuid?.() === 0

describe('root where user namespaces are forbidden', { skip: !isRoot, concurrency: false }, () => {
  const path = process.env['PATH'] ?? ''
  let programs = ''
  let reachableDir = ''

  before(async () => {
    programs = await mkdtemp(join(tmpdir(), 'biglearn-forbidden-'))
    const unshare = '#!/bin/sh\necho "unshare: Operation not permitted" >&2\nexit 1\n'
    await writeFile(join(programs, 'unshare'), unshare, { mode: 0o755 })
    reachableDir = await mkdtemp(join(tmpdir(), 'biglearn-reachable-'))
    process.env['PATH'] = `${programs}:${path}`
  })
  after(async () => {
    process.env['PATH'] = path
    for (const made of [programs, reachableDir]) await rm(made, { recursive: true, force: true })
  })

  async function start(name: string, settings = {}): Promise<EmbeddedDatabase> {
    const dataDir = join(folder, name)
    return startEmbedded({ dataDir, reachableDir, settings: { fsync: 'off', ...settings } })
  }

  test('the password could not be read by the user of the server, so nothing started', async () => {
    const first = await start('data')
    await query(first.url, 'create table kept as select 7 as seven')
    assert.equal((await stat(join(folder, 'data', 'password'))).mode & 0o777, 0o600)
    assert.ok(first.folder.startsWith(reachableDir))
    assert.deepEqual((await readdir(first.folder)).sort(), ['postgres', 'postgres.log'])
    await first.stop()

    const again = await start('data')
    assert.deepEqual(await query(again.url, 'select seven from kept'), [[7]])
    await again.remove()
    assert.ok(!existsSync(first.folder))
  })

  test('a Ctrl-C that ended the first look was taken for a machine that forbids namespaces', async (context) => {
    const killed = await mkdtemp(join(tmpdir(), 'biglearn-killed-'))
    const earlier = process.env['PATH']
    context.after(async () => {
      process.env['PATH'] = earlier
      await rm(killed, { recursive: true, force: true })
    })
    await writeFile(join(killed, 'unshare'), '#!/bin/sh\nkill -INT $$\n', { mode: 0o755 })
    process.env['PATH'] = `${killed}:${path}`
    await assert.rejects(start('data'), /was interrupted/)
  })

  test('a copy of the binaries that was interrupted was used for ever', async () => {
    const dataDir = join(folder, 'data')
    await mkdir(dataDir)
    const { folder: files } = await findInstallation({ dataDir, reachableDir }, () => undefined)
    const copies = async () => (await readdir(reachableDir)).filter((name) => name.includes('native'))
    const [whole = '', ...others] = await copies()
    assert.deepEqual(others, [], 'one copy of a version')
    await rm(join(reachableDir, whole), { recursive: true })
    await mkdir(join(`${files}.native`, 'half'), { recursive: true })

    const database = await start('data')
    await database.remove()
    assert.deepEqual(await copies(), [whole])
    assert.ok(!existsSync(join(reachableDir, whole, 'half')))
  })

  test('data folders whose paths end alike shared a cluster', async () => {
    const tail = 'the-same-end-of-two-paths'
    const folders = ['one', 'two'].map((name) => join(folder, name, tail))
    for (const dataDir of folders) await mkdir(dataDir, { recursive: true })
    const found = await Promise.all(
      folders.map((dataDir) => findInstallation({ dataDir, reachableDir }, () => undefined)),
    )
    assert.notEqual(found[0]?.folder, found[1]?.folder)
  })

  test('a server that does not start pointed to a log that was not there', async () => {
    await assert.rejects(start('data', { shared_buffers: 'nonsense' }), (error: unknown) => {
      assert.ok(error instanceof ConfigurationError)
      const named = /^read (.*)$/.exec(error.nextStep)?.[1] ?? ''
      assert.ok(existsSync(named), error.nextStep)
      return true
    })
  })
})
