import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { freePort } from '#platform/embedded.ts'
import { createTestDatabase } from '#platform/test-database.ts'
import { eventually } from '#platform/test-eventually.ts'

/*
 * `biglearn start` as real processes with a real embedded database: up, stopped by each kind of signal, killed, started
 * again. One data folder goes through all of it and must keep its course.
 */
const course = '11111111-1111-4111-8111-111111111111'
let folder = ''
let port = 0

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'biglearn-start-'))
  port = await freePort()
})
after(() => rm(folder, { recursive: true, force: true }))

interface Running {
  readonly child: ChildProcess
  readonly output: () => string
  readonly exited: Promise<number | string>
}

function run(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
  return follow(spawn(process.execPath, ['src/cli/main.ts', ...words], options(environment)))
}

function options(environment: NodeJS.ProcessEnv) {
  const { DATABASE_URL: _url, ...inherited } = process.env
  return {
    stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, ...environment },
    detached: true,
  }
}

function follow(child: ChildProcess): Running {
  let output = ''
  child.stdout?.on('data', (chunk) => (output += chunk))
  child.stderr?.on('data', (chunk) => (output += chunk))
  const exited = new Promise<number | string>((done) => child.on('exit', (code, signal) => done(code ?? signal ?? '')))
  return { child, output: () => output, exited }
}

async function start(): Promise<Running> {
  const running = run(['start', '--port', String(port), '--data', join(folder, 'data'), '--empty'])
  await untilReady(running)
  return running
}

async function untilReady(running: Running): Promise<void> {
  const deadline = performance.now() + 60_000
  while (performance.now() < deadline) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return
    if (running.child.exitCode !== null) break
    await new Promise((done) => setTimeout(done, 50))
  }
  assert.fail(`not ready: ${running.output()}`)
}

async function post(path: string, body: unknown): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

async function knownCourses(): Promise<string[]> {
  const answer = await post('/fetch_course_metadatas', { metadata_sequence_number_offset: 0, max_num_metadatas: 10 })
  const body = (await answer.json()) as { course_responses: { uuid: string }[] }
  return body.course_responses.map(({ uuid }) => uuid)
}

function databaseRuns(): boolean {
  return existsSync(join(folder, 'data', 'postgres', 'postmaster.pid'))
}

