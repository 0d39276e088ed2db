import { setTimeout as sleepFor } from 'node:timers/promises'

/**
 * Time and chance as log and crew see them, so that a simulation can hold both. Only durations on a monotonic clock are
 * used here; instants that several processes compare come from the database (streams.md R6).
 */
export interface Time {
  monotonicMs(): number
  /** Resolves after `ms`, or at once when `signal` aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** 0 ≤ value < 1. */
  random(): number
}

export const systemTime: Time = {
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleepFor(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined),
  random: () => Math.random(),
}

/** `ms` ± 10 %, so that processes that started together do not stay in step. */
export function jittered(ms: number, time: Time): number {
  return ms * (0.9 + 0.2 * time.random())
}
