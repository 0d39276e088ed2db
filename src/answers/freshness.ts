import type { LatePosition } from '#learning/reader.ts'

/*
 * Read-your-writes (api.md §7): a read waits until the learning subscription has applied everything of its subjects
 * that was readable in the log when the read began. The wait is bounded: while learning is behind or down, reads answer
 * from what is there, stale and not wrong.
 */
export interface Freshness {
  /** Until learning has applied these. */
  untilApplied(late: readonly LatePosition[]): Promise<void>
  /**
   * Until it has applied all that is readable now: for subjects that nobody knows. What was read before has to be
   * read again in any case: it may have been applied since.
   */
  untilAllApplied(): Promise<void>
}

export interface FreshnessPorts {
  /** Highest position of each lane in the log. Keys are `part/lane`. */
  laneHeads(): Promise<ReadonlyMap<string, bigint>>
  /** Position of each lane that learning has applied. */
  applied(): Promise<ReadonlyMap<string, bigint>>
  /** Resolves once learning has applied this position of a lane, or when the time is up. */
  untilApplied(lane: Lane, position: bigint, timeoutMs: number): Promise<unknown>
}

export interface Lane {
  readonly part: number
  readonly lane: number
}

export interface FreshnessOptions {
  readonly waitMsMax: number
}

export function openFreshness(ports: FreshnessPorts, { waitMsMax }: FreshnessOptions): Freshness {
  async function untilApplied(late: readonly LatePosition[]): Promise<void> {
    await Promise.all(late.map(({ position, ...lane }) => ports.untilApplied(lane, position, waitMsMax)))
  }
  return { untilApplied, untilAllApplied: async () => untilApplied(await lanesBehind(ports)) }
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
