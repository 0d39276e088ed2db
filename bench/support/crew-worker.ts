import { startSubscription } from '#crew/run-subscription.ts'
import { openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'

/* One process of the crew for bench/takeover.ts: owns its share, does nothing with it, stops when told to. */
const [, , url, name] = process.argv
if (url === undefined || name === undefined) throw new Error('usage: crew-worker.ts DATABASE_URL SUBSCRIPTION')
const pools = ['log', 'work', 'heartbeat'].map((pool) => openPool(url, { name: pool, connectionsMax: 2 }))
const [logPool, pool, heartbeatPool] = pools
if (logPool === undefined || pool === undefined || heartbeatPool === undefined) throw new Error('three pools')
const log = await openLog(logPool)
const subscription = { name, apply: async () => undefined }
const runner = await startSubscription({ subscription, source: log, pool, heartbeatPool })
process.send?.('started')
process.on('SIGTERM', async () => {
  await runner.stop()
  await log.close()
  await Promise.all(pools.map((each) => each.end()))
  process.disconnect()
})
