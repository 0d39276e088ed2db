import type { Client } from '#client/client.ts'
import { RequestRefused } from '#client/errors.ts'
import type { CallOptions, Clock } from '#client/transport.ts'

/**
 * Waits until the server has learnt from what it was sent: its fit of this ecosystem is neither due nor running, and
 * its matrix stays the same from one look to the next. Servers without `GET /status` are asked for their matrix, which
 * then must stay the same for longer than the shortest pause between two fits.
 */
export interface Waiting {
  readonly client: Client
  readonly ecosystem: string
  readonly clock: Clock
  readonly msMax: number
  readonly call: CallOptions
}

export type Learnt =
  | {
      readonly kind: 'learnt'
      readonly matrix: string
      /** False when the time was over while a fit was still due or running. */
      readonly isSettled: boolean
      readonly waitedMs: number
    }
  | { readonly kind: 'unknown'; readonly reason: string }

const lookEveryMs = 1000
/** Reading the last answers takes at most a second; twice that, seen unchanged. */
const settledMs = 2000
/** Fits follow each other by a minute at least. */
const settledWithoutStatusMs = 70_000

export async function waitUntilLearnt(waiting: Waiting): Promise<Learnt> {
  const { clock } = waiting
  const startedAt = clock.now()
  let matrix: string | undefined
  let unchangedSince = startedAt
  for (;;) {
    const look = await lookAtModel(waiting)
    if (look === 'hidden') {
      return { kind: 'unknown', reason: 'the tokens given show neither the status nor the matrices of the server' }
    }
    const now = clock.now()
    if (look.matrix !== matrix || look.isBusy) unchangedSince = now
    matrix = look.matrix
    const isSettled = now - unchangedSince >= (look.hasStatus ? settledMs : settledWithoutStatusMs)
    const isOver = now - startedAt >= waiting.msMax
    if (matrix !== undefined && (isSettled || isOver)) {
      return { kind: 'learnt', matrix, isSettled, waitedMs: now - startedAt }
    }
    if (isOver) return { kind: 'unknown', reason: `the server has fitted no matrix in ${waiting.msMax / 1000} s` }
    await clock.sleep(lookEveryMs, waiting.call.signal)
  }
}

interface Look {
  readonly matrix: string | undefined
  readonly isBusy: boolean
  readonly hasStatus: boolean
}

async function lookAtModel(waiting: Waiting): Promise<Look | 'hidden'> {
  const { client, ecosystem, call } = waiting
  // Refused with 401: the operator's token is not ours; with 404: a server without this endpoint.
  const status = await unlessRefused(client.fetchStatus(call))
  if (status !== 'refused') {
    const entry = status.ecosystems.find((candidate) => candidate.uuid === ecosystem)
    const isBusy = entry === undefined || entry.fit_due || entry.fit_running
    return { matrix: entry?.matrix_uuid ?? undefined, isBusy, hasStatus: true }
  }
  const line = { request_uuid: ecosystem, ecosystem_uuid: ecosystem }
  const matrices = await unlessRefused(client.fetchEcosystemMatrices([line], call))
  if (matrices === 'refused') return 'hidden'
  return { matrix: matrices[0]?.ecosystem_matrix_uuid, isBusy: false, hasStatus: false }
}

async function unlessRefused<Reply>(call: Promise<Reply>): Promise<Reply | 'refused'> {
  try {
    return await call
  } catch (error) {
    if (error instanceof RequestRefused) return 'refused'
    throw error
  }
}
