import type { Guards } from '#crew/guards.ts'
import { SubscriptionRunner } from '#crew/run-subscription.ts'
import type { Subscription } from '#crew/subscription.ts'
import { partOf } from '#domain/parts.ts'
import type { LaneEntry, OpenedLog } from '#log/log.ts'
import { openLogOn } from '#log/open.ts'
import type { LogStore } from '#log/store.ts'
import { simulatedCrewStore } from './crew-store.ts'
import { simulatedLogStore } from './log-store.ts'
import type { SimulatedServer } from './server.ts'
import { ProcessTime } from './virtual-time.ts'

/*
 * One process of ours as it runs in production: a log and a runner of each subscription, on stores in memory, with a
 * clock of its own. It can be frozen at any await, killed, and stopped in order.
 */
export interface ProcessOptions {
  readonly server: SimulatedServer
  readonly parts: number
  readonly subscriptions: readonly Consumer[]
  readonly guards: Guards
  readonly readsHeadsUnderGate: boolean
  readonly readsStandby: boolean
}

/** A consumer that writes one effect an event; `check` may throw for one. */
export interface Consumer extends Pick<Subscription, 'name' | 'kinds' | 'eventsMax'> {
  readonly check: (entries: readonly LaneEntry[]) => void
  readonly workMs: () => number
}

export const ttlMs = 5000
const foldEveryMs = 30_000

export class SimulatedProcess {
  readonly time: ProcessTime
  readonly log: Promise<OpenedLog>
  readonly runners: SubscriptionRunner[] = []
  readonly #server: SimulatedServer
  isOver = false

  constructor(options: ProcessOptions) {
    const { server, parts, readsHeadsUnderGate, readsStandby } = options
    this.#server = server
    const draw = (): number => server.time.random()
    this.time = new ProcessTime(server.time, { offsetMs: draw() * 7_200_000, drift: 0.95 + 0.1 * draw() })
    const partOfStream = rememberedParts(parts)
    const store = simulatedLogStore({
      server,
      process: this.time,
      parts,
      partOf: partOfStream,
      readsHeadsUnderGate,
      readsStandby,
    })
    this.log = this.#open(store, options)
    this.log.catch(() => undefined)
  }

  async #open(store: LogStore, { server, parts, subscriptions, guards }: ProcessOptions): Promise<OpenedLog> {
    const log = await patiently(this.time, () =>
      openLogOn(store, { parts, time: this.time, window: { events: 300, foldRuns: 8 } }),
    )
    void this.#fold(store)
    for (const consumer of subscriptions) {
      if (this.isOver) break
      const runner = new SubscriptionRunner({
        store: simulatedCrewStore({
          server,
          process: this.time,
          subscription: consumer.name,
          idleTimeoutMs: ttlMs,
          beforeEffects: consumer.check,
          workMs: consumer.workMs,
        }),
        subscription: consumer,
        source: log,
        parts,
        ttlMs,
        member: server.time.uuid(),
        time: this.time,
        guards,
      })
      this.runners.push(runner)
      runner.start()
    }
    return log
  }

  async #fold(store: LogStore): Promise<void> {
    while (!this.isOver) {
      await this.time.sleep(foldEveryMs)
      await store.fold().catch(() => undefined)
    }
  }

  /** kill -9: it never does anything again. */
  kill(): void {
    this.isOver = true
    this.time.freeze()
    this.#server.gone(this.time)
  }

  async stop(): Promise<void> {
    this.isOver = true
    await Promise.all(this.runners.map((runner) => runner.stop()))
    await (await this.log).close()
  }
}

function rememberedParts(
  parts: number,
): (kind: 'course' | 'ecosystem', stream: Parameters<typeof partOf>[1]) => number {
  const known = new Map<string, number>()
  return (kind, stream) => {
    const key = `${kind} ${stream}`
    const part = known.get(key) ?? partOf(kind, stream, parts)
    known.set(key, part)
    return part
  }
}

/** A process that does not get up is started again. */
async function patiently<Value>(time: ProcessTime, work: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await work()
    } catch {
      await time.sleep(500)
    }
  }
}
