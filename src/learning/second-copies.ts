import { setTimeout as sleep } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { LaneEntry, OpenedLog } from '#log/log.ts'

/*
 * Finds events whose uuid stands in their course under a lower number already (design D4), of any type and however far
 * apart, without an index on event uuids: for courses in which something happens it keeps a set of 53-bit hashes, built
 * by reading the course once in the background. An equal hash is only a suspicion; the log knows, and puts a no_op in
 * the copy's place. Folding never waits for any of this. What is found late, or twice, or by two processes, comes to
 * the same.
 */
export interface SecondCopyOptions {
  readonly log: Pick<OpenedLog, 'readStream' | 'replaceSecondCopy'>
  /** Takes back what the fold made of the event if it is a copy, before the log forgets it; else does nothing. */
  readonly forget: (copy: StoredEvent) => Promise<unknown>
  readonly onError?: (error: unknown) => void
  readonly parts?: number
  /**
   * Room for hashes over all courses together, 8 bytes each; a course with more than half as many events is left out.
   */
  readonly slotsMax?: number
}

interface CourseHashes {
  /** Every event below this number is in the set. */
  next: number
  readonly seen: HashSet
}

type EventKey = Pick<StoredEvent, 'number' | 'eventUuid'>

const slotsMaxDefault = 8 * 2 ** 20
const eventsPerRead = 1000
/** Reading takes at most a fifth of the time, so that catching up after a start leaves the cores to others. */
const restFactor = 4

export class SecondCopyFinder {
  readonly #options: SecondCopyOptions
  readonly #courses: LRUCache<Uuid, CourseHashes>
  /** Courses to read, and the number up to which (exclusive) there is something to look at. */
  readonly #queue = new Map<Uuid, number>()
  readonly #leftOut = new Set<Uuid>()
  #working: Promise<void> | undefined
  #isClosed = false

