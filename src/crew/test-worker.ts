import { openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'
import { startSubscription } from './run-subscription.ts'
import type { Subscription } from './subscription.ts'
import { recording } from './test-crew.ts'

/*
 * A process of its own for tests that kill one or need several: runs the recording subscription `argv[3]` on the
 * database `argv[2]`. With `student` as third argument it is ordered by student, notes through which slot and process
 * each event came, and applies nothing before another process is about to apply something as well.
 */
const [, , url, name, order] = process.argv
if (url === undefined || name === undefined)
  throw new Error('usage: test-worker.ts DATABASE_URL SUBSCRIPTION [student]')
const log = await openLog(openPool(url, { name: 'log', connectionsMax: 2 }))
await startSubscription({
  subscription: order === 'student' ? byStudent(name) : { ...recording(name), kinds: ['course', 'ecosystem'] },
  source: log,
  pool: openPool(url, { name: 'work', connectionsMax: 1 }),
  heartbeatPool: openPool(url, { name: 'heartbeat', connectionsMax: 2 }),
})
process.send?.('started')

function byStudent(subscription: string): Subscription {
  const { apply } = recording(subscription)
  return {
    name: subscription,
    kinds: ['course'],
    orderedBy: 'student',
    async apply(transaction, entries) {
      const events = entries.flatMap(({ lane, events: all }) => all.map(({ number }) => ({ lane, number })))
      if (entries.some(({ lane }) => lane > 0)) await transaction.query('select meet()')
      await apply(transaction, entries)
      await transaction.query(
        'insert into place (number, lane, pid) select number, lane, $3 from unnest($1::bigint[], $2::int[]) t (number, lane)',
        [events.map(({ number }) => number), events.map(({ lane }) => lane), process.pid],
      )
    },
  }
}
