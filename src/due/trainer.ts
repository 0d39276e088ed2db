import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { FitRecord } from '#estimate/sparfa/fit-record.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import { inTransaction } from '#platform/postgres.ts'
import { insertMatrix } from './matrix-store.ts'
import {
  claimTraining,
  type EcosystemCount,
  extendTraining,
  finishClaim,
  isFitDue,
  proveClaim,
  readTrainingStates,
  releaseClaim,
  type TrainingClaim,
} from './training-claims.ts'

/*
 * The trainer role: looks every second for ecosystems whose fit is due, claims one, fits it and stores the matrix. Any
 * number of trainers may run; a killed one costs its time and nothing else.
 */
export interface TrainerPorts {
  readonly pool: pg.Pool
  /** Every known ecosystem with the number of answers that count for it now. */
  counts(): Promise<readonly EcosystemCount[]>
  /** Fits in another thread; `fits` is how many there were before. Rejects when `signal` aborts. */
  fit(ecosystem: Uuid, fits: number, signal: AbortSignal): Promise<Fitted>
  /** After the commit. */
  stored?(ecosystem: Uuid, matrix: Uuid): void
  /** `undefined`: the look for due work itself failed. */
  failed?(ecosystem: Uuid | undefined, error: unknown): void
}

export interface Fitted {
  readonly matrix: SparfaMatrix
  /** Counted answers when the data of the fit were read; the next fit is due when they have grown by a tenth. */
  readonly answers: number
  readonly record?: FitRecord | undefined
}

export interface Trainer {
  /** Hands the claim back at once; the fit under way is given up. */
  stop(): Promise<void>
}

const lookIntervalMs = 1000
const leaseMs = 15_000

export function startTrainer(ports: TrainerPorts): Trainer {
  const stopping = new AbortController()
  const loop = run(ports, stopping.signal)
  return {
    stop: async () => {
      stopping.abort()
      await loop
    },
  }
}

async function run(ports: TrainerPorts, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    const worked = await trainOne(ports, stopping).catch((error: unknown) => {
      // The database is away or slow: nothing was claimed or stored, and the next look tries again.
      if (!stopping.aborted) ports.failed?.(undefined, error)
      return false
    })
    if (!worked) await sleep(lookIntervalMs, undefined, { signal: stopping }).catch(() => undefined)
  }
}

/** Fits the ecosystem that has waited longest among those due; false when none is. */
export async function trainOne(ports: TrainerPorts, stopping: AbortSignal): Promise<boolean> {
  const due = await findDue(ports)
  for (const candidate of due) {
    if (stopping.aborted) return false
    const claim = await claimTraining(ports.pool, candidate.ecosystem, toUuid(randomUUID()), leaseMs)
    if (claim === undefined) continue
    await fitClaimed(ports, claim, stopping)
    return true
  }
  return false
}

/** New ecosystems first, then those fitted longest ago. */
export async function findDue(ports: Pick<TrainerPorts, 'pool' | 'counts'>): Promise<EcosystemCount[]> {
  const counts = await ports.counts()
  const { now, states } = await readTrainingStates(ports.pool)
  const fittedAt = (count: EcosystemCount): number => states.get(count.ecosystem)?.fittedAt?.getTime() ?? 0
  return counts
    .filter(({ ecosystem, answers }) => {
      const state = states.get(ecosystem)
      return state?.isRunning !== true && isFitDue(state, answers, now)
    })
    .sort((a, b) => fittedAt(a) - fittedAt(b))
}

async function fitClaimed(ports: TrainerPorts, claim: TrainingClaim, stopping: AbortSignal): Promise<void> {
  const lost = new AbortController()
  const heartbeat = setInterval(() => {
    extendTraining(ports.pool, claim, leaseMs)
      .then((held) => (held ? undefined : lost.abort()))
      // The lease runs on; if it ends before the database is back, the proof below refuses the result.
      .catch(() => undefined)
  }, leaseMs / 5)
  try {
    const fitted = await ports.fit(claim.ecosystem, claim.fits, AbortSignal.any([stopping, lost.signal]))
    const uuid = toUuid(randomUUID())
    const isStored = await inTransaction(ports.pool, async (transaction) => {
      if (!(await proveClaim(transaction, claim))) return false
      await insertMatrix(transaction, claim.ecosystem, uuid, fitted)
      await finishClaim(transaction, claim, fitted.answers)
      return true
    })
    if (isStored) ports.stored?.(claim.ecosystem, uuid)
  } catch (error) {
    const isGivenUp = stopping.aborted || lost.signal.aborted
    if (!isGivenUp) ports.failed?.(claim.ecosystem, error)
    const reason = error instanceof Error ? error.message : String(error)
    await releaseClaim(ports.pool, claim, isGivenUp ? undefined : reason).catch(() => undefined)
  } finally {
    clearInterval(heartbeat)
  }
}
