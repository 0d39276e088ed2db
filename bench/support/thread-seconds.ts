/** Processor time this thread has used: what it needs, however many others wait for the same core. */
export function threadSeconds(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1e6
}

/** The best of several runs after one that warms up, in seconds of this thread's processor time. */
export function bestSeconds(runs: number, use: () => void): number {
  use()
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < runs; run++) {
    const begin = threadSeconds()
    use()
    best = Math.min(best, threadSeconds() - begin)
  }
  return best
}
