import type { StreamEvent } from '#domain/events.ts'
import { Appender, type AppendOptions } from './append.ts'
import { type AppendResult, LogOverloaded } from './log.ts'

/**
 * Appends for a database that is distributed by part: each transaction is of one part, and so of one shard. A request
 * that spans parts is cut as well, so it is stored whole or not at all only per part; its outcomes are told for all of
 * its items, and what was stored before a refusal is a duplicate when the request comes again.
 */
export class AppenderByPart {
  readonly #options: AppendOptions
  readonly #appenders = new Map<number, Appender>()

  constructor(options: AppendOptions) {
    this.#options = { ...options, sharesPool: true }
  }

  async append(events: readonly StreamEvent[]): Promise<AppendResult> {
    const { partOf, limits } = this.#options
    const { waiters, bytes } = this.load
    if (waiters >= limits.waitersMax || bytes >= limits.queuedBytesMax) {
      throw new LogOverloaded(1, `${waiters} requests of ${bytes} bytes wait`)
    }
    const places = Map.groupBy(events.keys(), (index) => {
      const { kind, stream } = events[index]!
      return partOf(kind, stream)
    })
    const cuts = [...places].map(([part, indexes]) => ({ part, indexes }))
    // All are waited for: an answer while a part is still being written would not be the last word on it.
    const settled = await Promise.allSettled(
      cuts.map(({ part, indexes }) => this.#of(part).append(indexes.map((index) => events[index]!))),
    )
    const results = settled.map((one) => {
      if (one.status === 'rejected') throw one.reason
      return one.value
    })
    return joined(
      results,
      cuts.map(({ indexes }) => indexes),
      events.length,
    )
  }

  get load(): { readonly waiters: number; readonly bytes: number } {
    let waiters = 0
    let bytes = 0
    for (const { load } of this.#appenders.values()) {
      waiters += load.waiters
      bytes += load.bytes
    }
    return { waiters, bytes }
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#appenders.values()].map((appender) => appender.idle()))
  }

  #of(part: number): Appender {
    const appender = this.#appenders.get(part) ?? new Appender(this.#options)
    this.#appenders.set(part, appender)
    return appender
  }
}

/** Conflicts first: they are final, while numbers that are too far ahead may be taken later. */
function joined(results: readonly AppendResult[], places: readonly (readonly number[])[], count: number): AppendResult {
  const conflicts = results.flatMap((result) => (result.kind === 'refused' ? result.conflicts : []))
  if (conflicts.length > 0) return { kind: 'refused', conflicts }
  const missing = results.flatMap((result) => (result.kind === 'too_far_ahead' ? result.missing : []))
  if (results.some(({ kind }) => kind === 'too_far_ahead')) return { kind: 'too_far_ahead', missing }
  const outcomes = new Array<'recorded' | 'duplicate'>(count).fill('recorded')
  results.forEach((result, cut) => {
    if (result.kind !== 'stored') return
    result.outcomes.forEach((outcome, index) => {
      outcomes[places[cut]![index]!] = outcome
    })
  })
  return { kind: 'stored', outcomes }
}
