import { startSubscription } from '#crew/run-subscription.ts'
import { openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'
import { effectSubscription } from './effects.ts'

/*
 * One process of the crew for bench/takeover.ts: tells when it begins to join and how many slots it owns whenever that
 * changes, and stops when told to.
 */
const [, , url, name, count] = process.argv
if (url === undefined || name === undefined) throw new Error('usage: crew-worker.ts DATABASE_URL SUBSCRIPTION PARTS')
const parts = Number(count)
const pools = ['log', 'work', 'heartbeat'].map((pool) => openPool(url, { name: pool, connectionsMax: 2 }))
const [logPool, pool, heartbeatPool] = pools
if (logPool === undefined || pool === undefined || heartbeatPool === undefined) throw new Error('three pools')
const log = await openLog(logPool, { parts })
let owned = 0
process.send?.(owned)
const runner = await startSubscription({
  subscription: effectSubscription(name),
  source: log,
  pool,
  heartbeatPool,
  parts,
  report(event) {
    if (event.kind !== 'slots_gained' && event.kind !== 'slots_lost') return
    owned += event.kind === 'slots_gained' ? event.slots.length : -event.slots.length
    if (process.connected) process.send?.(owned)
  },
})
process.on('SIGTERM', async () => {
  await runner.stop()
  await log.close()
  await Promise.all(pools.map((each) => each.end()))
  process.disconnect()
})
