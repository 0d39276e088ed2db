import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { LaneEntry, OpenedLog } from '#log/log.ts'
import { replacesState } from './applied-events.ts'
import { parseCourseEvent } from './parse-event.ts'
import { RecentEvents } from './recent-events.ts'

/*
 * Finds events whose uuid stands in their course under a lower number already (design D4), without an index on event
 * uuids, and has the log put a no_op in the copy's place. Such a copy comes when a producer numbers twice, so it comes
 * soon: the newest events of all courses are remembered, and of a course that this process has not heard of, those
 * just before its next one are read. A copy of what replaces state is found by the fold itself, however far apart the
 * two are. A response that comes again long after the first stays in the log; readers count it once (design D5).
 *
 * Folding never waits for any of this. What is found late, or twice, or by two processes, comes to the same.
 */
export interface SecondCopyOptions {
  readonly log: Pick<OpenedLog, 'readStream' | 'replaceSecondCopy'>
  /** Takes back what the fold made of the event, a second copy, before the log forgets it. */
  readonly forget: (copy: StoredEvent) => Promise<unknown>
  readonly onError?: (error: unknown) => void
  /** Told of a copy that stays, because it replaced state and what it is a copy of did not. */
  readonly onKept?: (copy: StoredEvent, first: number) => void
  readonly parts?: number
  /** Events remembered over all courses together: so many at least, twice as many at most, 17 bytes each. */
  readonly eventsKept?: number
}

/** 50 MB for three million events when both generations are full. */
const eventsKeptDefault = 1_500_000
/** How far back a course is read that was not heard of before. */
const eventsBefore = 1000
const coursesMax = 100_000
const suspectsMax = 10_000
/** Reading takes at most a fifth of the time, so that catching up after a start leaves the cores to others. */
const restFactor = 4

interface Suspect {
  readonly course: Uuid
  readonly number: number
  /** Of the event with the same uuid; absent when the fold has found the copy. */
  readonly first?: number
}

interface Range {
  readonly from: number
  readonly end: number
}

export class SecondCopyFinder {
  readonly #options: SecondCopyOptions
  readonly #recent: RecentEvents
  /** Courses of which nothing need be read. */
  readonly #known = new LRUCache<Uuid, true>({ max: coursesMax })
  readonly #toRead = new Map<Uuid, Range>()
  #suspects: Suspect[] = []
  #working: Promise<void> | undefined
  #isClosed = false

  constructor(options: SecondCopyOptions) {
    this.#options = options
    this.#recent = new RecentEvents(options.eventsKept ?? eventsKeptDefault)
  }

  /** For `committed` of a subscription: what was folded just now. */
  note(entries: readonly LaneEntry[]): void {
    for (const { events } of entries) {
      const first = events[0]
      if (first === undefined || first.kind !== 'course') continue
      if (first.number === 0) this.#known.set(first.stream, true)
      if (this.#known.get(first.stream) === true) this.#look(events)
      else this.#readLater(first.stream, first.number, (events.at(-1)?.number ?? first.number) + 1)
    }
    this.#start()
  }

  /** For `onSecondCopy` of the fold. */
  suspect({ stream, number }: StoredEvent): void {
    this.#suspect({ course: stream, number })
    this.#start()
  }

  /** For `released`: other processes look at these parts from now on. */
  drop(parts: readonly number[]): void {
    const dropped = new Set(parts)
    const count = this.#options.parts ?? partsDefault
    const isDropped = (course: Uuid): boolean => dropped.has(partOf('course', course, count))
    for (const course of [...this.#known.keys()]) if (isDropped(course)) this.#known.delete(course)
    for (const course of [...this.#toRead.keys()]) if (isDropped(course)) this.#toRead.delete(course)
    this.#suspects = this.#suspects.filter(({ course }) => !isDropped(course))
  }

  /** Resolves when everything noted so far has been looked at. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#working
  }

  #readLater(course: Uuid, number: number, end: number): void {
    const from = this.#toRead.get(course)?.from ?? Math.max(0, number - eventsBefore)
    this.#toRead.set(course, { from, end })
  }

  #look(events: readonly StoredEvent[]): void {
    for (const { stream, eventUuid, number } of events) {
      const known = this.#recent.add(stream, eventUuid, number)
      if (known === undefined) continue
      this.#suspect({ course: stream, first: Math.min(known, number), number: Math.max(known, number) })
    }
  }

  /** More at a time are a client that sends all again; readers do without the rest being replaced. */
  #suspect(suspect: Suspect): void {
    if (this.#suspects.length < suspectsMax) this.#suspects.push(suspect)
  }

  #start(): void {
    if (this.#isClosed || (this.#suspects.length === 0 && this.#toRead.size === 0)) return
    this.#working ??= this.#work().finally(() => (this.#working = undefined))
  }

  async #work(): Promise<void> {
    while (!this.#isClosed) {
      const suspect = this.#suspects.shift()
      const [next] = suspect === undefined ? this.#toRead : []
      if (suspect === undefined && next === undefined) return
      try {
        if (suspect !== undefined) await this.#judge(suspect)
        if (next !== undefined) await this.#read(...next)
      } catch (error) {
        this.#options.onError?.(error)
        // The next events bring us here again, and to the others first.
        if (suspect !== undefined) this.#suspect(suspect)
        if (next !== undefined && this.#toRead.delete(next[0])) this.#toRead.set(...next)
        return
      }
    }
  }

  /** Nothing at or above `end`: what has not been folded yet must not be taken back. */
  async #read(course: Uuid, { from, end }: Range): Promise<void> {
    const started = performance.now()
    const limits = { from, eventsMax: Math.min(eventsBefore, end - from), bytesMax: 4_000_000 }
    const events = await this.#options.log.readStream('course', course, limits)
    this.#look(events)
    const next = (events.at(-1)?.number ?? end) + 1
    // Meanwhile there may have come more.
    const endNow = this.#toRead.get(course)?.end
    if (endNow !== undefined && next < endNow) this.#toRead.set(course, { from: next, end: endNow })
    else if (this.#toRead.delete(course)) this.#known.set(course, true)
    await sleep((performance.now() - started) * restFactor)
  }

  /** Looks at the uuids themselves and may be repeated: a suspicion that was wrong changes nothing. */
  async #judge({ course, number, first }: Suspect): Promise<void> {
    const copy = await this.#event(course, number)
    if (copy === undefined) return
    if (first !== undefined) {
      const earlier = await this.#event(course, first)
      if (earlier?.eventUuid !== copy.eventUuid) return
      // Its effect can not be taken back. If it stays in the log as well, whoever folds it again gets the same.
      if (replacesState(parseCourseEvent(copy)) && !replacesState(parseCourseEvent(earlier))) {
        this.#options.onKept?.(copy, first)
        return
      }
      await this.#options.forget(copy)
    }
    await this.#options.log.replaceSecondCopy('course', course, number)
  }

  async #event(course: Uuid, number: number): Promise<StoredEvent | undefined> {
    const limits = { from: number, eventsMax: 1, bytesMax: 4_000_000 }
    const [event] = await this.#options.log.readStream('course', course, limits)
    return event?.number === number ? event : undefined
  }
}
