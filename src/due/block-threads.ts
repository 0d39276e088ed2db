import { availableParallelism } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type FitOptions, fitStages } from '#estimate/sparfa/fit.ts'
import type { FitInput } from '#estimate/sparfa/input.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import { runBlock, type Stage } from '#estimate/sparfa/stages.ts'

/*
 * Fits in several threads. The thread that asks runs the fit and takes blocks like the others; who does which block
 * changes no bit of the matrix (`estimate/sparfa/stages.ts`).
 */

/** What a helping thread is told of a stage. */
export interface BlockOrder {
  readonly task: Stage['task']
  readonly blocks: number
  /** Memory the thread does not know yet. */
  readonly fresh: Partial<Pick<Stage, 'work'> & { rows: unknown }>
  /** One shared number: the next block to be done. Each stage has its own, so that a late thread finds nothing left. */
  readonly next: Int32Array
}

export const threadsMax = 64
const threadsByDefaultMax = 8
/** A thread takes as long to start as this many answers to learn from. */
const answersPerThread = 50_000

/** As many threads as there are cores to use and answers to be worth them, where their number is known. */
export function threadsFor(answers = Number.POSITIVE_INFINITY, cores: number = availableParallelism()): number {
  return Math.max(1, Math.min(cores, threadsByDefaultMax, Math.floor(answers / answersPerThread)))
}

export interface FitThreadsOptions {
  /** The one that asks included, 1 to 64. */
  readonly threads: number
  /** For tests: told of every helping thread that was started. */
  readonly onThread?: (worker: Worker) => void
}

/** Threads that wait for fits: best started while answers are still being read. */
export class FitThreads {
  readonly #workers: readonly Worker[]
  #failure: Error | undefined
  #known: BlockOrder['fresh'] = {}
  /** Blocks of the stage under way that the helping threads have done. */
  #done = 0
  #wake: () => void = () => undefined

  constructor({ threads, onThread }: FitThreadsOptions) {
    if (!(Number.isInteger(threads) && threads >= 1 && threads <= threadsMax)) {
      throw new RangeError(`threads must be 1 to ${threadsMax}, not ${threads}`)
    }
    this.#workers = Array.from({ length: threads - 1 }, () => {
      const worker = new Worker(new URL('./block-worker.ts', import.meta.url))
      worker.on('message', (done: number) => {
        this.#done += done
        this.#wake()
      })
      worker.once('error', (cause) => this.#fail(new Error(`a thread of the fit died: ${cause.message}`, { cause })))
      worker.once('exit', (code) => this.#fail(new Error(`a thread of the fit ended with code ${code}`)))
      onThread?.(worker)
      return worker
    })
  }

  /** One at a time. Rejects when a thread dies or `signal` aborts; no thread is left then. */
  async fit(input: FitInput, options: FitOptions, signal?: AbortSignal): Promise<SparfaMatrix> {
    const giveUp = (): void => this.#fail(new Error('the fit was given up'))
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      signal?.throwIfAborted()
      const stages = fitStages(input, options)
      for (;;) {
        const next = stages.next()
        if (next.done === true) return next.value
        await this.#run(next.value)
      }
    } catch (error) {
      await this.stop()
      throw error
    } finally {
      signal?.removeEventListener('abort', giveUp)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Resolves when every block is done. */
  async #run(stage: Stage): Promise<void> {
    const { task, blocks } = stage
    this.#done = 0
    const next = new Int32Array(new SharedArrayBuffer(4))
    if (blocks > 1) {
      const order: BlockOrder = { task, blocks, next, fresh: this.#freshOf(stage) }
      for (const worker of this.#workers) worker.postMessage(order)
    }
    let own = 0
    for (let block = Atomics.add(next, 0, 1); block < blocks; block = Atomics.add(next, 0, 1)) {
      runBlock(stage, block)
      own += 1
    }
    // Also where all is done already: whoever wants to give the fit up gets a turn.
    await setImmediate()
    while (own + this.#done < blocks && this.#failure === undefined) {
      await new Promise<void>((wake) => {
        this.#wake = wake
      })
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  #freshOf(stage: Stage): BlockOrder['fresh'] {
    const { work, rows } = { rows: undefined, ...stage }
    const fresh = {
      ...(work !== this.#known.work && { work }),
      ...(rows !== undefined && rows !== this.#known.rows && { rows }),
    }
    this.#known = { ...this.#known, ...fresh }
    return fresh
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }
}
