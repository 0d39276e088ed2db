import { Gauge, type Registry } from 'prom-client'
import { readLags, type SubscriptionLag } from '#crew/progress.ts'
import type { BlockedStream } from '#log/log.ts'
import type { Services } from './services.ts'

/*
 * Gaps and lag on /metrics (streams.md §4.11). Whoever scrapes, and however often, the database is asked at most once
 * in five seconds; while it does not answer, the figures are those of the last time and nobody waits for them twice.
 */
interface StreamFigures {
  readonly blocked: readonly BlockedStream[]
  readonly lags: readonly SubscriptionLag[]
}

const readEveryMs = 5000
/** Beyond so many the figure says that much is wrong, not how much. */
const blockedMax = 10_000

export function collectStreamMetrics(registry: Registry, { pool, log }: Pick<Services, 'pool' | 'log'>): void {
  const read = rarely(readEveryMs, async (): Promise<StreamFigures> => {
    const [blocked, lags] = await Promise.all([log.blockedStreams(blockedMax), readLags(pool, log)])
    return { blocked, lags }
  })
  const gauge = (name: string, help: string, show: (gauge: Gauge, figures: StreamFigures) => void): void => {
    const labelNames = name.includes('subscription') ? ['subscription'] : []
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      async collect() {
        const figures = await read()
        this.reset()
        if (figures !== undefined) show(this, figures)
      },
    })
  }
  gauge('biglearn_streams_blocked', 'Streams that are stopped by a missing number', (one, { blocked }) => {
    one.set(blocked.length)
  })
  gauge('biglearn_oldest_gap_seconds', 'How long the oldest blocked stream has waited', (one, { blocked }) => {
    const since = blocked[0]?.blockedSince.getTime()
    one.set(since === undefined ? 0 : Math.max(0, (Date.now() - since) / 1000))
  })
  const ofEach =
    (value: (lag: SubscriptionLag) => number) =>
    (one: Gauge, { lags }: StreamFigures) => {
      for (const lag of lags) one.set({ subscription: lag.name }, value(lag))
    }
  gauge(
    'biglearn_subscription_behind_entries',
    'Entries of the log that a subscription has not confirmed',
    ofEach(({ behind }) => Number(behind)),
  )
  gauge(
    'biglearn_subscription_oldest_seconds',
    'How long the oldest of them has been readable',
    ofEach(({ oldestAgeMs }) => oldestAgeMs / 1000),
  )
  gauge(
    'biglearn_subscription_set_aside',
    'Streams that do not follow their lane',
    ofEach(({ exceptions }) => exceptions),
  )
}

/** The last answer for `everyMs`; also when reading it failed. `undefined` until the first one came. */
export function rarely<Value>(
  everyMs: number,
  read: () => Promise<Value>,
  now: () => number = () => performance.now(),
): () => Promise<Value | undefined> {
  let known: Value | undefined
  let startedAt = Number.NEGATIVE_INFINITY
  let reading: Promise<Value | undefined> = Promise.resolve(undefined)
  return () => {
    if (now() - startedAt < everyMs) return reading
    startedAt = now()
    reading = read().then(
      (value) => {
        known = value
        return value
      },
      () => known,
    )
    return reading
  }
}
