import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createTestDatabase } from '#platform/test-database.ts'
import { processesOf } from '../support/processes.ts'

/*
 * `biglearn start` that is told to stop before it is up: wherever it is, it ends, and no process of its database stays.
 */
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'biglearn-interrupted-'))
})
afterEach(async () => {
  for (const { pid } of await processesOf(folder)) killIfThere(pid)
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

interface Starting {
  readonly child: ChildProcess
  readonly output: () => string
  /** The code it ends with; `still running` after half a minute, when it is killed. */
  readonly ended: () => Promise<number | string>
}

function start(environment: NodeJS.ProcessEnv = {}): Starting {
  const { DATABASE_URL: _url, ...inherited } = process.env
  const words = ['src/cli/main.ts', 'start', '--port', '0', '--data', join(folder, 'data'), '--empty']
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...environment },
    detached: true,
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const exited = new Promise<number | string>((done) => child.on('exit', (code, signal) => done(code ?? signal ?? '')))
  const ended = async (): Promise<number | string> => {
    const waiting = new AbortController()
    const late = sleep(30_000, 'still running', { signal: waiting.signal }).catch(() => '')
    const how = await Promise.race([exited, late])
    waiting.abort()
    child.kill('SIGKILL')
    await exited
    return how
  }
  return { child, output: () => output, ended }
}

/** Until `isThere`, or the start is over: a machine that is too fast for the moment makes a test weaker, not wrong. */
async function until(isThere: () => Promise<boolean>, { child, output }: Starting): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await isThere())) {
    if (child.exitCode !== null || performance.now() > deadline) assert.fail(`did not come so far: ${output()}`)
    if (output().includes('Biglearn is running')) return
    await sleep(2)
  }
}

const moments = {
  'while initdb runs': async () => (await processesOf(folder)).some(({ command }) => /\binitdb /.test(command)),
  'while the database starts': async () => existsSync(join(folder, 'data', 'postgres', 'postmaster.pid')),
}

describe('a signal during the start left the database running, and nobody to stop it', { concurrency: false }, () => {
  for (const [moment, isThere] of Object.entries(moments)) {
    test(`SIGTERM ${moment}`, async () => {
      const starting = start()
      await until(isThere, starting)
      starting.child.kill('SIGTERM')
      assert.equal(await starting.ended(), 0, starting.output())
      assert.deepEqual(await processesOf(folder), [])
      assert.ok(!existsSync(join(folder, 'data', 'owner.pid')), 'the data folder is still locked')
    })

    test(`Ctrl-C, which a whole group hears, ${moment}`, async () => {
      const starting = start()
      await until(isThere, starting)
      process.kill(-(starting.child.pid ?? 0), 'SIGINT')
      assert.equal(await starting.ended(), 0, starting.output())
      assert.deepEqual(await processesOf(folder), [])
    })
  }
})

test('an initdb that was killed made every later start fail', async () => {
  const killed = start()
  const data = join(folder, 'data')
  const isHalfMade = async (): Promise<boolean> => {
    const names = await readdir(data).catch(() => [])
    return names.some((name) => existsSync(join(data, name, 'PG_VERSION')))
  }
  await until(isHalfMade, killed)
  for (const { pid } of await processesOf(folder)) killIfThere(pid)
  await killed.ended()
  const next = start()
  await until(async () => false, next)
  assert.deepEqual(
    (await readdir(data)).filter((name) => name.includes('.new-')),
    [],
  )
  next.child.kill('SIGTERM')
  assert.equal(await next.ended(), 0, next.output())
})

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended with its parent.
  }
}

test('a start that waited for a migration of another session could not be stopped', async (context) => {
  const database = await createTestDatabase(async () => undefined)
  context.after(() => database.drop())
  const other = new pg.Client({ connectionString: database.url, application_name: 'another migration' })
  other.on('error', () => undefined)
  await other.connect()
  await other.query('select pg_advisory_lock(7203511)')
  const starting = start({ DATABASE_URL: database.url })
  const waits = async (): Promise<boolean> => {
    const found = await other.query(
      `select from pg_stat_activity where application_name = 'biglearn migrate' and datname = current_database()`,
    )
    return found.rows.length > 0
  }
  await until(waits, starting)
  starting.child.kill('SIGTERM')
  const code = await starting.ended()
  await other.end()
  assert.equal(code, 0, starting.output())
})
