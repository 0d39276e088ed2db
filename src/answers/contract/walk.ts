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
 * answered keeps nobody else waiting. A course that has not changed costs one probe; when nothing at all was recorded
 * since a walk that found nothing, there is no walk.
 */
export interface WalkPorts {
  readonly reader: Pick<LearningReader, 'courseHeads'>
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
}

export interface Examined<Item> {
  readonly items: readonly Item[]
  /** When the work changes although nothing is recorded. */
  readonly nextAt: Instant | undefined
}

export interface CourseWalk {
  find<Item>(order: WalkOrder<Item>): Promise<Item[]>
}

const coursesPerPage = 1000
/** A poll answers with what it has found by then; the next one starts elsewhere. */
const walkMsMax = 2000
const firstUuid = toUuid('00000000-0000-0000-0000-000000000000')
const beginning: CourseCursor = { part: -1, course: firstUuid }

/**
 * Some 30 µs a course were measured: a walk around 33,000 courses takes most of a second on a busy machine. One that
 * found nothing and took longer than this is not repeated for three times as long, so that polling costs a quarter of a
 * core at most.
 */
const longWalkMs = 250
const restFactor = 3

interface Quiet {
  readonly progress: string
  readonly nextAt: Instant
  /** By `performance.now()`. */
  readonly restsUntil: number
}

export function openCourseWalk(ports: WalkPorts): CourseWalk {
  const quiet = new LRUCache<string, Quiet>({ max: 1000 })
  return {
    find: async (order) => {
      // Without room a course would look as if nothing in it were due.
      if (order.itemsMax <= 0) return []
      const key = `${order.kind} ${order.algorithm}`
      const progress = await ports.progress()
      const before = quiet.get(key)
      if (before?.progress === progress && ports.clock.now() < before.nextAt) return []
      const startedAt = performance.now()
      if (before !== undefined && startedAt < before.restsUntil) return []
      const { items, nextAt, isComplete } = await new Circle(ports, order).walk()
      const tookMs = performance.now() - startedAt
      const restsUntil = tookMs < longWalkMs ? startedAt : startedAt + tookMs * (1 + restFactor)
      if (isComplete && items.length === 0) quiet.set(key, { progress, nextAt, restsUntil })
      else quiet.delete(key)
      return items
    },
  }
}

class Circle<Item> {
  readonly #ports: WalkPorts
  readonly #order: WalkOrder<Item>
  readonly #bases = new Map<Uuid, Promise<{ edition: Edition | undefined; basis: string }>>()
  readonly #items: Item[] = []
  readonly #startedAt = performance.now()
  #nextAt = Number.POSITIVE_INFINITY

  constructor(ports: WalkPorts, order: WalkOrder<Item>) {
    this.#ports = ports
    this.#order = order
  }

  async walk(): Promise<{ items: Item[]; nextAt: Instant; isComplete: boolean }> {
    const start: CourseCursor = { part: Math.floor(Math.random() * partsDefault), course: toUuid(randomUUID()) }
    const isComplete = (await this.#walkFrom(start, undefined)) && (await this.#walkFrom(beginning, start))
    return { items: this.#items, nextAt: this.#nextAt, isComplete }
  }

  /** Up to and with `last`, or to the end; false when the walk was broken off. */
  async #walkFrom(from: CourseCursor, last: CourseCursor | undefined): Promise<boolean> {
    let after = from
    for (;;) {
      const page = await this.#ports.reader.courseHeads(after, coursesPerPage)
      const heads = last === undefined ? page : page.filter((head) => !isAfter(head, last))
      if (!(await this.#look(heads))) return false
      const end = heads.at(-1)
      if (end === undefined || heads.length < coursesPerPage) return true
      after = end
    }
  }

  async #look(heads: readonly CourseHead[]): Promise<boolean> {
    const { kind, algorithm, itemsMax, examine } = this.#order
    const uuids = heads.map(({ course }) => course)
    const answered = await this.#ports.states.readAnswered(kind, algorithm, uuids)
    const settled: AnsweredState[] = []
    let isComplete = true
    for (const head of heads) {
      const { edition, basis } = await this.#basisOf(head.ecosystem)
      const state = `${head.version.applied} ${basis}`
      const known = answered.get(head.course)
      if (known?.state === state && (known.nextAt ?? Number.POSITIVE_INFINITY) > this.#ports.clock.now()) {
        this.#nextAt = Math.min(this.#nextAt, known.nextAt ?? this.#nextAt)
        continue
      }
      const found = await examine({ ...head, edition, basis }, itemsMax - this.#items.length)
      this.#items.push(...found.items)
      this.#nextAt = Math.min(this.#nextAt, found.nextAt ?? this.#nextAt)
      if (found.items.length === 0) settled.push({ subject: head.course, state, nextAt: found.nextAt })
      isComplete = this.#items.length < itemsMax && performance.now() - this.#startedAt < walkMsMax
      if (!isComplete) break
    }
    await this.#ports.states.writeAnswered(kind, algorithm, settled)
    return isComplete
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
