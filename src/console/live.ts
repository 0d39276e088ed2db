import { useEffect, useState } from 'preact/hooks'
import { type Connection, connection, readToken } from './connection.ts'

/**
 * Live views by polling: one request at a time for each view, the next one `everyMs` after the last one began, none
 * while the tab is hidden. It needs no open line, so a restarted server or another process behind a load balancer is
 * found again by the next request; unchanged views cost a 304.
 */
export type Live<Value> =
  | { readonly state: 'loading' }
  | { readonly state: 'missing' }
  /** The server answered that it could not read this view; it is asked again. */
  | { readonly state: 'failed'; readonly status: number }
  | {
      readonly state: 'ready'
      readonly value: Value
      /** False while the value is of the address asked before. */
      readonly isCurrent: boolean
    }

/** Twice a second: a change is on the page within a second of being made. */
const liveEveryMs = 500
export const listEveryMs = 2_000

/** What a load balancer answers in the place of a server. */
const unreachable = new Set([502, 503, 504])
const requestMsMax = 10_000
const retryEveryMs = 1_000

/** Shows the value of the former `path` until the new one has come. Nothing is asked while `path` is undefined. */
export function useLive<Value>(path: string | undefined, everyMs: number = liveEveryMs): Live<Value> {
  const [live, setLive] = useState<{ path: string | undefined; view: Live<Value> }>({
    path: undefined,
    view: { state: 'loading' },
  })
  useEffect(() => {
    if (path === undefined) return
    const stop = new AbortController()
    let shown = ''
    const show = (body: string): void => {
      if (body === shown) return
      shown = body
      setLive({ path, view: { state: 'ready', value: JSON.parse(body) as Value, isCurrent: true } })
    }
    const refuse = (status: number): void => {
      shown = ''
      setLive({ path, view: status >= 500 ? { state: 'failed', status } : { state: 'missing' } })
    }
    void poll(path, everyMs, stop.signal, { show, refuse })
    return () => stop.abort()
  }, [path, everyMs])
  if (live.path === path || live.view.state !== 'ready') return live.path === path ? live.view : { state: 'loading' }
  return { ...live.view, isCurrent: false }
}

interface Shower {
  show(body: string): void
  refuse(status: number): void
}

async function poll(path: string, everyMs: number, stop: AbortSignal, shower: Shower): Promise<void> {
  while (!stop.aborted) {
    await untilVisible(stop)
    const startedAt = performance.now()
    const outcome = await readOnce(path, stop, shower)
    if (stop.aborted || outcome === 'locked') return
    const spentMs = performance.now() - startedAt
    await pause(Math.max(50, (outcome === 'lost' ? retryEveryMs : everyMs) - spentMs), stop)
  }
}

async function readOnce(path: string, stop: AbortSignal, shower: Shower): Promise<'answered' | 'lost' | 'locked'> {
  const token = readToken()
  try {
    const response = await fetch(`/console/api${path}`, {
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
      cache: 'no-cache',
      signal: AbortSignal.any([stop, AbortSignal.timeout(requestMsMax)]),
    })
    if (response.status === 401) {
      connection.locked()
      return 'locked'
    }
    if (unreachable.has(response.status)) throw new Error(`nothing behind the load balancer: ${response.status}`)
    const body = await response.text()
    if (stop.aborted) return 'answered'
    connection.answered(response)
    if (response.ok) shower.show(body)
    else shower.refuse(response.status)
    return 'answered'
  } catch {
    // The reason is the browser's and in its own console; what matters here is that there was no answer.
    if (!stop.aborted) connection.lost()
    return 'lost'
  }
}

function untilVisible(stop: AbortSignal): Promise<void> {
  if (!document.hidden || stop.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      document.removeEventListener('visibilitychange', done)
      stop.removeEventListener('abort', done)
      resolve()
    }
    document.addEventListener('visibilitychange', done)
    stop.addEventListener('abort', done)
  })
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      stop.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    stop.addEventListener('abort', done)
  })
}

export function useConnection(): Connection {
  const [current, setCurrent] = useState(connection.current)
  useEffect(() => {
    setCurrent(connection.current)
    return connection.subscribe(() => setCurrent(connection.current))
  }, [])
  return current
}

/** One clock for all ages on the page: they change together, and a long table costs one timer. */
const tickers = new Set<() => void>()
let ticking: ReturnType<typeof setInterval> | undefined

function onTick(listener: () => void): () => void {
  tickers.add(listener)
  ticking ??= setInterval(() => {
    for (const ticker of tickers) ticker()
  }, 1_000)
  return () => {
    tickers.delete(listener)
    if (tickers.size > 0) return
    clearInterval(ticking)
    ticking = undefined
  }
}

/** Now by the server's clock, renewed each second, for ages. */
export function useServerNow(): number {
  const [now, setNow] = useState(connection.serverNow())
  useEffect(() => onTick(() => setNow(connection.serverNow())), [])
  return now
}
