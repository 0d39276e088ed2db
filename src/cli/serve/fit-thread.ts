import { Worker } from 'node:worker_threads'
import type { Uuid } from '#domain/ids.ts'
import type { Fitted } from '#due/trainer.ts'
import type { FitRecord } from '#estimate/sparfa/fit-record.ts'
import { loadMatrix, type StoredMatrix } from '#estimate/sparfa/matrix.ts'

/*
 * A fit in a thread of its own, with its own connection: reading, preparing and fitting never hold up a request. The
 * matrix comes back in its stored form, which is exact.
 */
export interface FitOrder {
  readonly databaseUrl: string
  /** Of a replica that has what training reads. */
  readonly readerUrl: string | undefined
  readonly ecosystem: Uuid
  /** That share the fit; by default half of the cores, because requests need the others. */
  readonly threads: number | undefined
}

export type FitReply =
  | { readonly matrix: StoredMatrix; readonly answers: number; readonly record: FitRecord }
  | { readonly error: string }

export function fitInThread(order: FitOrder, signal: AbortSignal): Promise<Fitted> {
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
      else done({ ...reply, matrix: loadMatrix(reply.matrix) })
    })
    worker.once('error', failed)
    worker.once('exit', (code) => {
      signal.removeEventListener('abort', giveUp)
      failed(new Error(`the fit's thread ended with code ${code}`))
    })
  })
}
