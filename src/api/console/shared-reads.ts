import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

/**
 * Many consoles may look at one course twice a second. A view is read once for all of them, and again only after three
 * times what reading it took (at least `ageMsMin`, at most five seconds): a view costs a quarter of one reader's time
 * at most, however many people look at it, and one that takes 100 ms to read is still on every page within a second.
 */
export interface SharedRead {
  readonly body: string
  readonly etag: string
}

export interface SharedReads {
  /** `undefined`: there is no such thing; this is not kept. */
  read(key: string, load: () => Promise<unknown>): Promise<SharedRead | undefined>
}

export interface SharedReadsOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly ageMsMin: number
  readonly entriesMax: number
}

interface Kept {
  readonly value: SharedRead
  readonly freshUntil: number
}

/** A slow view is shown at this age at the latest, or the page would look stopped. */
const ageMsMax = 5_000

export function shareReads(options: SharedReadsOptions): SharedReads {
  const kept = new LRUCache<string, Kept>({ max: options.entriesMax })
  const inFlight = new Map<string, Promise<SharedRead | undefined>>()

  async function loadOnce(key: string, load: () => Promise<unknown>): Promise<SharedRead | undefined> {
    const startedAt = options.now()
    const loaded = await load()
    if (loaded === undefined) return undefined
    const body = JSON.stringify(loaded)
    const value = { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }
    const tookMs = options.now() - startedAt
    const ageMs = Math.min(Math.max(options.ageMsMin, 3 * tookMs), ageMsMax)
    kept.set(key, { value, freshUntil: options.now() + ageMs })
    return value
  }

  return {
    async read(key, load) {
      const entry = kept.get(key)
      if (entry !== undefined && options.now() < entry.freshUntil) return entry.value
      const running = inFlight.get(key)
      if (running !== undefined) return running
      const loading = loadOnce(key, load).finally(() => inFlight.delete(key))
      inFlight.set(key, loading)
      return loading
    },
  }
}
