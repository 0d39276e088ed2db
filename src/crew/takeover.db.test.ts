import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Uuid } from '#domain/ids.ts'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { courseOf, responseOf } from '#log/sample-events.ts'
import { eventually } from '#platform/test-eventually.ts'
import { recording, TestCrew, upTo } from './test-crew.ts'

/* Real processes on the real log: one is killed, or frozen and woken, under load. Default lease of 5 s. */
let crew: TestCrew
let log: OpenedLog
const kinds = ['course', 'ecosystem'] as const
const children = new Set<ChildProcess>()
before(async () => {
  crew = await TestCrew.open()
  log = await openLog(crew.pool(4))
})
after(async () => {
  for (const child of children) child.kill('SIGKILL')
  await log.close()
  await crew.close()
})

async function startWorker(name: string): Promise<ChildProcess> {
  const worker = fileURLToPath(new URL('./test-worker.ts', import.meta.url))
  const child = fork(worker, [crew.database.url, name], { stdio: 'ignore' })
  children.add(child)
  await once(child, 'message')
  return child
}

/** Appends answers of ten courses until told to stop; returns how many each course got. */
function startTraffic(prefix: string): () => Promise<Map<Uuid, number>> {
  const sent = new Map(Array.from({ length: 10 }, (_, index) => [courseOf(`${prefix} ${index}`), 0]))
  let isRunning = true
  const running = (async () => {
    while (isRunning) {
      for (const [course, number] of sent) {
        await log.append([responseOf(course, number)])
        sent.set(course, number + 1)
      }
      await new Promise((done) => setTimeout(done, 20))
    }
  })()
  return async () => {
    isRunning = false
    await running
    return sent
  }
}

async function expectExactlyOnce(name: string, sent: ReadonlyMap<Uuid, number>): Promise<void> {
  const isThere = (effects: ReadonlyMap<Uuid, number[]>): boolean =>
    [...sent].every(([course, count]) => (effects.get(course)?.length ?? 0) >= count)
  await eventually('all effects', async () => isThere(await crew.effects(name)))
  const effects = await crew.effects(name)
  for (const [course, count] of sent) assert.deepEqual(effects.get(course), upTo(count))
}

test('kill -9 of one of two processes: the other takes all 128 slots, every effect once', async () => {
  const child = await startWorker('killed')
  const survivor = await crew.run({ ...recording('killed'), kinds }, log, { ttlMs: 5000, parts: 64 })
  await eventually('each owns half', () => survivor.status().ownedSlots === 64)
  const stop = startTraffic('killed')
  await new Promise((done) => setTimeout(done, 500))
  child.kill('SIGKILL')
  await eventually('the survivor owns all', () => survivor.status().ownedSlots === 128)
  assert.equal(survivor.status().takeovers, 64)
  await expectExactlyOnce('killed', await stop())
})

test('a frozen process is taken over and does nothing after it wakes', async () => {
  const child = await startWorker('frozen')
  const survivor = await crew.run({ ...recording('frozen'), kinds }, log, { ttlMs: 5000, parts: 64 })
  await eventually('each owns half', () => survivor.status().ownedSlots === 64)
  const stop = startTraffic('frozen')
  await new Promise((done) => setTimeout(done, 300))
  child.kill('SIGSTOP')
  await eventually('the survivor owns all', () => survivor.status().ownedSlots === 128)
  child.kill('SIGCONT')
  // It wakes with batches in hand and a lease that is over, and is given half of the slots again in time.
  await eventually('it gets its share again', () => survivor.status().ownedSlots === 64)
  await expectExactlyOnce('frozen', await stop())
})
