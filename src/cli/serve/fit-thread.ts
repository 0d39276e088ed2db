import { Worker } from 'node:worker_threads'
import type { Uuid } from '#domain/ids.ts'
import { loadMatrix, type SparfaMatrix, type StoredMatrix } from '#estimate/sparfa/matrix.ts'

/*
 * A fit in a thread of its own, with its own connection: reading, preparing and fitting never hold up a request. The
 * matrix comes back in its stored form, which is exact.
 */
export interface FitOrder {
  readonly databaseUrl: string
  readonly ecosystem: Uuid
}

export type FitReply = { readonly matrix: StoredMatrix } | { readonly error: string }

export function fitInThread(order: FitOrder, signal: AbortSignal): Promise<SparfaMatrix> {
  return new Promise((done, failed) => {
    if (signal.aborted) {
      failed(new Error('the fit was given up'))
      return
    }
    const worker = new Worker(new URL('./fit-worker.ts', import.meta.url), { workerData: order })
    const giveUp = (): void => {
      failed(new Error('the fit was given up'))
      void worker.terminate()
    }
    signal.addEventListener('abort', giveUp, { once: true })
    worker.once('message', (reply: FitReply) => {
      if ('error' in reply) failed(new Error(reply.error))
      else done(loadMatrix(reply.matrix))
    })
    worker.once('error', failed)
    worker.once('exit', (code) => {
      signal.removeEventListener('abort', giveUp)
      failed(new Error(`the fit's thread ended with code ${code}`))
    })
  })
}
