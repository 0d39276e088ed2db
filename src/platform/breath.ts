import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Lets others have the event loop during long computations: call `take` between pieces of work, each of which should be
 * short; it gives the loop away once enough time has passed since it last did.
 */
export interface Breath {
  take(): Promise<void>
}

const workMsMax = 8

export function createBreath(): Breath {
  let last = performance.now()
  return {
    take: async () => {
      if (performance.now() - last < workMsMax) return
      await nextTurn()
      last = performance.now()
    },
  }
}
