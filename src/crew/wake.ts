import type { Time } from './time.ts'

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
