import { startSubscription } from '#crew/run-subscription.ts'
import type { LaneEntry } from '#log/log.ts'
import { connectCrew } from './crew-connections.ts'
import { DisorderError, soakEffects } from './soak-effects.ts'

/*
 * One consumer of bench/soak.ts, a member of its subscription: says how many slots it owns, when events were recorded
 * and how much later they took effect, and what should not have happened.
 */
export interface SoakNews {
  readonly owned: number
  /** Pairs: when an event was recorded (ms since 1970), and after how many ms it took effect here. */
  readonly seen: readonly number[]
  readonly wrong: readonly string[]
}

const [, , url] = process.argv
if (url === undefined) throw new Error('usage: soak-worker.ts DATABASE_URL')
const { log, pool, heartbeatPool, close } = await connectCrew(url, 2)
let seen: number[] = []
let wrong: string[] = []
const runner = await startSubscription({
  subscription: {
    ...soakEffects,
    async apply(transaction, entries) {
      try {
        await soakEffects.apply(transaction, entries)
      } catch (error) {
        if (error instanceof DisorderError) wrong.push(error.message)
        throw error
      }
    },
    committed(entries: readonly LaneEntry[]) {
      const now = Date.now()
      for (const { events } of entries) {
        for (const { recordedAt } of events) seen.push(recordedAt.getTime(), now - recordedAt.getTime())
      }
    },
  },
  source: log,
  pool,
  heartbeatPool,
  report(event) {
    if (event.kind === 'failed' && !event.isPassing) wrong.push(`a turn failed: ${event.error}`)
    if (event.kind === 'set_aside' || event.kind === 'parked') wrong.push(`a course was ${event.kind}`)
  },
})
const telling = setInterval(() => {
  process.send?.({ owned: runner.status().ownedSlots, seen, wrong } satisfies SoakNews)
  seen = []
  wrong = []
}, 200)
process.on('SIGTERM', async () => {
  clearInterval(telling)
  await runner.stop()
  await close()
  process.disconnect()
})
// A run that was interrupted leaves nobody behind.
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => undefined)