async function databasePid(): Promise<number> {
  return Number((await readFile(join(folder, 'data', 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])
}

describe('one data folder through starts, stops and kills', { concurrency: false }, () => {
  test('starts, says where, and stops on SIGTERM with code 0, database last', async () => {
    const running = await start()
    assert.match(running.output(), new RegExp(`running at http://127.0.0.1:${port}   \\(Ctrl-C stops everything\\)`))
    const answer = await post('/create_course', {
      course_uuid: course,
      ecosystem_uuid: course,
      is_real_course: true,
      starts_at: '2026-09-01T00:00:00Z',
      ends_at: '2026-12-01T00:00:00Z',
      created_at: '2026-09-01T00:00:00Z',
    })
    assert.equal(answer.status, 200)
    assert.ok(databaseRuns())
    running.child.kill('SIGTERM')
    assert.equal(await running.exited, 0)
    assert.ok(!databaseRuns(), 'the database still runs')
  })

  test('a request in flight is answered before the program ends', async () => {
    const running = await start()
    const answered = await slowRequest(() => running.child.kill('SIGTERM'))
    assert.match(answered, /^HTTP\/1\.1 200 /)
    assert.match(answered, /connection: close/i)
    assert.equal(await running.exited, 0)
  })

  test('a signal to the whole group, as Ctrl-C sends it, stops everything in order', async () => {
    const running = await start()
    assert.deepEqual(await knownCourses(), [course])
    process.kill(-(running.child.pid ?? 0), 'SIGINT')
    assert.equal(await running.exited, 0)
    assert.ok(!databaseRuns(), 'the database still runs')
  })

  test('after kill -9 of the program the next start adopts its database', async () => {
    const killed = await start()
    killed.child.kill('SIGKILL')
    await killed.exited
    assert.ok(databaseRuns())
    const running = await start()
    assert.match(running.output(), /still running; using it/)
    assert.deepEqual(await knownCourses(), [course])
    running.child.kill('SIGTERM')
    assert.equal(await running.exited, 0)
    assert.ok(!databaseRuns(), 'the adopted database still runs')
  })

  test('after kill -9 of program and database the next start recovers', async () => {
    const killed = await start()
    const database = await databasePid()
    killed.child.kill('SIGKILL')
    process.kill(database, 'SIGKILL')
    await killed.exited
    const running = await start()
    assert.deepEqual(await knownCourses(), [course])
    running.child.kill('SIGTERM')
    assert.equal(await running.exited, 0)
  })

  test('a second program on the same data folder is refused and harms nothing', async () => {
    const running = await start()
    const second = run(['start', '--port', '0', '--data', join(folder, 'data'), '--empty'])
    assert.equal(await second.exited, 78)
    assert.match(second.output(), /is in use by process \d+\n.*next: .*--data/)
    assert.deepEqual(await knownCourses(), [course])
    running.child.kill('SIGTERM')
    assert.equal(await running.exited, 0)
  })

  test('SIGTERM to npm alone stops the program behind it', async () => {
    const words = ['run', 'biglearn', '--', 'start', '--port', String(port), '--data', join(folder, 'data'), '--empty']
    const running = follow(spawn('npm', words, options({})))
    await untilReady(running)
    running.child.kill('SIGTERM')
    await running.exited
    assert.ok(!databaseRuns(), 'the database still runs')
  })

  test('Ctrl-C on npm, which the program hears twice, ended it at once and left its database running', async () => {
    const words = ['run', 'biglearn', '--', 'start', '--port', String(port), '--data', join(folder, 'data'), '--empty']
    const running = follow(spawn('npm', words, options({})))
    await untilReady(running)
    process.kill(-(running.child.pid ?? 0), 'SIGINT')
    await running.exited
    await eventually('the database has ended', () => !databaseRuns())
  })

  test('a second signal of the same moment is not taken for impatience', async () => {
    const running = await start()
    running.child.kill('SIGINT')
    await eventually('it is stopping', () => running.output().includes('stopping (SIGINT)'))
    running.child.kill('SIGINT')
    assert.equal(await running.exited, 0)
    assert.ok(!databaseRuns(), 'the database still runs')
  })

  test('a data folder of another PostgreSQL is refused with the next step', async () => {
    await writeFile(join(folder, 'data', 'postgres', 'PG_VERSION'), '15\n')
    const running = run(['start', '--port', String(port), '--data', join(folder, 'data'), '--empty'])
    assert.equal(await running.exited, 78)
    assert.match(running.output(), /made by PostgreSQL 15, this one is 18\n.*next: .*--data/)
  })
})

test('a database by DATABASE_URL was given a demonstration course, and nobody told which database it was', async (context) => {
  const database = await createTestDatabase(async () => undefined)
  context.after(() => database.drop())
  const running = run(['start', '--port', String(port)], { DATABASE_URL: database.url })
  context.after(() => running.child.kill('SIGKILL'))
  await untilReady(running)
  await eventually('the welcome', () => /Three things/.test(running.output()))
  const { host, pathname, password } = new URL(database.url)
  assert.match(running.output(), new RegExp(`using the database ${pathname.slice(1)} at ${host} `))
  assert.match(running.output(), new RegExp(`\nDatabase: ${pathname.slice(1)} at ${host}, by DATABASE_URL \\(no demo`))
  assert.ok(!running.output().includes(password), 'the password was told')
  const known = await query(database.url, `select value from installation where name = 'demonstration'`)
  assert.deepEqual(known, [])
  running.child.kill('SIGTERM')
  assert.equal(await running.exited, 0)
})

describe('what can not work is said with the next step', () => {
  test('the port is taken', async () => {
    const other = createServer()
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
    const address = other.address()
    assert.ok(typeof address === 'object' && address !== null)
    const running = run(['start', '--port', String(address.port), '--data', join(folder, 'never')])
    assert.equal(await running.exited, 78)
    assert.match(running.output(), /port \d+ is taken by another program\n.*next: .*--port/)
    assert.ok(!existsSync(join(folder, 'never')), 'a data folder was made')
    other.close()
  })

  test('the database can not be reached', async () => {
    const url = `postgres://nobody:secret-word@127.0.0.1:${await freePort()}/none`
    const running = run(['serve', '--port', '0'], { DATABASE_URL: url })
    assert.equal(await running.exited, 78)
    assert.match(running.output(), /can not be reached: .*\n.*next: check DATABASE_URL/)
    assert.doesNotMatch(running.output(), /secret-word/)
  })

  test('serve without a database, an address without tokens, an unknown role', async () => {
    const withoutDatabase = run(['serve'])
    assert.equal(await withoutDatabase.exited, 78)
    assert.match(withoutDatabase.output(), /DATABASE_URL is not set/)
    const open = run(['serve', '--host', '0.0.0.0'], { DATABASE_URL: 'postgres://127.0.0.1:1/none' })
    assert.equal(await open.exited, 78)
    assert.match(open.output(), /BIGLEARN_API_TOKEN/)
    const role = run(['serve', '--roles', 'api,juggler'])
    assert.equal(await role.exited, 1)
    assert.match(role.output(), /unknown role "juggler"/)
    const console = run(['serve', '--roles', 'learning,console'])
    assert.equal(await console.exited, 1)
    assert.match(console.output(), /the console is a part of the API: add api/)
  })

  test('every command that needs the database says that it can not be reached, without a stack', async () => {
    const url = `postgres://nobody:secret-word@127.0.0.1:${await freePort()}/none`
    for (const words of [['migrate'], ['start', '--port', '0']]) {
      const running = run(words, { DATABASE_URL: url })
      assert.equal(await running.exited, 78, words[0])
      assert.match(running.output(), /can not be reached: .*\n.*next: check DATABASE_URL/)
      assert.doesNotMatch(running.output(), /secret-word|\n +at /)
    }
  })

  test('a data folder that is a file is refused with the next step', async () => {
    const file = join(folder, 'a-file')
    await writeFile(file, '')
    const running = run(['start', '--port', '0', '--data', file])
    assert.equal(await running.exited, 78)
    assert.match(running.output(), /a-file can not be used \(EEXIST\)\n.*next: .*--data/)
  })

  test('an unknown option of a command points to its help', async () => {
    const running = run(['serve', '--rolls', 'api'])
    assert.equal(await running.exited, 1)
    assert.match(running.output(), /unknown option '--rolls'\n.*--roles.*\n\(run with --help/)
  })

  test('a demo without a server to talk to says what to check', async () => {
    const running = run(['demo', '--url', 'nonsense'])
    assert.equal(await running.exited, 1)
    assert.match(running.output(), /an address such as http:/)
  })
})

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

/** Sends the head and half of the body, lets `between` happen, then sends the rest; resolves with the whole answer. */
function slowRequest(between: () => void): Promise<string> {
  const body = JSON.stringify({ metadata_sequence_number_offset: 0, max_num_metadatas: 10 })
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk))
    socket.on('end', () => done(answer))
    socket.on('error', failed)
    socket.write(
      `POST /fetch_course_metadatas HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 10)}`,
    )
    setTimeout(() => {
      between()
      setTimeout(() => socket.write(body.slice(10)), 300)
    }, 200)
  })
}
