import { toUuid, type Uuid } from '#domain/ids.ts'
import type { Time } from '#platform/time.ts'

/*
 * Time that moves only when nothing is left to do at the present instant, and chance from a seed: the same seed gives
 * the same run, however the machine is loaded.
 */
interface Timer {
  readonly atMs: number
  readonly order: number
  fire(): void
}

export class VirtualTime {
  nowMs = 0
  readonly #timers = new Set<Timer>()
  readonly #random: () => number
  #order = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  random(): number {
    return this.#random()
  }

  /** Resolves after `ms` of virtual time, or when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((done) => {
      if (signal?.aborted) return done()
      const finish = (): void => {
        this.#timers.delete(timer)
        signal?.removeEventListener('abort', finish)
        done()
      }
      const timer = { atMs: this.nowMs + Math.max(0, ms), order: this.#order++, fire: finish }
      this.#timers.add(timer)
      signal?.addEventListener('abort', finish)
    })
  }

  uuid(): Uuid {
    const hex = Array.from({ length: 32 }, () => Math.floor(this.random() * 16).toString(16)).join('')
    return toUuid(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))
  }

  /** Runs everything that is due up to `untilMs`. */
  async run(untilMs: number): Promise<void> {
    for (;;) {
      await settle()
      const next = this.#earliest()
      if (next === undefined || next.atMs > untilMs) break
      this.nowMs = next.atMs
      next.fire()
    }
    this.nowMs = untilMs
  }

  #earliest(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      const isEarlier = first === undefined || timer.atMs < first.atMs
      if (isEarlier || (timer.atMs === first?.atMs && timer.order < first.order)) first = timer
    }
    return first
  }
}

/** All promises that can settle without a timer have settled. */
function settle(): Promise<void> {
  return new Promise((done) => setImmediate(done))
}

/** mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
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
