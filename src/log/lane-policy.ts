import type { Uuid } from '#domain/ids.ts'

/*
 * Which streams get a lane of their own: those that are so busy that others would wait behind them, until they have
 * been quiet for long (streams.md §4.4). Pure; the figures come from lane-balance.ts.
 */
export const lanePolicies = 'auto, shared, dedicated, or dedicated:K with K from 2 to 32'
export const lanePolicyPattern = '^(auto|shared|dedicated|dedicated:([2-9]|[12][0-9]|3[0-2]))$'
/**
 * `auto` follows the rate; the others are somebody's decision and stay. `dedicated:4`: read through 4 slots, each for
 * its share of the students, by subscriptions to which the order of each student's events is enough (streams.md §5.5).
 */
export type LanePolicy = 'auto' | 'shared' | 'dedicated' | `dedicated:${number}`

/** Undefined for anything that is no policy. */
export function parseLanePolicy(text: string): LanePolicy | undefined {
  return new RegExp(lanePolicyPattern).test(text) ? (text as LanePolicy) : undefined
}

export function isDedicated(policy: LanePolicy): boolean {
  return policy.startsWith('dedicated')
}

/** Through how many slots the lane is read where that is allowed. */
export function sharesOf(policy: LanePolicy): number {
  return Number(policy.split(':')[1] ?? 1)
}

export interface StreamRate {
  /** Moving average over about a minute. */
  readonly eventsPerSecond: number
  /** Windows in a row in which that was busy. */
  readonly busyWindows: number
  readonly quietSeconds: number
}

export interface MeasuredStream extends StreamRate {
  readonly part: number
  readonly stream: Uuid
  /** 0: the lane that all share. */
  readonly lane: number
  readonly policy: LanePolicy
}

export interface LaneMove extends MeasuredStream {
  readonly to: 'shared' | 'dedicated'
}

const averageSeconds = 60
const busyRate = 50
/** A stream that is much of its part's traffic gets a lane from here on. */
const busyRateOfPart = 10
const busyShareOfPart = 0.25
const busyWindowsMin = 3
const quietRate = 10
const quietSecondsMin = 30 * 60
/** More lanes are more slots for every subscription. */
export const ownLanesMax = 16

/** What a window adds to what was known: `events` of the stream, `partEvents` of all streams of its part. */
export function rateAfter(
  before: StreamRate | undefined,
  window: { readonly events: number; readonly partEvents: number; readonly seconds: number },
): StreamRate {
  const { events, partEvents, seconds } = window
  const rate = events / seconds
  const weight = 1 - Math.exp(-seconds / averageSeconds)
  const eventsPerSecond =
    before === undefined ? rate : before.eventsPerSecond + weight * (rate - before.eventsPerSecond)
  const isBusy =
    eventsPerSecond > busyRate || (eventsPerSecond > busyRateOfPart && events > busyShareOfPart * partEvents)
  return {
    eventsPerSecond,
    busyWindows: isBusy ? (before?.busyWindows ?? 0) + 1 : 0,
    quietSeconds: eventsPerSecond < quietRate ? (before?.quietSeconds ?? 0) + seconds : 0,
  }
}

/** What should change, the most urgent first: at most `movesMax` now, and no more than `ownLanesMax` lanes a part. */
export function chooseMoves(streams: readonly MeasuredStream[], movesMax: number): LaneMove[] {
  const ownLanes = new Map<number, number>()
  for (const { part, lane } of streams) if (lane > 0) ownLanes.set(part, (ownLanes.get(part) ?? 0) + 1)
  // What somebody decided comes first, then the busiest.
  const urgent = streams.toSorted(
    (a, b) =>
      Number(a.policy === 'auto') - Number(b.policy === 'auto') ||
      b.eventsPerSecond - a.eventsPerSecond ||
      (a.stream < b.stream ? -1 : 1),
  )
  const moves: LaneMove[] = []
  for (const stream of urgent) {
    const to = wantedLane(stream)
    const own = ownLanes.get(stream.part) ?? 0
    if (moves.length === movesMax || stream.lane > 0 === (to === 'dedicated')) continue
    if (to === 'dedicated' && own >= ownLanesMax) continue
    ownLanes.set(stream.part, own + (to === 'dedicated' ? 1 : -1))
    moves.push({ ...stream, to })
  }
  return moves
}

function wantedLane({ policy, lane, busyWindows, quietSeconds }: MeasuredStream): LaneMove['to'] {
  if (policy !== 'auto') return isDedicated(policy) ? 'dedicated' : 'shared'
  if (lane > 0) return quietSeconds >= quietSecondsMin ? 'shared' : 'dedicated'
  return busyWindows >= busyWindowsMin ? 'dedicated' : 'shared'
}
