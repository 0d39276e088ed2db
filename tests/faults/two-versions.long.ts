import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { CourseLoad } from '../support/course-load.ts'
import { DatabaseServer } from '../support/database-server.ts'
import { type Program, startProgram } from '../support/program.ts'
import { verifyLoad } from '../support/verify-load.ts'

/* A rolling deployment: processes of two builds share slots and requests while one replaces the other (OP-D2). */
let database: DatabaseServer
const started: Program[] = []

before(async () => {
  database = await DatabaseServer.create()
  await migrate(database.url, await readMigrations())
})
after(async () => {
  await Promise.all(started.map((program) => program.kill()))
  await database?.remove()
})

async function start(build: string): Promise<Program> {
  const program = await startProgram({
    databaseUrl: database.url,
    environment: { BIGLEARN_COMMIT: build, BIGLEARN_LAME_DUCK_MS: '3000' },
  })
  started.push(program)
  return program
}

async function slotsByBuild(): Promise<Record<string, number>> {
  const rows = await database.query<{ build: string; slots: number }>(`
    select substring(m.build from '[+](.*)') as build, count(*)::int as slots
    from slot s join member m on m.member = s.owner and m.subscription = s.subscription
    group by 1 order by 1`)
  return Object.fromEntries(rows.map(({ build, slots }) => [build, slots]))
}

/** All slots are owned, and processes of the new build own this many, give or take one a process. */
async function untilNewOwn(share: number): Promise<void> {
  for (let waits = 0; ; waits += 1) {
    const { old = 0, new: owned = 0 } = await slotsByBuild()
    if (old + owned === slots && Math.abs(owned - share * slots) < 2) return
    assert.ok(waits < 400, `of ${slots} slots ${old} are with the old build and ${owned} with the new one`)
    await sleep(50)
  }
}

/** As a balancer looks: until then it goes on sending. */
async function untilNotReady(program: Program): Promise<void> {
  while ((await fetch(`${program.url}/readyz`)).status === 200) await sleep(20)
}

const slots = 128

test('[S59] two versions share the slots while one replaces the other, without a failed request', async () => {
  const [one, two] = await Promise.all([start('old'), start('old')])
  const serving = new Set([one, two])
  const load = new CourseLoad({ urls: () => [...serving].map(({ url }) => url), courses: 12, seed: 'S59' })
  load.start()
  await load.more(100)
  for (const leaving of [one, two]) {
    serving.add(await start('new'))
    await untilNewOwn(leaving === one ? 1 / 3 : 2 / 3)
    await load.more(100)
    const stopped = leaving.stop()
    await untilNotReady(leaving)
    serving.delete(leaving)
    assert.equal(await stopped, 0)
  }
  assert.deepEqual(Object.keys(await slotsByBuild()), ['new'], 'whoever left has handed its slots back')
  await untilNewOwn(1)
  await load.more(100)
  await load.finish()
  assert.deepEqual([...load.statuses.keys()], ['200'])
  await verifyLoad(load, database)
})
