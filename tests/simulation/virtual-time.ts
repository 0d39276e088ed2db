import { toUuid, type Uuid } from '#domain/ids.ts'
import { seededRandom } from '#platform/test-random.ts'
import type { Time } from '#platform/time.ts'

/*
 * Time that moves only when nothing is left to do at the present instant, and chance from a seed: the same seed gives
 * the same run, however the machine is loaded. The seed also draws which of several steps due at once goes first.
 */
interface Timer {
  readonly atMs: number
  readonly draw: number
  readonly order: number
  isOver: boolean
  fire(): void
}

export class VirtualTime {
  nowMs = 0
  /** A heap: the next timer is the first. */
  readonly #timers: Timer[] = []
  readonly #random: () => number
  #order = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  random(): number {
    return this.#random()
  }

  /** 0 ≤ whole number < `count`. */
  below(count: number): number {
    return Math.floor(this.#random() * count)
  }

  chosen<Item>(items: readonly Item[]): Item | undefined {
    return items[this.below(items.length)]
  }

  /** Resolves after `ms` of virtual time, or when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((done) => {
      if (signal?.aborted) return done()
      const finish = (): void => {
        timer.isOver = true
        signal?.removeEventListener('abort', finish)
        done()
      }
      const atMs = this.nowMs + Math.max(0, ms)
      const timer = { atMs, draw: this.random(), order: this.#order++, isOver: false, fire: finish }
      this.#push(timer)
      signal?.addEventListener('abort', finish)
    })
  }

  uuid(): Uuid {
    const word = (): string =>
      Math.floor(this.random() * 2 ** 32)
        .toString(16)
        .padStart(8, '0')
    const hex = word() + word() + word() + word()
    return toUuid(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))
  }

  /** Runs everything that is due up to `untilMs`, or until `isOver` says so. */
  async run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    while (!isOver()) {
      await settle()
      const next = this.#pop(untilMs)
      if (next === undefined) {
        this.nowMs = untilMs
        return
      }
      this.nowMs = next.atMs
      next.fire()
    }
  }

  #push(timer: Timer): void {
    const heap = this.#timers
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = timer
  }

  #pop(untilMs: number): Timer | undefined {
    for (;;) {
      const [first] = this.#timers
      if (first === undefined || (!first.isOver && first.atMs > untilMs)) return undefined
      this.#removeFirst()
      if (!first.isOver) return first
    }
  }

  #removeFirst(): void {
    const heap = this.#timers
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  if (one.atMs !== other.atMs) return one.atMs < other.atMs
  return one.draw !== other.draw ? one.draw < other.draw : one.order < other.order
}

/** All promises that can settle without a timer have settled. */
function settle(): Promise<void> {
  return new Promise((done) => setImmediate(done))
}

/** One process's view: its own clock (offset and drift), and the possibility to be frozen at any await. */
export class ProcessTime implements Time {
  readonly #time: VirtualTime
  readonly #offsetMs: number
  readonly #drift: number
  #frozen: { readonly woken: Promise<void>; wake(): void } | undefined

  constructor(time: VirtualTime, clock: { readonly offsetMs: number; readonly drift: number }) {
    this.#time = time
    this.#offsetMs = clock.offsetMs
    this.#drift = clock.drift
  }

  monotonicMs(): number {
    return this.#offsetMs + this.#time.nowMs * this.#drift
  }

  random(): number {
    return this.#time.random()
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    await this.#time.sleep(ms / this.#drift, signal)
    await this.awake()
  }

  get isFrozen(): boolean {
    return this.#frozen !== undefined
  }

  freeze(): void {
    if (this.#frozen !== undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#frozen = { woken: promise, wake: resolve }
  }

  thaw(): void {
    this.#frozen?.wake()
    this.#frozen = undefined
  }

  /** Every answer from outside reaches the process through here. */
  async awake(): Promise<void> {
    while (this.#frozen !== undefined) await this.#frozen.woken
  }
}
