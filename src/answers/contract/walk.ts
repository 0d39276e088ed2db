import { createHash, randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partsDefault } from '#domain/parts.ts'
import { remembered } from '#domain/remembered.ts'
import type { Instant } from '#domain/student.ts'
import type { AnsweredState, WorkKind, WorkStates } from '#due/work-states.ts'
import type { CourseCursor, CourseHead, LearningReader } from '#learning/reader.ts'
import type { Edition, Editions } from '../editions.ts'

/*
 * Finds courses whose work changed after the state that an algorithm last answered. The walk follows the primary key of
 * the courses from a random place and once around, so that several pollers meet seldom and an item that is never
 * answered keeps nobody else waiting. A poll walks for a moment and the next one goes on from there: no poll is slow,
 * however many courses there are. A course that has not changed costs one probe; when nothing at all was recorded since
 * a round that found nothing, there is no walk.
 */
export interface WalkPorts {
  readonly reader: Pick<LearningReader, 'courseHeads' | 'ecosystems'>
  readonly states: Pick<WorkStates, 'readAnswered' | 'writeAnswered'>
  readonly editions: Editions
  readonly clock: { now(): number }
  /** Text that differs once learning has applied anything more. */
  progress(): Promise<string>
}

export interface WalkOrder<Item> {
  readonly kind: WorkKind
  /** In lower case. */
  readonly algorithm: string
  readonly itemsMax: number
  /** Looks at one course; everything due at most `room` items. */
  readonly examine: (course: WalkedCourse, room: number) => Promise<Examined<Item>>
}

export interface WalkedCourse extends CourseHead {
  /** `undefined` until the course's book has arrived. */
  readonly edition: Edition | undefined
  /** Differs when the edition or what maps into it does. */
  readonly basis: string
  /** All that have arrived. */
  readonly books: ReadonlySet<Uuid>
}

export interface Examined<Item> {
  readonly items: readonly Item[]
  /** When the work changes although nothing is recorded. */
  readonly nextAt: Instant | undefined
  /** Some of the work waits for a book that has not arrived. */
  readonly isWaiting?: boolean
}

/** The state of a subject whose work waits for a book: settled, but only until another one has arrived. */
export function waitingState(state: string, books: ReadonlySet<Uuid>): string {
  return `${state} of ${books.size} books`
}

export interface CourseWalk {
  find<Item>(order: WalkOrder<Item>): Promise<Item[]>
}

/** Where much is due the first few courses fill a poll; where little is, each page is larger than the one before. */
const coursesPerPage = { first: 16, most: 256, growth: 4 }
/**
 * What one poll may cost, in courses passed: some 30 µs each. One that has to be looked into costs as much as fifty. So
 * a poll takes some 30 to 60 ms, and what it finds does not depend on how busy the machine is.
 */
const effortMax = 1000
const lookEffort = 50
/** Should all of them be large. */
const walkMsMax = 2000
const firstUuid = toUuid('00000000-0000-0000-0000-000000000000')
const beginning: CourseCursor = { part: -1, course: firstUuid }

/**
 * After a poll that found nothing and did not come to the end there is none for so many times as long: polling costs a
 * quarter of a core at most.
 */
const restFactor = 3

/** A round that found nothing. */
interface Quiet {
  readonly progress: string
  readonly nextAt: Instant
}

export function openCourseWalk(ports: WalkPorts): CourseWalk {
  const quiet = new LRUCache<string, Quiet>({ max: 1000 })
  const rounds = new LRUCache<string, Round>({ max: 1000 })
  /** By `performance.now()`. */
  const rests = new LRUCache<string, number>({ max: 1000 })
  return {
    find: async (order) => {
      // Without room a course would look as if nothing in it were due.
      if (order.itemsMax <= 0) return []
      const key = `${order.kind} ${order.algorithm}`
      const progress = await ports.progress()
      const before = quiet.get(key)
      if (before?.progress === progress && ports.clock.now() < before.nextAt) return []
      const startedAt = performance.now()
      if (startedAt < (rests.get(key) ?? 0)) return []
      // After `progress`: of a book that comes in between the next poll sees that something was applied.
      const poll = new Poll(ports, order, new Set(await ports.reader.ecosystems()))
      // Taken, so that another poll at the same time starts elsewhere.
      let round: Round | undefined = rounds.get(key) ?? newRound(progress)
      rounds.delete(key)
      while (round !== undefined && !poll.isOver) {
        const isComplete = await poll.walk(round)
        if (!isComplete) rounds.set(key, round)
        else if (!round.hasFound) quiet.set(key, { progress: round.progress, nextAt: round.nextAt })
        // What was due in the last round may still be.
        round = isComplete && round.hasFound && poll.items.length === 0 ? newRound(progress) : undefined
      }
      if (poll.items.length === 0 && rounds.has(key)) {
        rests.set(key, startedAt + (performance.now() - startedAt) * (1 + restFactor))
      }
      return poll.items
    },
  }
}

/** Once around all courses, in as many polls as it takes. */
interface Round {
  readonly start: CourseCursor
  readonly progress: string
  at: CourseCursor
  hasWrapped: boolean
  hasFound: boolean
  nextAt: Instant
}

function newRound(progress: string): Round {
  const start = { part: Math.floor(Math.random() * partsDefault), course: toUuid(randomUUID()) }
  return { start, progress, at: start, hasWrapped: false, hasFound: false, nextAt: Number.POSITIVE_INFINITY }
}