  constructor(options: SecondCopyOptions) {
    this.#options = options
    this.#courses = new LRUCache({
      maxSize: options.slotsMax ?? slotsMaxDefault,
      sizeCalculation: ({ seen }) => seen.capacity,
    })
  }

  /** For `committed` of a subscription: what was folded just now. */
  note(entries: readonly LaneEntry[]): void {
    for (const { events } of entries) {
      const first = events[0]
      if (first === undefined || first.kind !== 'course') continue
      // A new course needs no reading.
      const course = first.number === 0 ? newCourse() : this.#courses.get(first.stream)
      const end = (events.at(-1)?.number ?? first.number) + 1
      const follows = course !== undefined && course.next === first.number
      // A suspicion needs the log, so the course is read again from there; otherwise memory is enough.
      if (!follows || !this.#add(first.stream, course, events)) this.#enqueue(first.stream, end)
    }
  }

  /** For `released`: other processes look at these parts from now on. */
  drop(parts: readonly number[]): void {
    const dropped = new Set(parts)
    const count = this.#options.parts ?? partsDefault
    const isDropped = (course: Uuid): boolean => dropped.has(partOf('course', course, count))
    for (const course of [...this.#courses.keys()]) if (isDropped(course)) this.#courses.delete(course)
    for (const course of [...this.#queue.keys()]) if (isDropped(course)) this.#queue.delete(course)
  }

  /** Resolves when everything noted so far has been looked at. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#working
  }

  #enqueue(course: Uuid, end: number): void {
    if (this.#isClosed || this.#leftOut.has(course)) return
    this.#queue.set(course, Math.max(end, this.#queue.get(course) ?? 0))
    this.#working ??= this.#work().finally(() => (this.#working = undefined))
  }

  async #work(): Promise<void> {
    for (let next = this.#takeNext(); next !== undefined && !this.#isClosed; next = this.#takeNext()) {
      try {
        await this.#read(next.course, next.end)
      } catch (error) {
        // The course stays as far as it was read; its next event brings it here again.
        this.#options.onError?.(error)
      }
    }
  }

  #takeNext(): { course: Uuid; end: number } | undefined {
    for (const [course, end] of this.#queue) {
      this.#queue.delete(course)
      return { course, end }
    }
    return undefined
  }

  /** Nothing at or above `end`: what has not been folded yet must not be taken back. */
  async #read(course: Uuid, end: number): Promise<void> {
    const hashes = this.#courses.get(course) ?? newCourse()
    while (hashes.next < end && !this.#isClosed && !this.#leftOut.has(course)) {
      const started = performance.now()
      const limits = { from: hashes.next, eventsMax: Math.min(eventsPerRead, end - hashes.next), bytesMax: 4_000_000 }
      const events = await this.#options.log.readStream('course', course, limits)
      if (events.length === 0) return
      while (!this.#add(course, hashes, events)) await this.#judge(hashes, events)
      await sleep((performance.now() - started) * restFactor)
    }
  }

  /** False when an event's hash was there already: `next` then names that event and `#judge` decides about it. */
  #add(course: Uuid, hashes: CourseHashes, events: readonly EventKey[]): boolean {
    for (const { number, eventUuid } of events) {
      if (number < hashes.next) continue
      if (!hashes.seen.add(hashOf(eventUuid))) return false
      hashes.next = number + 1
    }
    this.#courses.set(course, hashes)
    // Does not fit: it would be read from its beginning again and again.
    if (!this.#courses.has(course)) this.#leftOut.add(course)
    return true
  }

  /** Both look at the uuids themselves and may be repeated: a suspicion that was wrong changes nothing. */
  async #judge(hashes: CourseHashes, events: readonly StoredEvent[]): Promise<void> {
    const suspect = events.find(({ number }) => number === hashes.next)
    if (suspect === undefined) throw new Error(`event ${hashes.next} was suspected and is not among those read`)
    const { kind, stream, number } = suspect
    await this.#options.forget(suspect)
    await this.#options.log.replaceSecondCopy(kind, stream, number)
    hashes.next = number + 1
  }
}

/**
 * 53 bits that depend on all 128: uuids of versions 1 and 7 begin alike when they were made at about the same time, and
 * every equal hash costs the log a look through the course.
 */
function hashOf(uuid: Uuid): number {
  const words = [uuid.slice(0, 8), uuid.slice(9, 13) + uuid.slice(14, 18), uuid.slice(19, 23) + uuid.slice(24, 28)]
  let low = 0x811c9dc5
  let high = 0x9e3779b9
  for (const word of [...words, uuid.slice(28)]) {
    const bits = Number.parseInt(word, 16) | 0
    low = Math.imul(low ^ bits, 0x85ebca6b)
    low ^= low >>> 15
    high = Math.imul(high ^ bits ^ (low >>> 7), 0xc2b2ae35)
    high ^= high >>> 13
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0)
}

function newCourse(): CourseHashes {
  return { next: 0, seen: new HashSet() }
}

/** Open addressing over doubles: 16 bytes a hash at half load, where a Set of numbers takes about 40. */
class HashSet {
  #slots = new Float64Array(64).fill(-1)
  #size = 0

  get capacity(): number {
    return this.#slots.length
  }

  /** False when it was there. */
  add(hash: number): boolean {
    if (this.#size * 2 >= this.#slots.length) this.#grow()
    const at = this.#find(hash)
    if (this.#slots[at] === hash) return false
    this.#slots[at] = hash
    this.#size += 1
    return true
  }

  #find(hash: number): number {
    const mask = this.#slots.length - 1
    let at = (hash % 0x7fff_ffff) & mask
    while (this.#slots[at] !== -1 && this.#slots[at] !== hash) at = (at + 1) & mask
    return at
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new Float64Array(old.length * 2).fill(-1)
    for (const hash of old) if (hash !== -1) this.#slots[this.#find(hash)] = hash
  }
}
