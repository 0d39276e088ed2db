import type pg from 'pg'
import type { LogStore } from './store.ts'

/**
 * The gates that somebody else holds for long: a process that is frozen within a transaction, a slow repair. An append
 * that meets one does not wait inside its transaction, where it would hold the gates before it; who needs the gate
 * steps aside until it is seen free by a wait that holds nothing.
 */
export class HeldGates {
  readonly #store: Pick<LogStore, 'freeGates'>
  readonly #looked: () => boolean
  readonly #bins = new Set<number>()
  #watching: Promise<void> | undefined

  /** `looked` is called several times a second while a gate is held; it returns false when nobody waits for one. */
  constructor(store: Pick<LogStore, 'freeGates'>, looked: () => boolean) {
    this.#store = store
    this.#looked = looked
  }

  get areThere(): boolean {
    return this.#bins.size > 0
  }

  includeAny(bins: readonly number[]): boolean {
    return bins.some((bin) => this.#bins.has(bin))
  }

  add(bins: readonly number[]): void {
    for (const bin of bins) this.#bins.add(bin)
    if (this.areThere) this.#watching ??= this.#watch()
  }

  /** Resolves when none is held, or nobody waits any more; undefined when that is so. */
  get watching(): Promise<void> | undefined {
    return this.#watching
  }

  async #watch(): Promise<void> {
    while (this.areThere) {
      const bins = [...this.#bins]
      // When that can not be known, all are taken for free: the next append finds out what is wrong.
      for (const bin of await this.#store.freeGates(bins).catch(() => bins)) this.#bins.delete(bin)
      if (!this.#looked()) this.#bins.clear()
    }
    this.#watching = undefined
  }
}

const lookMs = 100

/** See `LogStore.freeGates`. Waits in the queue of a gate, so that its turn comes however many others want it. */
export async function waitForFreeGates(pool: pg.Pool, bins: readonly number[]): Promise<readonly number[]> {
  const held = await selectHeldGates(pool, bins)
  if (held.length < bins.length) return bins.filter((bin) => !held.includes(bin))
  const [first = -1] = bins
  try {
    // One message of two statements is one transaction.
    await pool.query(`
      set local lock_timeout = ${lookMs};
      select from gate where bin = ${first} for no key update`)
    return [first]
  } catch (error) {
    if (isLockTimeout(error)) return []
    throw error
  }
}

/** Those of `bins` that are held at this moment. */
export async function selectHeldGates(
  database: pg.Pool | pg.ClientBase,
  bins: readonly number[],
): Promise<readonly number[]> {
  const free = await database.query<{ bin: number }>(
    'select g.bin from gate g where g.bin = any ($1) for no key update skip locked',
    [bins],
  )
  const areFree = new Set(free.rows.map(({ bin }) => bin))
  return bins.filter((bin) => !areFree.has(bin))
}

const lockTimeout = '55P03'

export function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === lockTimeout
}

/** A request waited for all its time. It carries the code of a lock time-out: the same request may be sent again. */
export class GateHeld extends Error {
  readonly code = lockTimeout
  constructor() {
    super('somebody else holds a gate of the log')
    this.name = 'GateHeld'
  }
}
