import { WaitsForStream } from './subscription.ts'

/*
 * What a failure costs: pauses before the same batch is tried again in place, then pauses of a stream that was set
 * aside (streams.md §4.6). After the last one it is parked and waits for a person.
 */
export const inPlacePausesMs = [100, 1000] as const
const setAsidePausesMs = [5000, 15_000, 60_000, 300_000] as const
export const attemptsMax = 8

/** A stream that waits for another one is looked at this often. */
export const blockedPauseMs = 500
/** At most so many at once. Where more wait they take turns, and those that were looked at come again after a pause. */
export const blockedAtOnce = 1000
export const turnPauseMs = 2000

export function pauseBeforeAttempt(attempts: number): number {
  return setAsidePausesMs[Math.min(attempts, setAsidePausesMs.length) - 1] ?? setAsidePausesMs[0]
}

const errorTextMax = 2000

/** Kept beside the stream for the person who will look at it. */
export function errorText(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, errorTextMax)
}

export function awaitedBy(
  error: unknown,
): { kind: WaitsForStream['kind']; stream: WaitsForStream['awaited'] } | undefined {
  return error instanceof WaitsForStream ? { kind: error.kind, stream: error.awaited } : undefined
}
