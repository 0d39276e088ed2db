import type { EventType } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'

/** What was applied of an event, in the order of its commits. */
export interface AppliedEvent {
  readonly number: number
  readonly type: EventType
  readonly student: Uuid | undefined
}

/**
 * Watches one stream of a subscription that is ordered by student: each event once, those of a student in order, and
 * what concerns all of them after everything before it and before everything after it.
 */
export class StudentOrder {
  readonly #isBarrier: (number: number) => boolean
  readonly #seen = new Set<number>()
  readonly #lastOf = new Map<Uuid, number>()
  #highest = -1
  /** Every barrier below was seen. */
  #barriersUpTo = 0

  /** `isBarrier`: whether the event that is stored under a number concerns no one student. */
  constructor(isBarrier: (number: number) => boolean) {
    this.#isBarrier = isBarrier
  }

  get count(): number {
    return this.#seen.size
  }

  /** What is wrong with it, if anything. */
  accept({ number, type, student }: AppliedEvent): string | undefined {
    if (this.#seen.has(number)) return `${number} twice`
    const before = { count: this.#seen.size, highest: this.#highest }
    this.#seen.add(number)
    this.#highest = Math.max(this.#highest, number)
    if (student === undefined) {
      const isInPlace = before.count === number && before.highest === number - 1
      return type === 'no_op' || isInPlace
        ? undefined
        : `${type} ${number} after ${before.count} events, ${before.highest}`
    }
    const last = this.#lastOf.get(student) ?? -1
    this.#lastOf.set(student, Math.max(last, number))
    if (last > number) return `${number} of a student after ${last}`
    for (; this.#barriersUpTo < number; this.#barriersUpTo += 1) {
      const barrier = this.#barriersUpTo
      if (this.#isBarrier(barrier) && !this.#seen.has(barrier)) return `${number} of a student before ${barrier}`
    }
    return undefined
  }
}
