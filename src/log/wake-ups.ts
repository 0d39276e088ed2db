import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { connectWriter } from '#platform/servers.ts'
import type { Log } from './log.ts'

/*
 * Tells other processes that something became readable (streams.md §4.7). Polling is the truth; this makes it prompt,
 * and losing any of it costs at most one poll interval. A notification takes one lock of the whole database during its
 * commit, so it is never part of an append: one connection a process sends at most ten a second, each with all parts
 * since the last one.
 */
export interface WakeUps {
  /** The same log, whose listeners hear of appends of other processes as well. */
  around<Source extends Pick<Log, 'onAppended'>>(source: Source): Source
  close(): Promise<void>
}

export interface WakeUpsOptions {
  readonly url: string
  readonly log: Pick<Log, 'onAppended'>
  /** Of all kinds. */
  readonly parts: number
  /** Once, when the server does not know notifications: then polling is all there is. */
  readonly unsupported?: (error: unknown) => void
}

const channel = 'lane_new'
const pauseMs = 100
const reconnectMsMax = 5000

export function openWakeUps(options: WakeUpsOptions): WakeUps {
  return new Notifications(options)
}

class Notifications implements WakeUps {
  readonly #options: WakeUpsOptions
  readonly #listeners = new Set<(parts: readonly number[]) => void>()
  readonly #dirty = new Set<number>()
  readonly #stop = new AbortController()
  readonly #unlisten: () => void
  readonly #running: Promise<void>

  constructor(options: WakeUpsOptions) {
    this.#options = options
    this.#unlisten = options.log.onAppended((parts) => {
      for (const part of parts) this.#dirty.add(part)
    })
    this.#running = this.#run()
  }

  around<Source extends Pick<Log, 'onAppended'>>(source: Source): Source {
    const onAppended: Log['onAppended'] = (listener) => {
      const unlisten = source.onAppended(listener)
      this.#listeners.add(listener)
      return () => {
        unlisten()
        this.#listeners.delete(listener)
      }
    }
    return { ...source, onAppended }
  }

  async close(): Promise<void> {
    this.#unlisten()
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    for (let attempt = 0; !this.#stop.signal.aborted; attempt += 1) {
      try {
        await this.#converse(() => {
          attempt = 0
        })
      } catch (error) {
        if (isUnsupported(error)) {
          this.#options.unsupported?.(error)
          return
        }
      }
      await pause(Math.min(reconnectMsMax, 50 * 2 ** attempt) * (0.5 + Math.random()), this.#stop.signal)
    }
  }

  /** Until the connection breaks. */
  async #converse(connected: () => void): Promise<void> {
    const client = await connectWriter(this.#options.url, { application_name: 'biglearn wake-ups', keepAlive: true })
    try {
      const broken = new AbortController()
      client.once('end', () => broken.abort())
      const backend = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
      const own = backend.rows[0]?.pid
      client.on('notification', ({ processId, payload }) => {
        if (processId !== own) this.#hear(partsIn(payload ?? ''))
      })
      await client.query(`listen ${channel}`)
      connected()
      // Whatever was said before is lost: look once.
      this.#hear(Array.from({ length: this.#options.parts }, (_, part) => part))
      const over = AbortSignal.any([this.#stop.signal, broken.signal])
      while (!over.aborted) {
        await this.#tell(client)
        await pause(pauseMs, over)
      }
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  async #tell(client: pg.Client): Promise<void> {
    if (this.#dirty.size === 0) return
    const parts = [...this.#dirty]
    this.#dirty.clear()
    await client.query('select pg_notify($1, $2)', [channel, textOf(parts)])
  }

  #hear(parts: readonly number[]): void {
    for (const listener of this.#listeners) listener(parts)
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}

/** A bit for each part, in hexadecimal. */
function textOf(parts: readonly number[]): string {
  let bits = 0n
  for (const part of parts) bits |= 1n << BigInt(part)
  return bits.toString(16)
}

function partsIn(text: string): number[] {
  if (!/^[0-9a-f]+$/.test(text)) return []
  const bits = BigInt(`0x${text}`).toString(2)
  return [...bits].flatMap((bit, index) => (bit === '1' ? [bits.length - 1 - index] : []))
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '0A000'
}
