import type { LaneCursor, LaneEntry, Log } from '#log/log.ts'
import { slotName } from './ownership.ts'

/*
 * Reads lanes, and while a full answer is being applied already reads what comes after it: during a replay the database
 * answers and the consumer works at the same time. What is read ahead is used only for the very position it was read
 * for.
 */
interface Ahead {
  readonly afters: ReadonlyMap<string, bigint>
  readonly runsMax: number
  readonly entries: Promise<LaneEntry[]>
}

export interface LanesRead {
  /** By `part/lane`, ascending by position. */
  readonly entries: ReadonlyMap<string, readonly LaneEntry[]>
  /** Lanes of which as many entries came as were asked for: there may be more. */
  readonly full: ReadonlySet<string>
}

export class ReadAhead {
  readonly #source: Pick<Log, 'readLanes'>
  #ahead: Ahead | undefined

  constructor(source: Pick<Log, 'readLanes'>) {
    this.#source = source
  }

  async read(cursors: readonly LaneCursor[], runsMax: number): Promise<LanesRead> {
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
    const limitOf = (name: string): number => (known.has(name) ? (ahead?.runsMax ?? runsMax) : runsMax)
    const full = new Set([...entries].flatMap(([name, found]) => (found.length >= limitOf(name) ? [name] : [])))
    this.#readOn(
      [...full].map((name) => entries.get(name)?.at(-1)),
      runsMax,
    )
    return { entries, full }
  }

  /** What was read ahead came through a server that may be gone. */
  forget(): void {
    this.#ahead = undefined
  }

  #readOn(last: readonly (LaneEntry | undefined)[], runsMax: number): void {
    const next = last.flatMap((entry): LaneCursor[] =>
      entry === undefined ? [] : [{ part: entry.part, lane: entry.lane, after: entry.position }],
    )
    if (next.length === 0) return
    const entries = this.#source.readLanes(next, runsMax)
    // Awaited by the next read, or by nobody.
    entries.catch(() => undefined)
    this.#ahead = { afters: new Map(next.map((cursor) => [slotName(cursor), cursor.after])), runsMax, entries }
  }
}
