import { startSubscription } from '#crew/run-subscription.ts'
import type { LaneEntry } from '#log/log.ts'
import { connectCrew } from './crew-connections.ts'

/*
 * A process of its own for bench/eight-live.ts: so many subscriptions, each of which takes every course in order. It
 * learns of new answers by polling, as every process but the one that stored them. Lag is the time from the moment an
 * answer was recorded until it took effect, by the one clock of the machine.
 */
const [, , url, count] = process.argv
if (url === undefined || count === undefined) throw new Error('usage: live-subscriptions.ts DATABASE_URL COUNT')
const { log, pool, heartbeatPool, close } = await connectCrew(url, 10)

class Follower {
  readonly lags: number[] = []
  readonly #next = new Map<string, number>()

  readonly committed = (entries: readonly LaneEntry[]): void => {
    const now = Date.now()
    for (const { events } of entries) {
      for (const { stream, number, recordedAt } of events) {
        const expected = this.#next.get(stream) ?? 0
        if (number !== expected) throw new Error(`${number} of ${stream} came when ${expected} was next`)
        this.#next.set(stream, number + 1)
        this.lags.push(now - recordedAt.getTime())
      }
    }
  }
}

const followers = Array.from({ length: Number(count) }, () => new Follower())
const runners = await Promise.all(
  followers.map(({ committed }, index) => {
    const subscription = { name: `live ${index}`, apply: async () => undefined, committed }
    return startSubscription({ subscription, source: log, pool, heartbeatPool })
  }),
)
process.on('message', async (expected: number) => {
  while (followers.some(({ lags }) => lags.length < expected)) await new Promise((done) => setTimeout(done, 20))
  await Promise.all(runners.map((runner) => runner.stop()))
  await close()
  process.send?.({ lags: followers.map(({ lags }) => lags), passes: runners.map((runner) => runner.status().passes) })
})
process.send?.('started')
