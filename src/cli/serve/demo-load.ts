import { keepFact, readFact } from '#operate/installation-facts.ts'
import type { Shutdown } from '#platform/shutdown.ts'
import type { Progress } from '../demo/progress.ts'
import { runDemo } from '../demo/run.ts'
import type { Application } from './application.ts'

/*
 * The demonstration course of a first start, loaded through the public API like any client's. A load that was
 * interrupted goes on at the next start, because sending the same events again changes nothing.
 */
const factName = 'demonstration'

export type DemoState = 'not wanted' | 'loading' | 'loaded'

/** Begins to load where that is due, and tells at once how it stands. */
export async function loadDemoOnce(
  application: Application,
  shutdown: Shutdown,
  say: (line: string) => void,
): Promise<DemoState> {
  const { pool } = application
  const known = await readFact<{ readonly state: 'loading' | 'loaded' }>(pool, factName)
  if (known?.state === 'loaded') return 'loaded'
  const isOurs = known !== undefined
  const { courses } = await application.services.reader.counts()
  // Somebody's own courses are here already: nothing of ours belongs among them.
  if (!isOurs && courses > 0) return 'not wanted'
  await remember(application, 'loading')
  const stopping = new AbortController()
  const loading = load(application, stopping.signal)
    .then(() => remember(application, 'loaded'))
    .then(() => say('the demonstration course is loaded'))
    .catch((error: unknown) => {
      if (stopping.signal.aborted) return
      say(`the demonstration course could not be loaded: ${error instanceof Error ? error.message : String(error)}`)
    })
    .finally(() => application.console.loading.ended())
  shutdown.add('the demonstration', 3000, async () => {
    stopping.abort()
    await loading
  })
  return 'loading'
}

async function load(application: Application, signal: AbortSignal): Promise<void> {
  const { tokens, url, console: live } = application
  const progress: Progress = {
    note: () => undefined,
    stage: (name, total) => {
      live.loading.began(name, total)
      return { advance: (steps) => live.loading.advanced(steps), end: () => undefined }
    },
  }
  await runDemo({
    url,
    signal,
    progress,
    tokens: { api: tokens.api[0], sparfa: tokens.sparfa[0], operator: tokens.operator[0] },
  })
}

function remember({ pool }: Application, state: 'loading' | 'loaded'): Promise<void> {
  return keepFact(pool, factName, { state })
}
