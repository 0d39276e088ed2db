import type pg from 'pg'
import type { Readiness, ReadinessReport } from '#api/ports.ts'

/*
 * `/readyz` (operations.md OP-P1): ready once started and while the database answers. Short trouble must not flip all
 * instances at once, so an instance that was ready stays ready until three checks in a row have failed.
 */
type ReadinessCheck = ReadinessReport['checks'][string]

export interface LifecycleReadiness extends Readiness {
  started(): void
  stopping(): void
}

const cachedMs = 1000
const limitMs = 500
const failuresMax = 3

export function createReadiness(pool: pg.Pool, now: () => number): LifecycleReadiness {
  let phase: 'starting' | 'running' | 'stopping' = 'starting'
  let last: { at: number; database: ReadinessCheck } | undefined
  let underWay: Promise<ReadinessCheck> | undefined
  let failures = 0
  let wasReady = false

  async function database(): Promise<ReadinessCheck> {
    if (last !== undefined && now() - last.at < cachedMs) return last.database
    underWay ??= askDatabase(pool).finally(() => (underWay = undefined))
    const result = await underWay
    if (last === undefined || now() - last.at >= cachedMs) {
      failures = result.ok ? 0 : failures + 1
      last = { at: now(), database: result }
    }
    return result
  }

  return {
    check: async () => {
      const asked = await database()
      const isDatabaseReady = asked.ok || (wasReady && failures < failuresMax)
      const lifecycle = { ok: phase === 'running', ms: 0, detail: phase }
      const ready = lifecycle.ok && isDatabaseReady
      wasReady = wasReady || ready
      return { ready, checks: { lifecycle, database: asked } }
    },
    isFailing: () => failures >= failuresMax,
    started: () => {
      if (phase === 'starting') phase = 'running'
    },
    stopping: () => {
      phase = 'stopping'
    },
  }
}

async function askDatabase(pool: pg.Pool): Promise<ReadinessCheck> {
  const started = performance.now()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new Error(`no answer within ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([pool.query('select 1'), late])
    return { ok: true, ms: elapsed(started), detail: 'answers' }
  } catch (error) {
    const detail =
      error instanceof Error && error.message.startsWith('no answer') ? error.message : 'can not be reached'
    return { ok: false, ms: elapsed(started), detail }
  } finally {
    clearTimeout(timer)
  }
}

function elapsed(started: number): number {
  return Math.round(performance.now() - started)
}
