import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type SubscriptionRunner, startSubscription } from '#crew/run-subscription.ts'
import { openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'
import { startBenchDatabase } from './support/product.ts'

/*
 * Two processes share the slots of a subscription. How long until both have their share after one joined, and until one
 * has everything after the other left or was killed. The lease is the default of 5 s.
 */
const slots = 128
const limitMs = 30_000

export async function takeover(options: { readonly rounds: number }): Promise<void> {
  const database = await startBenchDatabase()
  const pools = ['log', 'work', 'heartbeat'].map((name) => openPool(database.url, { name, connectionsMax: 2 }))
  const [logPool, pool, heartbeatPool] = pools
  try {
    if (logPool === undefined || pool === undefined || heartbeatPool === undefined) throw new Error('three pools')
    const log = await openLog(logPool)
    const subscription = { name: 'takeover', apply: async () => undefined }
    const runner = await startSubscription({ subscription, source: log, pool, heartbeatPool })
    await until(runner, slots)
    const took: Record<string, number[]> = { join_ms: [], leave_ms: [], kill_ms: [] }
    for (let round = 0; round < options.rounds; round += 1) {
      for (const [signal, name] of [
        ['SIGTERM', 'leave_ms'],
        ['SIGKILL', 'kill_ms'],
      ] as const) {
        const child = await startWorker(database.url)
        took['join_ms']?.push(await until(runner, slots / 2))
        const gone = once(child, 'exit')
        child.kill(signal)
        took[name]?.push(await until(runner, slots))
        await gone
      }
    }
    process.stdout.write(`${JSON.stringify({ bench: 'takeover', slots, lease_ms: 5000, ...took })}\n`)
    await runner.stop()
    await log.close()
  } finally {
    await Promise.all(pools.map((each) => each.end()))
    await database.stop()
  }
}

async function startWorker(url: string): Promise<ChildProcess> {
  const worker = fileURLToPath(new URL('./support/crew-worker.ts', import.meta.url))
  const child = fork(worker, [url, 'takeover'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await once(child, 'message')
  return child
}

async function until(runner: SubscriptionRunner, owned: number): Promise<number> {
  const started = performance.now()
  while (runner.status().ownedSlots !== owned) {
    if (performance.now() - started > limitMs)
      throw new Error(`${runner.status().ownedSlots} slots after ${limitMs} ms`)
    await new Promise((done) => setTimeout(done, 5))
  }
  return Math.round(performance.now() - started)
}