interface PageOfCourses {
  readonly heads: readonly CourseHead[]
  /** How many were asked for: fewer came when there are no more. */
  readonly size: number
}

class Poll<Item> {
  readonly items: Item[] = []
  readonly #ports: WalkPorts
  readonly #order: WalkOrder<Item>
  readonly #books: ReadonlySet<Uuid>
  readonly #bases = new Map<Uuid, Promise<{ edition: Edition | undefined; basis: string }>>()
  readonly #startedAt = performance.now()
  #pageSize = coursesPerPage.first
  #effort = 0
  /** Items of the last course that had any. */
  #lastFound = 0

  constructor(ports: WalkPorts, order: WalkOrder<Item>, books: ReadonlySet<Uuid>) {
    this.#ports = ports
    this.#order = order
    this.#books = books
  }

  /** Another course with as much as the last one would be worked out for items that nobody gets. */
  get isOver(): boolean {
    const isTired = this.#effort >= effortMax || performance.now() - this.#startedAt >= walkMsMax
    return isTired || this.items.length + Math.max(1, this.#lastFound) > this.#order.itemsMax
  }

  /** Takes the round on; true when it is complete, false when the poll is over before. */
  async walk(round: Round): Promise<boolean> {
    let ahead: Promise<PageOfCourses> | undefined
    for (let pages = 0; ; pages += 1) {
      const page = await (ahead ?? this.#page(round.at, 0))
      const heads = round.hasWrapped ? page.heads.filter((head) => !isAfter(head, round.start)) : page.heads
      const isAtEnd = heads.length < page.size
      const last = heads.at(-1)
      // Where little is due the database finds the next page while it looks into this one.
      const goesOn = pages > 0 && !isAtEnd && this.#effort + heads.length < effortMax
      ahead = goesOn && last !== undefined ? this.#page(last, heads.length) : undefined
      // Awaited in the next turn, or by nobody.
      ahead?.catch(() => undefined)
      if (!(await this.#look(heads, round))) return false
      if (isAtEnd && round.hasWrapped) return true
      if (isAtEnd) Object.assign(round, { at: beginning, hasWrapped: true })
    }
  }

  /** The next courses, more than the time before and no more than are left of the poll after `unpassed` others. */
  async #page(after: CourseCursor, unpassed: number): Promise<PageOfCourses> {
    const size = Math.max(1, Math.min(this.#pageSize, effortMax - this.#effort - unpassed))
    this.#pageSize = Math.min(coursesPerPage.most, this.#pageSize * coursesPerPage.growth)
    return { heads: await this.#ports.reader.courseHeads(after, size), size }
  }

  /** Looks at these courses and moves the round behind them; false when the poll is over before. */
  async #look(heads: readonly CourseHead[], round: Round): Promise<boolean> {
    const { kind, algorithm, itemsMax, examine } = this.#order
    const uuids = heads.map(({ course }) => course)
    const answered = await this.#ports.states.readAnswered(kind, algorithm, uuids)
    const settled: AnsweredState[] = []
    for (const head of heads) {
      if (this.isOver) break
      round.at = head
      this.#effort += 1
      const { edition, basis } = await this.#basisOf(head.ecosystem)
      const state = `${head.version.applied} ${basis}`
      const waiting = waitingState(state, this.#books)
      const known = answered.get(head.course)
      const isSettled = known?.state === state || known?.state === waiting
      if (isSettled && (known.nextAt ?? Number.POSITIVE_INFINITY) > this.#ports.clock.now()) {
        round.nextAt = Math.min(round.nextAt, known.nextAt ?? round.nextAt)
        continue
      }
      this.#effort += lookEffort
      const found = await examine({ ...head, edition, basis, books: this.#books }, itemsMax - this.items.length)
      this.items.push(...found.items)
      this.#lastFound = found.items.length || this.#lastFound
      round.hasFound ||= found.items.length > 0
      round.nextAt = Math.min(round.nextAt, found.nextAt ?? round.nextAt)
      if (found.items.length > 0) continue
      settled.push({ subject: head.course, state: found.isWaiting ? waiting : state, nextAt: found.nextAt })
    }
    await this.#ports.states.writeAnswered(kind, algorithm, settled)
    return heads.length === 0 || (round.at === heads.at(-1) && !this.isOver)
  }

  #basisOf(ecosystem: Uuid | undefined): Promise<{ edition: Edition | undefined; basis: string }> {
    if (ecosystem === undefined) return Promise.resolve({ edition: undefined, basis: '' })
    return remembered(this.#bases, ecosystem, async () => {
      const edition = await this.#ports.editions.edition(ecosystem)
      return { edition, basis: edition === undefined ? '' : basisOf(edition) }
    })
  }
}

function isAfter(head: CourseHead, last: CourseCursor): boolean {
  return head.part > last.part || (head.part === last.part && head.course > last.course)
}

const bases = new WeakMap<Edition, string>()

/** Everything of an edition that can change: what is related to it, and what therefore counts for its containers. */
export function basisOf(edition: Edition): string {
  return remembered(bases, edition, () => {
    const hash = createHash('sha1').update(edition.ecosystem).update(edition.related.toSorted().join())
    for (const [container, pool] of edition.pools.pools) {
      hash.update(container)
      for (const { uuid, group } of pool) hash.update(uuid).update(group)
    }
    return hash.digest('base64url')
  })
}

/** The list begun at a random place. */
export function rotated<Item>(items: readonly Item[]): Item[] {
  const start = Math.floor(Math.random() * items.length)
  return [...items.slice(start), ...items.slice(0, start)]
}
