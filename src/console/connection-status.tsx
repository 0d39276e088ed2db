import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Connection } from './connection.ts'
import { formatTime } from './format.ts'
import { useConnection } from './live.ts'

/** Beside the header's links: is what I see live? */
export function ConnectionStatus(): JSX.Element {
  const { state } = useConnection()
  const words = { connecting: 'Connecting', live: 'Live', lost: 'No connection', locked: 'Locked' }[state]
  return (
    <span class={`connection connection-${state}`}>
      <span class="connection-dot" aria-hidden="true" />
      {words}
    </span>
  )
}

const cameBackShownMs = 8_000

/** Says that the line was lost, since when, and that it is back; spoken by screen readers as it changes. */
export function ConnectionBanner(): JSX.Element {
  const connection = useConnection()
  const [, setShownUntil] = useState(0)
  useEffect(() => {
    if (connection.cameBack === undefined) return
    const timer = setTimeout(() => setShownUntil(Date.now()), cameBackShownMs)
    return () => clearTimeout(timer)
  }, [connection])
  const words = wordsFor(connection)
  return (
    <div role="status" class={words === undefined ? 'banner banner-none' : `banner banner-${connection.state}`}>
      {words}
    </div>
  )
}

function wordsFor({ state, since, lastAnswerAt, cameBack }: Connection): string | undefined {
  if (state === 'lost') {
    const seen = lastAnswerAt === 0 ? '' : ` What you see is from ${formatTime(lastAnswerAt)}.`
    return `No connection to the server since ${formatTime(since)}. Trying again each second.${seen}`
  }
  if (state !== 'live' || cameBack === undefined || Date.now() - since >= cameBackShownMs) return undefined
  return cameBack === 'restarted'
    ? `Connected again at ${formatTime(since)}: the server was restarted. Figures are live.`
    : `Connected again at ${formatTime(since)}. Figures are live.`
}
