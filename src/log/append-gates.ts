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
  readonly #parts = new Set<number>()
  #watching: Promise<void> | undefined

  /** `looked` is called several times a second while a gate is held; it returns false when nobody waits for one. */
  constructor(store: Pick<LogStore, 'freeGates'>, looked: () => boolean) {
    this.#store = store
    this.#looked = looked
  }

  get areThere(): boolean {
    return this.#parts.size > 0
  }

  includeAny(parts: readonly number[]): boolean {
    return parts.some((part) => this.#parts.has(part))
  }

  /** Those of these parts, each once. */
  among(parts: readonly number[]): number[] {
    return [...this.#parts].filter((part) => parts.includes(part))
  }

  add(parts: readonly number[]): void {
    for (const part of parts) this.#parts.add(part)
    if (this.areThere) this.#watching ??= this.#watch()
  }

  /** Resolves when none is held, or nobody waits any more; undefined when that is so. */
  get watching(): Promise<void> | undefined {
    return this.#watching
  }

  async #watch(): Promise<void> {
    while (this.areThere) {
      const parts = [...this.#parts]
      // When that can not be known, all are taken for free: the next append finds out what is wrong.
      for (const part of await this.#store.freeGates(parts).catch(() => parts)) this.#parts.delete(part)
      if (!this.#looked()) this.#parts.clear()
    }
    this.#watching = undefined
  }
}

const lookMs = 100

/** See `LogStore.freeGates`. Waits in the queue of a gate, so that its turn comes however many others want it. */
export async function waitForFreeGates(pool: pg.Pool, parts: readonly number[]): Promise<readonly number[]> {
  const held = await selectHeldGates(pool, parts)
  if (held.length < parts.length) return parts.filter((part) => !held.includes(part))
  const [first = -1] = parts
  try {
    // One message of two statements is one transaction.
    await pool.query(`
      set local lock_timeout = ${lookMs};
      select hold_gates('{${first}}')`)
    return [first]
  } catch (error) {
    if (isLockTimeout(error)) return []
    throw error
  }
}

/** Those of these parts whose gates are held at this moment. Any that a crash has taken away are there again. */
export async function selectHeldGates(
  database: pg.Pool | pg.ClientBase,
  parts: readonly number[],
): Promise<readonly number[]> {
  await database.query('select fill_gates()')
  const free = await database.query<{ part: number }>(
    'select g.part from part_gate g where g.part = any ($1) for no key update skip locked',
    [parts],
  )
  const areFree = new Set(free.rows.map(({ part }) => part))
  return parts.filter((part) => !areFree.has(part))
}

const lockTimeout = '55P03'

export function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === lockTimeout
}

/** A request waited for all its time. It carries the code of a lock time-out: the same request may be sent again. */
export class GateHeld extends Error {
  readonly code = lockTimeout
  constructor(parts: readonly number[]) {
    const which = parts.length === 0 ? '' : `: parts ${parts.join(', ')}`
    super(`somebody else held gates of the log for too long${which}`)
    this.name = 'GateHeld'
  }
}
