import type { LaneCursor, LaneEntry, Log } from '#log/log.ts'
import { slotName } from './ownership.ts'

/*
 * Reads lanes, and while a full answer is being applied already reads what comes after it: during a replay the database
 * answers and the consumer works at the same time. What is read ahead is used only for the very position it was read for.
 */
export class ReadAhead {
  readonly #source: Pick<Log, 'readLanes'>
  #ahead: { readonly afters: ReadonlyMap<string, bigint>; readonly entries: Promise<LaneEntry[]> } | undefined

  constructor(source: Pick<Log, 'readLanes'>) {
    this.#source = source
  }

  /** By `part/lane`, ascending by position; a lane with `runsMax` entries may have more. */
  async read(cursors: readonly LaneCursor[], runsMax: number): Promise<Map<string, LaneEntry[]>> {
    const ahead = this.#ahead
    this.#ahead = undefined
    const isAhead = (cursor: LaneCursor): boolean => ahead?.afters.get(slotName(cursor)) === cursor.after
    const known = new Set(cursors.filter(isAhead).map(slotName))
    const rest = cursors.filter((cursor) => !isAhead(cursor))
    const [early, now] = await Promise.all([
      known.size === 0 ? [] : ahead?.entries,
      rest.length === 0 ? [] : this.#source.readLanes(rest, runsMax),
    ])
    const wanted = (early ?? []).filter((entry) => known.has(slotName(entry)))
    const entries = Map.groupBy([...wanted, ...now], slotName)
    this.#readOn(entries, runsMax)
    return entries
  }

  /** What was read ahead came through a server that may be gone. */
  forget(): void {
    this.#ahead = undefined
  }

  #readOn(entries: ReadonlyMap<string, LaneEntry[]>, runsMax: number): void {
    const full = [...entries.values()].flatMap((found): LaneCursor[] => {
      const last = found.at(-1)
      if (found.length < runsMax || last === undefined) return []
      return [{ part: last.part, lane: last.lane, after: last.position }]
    })
    if (full.length === 0) return
    const answer = this.#source.readLanes(full, runsMax)
    // Awaited by the next read, or by nobody.
    answer.catch(() => undefined)
    this.#ahead = { afters: new Map(full.map((cursor) => [slotName(cursor), cursor.after])), entries: answer }
  }
}
