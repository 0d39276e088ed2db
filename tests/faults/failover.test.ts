import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { CourseLoad } from '../support/course-load.ts'
import { DatabaseServer } from '../support/database-server.ts'
import { type Program, startProgram } from '../support/program.ts'
import { RemoteReader } from '../support/remote-reader.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { verifyLoad } from '../support/verify-load.ts'

/*
 * The database goes away under load, real servers and real programs: restart, failover with and without loss
 * (streams.md §6, 31–33; operations.md §6). Clients see delays, never a lost or doubled event.
 */
const stops: (() => Promise<unknown>)[] = []
after(async () => {
  for (const stop of stops.reverse()) await stop().catch(() => undefined)
})

function keep<Kept>(kept: Kept, stop: (kept: Kept) => Promise<unknown>): Kept {
  stops.push(() => stop(kept))
  return kept
}

async function createPrimary(): Promise<DatabaseServer> {
  const primary = keep(await DatabaseServer.create(), (one) => one.remove())
  await migrate(primary.url, await readMigrations())
  return primary
}

async function startPrograms(databaseUrl: string): Promise<Program[]> {
  const programs = await Promise.all([startProgram({ databaseUrl }), startProgram({ databaseUrl })])
  for (const program of programs) keep(program, (one) => one.kill())
  return programs
}

function startLoad(programs: readonly Program[], seed: string): CourseLoad {
  const load = new CourseLoad({ urls: () => programs.map(({ url }) => url), courses: 12, seed })
  load.start()
  return load
}

async function stopAll(programs: readonly Program[]): Promise<void> {
  for (const program of programs) assert.equal(await program.stop(), 0, program.output())
}

/** The answer every write gets is a 200, or a 503 that says to come again. */
function assertOnlyDelays(load: CourseLoad): void {
  const others = [...load.statuses.keys()].filter(
    (status) => !/^(200|503 (overloaded|database_unavailable))$/.test(status),
  )
  assert.deepEqual(others, [])
}

describe('the database goes away under load', () => {
  test('[S31] a restart of the database delays answers and loses none', { timeout: 120_000 }, async () => {
    const database = await createPrimary()
    const proxy = keep(await TcpProxy.listen(database.port), (one) => one.close())
    const programs = await startPrograms(proxy.addressOf(database.url))
    const load = startLoad(programs, 'S31')
    await load.more(300)
    await database.stop()
    await sleep(500)
    await database.start()
    proxy.moveTo(database.port)
    await load.more(300)
    await database.kill()
    await database.start()
    proxy.moveTo(database.port)
    await load.more(300)
    await load.finish()
    assertOnlyDelays(load)
    await verifyLoad(load, database)
    await stopAll(programs)
  })

  test('[S32] a synchronous standby that takes over has all that was acknowledged', { timeout: 120_000 }, async () => {
    const primary = await createPrimary()
    const replication = keep(await TcpProxy.listen(primary.port), (one) => one.close())
    const standby = keep(await DatabaseServer.createStandby(primary, 'second', replication.port), (one) => one.remove())
    await primary.requireStandby('second')
    // No balancer: the programs know both addresses and look for the one that accepts writes.
    const both = new URL(primary.url)
    const hosts = `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`
    const programs = await startPrograms(both.toString().replace(both.host, hosts))
    const load = startLoad(programs, 'S32')
    await load.more(300)
    // What is committed from now on reaches the primary alone, and must not be acknowledged.
    replication.cut()
    await primary.untilCommitsWait()
    await primary.kill()
    await standby.promote()
    await load.more(300)
    await load.finish()
    assertOnlyDelays(load)
    assert.equal(await load.repair(), 0, 'an acknowledged event is missing')
    await verifyLoad(load, standby)
    await stopAll(programs)
  })

  test('[S33] what a failover lost shows as gaps, is sent again, and never was confirmed', {
    timeout: 120_000,
  }, async () => {
    const primary = await createPrimary()
    const replication = keep(await TcpProxy.listen(primary.port), (one) => one.close())
    const standby = keep(await DatabaseServer.createStandby(primary, 'second', replication.port), (one) => one.remove())
    const proxy = keep(await TcpProxy.listen(primary.port), (one) => one.close())
    const programs = await startPrograms(proxy.addressOf(primary.url))
    const load = startLoad(programs, 'S33')
    const reader = keep(new RemoteReader(programs[0]?.url ?? ''), async () => undefined)
    const [first, second] = [randomUUID(), randomUUID()]
    await reader.create()
    await load.more(200)
    await load.finish()
    await reader.readAll(load, first)
    await primary.untilFollowed()

    replication.cut()
    load.start()
    await load.more(300)
    // Fetched in the period that will be lost: by a token from before it, and by one that was granted in it.
    const kept = await reader.fetchAs(first)
    const [mine, given] = [kept.slots.slice(0, 32), kept.slots.slice(32)]
    await reader.release(first, given)
    const lost = await reader.fetchAs(second)
    assert.ok(lost.slots.length > 0, 'nothing was granted in the lost period')
    await primary.kill()
    await standby.promote()
    proxy.moveTo(standby.port)
    await load.more(100)
    await load.finish()
    assertOnlyDelays(load)

    const held = new Set(mine.map(({ token_uuid }) => token_uuid))
    const byOldToken = await reader.confirm(
      first,
      kept.batches.filter(({ token_uuid }) => held.has(token_uuid)),
    )
    assert.deepEqual([...new Set(byOldToken)], ['cursor_diverged'], 'positions that hold nothing, or other events')
    const byLostToken = await reader.confirm(second, lost.batches)
    assert.deepEqual([...new Set(byLostToken)], ['lost_lease'])

    assert.ok((await load.repair()) > 100, 'nothing was lost: the run was no test')
    assert.equal(await load.repair(), 0)
    await verifyLoad(load, standby)
    await reader.readAll(load)
    await stopAll(programs)
  })
})
