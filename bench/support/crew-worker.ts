import { startSubscription } from '#crew/run-subscription.ts'
import { connectCrew } from './crew-connections.ts'
import { effectSubscription } from './effects.ts'

/*
 * One process of the crew for bench/takeover.ts: tells when it begins to join and how many slots it owns whenever that
 * changes, and stops when told to.
 */
const [, , url, name, count] = process.argv
if (url === undefined || name === undefined) throw new Error('usage: crew-worker.ts DATABASE_URL SUBSCRIPTION PARTS')
const parts = Number(count)
const { log, pool, heartbeatPool, close } = await connectCrew(url, 2, { parts })
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
  await close()
  process.disconnect()
})
