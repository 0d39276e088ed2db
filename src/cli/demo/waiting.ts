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

export interface Learnt {
  /** Undefined: no matrix appeared in the time given. */
  readonly matrix: string | undefined
  readonly isSettled: boolean
  readonly waitedMs: number
}

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
    const now = clock.now()
    if (look.matrix !== matrix || look.isBusy) unchangedSince = now
    matrix = look.matrix
    const patienceMs = look.hasStatus ? settledMs : settledWithoutStatusMs
    const isSettled = matrix !== undefined && now - unchangedSince >= patienceMs
    if (isSettled || now - startedAt >= waiting.msMax) return { matrix, isSettled, waitedMs: now - startedAt }
    await clock.sleep(lookEveryMs, waiting.call.signal)
  }
}

interface Look {
  readonly matrix: string | undefined
  readonly isBusy: boolean
  readonly hasStatus: boolean
}

async function lookAtModel({ client, ecosystem, call }: Waiting): Promise<Look> {
  try {
    const status = await client.fetchStatus(call)
    const entry = status.ecosystems.find((candidate) => candidate.uuid === ecosystem)
    const isBusy = entry === undefined || entry.fit_due || entry.fit_running
    return { matrix: entry?.matrix_uuid ?? undefined, isBusy, hasStatus: true }
  } catch (error) {
    // 401: the operator's token is not ours; 404: a server without this endpoint.
    if (!(error instanceof RequestRefused)) throw error
    const line = { request_uuid: ecosystem, ecosystem_uuid: ecosystem }
    const [matrix] = await client.fetchEcosystemMatrices([line], call)
    return { matrix: matrix?.ecosystem_matrix_uuid, isBusy: false, hasStatus: false }
  }
}
