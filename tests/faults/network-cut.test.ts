import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { registerSubscription } from '#crew/slots.ts'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { openPool } from '#platform/postgres.ts'
import { CourseLoad } from '../support/course-load.ts'
import { DatabaseServer } from '../support/database-server.ts'
import { startProgram } from '../support/program.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'
import { untilLearnt, verifyLoad } from '../support/verify-load.ts'

/*
 * The line between one worker and the database is cut, and nobody is told (streams.md §6, 34). Leases are shorter than
 * in production where the test can say so; the cut is longer than they are.
 */
const stops: (() => Promise<unknown>)[] = []
let database: DatabaseServer
let proxy: TcpProxy

before(async () => {
  database = await DatabaseServer.create()
  proxy = await TcpProxy.listen(database.port)
  await migrate(database.url, await readMigrations())
})
after(async () => {
  for (const stop of stops.reverse()) await stop().catch(() => undefined)
  await proxy?.close()
  await database?.remove()
})

describe('[S34] the network between a worker and the database is cut', { timeout: 120_000 }, () => {
  test('its slots are taken over when its lease ends, and each answer still counts once', async () => {
    // The first one keeps the slots of all courses, the second gets those of the ecosystems.
    const far = await startProgram({ databaseUrl: proxy.addressOf(database.url), roles: 'learning' })
    stops.push(() => far.kill())
    const near = await startProgram({ databaseUrl: database.url })
    stops.push(() => near.kill())
    const owners = async () =>
      (await database.query('select owner, count(*)::int as slots from slot group by owner')).map(({ slots }) => slots)
    const untilShared = async () => {
      while ((await owners()).join() !== '64,64') await sleep(50)
    }
    await untilShared()
    const load = new CourseLoad({ urls: () => [near.url], courses: 40, seed: 'S34', pauseMs: 50 })
    load.start()
    await load.more(400)
    proxy.cut()
    await load.more(400)
    await load.finish()
    const answers = load.courses.reduce((sum, course) => sum + load.promised(course).length - 1, 0)
    await untilLearnt(database, answers)
    assert.deepEqual(await owners(), [128])
    // What it sent before the cut arrives now, and its connections work again as if nothing had been.
    proxy.mend()
    await untilShared()
    load.start()
    await load.more(400)
    await load.finish()
    await verifyLoad(load, database)
    for (const program of [near, far]) assert.equal(await program.stop(), 0)
  })

  test('it stops calling others before its lease ends, and a receiver refuses what comes late', async () => {
    const ttlMs = 2000
    const pool = openPool(database.url, { name: 'test', connectionsMax: 2 })
    const setup = { name: 'calls', mode: 'embedded', kinds: ['course'], startsAt: 'beginning', parts: 64 } as const
    await registerSubscription(pool, setup, async () => new Map())
    await pool.end()
    const receiver = new FencingReceiver()
    await receiver.listen()
    stops.push(async () => receiver.close())
    const [cutOff, other] = [randomUUID(), randomUUID()]
    startWorker(proxy.addressOf(database.url), receiver.url, cutOff, ttlMs)
    startWorker(database.url, receiver.url, other, ttlMs)
    const untilShared = async () => {
      // Exactly: a slot that is handed over in between would be seen with both.
      while (receiver.slotsOf(cutOff).size !== 32 || receiver.slotsOf(other).size !== 32) {
        receiver.forget()
        await sleep(500)
      }
    }
    await untilShared()
    receiver.holdSome()
    proxy.cut()
    const lost = receiver.slotsOf(cutOff)
    const cutAt = Date.now()
    receiver.forget()
    while (receiver.slotsOf(other).size < 64) await sleep(50)
    receiver.takeHeld()
    assert.ok(receiver.lastBegun(cutOff) > cutAt, 'the other service was out of reach as well: the run was no test')
    assert.ok(receiver.lastBegun(cutOff) <= receiver.firstBegun(other, lost), 'it worked on a slot that was taken over')
    assert.ok(receiver.refused > 0, 'nothing came late: the run was no test')
    proxy.mend()
    await untilShared()
  })
})

function startWorker(databaseUrl: string, receiver: string, member: string, ttlMs: number): void {
  const program = fileURLToPath(new URL('../support/calling-worker.ts', import.meta.url))
  const child = spawn(process.execPath, [program, databaseUrl, receiver, 'calls', member, String(ttlMs)], {
    stdio: 'inherit',
  })
  stops.push(async () => {
    if (child.exitCode === null && child.kill('SIGKILL')) await once(child, 'exit')
  })
}

interface Call {
  readonly part: number
  readonly epoch: string
  readonly member: string
  readonly begunAt: number
  readonly isSlow: boolean
}

/** Another service: keeps the highest epoch of each slot and refuses lower ones. */
class FencingReceiver {
  readonly #server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    response.statusCode = this.#take(JSON.parse(text)) ? 200 : 409
    response.end()
  })
  readonly #epochs = new Map<number, bigint>()
  #accepted: Call[] = []
  #lastBegun = new Map<string, number>()
  refused = 0
  #held: Call[] | undefined

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
  }

  get url(): string {
    const address = this.#server.address()
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/`
  }

  slotsOf(member: string): ReadonlySet<number> {
    return new Set(this.#accepted.flatMap((call) => (call.member === member ? [call.part] : [])))
  }

  /** When work was begun last, whether or not its call was accepted. */
  lastBegun(member: string): number {
    return this.#lastBegun.get(member) ?? 0
  }

  firstBegun(member: string, parts: ReadonlySet<number>): number {
    const calls = this.#accepted.filter((call) => call.member === member && parts.has(call.part))
    return Math.min(...calls.map(({ begunAt }) => begunAt))
  }

  /** Looks at what comes from now on; epochs are kept. */
  forget(): void {
    this.#accepted = []
  }

  /** From now on every second call is long on its way. */
  holdSome(): void {
    this.#held = []
  }

  takeHeld(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const call of held) this.#take(call)
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #take(call: Call): boolean {
    if (this.#held !== undefined && call.isSlow) {
      this.#held.push(call)
      return true
    }
    this.#lastBegun.set(call.member, Math.max(this.lastBegun(call.member), call.begunAt))
    const epoch = BigInt(call.epoch)
    if (epoch < (this.#epochs.get(call.part) ?? 0n)) {
      this.refused += 1
      return false
    }
    this.#epochs.set(call.part, epoch)
    this.#accepted.push(call)
    return true
  }
}
