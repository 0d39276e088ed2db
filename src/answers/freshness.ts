import type { LatePosition } from '#learning/reader.ts'
import { systemTime, type Time } from '#platform/time.ts'

/*
 * Read-your-writes (api.md §7): a read waits until the learning subscription has applied everything of its subjects
 * that was readable in the log when the read began. The wait is bounded: while learning is behind or down, reads answer
 * from what is there, stale and not wrong, and say so.
 */
export interface Freshness {
  /** For the reads of one request; `behind` is called when one of them has to do without something. */
  begin(behind?: () => void): Waits
}

/** All waits of a request together are bounded. */
export interface Waits {
  /** Until learning has applied these; false when the time was up first. */
  untilApplied(late: readonly LatePosition[]): Promise<boolean>
  /**
   * Until it has applied all that is readable now: for subjects that nobody knows. What was read before has to be
   * read again in any case: it may have been applied since.
   */
  untilAllApplied(): Promise<boolean>
  /** The answer lacks something that was readable when its read began. */
  behind(): void
}

export interface FreshnessPorts {
  /** Highest position of each lane in the log. Keys are `part/lane`. */
  laneHeads(): Promise<ReadonlyMap<string, bigint>>
  /** Position of each lane that learning has applied. */
  applied(): Promise<ReadonlyMap<string, bigint>>
  /** Resolves once learning has applied this position of a lane; false when the time is up first. */
  untilApplied(lane: Lane, position: bigint, timeoutMs: number): Promise<boolean>
}

export interface Lane {
  readonly part: number
  readonly lane: number
}

export interface FreshnessOptions {
  /** For all reads of a request together. */
  readonly waitMsMax: number
}

export function openFreshness(
  ports: FreshnessPorts,
  { waitMsMax }: FreshnessOptions,
  time: Time = systemTime,
): Freshness {
  return {
    begin: (behind = () => undefined) => {
      let untilMs: number | undefined
      const untilApplied = async (late: readonly LatePosition[]): Promise<boolean> => {
        untilMs ??= time.monotonicMs() + waitMsMax
        const leftMs = Math.max(0, untilMs - time.monotonicMs())
        const areApplied = await Promise.all(
          late.map(({ position, ...lane }) => ports.untilApplied(lane, position, leftMs)),
        )
        return !areApplied.includes(false)
      }
      return { untilApplied, untilAllApplied: async () => untilApplied(await lanesBehind(ports)), behind }
    },
  }
}

/** Of a past that does not change any more: nothing is late. */
export const settled: Waits = {
  untilApplied: async () => true,
  untilAllApplied: async () => true,
  behind: () => undefined,
}

async function lanesBehind(ports: FreshnessPorts): Promise<LatePosition[]> {
  // Applied first: what is appended between the two reads counts as behind, never as applied.
  const applied = await ports.applied()
  const heads = await ports.laneHeads()
  return [...heads].flatMap(([name, position]) => {
    const [part, lane] = name.split('/')
    return position > (applied.get(name) ?? 0n) ? [{ part: Number(part), lane: Number(lane), position }] : []
  })
}
