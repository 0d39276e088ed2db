import { LRUCache } from 'lru-cache'
import type { AnyReceipt } from './receipts.ts'

/*
 * Receipts on their way to the database. Nobody waits for them: they go in batches, a moment after the answers that
 * they belong to. What does not fit or can not be written is counted and lost; an answer never is late for its receipt.
 */
export interface ReceiptQueue {
  note(receipt: AnyReceipt): void
  readonly counters: ReceiptCounters
  /** Writes what is left, and takes no more. */
  close(): Promise<void>
}

export interface ReceiptCounters {
  readonly written: number
  readonly dropped: number
}

export interface ReceiptQueueOptions {
  readonly put: (receipts: readonly AnyReceipt[]) => Promise<void>
  readonly failed: (error: unknown) => void
  /** So many wait only while the database is away. */
  readonly receiptsMax?: number
  readonly batchMax?: number
  readonly delayMs?: number
}

export function openReceiptQueue(options: ReceiptQueueOptions): ReceiptQueue {
  const { put, failed, receiptsMax = 10_000, batchMax = 500, delayMs = 100 } = options
  const counters = { written: 0, dropped: 0 }
  const waiting: AnyReceipt[] = []
  // Clients poll: the same calculation again needs no statement to find out that it is there.
  const noted = new LRUCache<string, true>({ max: 20_000 })
  let timer: NodeJS.Timeout | undefined
  let draining: Promise<void> | undefined
  let isClosed = false

  async function drain(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, batchMax)
      try {
        await put(batch)
        counters.written += batch.length
      } catch (error) {
        counters.dropped += batch.length
        for (const receipt of batch) noted.delete(keyOf(receipt))
        failed(error)
      }
    }
    draining = undefined
  }

  function start(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    draining ??= drain()
    return draining
  }

  return {
    counters,
    note: (receipt) => {
      if (noted.has(keyOf(receipt))) return
      if (isClosed || waiting.length >= receiptsMax) {
        counters.dropped += 1
        return
      }
      noted.set(keyOf(receipt), true)
      waiting.push(receipt)
      if (draining === undefined) timer ??= setTimeout(start, delayMs)
    },
    close: async () => {
      isClosed = true
      if (waiting.length > 0 || draining !== undefined) await start()
      clearTimeout(timer)
    },
  }
}

/** A calculation that an experiment hands out is noted once more. */
function keyOf({ calculation, experiment }: AnyReceipt): string {
  return experiment === undefined ? calculation : `${calculation} ${experiment.name}`
}
