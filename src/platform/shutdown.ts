/**
 * Stopping in order (OP-P2): the steps registered last stop first, each within its limit, so that requests are
 * answered before workers hand back their work, and the database goes last. A second signal ends at once.
 */
export interface Shutdown {
  /**
   * `step` runs once, when stopping; a step that fails or takes too long does not hold up the next one. Added while
   * stopping, by a start that was interrupted, it runs at once, and `stop` waits for it too.
   */
  add(name: string, limitMs: number, step: () => Promise<unknown>): void
  /** Stops everything once; later calls return the same promise. */
  stop(reason: string): Promise<void>
  readonly isStopping: boolean
}

interface Step {
  readonly name: string
  readonly limitMs: number
  readonly run: () => Promise<unknown>
}

export function createShutdown(say: (line: string) => void): Shutdown {
  const steps: Step[] = []
  const late = new Set<Promise<void>>()
  let stopping: Promise<void> | undefined
  async function runAll(): Promise<void> {
    for (const step of steps.reverse()) await runStep(step, say)
    while (late.size > 0) await Promise.all(late)
  }
  return {
    add: (name, limitMs, run) => {
      const step = { name, limitMs, run }
      if (stopping === undefined) {
        steps.push(step)
        return
      }
      const running = runStep(step, say).finally(() => late.delete(running))
      late.add(running)
    },
    stop: (reason) => {
      if (stopping === undefined) say(`stopping (${reason})`)
      stopping ??= runAll()
      return stopping
    },
    get isStopping() {
      return stopping !== undefined
    },
  }
}

async function runStep(step: Step, say: (line: string) => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, late) => {
    timer = setTimeout(() => late(new Error(`took longer than ${step.limitMs} ms`)), step.limitMs)
  })
  try {
    await Promise.race([step.run(), limit])
  } catch (error) {
    say(`stopping ${step.name}: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    clearTimeout(timer)
  }
}

/** Connects SIGTERM and SIGINT; resolves with the exit code once everything is stopped. */
export function stopOnSignal(shutdown: Shutdown): Promise<number> {
  return new Promise((done) => {
    onSignal(
      (signal) => void shutdown.stop(signal).then(() => done(0)),
      () => done(1),
    )
  })
}

/**
 * A Ctrl-C reaches a program that npm started twice: from the terminal, and from npm, which passes it on. So what comes
 * within this time of the first signal is no second one.
 */
const sameSignalMs = 2000

/** Calls `first` at the first SIGTERM or SIGINT, and `again` at each one that somebody sends because it lasts. */
export function onSignal(first: (signal: 'SIGINT' | 'SIGTERM') => void, again: () => void): void {
  let firstMs: number | undefined
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (firstMs !== undefined) {
        if (performance.now() - firstMs > sameSignalMs) again()
        return
      }
      firstMs = performance.now()
      first(signal)
    })
  }
}
