/*
 * Tells a poisoned course from a dead dependency (streams.md §4.6): when more than a fifth of the courses fail within
 * ten seconds, nobody is set aside, the lanes stop and back off. A slot whose batch fails counts as well, as long as it
 * is not known which of its courses is to blame. Pure state, clocked from outside.
 */
const windowMs = 10_000
const failedShareMax = 0.2
/** Below this many it is never the dependency: two bad courses of a small installation are set aside like any other. */
const failedMin = 5
const pauseFirstMs = 1000
const pauseMaxMs = 30_000

export class CircuitBreaker {
  /** Latest outcome of each course and slot, by time; each counts once. */
  readonly #failed = new Map<string, number>()
  readonly #succeeded = new Map<string, number>()
  #troubleSinceMs: number | undefined
  #openUntilMs: number | undefined
  #pauseMs = pauseFirstMs

  /** Something failed, the course is not known yet. Successes from before do not count against what follows. */
  trouble(nowMs: number): void {
    this.#troubleSinceMs ??= nowMs
  }

  succeeded(names: Iterable<string>, nowMs: number): void {
    if (this.#troubleSinceMs === undefined) return
    for (const name of names) {
      this.#failed.delete(name)
      this.#succeeded.set(name, nowMs)
    }
    this.#forget(nowMs)
  }

  failed(name: string, nowMs: number): void {
    this.trouble(nowMs)
    this.#succeeded.delete(name)
    this.#failed.set(name, nowMs)
    this.#forget(nowMs)
    const total = this.#failed.size + this.#succeeded.size
    if (this.#failed.size < failedMin || this.#failed.size / total <= failedShareMax) return
    if (this.#openUntilMs === undefined || nowMs >= this.#openUntilMs) this.open(nowMs)
  }

  /** Opens, or opens again after a failed probe, twice as long. */
  open(nowMs: number): void {
    this.#openUntilMs = nowMs + this.#pauseMs
    this.#pauseMs = Math.min(pauseMaxMs, this.#pauseMs * 2)
  }

  /** `open`: do nothing. `probing`: try one slot. `closed`: as usual. */
  state(nowMs: number): 'closed' | 'open' | 'probing' {
    if (this.#openUntilMs === undefined) return 'closed'
    return nowMs < this.#openUntilMs ? 'open' : 'probing'
  }

  /** The end of the pause, while open. */
  openUntilMs(): number | undefined {
    return this.#openUntilMs
  }

  /** A probe went through. */
  close(): void {
    this.#openUntilMs = undefined
    this.#pauseMs = pauseFirstMs
    this.#troubleSinceMs = undefined
    this.#failed.clear()
    this.#succeeded.clear()
  }

  #forget(nowMs: number): void {
    for (const outcomes of [this.#failed, this.#succeeded]) {
      for (const [name, atMs] of outcomes) if (atMs < nowMs - windowMs) outcomes.delete(name)
    }
    // Trouble is over when nothing failed for a whole window.
    if (this.#failed.size === 0 && (this.#troubleSinceMs ?? nowMs) < nowMs - windowMs) this.#troubleSinceMs = undefined
  }
}
