/** At most `max` pieces of work at a time, first come, first served. A piece that fails gives its place back. */
export interface Gate {
  /** Rejects with the signal's reason, without the work, when that aborts before there is a place. */
  run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result>
}

export function createGate(max: number): Gate {
  let running = 0
  const waiting = new Set<() => void>()

  async function enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (running < max) {
      running += 1
      return
    }
    // The place is handed over by `leave` without being freed, so nobody can slip in between.
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        waiting.delete(proceed)
        reject(signal?.reason)
      }
      const proceed = () => {
        signal?.removeEventListener('abort', giveUp)
        resolve()
      }
      waiting.add(proceed)
      signal?.addEventListener('abort', giveUp, { once: true })
    })
  }

  function leave(): void {
    const [next] = waiting
    if (next === undefined) {
      running -= 1
      return
    }
    waiting.delete(next)
    next()
  }

  return {
    async run<Result>(work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
      await enter(signal)
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
