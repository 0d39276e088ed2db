import { openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'
import { startSubscription } from './run-subscription.ts'
import { recording } from './test-crew.ts'

/* A process of its own for tests that kill one: runs the recording subscription `argv[3]` on the database `argv[2]`. */
const [, , url, name] = process.argv
if (url === undefined || name === undefined) throw new Error('usage: test-worker.ts DATABASE_URL SUBSCRIPTION')
const log = await openLog(openPool(url, { name: 'log', connectionsMax: 2 }))
await startSubscription({
  subscription: { ...recording(name), kinds: ['course', 'ecosystem'] },
  source: log,
  pool: openPool(url, { name: 'work', connectionsMax: 1 }),
  heartbeatPool: openPool(url, { name: 'heartbeat', connectionsMax: 2 }),
})
process.send?.('started')
