import assert from 'node:assert/strict'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { noticeNotRun } from '#platform/test-notice.ts'
import { CourseLoad } from '../support/course-load.ts'
import { DatabaseServer } from '../support/database-server.ts'
import { type Program, startProgram } from '../support/program.ts'
import { RemoteReader } from '../support/remote-reader.ts'
import { SmallVolume } from '../support/small-volume.ts'
import { learntAnswers, untilLearnt, verifyLoad } from '../support/verify-load.ts'

/*
 * [S63] The volume of the database runs full, for real. Its log has a volume of its own, as it should have: PostgreSQL
 * stops when it can not write that one.
 */
const volume = await SmallVolume.mount(160)
if (volume === undefined) noticeNotRun('[S63] a full volume: this user may not mount a tmpfs')

describe('the storage of the database is full', { skip: volume === undefined, timeout: 120_000 }, () => {
  let database: DatabaseServer
  let walFolder = ''
  const programs: Program[] = []

  before(async () => {
    if (volume === undefined) return
    walFolder = await mkdtemp(join(tmpdir(), 'biglearn-wal-'))
    const small = { shared_buffers: '16MB', max_wal_size: '64MB', autovacuum_naptime: '1s' }
    database = await DatabaseServer.create(small, volume.folder)
    await database.stop()
    const wal = join(database.cluster, 'pg_wal')
    await cp(wal, join(walFolder, 'pg_wal'), { recursive: true })
    await rm(wal, { recursive: true })
    await symlink(join(walFolder, 'pg_wal'), wal)
    await database.start()
    await migrate(database.url, await readMigrations())
  })
  after(async () => {
    await volume?.makeRoom().catch(() => undefined)
    await Promise.all(programs.map((program) => program.kill()))
    await database?.stop()
    await volume?.unmount()
    await rm(walFolder, { recursive: true, force: true })
  })

  async function start(environment: NodeJS.ProcessEnv, roles = 'api,learning'): Promise<Program> {
    const program = await startProgram({ databaseUrl: database.url, environment, roles })
    programs.push(program)
    return program
  }

  const loadOn = (program: Program, seed: string) =>
    new CourseLoad({ urls: () => [program.url], courses: 8, seed, answersPerRequest: 20 })

  async function untilRefused(load: CourseLoad): Promise<void> {
    const refused = load.statuses.get('503 storage_full') ?? 0
    for (let waits = 0; (load.statuses.get('503 storage_full') ?? 0) < refused + 10; waits += 1) {
      assert.ok(waits < 600, `not refused: ${[...load.statuses]}`)
      await sleep(50)
    }
  }

  /** Reads go on, and consumers get and apply everything that was accepted. */
  async function assertDrains(load: CourseLoad, reader: RemoteReader): Promise<void> {
    await reader.readAll(load)
    const accepted = load.courses.reduce((sum, course) => sum + load.promised(course).length - 1, 0)
    await untilLearnt(database, accepted)
  }

  test('[S63] writes are refused while little is free, consumers drain, and it goes on by itself', async () => {
    const program = await start({ BIGLEARN_STORAGE_FOLDER: volume?.folder, BIGLEARN_STORAGE_CHECK_MS: '100' })
    const load = loadOn(program, 'S63 low')
    const reader = new RemoteReader(program.url, 'low')
    await reader.create()
    load.start()
    await load.more(500)
    await volume?.fillTo(0.1)
    await untilRefused(load)
    await assertDrains(load, reader)
    assert.match(await (await fetch(`${program.url}/metrics`)).text(), /^biglearn_storage_full 1$/m)
    assert.equal((await fetch(`${program.url}/readyz`)).status, 200)
    await volume?.makeRoom()
    await load.more(500)
    await load.finish()
    await verifyLoad(load, database)
    assert.equal(await program.stop(), 0)
  })

  test('[S63] a server that says that it has no room is believed; nothing is parked or lost', async () => {
    const before = await learntAnswers(database)
    const [program, learner] = await Promise.all([start({}, 'api'), start({}, 'learning')])
    // It wakes up with a backlog and no room to write what follows from it.
    learner.child.kill('SIGSTOP')
    const load = loadOn(program, 'S63 full')
    load.start()
    await load.more(2000)
    await volume?.fillTo(0)
    await untilRefused(load)
    learner.child.kill('SIGCONT')
    await sleep(2500)
    const accepted = load.courses.reduce((sum, course) => sum + load.promised(course).length - 1, 0)
    assert.ok((await learntAnswers(database)) < before + accepted, 'learning had room: the run was no test')
    for (const course of load.courses) {
      assert.deepEqual((await load.stored(course)).slice(0, load.promised(course).length), load.promised(course))
    }
    assert.deepEqual(await database.query('select stream from course_exception'), [])
    await volume?.makeRoom()
    await load.more(500)
    await load.finish()
    await verifyLoad(load, database, before)
    assert.deepEqual(await database.query('select stream from course_exception'), [])
    for (const each of [program, learner]) assert.equal(await each.stop(), 0)
  })
})
