import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { LearnerAnswer } from '#estimate/algorithm.ts'
import { type LatestAnswers, latestByQuestion } from '#estimate/sparfa/algorithm.ts'
import { estimateLearner, type SparfaKnowledge } from '#estimate/sparfa/learner.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import type { NamedModel } from './in-process.ts'

/*
 * What is known about the learners of a class, estimated by several threads: the one that asks and those that help. Who
 * estimates whom changes no bit. The thread that asks answers other requests in between.
 */

/** Estimate these learners; with the matrix where it is another one than that of the order before. */
export interface LearnerOrder {
  readonly order: number
  readonly matrix: SparfaMatrix | undefined
  readonly answers: readonly LatestAnswers[]
}

export type LearnerReply = 'ready' | { readonly order: number; readonly known: readonly SparfaKnowledge[] }

export interface LearnerThreadsOptions {
  /** Beside the one that asks. */
  readonly helpers: number
  /** For tests: told of every helping thread that is ready. */
  readonly onReady?: (worker: Worker) => void
}

/** A millisecond or two: the thread that asks is deaf for so long. */
const learnersPerOrder = 4
/** So that a helper has something to do while what it did is taken. */
const ordersPerHelper = 2

export class LearnerThreads {
  readonly #options: LearnerThreadsOptions
  readonly #helpers = new Set<Helper>()
  #isStopped = false

  constructor(options: LearnerThreadsOptions) {
    this.#options = options
  }

  /** In the order of `answers`. Helpers are started when first wanted, and waited for by nobody. */
  async know(
    { uuid, model }: NamedModel<SparfaMatrix>,
    answers: readonly (readonly LearnerAnswer[])[],
  ): Promise<SparfaKnowledge[]> {
    this.#start()
    const known: SparfaKnowledge[] = []
    let next = 0
    const work = async (helper?: Helper): Promise<void> => {
      while (next < answers.length) {
        const from = next
        next += learnersPerOrder
        const latest = answers.slice(from, next).map((one) => latestByQuestion(model, one))
        const estimates = (await helper?.estimate(uuid, model, latest)) ?? (await estimateHere(model, latest))
        for (const [at, one] of estimates.entries()) known[from + at] = one
      }
    }
    const ready = [...this.#helpers].filter(({ isReady }) => isReady)
    const helping = ready.flatMap((helper) => Array<Helper>(ordersPerHelper).fill(helper))
    await Promise.all([...helping.map(work), work()])
    return known
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all([...this.#helpers].map((helper) => helper.stop()))
  }

  /** As many as there should be; one that died is followed by another. */
  #start(): void {
    while (!this.#isStopped && this.#helpers.size < this.#options.helpers) {
      const helper = new Helper({
        ready: (worker) => this.#options.onReady?.(worker),
        ended: () => this.#helpers.delete(helper),
      })
      this.#helpers.add(helper)
    }
  }
}

type Estimates = readonly SparfaKnowledge[]

async function estimateHere(model: SparfaMatrix, latest: readonly LatestAnswers[]): Promise<Estimates> {
  await nextTurn()
  return latest.map(({ answered, isCorrect }) => estimateLearner(model, answered, isCorrect))
}

interface HelperEvents {
  ready(worker: Worker): void
  ended(): void
}

class Helper {
  readonly #worker = new Worker(new URL('./learner-worker.ts', import.meta.url))
  readonly #waiting = new Map<number, (known: Estimates | undefined) => void>()
  isReady = false
  #orders = 0
  /** Of the last order. */
  #matrix: string | undefined

  constructor({ ready, ended }: HelperEvents) {
    // It holds up no process that has nothing else to do.
    this.#worker.unref()
    this.#worker.on('message', (reply: LearnerReply) => {
      if (reply === 'ready') {
        this.isReady = true
        ready(this.#worker)
        return
      }
      this.#waiting.get(reply.order)?.(reply.known)
      this.#waiting.delete(reply.order)
    })
    // The exit follows.
    this.#worker.on('error', () => undefined)
    this.#worker.once('exit', () => {
      this.isReady = false
      for (const settle of this.#waiting.values()) settle(undefined)
      this.#waiting.clear()
      ended()
    })
  }

  /** `undefined` from one that has ended. */
  async estimate(
    uuid: string,
    matrix: SparfaMatrix,
    answers: readonly LatestAnswers[],
  ): Promise<Estimates | undefined> {
    if (!this.isReady) return undefined
    this.#orders += 1
    const order: LearnerOrder = { order: this.#orders, matrix: uuid === this.#matrix ? undefined : matrix, answers }
    this.#matrix = uuid
    return new Promise((settle) => {
      this.#waiting.set(order.order, settle)
      this.#worker.postMessage(order)
    })
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}
