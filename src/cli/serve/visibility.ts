import type { StoredEvent } from '#domain/events.ts'

/*
 * What this process sees of the way of an answer: how many became visible to estimates each second, and how long after
 * they were recorded. Bounded memory, for the console; a fleet is watched through metrics.
 */
export interface Visibility {
  /** Answers that the learning subscription has just committed. */
  applied(answers: readonly StoredEvent[]): void
  read(): VisibilityReading
}

export interface VisibilityReading {
  readonly startsAt: number
  readonly stepMs: number
  /** Answers per second; the last value is the newest complete second. */
  readonly perSecond: readonly number[]
  readonly p50Ms: number | undefined
  readonly p99Ms: number | undefined
  readonly samples: number
  readonly windowMs: number
}

const seconds = 300
const windowMs = 60_000
const samplesMax = 5000

export function createVisibility(now: () => number = Date.now): Visibility {
  const counts = new Float64Array(seconds)
  const ages: { readonly at: number; readonly ageMs: number }[] = []
  let newest = Math.floor(now() / 1000)

  /** Empties the seconds that have passed without an answer. */
  function advance(): number {
    const current = Math.floor(now() / 1000)
    for (let second = Math.max(newest + 1, current - seconds + 1); second <= current; second += 1) {
      counts[second % seconds] = 0
    }
    newest = Math.max(newest, current)
    return newest
  }

  return {
    applied: (answers) => {
      if (answers.length === 0) return
      const second = advance()
      counts[second % seconds] = (counts[second % seconds] ?? 0) + answers.length
      const at = now()
      const oldest = answers.reduce((least, { recordedAt }) => Math.min(least, recordedAt.getTime()), at)
      ages.push({ at, ageMs: Math.max(0, at - oldest) })
      if (ages.length > samplesMax) ages.splice(0, ages.length - samplesMax)
    },
    read: () => {
      const last = advance() - 1
      const first = last - seconds + 2
      const perSecond = Array.from({ length: seconds - 1 }, (_, index) => counts[(first + index) % seconds] ?? 0)
      const recent = ages.filter(({ at }) => at > now() - windowMs).map(({ ageMs }) => ageMs)
      recent.sort((a, b) => a - b)
      return {
        startsAt: first * 1000,
        stepMs: 1000,
        perSecond,
        p50Ms: recent[Math.floor(recent.length * 0.5)],
        p99Ms: recent[Math.min(recent.length - 1, Math.floor(recent.length * 0.99))],
        samples: recent.length,
        windowMs,
      }
    },
  }
}
