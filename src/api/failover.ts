import { setTimeout as sleep } from 'node:timers/promises'
import { isPassing } from '#platform/postgres.ts'

/*
 * A request may wait for a failover of the database (OP-P5, design D8): what passes by itself is tried again with full
 * jitter, because every request is idempotent. When the budget is spent the caller answers 503.
 */
export interface FailoverWait {
  readonly budgetMs: number
  readonly now: () => number
  readonly random: () => number
}

const pauseMinMs = 50
const pauseMaxMs = 2000

export class DatabaseUnavailable extends Error {
  constructor(cause: unknown) {
    super('the database did not answer within the time a request may wait', { cause })
    this.name = 'DatabaseUnavailable'
  }
}

export async function throughFailover<Result>(attempt: () => Promise<Result>, wait: FailoverWait): Promise<Result> {
  const deadline = wait.now() + wait.budgetMs
  for (let ceilingMs = pauseMinMs; ; ceilingMs = Math.min(ceilingMs * 2, pauseMaxMs)) {
    try {
      return await attempt()
    } catch (error) {
      if (!isPassing(error)) throw error
      const pauseMs = pauseMinMs + wait.random() * (ceilingMs - pauseMinMs)
      if (wait.now() + pauseMs >= deadline) throw new DatabaseUnavailable(error)
      await sleep(pauseMs)
    }
  }
}
