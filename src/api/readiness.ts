import type { Readiness, ReadinessReport } from './ports.ts'

/*
 * Readiness (OP-P1). A server that was ready stays ready until three checks in a row have failed, so that a hiccup of the
 * database does not take all instances out at once; after that the wire answers 503 without queueing. Stopping makes it
 * unready at once (OP-P2).
 */
export interface ReadinessCheck {
  readonly name: string
  /** Resolves with a detail to show; rejects when the check fails. */
  run(): Promise<string>
}

export interface ReadinessOptions {
  readonly checks: readonly ReadinessCheck[]
  /** Milliseconds that only move forward. */
  readonly now: () => number
  readonly checkEveryMs?: number
  readonly timeLimitMs?: number
}

export interface RunningReadiness extends Readiness {
  /** Unready from now on; requests are still served. */
  stopping(): void
  close(): void
}

const failuresTolerated = 2

interface State {
  wasReady: boolean
  isStopping: boolean
  failuresInARow: number
  report: ReadinessReport
  checkedAt: number
  checking: Promise<void> | undefined
}

export function createReadiness(options: ReadinessOptions): RunningReadiness {
  const { checkEveryMs = 1000, now } = options
  const state: State = {
    wasReady: false,
    isStopping: false,
    failuresInARow: 0,
    report: { ready: false, checks: { start: { ok: false, ms: 0, detail: 'not checked yet' } } },
    checkedAt: Number.NEGATIVE_INFINITY,
    checking: undefined,
  }
  const refresh = (): Promise<void> => {
    state.checking ??= runChecks(options, state).finally(() => {
      state.checking = undefined
    })
    return state.checking
  }
  const timer = setInterval(() => void refresh(), checkEveryMs)
  timer.unref()
  return {
    check: async () => {
      if (now() - state.checkedAt >= checkEveryMs) await refresh()
      return state.isStopping ? stoppingReport(state.report) : state.report
    },
    isFailing: () => state.failuresInARow > failuresTolerated,
    stopping: () => {
      state.isStopping = true
    },
    close: () => clearInterval(timer),
  }
}

function stoppingReport(report: ReadinessReport): ReadinessReport {
  return { ready: false, checks: { ...report.checks, stopping: { ok: false, ms: 0, detail: 'stopping' } } }
}

async function runChecks({ checks, now, timeLimitMs = 500 }: ReadinessOptions, state: State): Promise<void> {
  const results = await Promise.all(checks.map((check) => runCheck(check, now, timeLimitMs)))
  const allOk = results.every(({ ok }) => ok)
  state.failuresInARow = allOk ? 0 : state.failuresInARow + 1
  const ready = allOk || (state.wasReady && state.failuresInARow <= failuresTolerated)
  state.wasReady = ready
  state.report = { ready, checks: Object.fromEntries(results.map((result, index) => [checks[index]?.name, result])) }
  state.checkedAt = now()
}

type CheckResult = ReadinessReport['checks'][string]

async function runCheck(check: ReadinessCheck, now: () => number, timeLimitMs: number): Promise<CheckResult> {
  const startedAt = now()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeLimitMs} ms`)), timeLimitMs)
  })
  try {
    const detail = await Promise.race([check.run(), late])
    return { ok: true, ms: Math.round(now() - startedAt), detail }
  } catch (error) {
    // Messages of the database may name hosts and users; the kind of failure is enough here.
    const detail = error instanceof Error && error.message.startsWith('no answer') ? error.message : 'failed'
    return { ok: false, ms: Math.round(now() - startedAt), detail }
  } finally {
    clearTimeout(timer)
  }
}
