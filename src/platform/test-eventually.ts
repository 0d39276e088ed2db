/** Longer than a busy machine takes. */
const eventuallyMs = 60_000

/** Polls until `check` holds; fails with `what` when it never does. */
export async function eventually(what: string, check: () => Promise<boolean> | boolean): Promise<void> {
  const until = performance.now() + eventuallyMs
  while (!(await check())) {
    if (performance.now() > until) throw new Error(`did not happen in ${eventuallyMs} ms: ${what}`)
    await new Promise((done) => setTimeout(done, 10))
  }
}
