import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { courseOf, responseOf } from '#log/sample-events.ts'
import { openWakeUps, type WakeUps } from '#log/wake-ups.ts'
import { eventually } from '#platform/test-eventually.ts'
import { recording, TestCrew, upTo } from './test-crew.ts'

/* Two processes with a log each: one appends, the other one consumes (streams.md §4.7, W1 to W3). */
let crew: TestCrew
let producing: OpenedLog
let consuming: OpenedLog
let told: WakeUps
let heard: WakeUps

before(async () => {
  crew = await TestCrew.open()
  producing = await openLog(crew.pool(4))
  consuming = await openLog(crew.pool(4))
  const { url } = crew.database
  told = openWakeUps({ url, log: producing, parts: 2 * partsDefault })
  heard = openWakeUps({ url, log: consuming, parts: 2 * partsDefault })
})
after(async () => {
  await Promise.all([told.close(), heard.close()])
  await crew.close()
  await Promise.all([producing.close(), consuming.close()])
})

async function listeners(): Promise<number[]> {
  const found = await crew.admin.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name = 'biglearn wake-ups' and datname = current_database()`,
  )
  return found.rows.map(({ pid }) => pid)
}

describe('wake-ups between processes', { timeout: 60_000 }, () => {
  test('a process hears of the parts of others, and not by way of the server of its own', async () => {
    const parts = new Set<number>()
    const own = new Set<number>()
    await eventually('both listen', async () => (await listeners()).length === 2)
    const silent: Pick<OpenedLog, 'onAppended'> = { onAppended: () => () => undefined }
    const stops = [
      heard.around(consuming).onAppended((given) => given.forEach((part) => void parts.add(part))),
      told.around(silent).onAppended((given) => given.forEach((part) => void own.add(part))),
    ]
    await sleep(300)
    parts.clear()
    own.clear()
    const courses = upTo(20).map((index) => courseOf(`heard ${index}`))
    await producing.append(courses.map((course) => responseOf(course, 0)))
    const touched = new Set(courses.map((course) => partOf('course', course)))
    await eventually('heard', () => parts.size === touched.size)
    assert.deepEqual(parts, touched)
    await sleep(200)
    assert.deepEqual(own, new Set())
    for (const stop of stops) stop()
  })

  test('W3: however much is appended, a process notifies ten times a second at most', async () => {
    await eventually('both listen', async () => (await listeners()).length === 2)
    const client = await crew.admin.connect()
    let heardOf = 0
    client.on('notification', () => (heardOf += 1))
    await client.query('listen lane_new')
    const startedMs = performance.now()
    for (let number = 0; number < 300; number += 1) await producing.append([responseOf(courseOf('busy'), number)])
    await eventually('one is heard', () => heardOf > 0)
    const tenths = (performance.now() - startedMs) / 100
    client.release(true)
    assert.ok(heardOf <= tenths + 2, `${heardOf} in ${tenths} tenths of a second`)
  })

  test('[S50] with wake-ups, without, and with a listener that is killed again and again: the same deliveries', async () => {
    const courses = upTo(10).map((index) => courseOf(`S50 ${index}`))
    await crew.run(recording('plain'), consuming)
    await crew.run(recording('woken'), heard.around(consuming))
    let kills = 0
    let isOver = false
    const killing = (async () => {
      while (!isOver) {
        for (const pid of await listeners()) {
          await crew.admin.query('select pg_terminate_backend($1)', [pid])
          kills += 1
        }
        await sleep(150)
      }
    })()
    let count = 0
    for (; count < 60 || kills <= 5; count += 1) {
      await producing.append(courses.map((course) => responseOf(course, count)))
      await sleep(20)
    }
    const isAll = (effects: ReadonlyMap<Uuid, readonly number[]>) =>
      courses.every((course) => effects.get(course)?.length === count)
    for (const name of ['plain', 'woken']) await eventually(name, async () => isAll(await crew.effects(name)))
    isOver = true
    await killing
    const [plain, woken] = await Promise.all([crew.effects('plain'), crew.effects('woken')])
    for (const course of courses) {
      assert.deepEqual(woken.get(course), upTo(count))
      assert.deepEqual(plain.get(course), woken.get(course))
    }
  })
})
