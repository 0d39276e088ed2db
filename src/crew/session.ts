import type { CrewConnection, CrewStore } from './store.ts'

/*
 * The one connection on which a runner does its work. Entries are read while it is open and applied through it: if it
 * still works, the server has neither crashed nor been replaced since the entries were read, so what was read is still
 * what the lane holds, and positions remembered from earlier commits still stand. After a failover that lost commits,
 * a position could hold another entry; a new session therefore reads everything again (streams.md §4.5).
 */
export class Session {
  readonly #store: Pick<CrewStore, 'connect'>
  readonly #onEnd: () => void
  #connection: CrewConnection | undefined
  /** What the server said when it ended the last connection. */
  #lastWords: unknown

  constructor(store: Pick<CrewStore, 'connect'>, onEnd: () => void) {
    this.#store = store
    this.#onEnd = onEnd
  }

  /** The connection; `isNew` when it is not the one of the last call. */
  async open(): Promise<{ connection: CrewConnection; isNew: boolean }> {
    if (this.#connection !== undefined) return { connection: this.#connection, isNew: false }
    const connection = await this.#store.connect(this.#onError)
    this.#connection = connection
    this.#lastWords = undefined
    return { connection, isNew: true }
  }

  /** Ends the connection: it is broken, or nobody knows what it did last. */
  discard(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.close()
  }

  /** Whether the server ended the transaction because it took too long or sat idle, rather than for its own reasons. */
  wasCutOff(error: unknown): boolean {
    return isTimeout(error) || isTimeout(this.#lastWords)
  }

  readonly #onError = (error?: Error): void => {
    this.#lastWords ??= error
    this.discard()
    this.#onEnd()
  }
}

const idleInTransactionTimeout = '25P03'
const transactionTimeout = '25P04'

function isTimeout(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === idleInTransactionTimeout || code === transactionTimeout
}
