import type { Time } from '#platform/time.ts'
import { type SlotKey, slotName } from './ownership.ts'

/** A sleep that can be cut short: signals that come while nobody sleeps are kept for the next sleep. */
export class Wake {
  #isCalled = false
  #sleeping: AbortController | undefined

  call(): void {
    this.#isCalled = true
    this.#sleeping?.abort()
  }

  async sleep(ms: number, time: Time): Promise<void> {
    if (!this.#isCalled && ms > 0) {
      this.#sleeping = new AbortController()
      await time.sleep(ms, this.#sleeping.signal)
      this.#sleeping = undefined
    }
    this.#isCalled = false
  }
}

/** Readers that wait until a slot has confirmed a position. */
export class PositionWaiters {
  readonly #waiting = new Set<{ readonly slot: string; readonly position: bigint; readonly settled: AbortController }>()

  get size(): number {
    return this.#waiting.size
  }

  /** Resolves when `reached` tells of it, or after `timeoutMs`. */
  async wait(slot: SlotKey, position: bigint, timeoutMs: number, time: Time): Promise<void> {
    const waiter = { slot: slotName(slot), position, settled: new AbortController() }
    this.#waiting.add(waiter)
    await time.sleep(timeoutMs, waiter.settled.signal)
    this.#waiting.delete(waiter)
  }

  /** Positions by `part/lane`. */
  reached(positions: ReadonlyMap<string, bigint>): void {
    for (const { slot, position, settled } of this.#waiting) {
      if ((positions.get(slot) ?? -1n) >= position) settled.abort()
    }
  }
}
