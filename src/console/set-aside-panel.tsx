import type { JSX } from 'preact'
import type { SetAsideLine, SubscriptionView } from '#api/console/operations-data.ts'
import { DeedButton } from './deed-button.tsx'
import { formatAge, formatCount, shortUuid } from './format.ts'
import { useServerNow } from './live.ts'
import { Notice } from './notice.tsx'
import { ShortUuid } from './short-uuid.tsx'
import { StreamLink } from './stream-link.tsx'

/** Streams that do not follow their lanes for a subscription, and what can be done about each. */
export function SetAsidePanel({ subscription }: { subscription: SubscriptionView }): JSX.Element {
  const { name, setAside, setAsideTotal } = subscription
  const heading = `set-aside-${name}`
  return (
    <section aria-labelledby={heading} class="panel">
      <h3 id={heading}>Set aside</h3>
      {setAside.length === 0 ? (
        <Notice kind="empty">None. Every stream follows its lane.</Notice>
      ) : (
        <>
          <table aria-labelledby={heading}>
            <thead>
              <tr>
                <th scope="col">Stream</th>
                <th scope="col">State</th>
                <th scope="col" class="number">
                  Owed from
                </th>
                <th scope="col" class="number">
                  Attempts
                </th>
                <th scope="col">Since</th>
                <th scope="col">Reason</th>
                <th scope="col">Actions</th>
              </tr>
            </thead>
            <tbody>
              {setAside.map((line) => (
                <SetAsideRow key={line.stream} subscription={name} line={line} />
              ))}
            </tbody>
          </table>
          {setAsideTotal > setAside.length && (
            <p class="help">
              The first {setAside.length} of {formatCount(setAsideTotal)}.
            </p>
          )}
        </>
      )}
    </section>
  )
}

function SetAsideRow({ subscription, line }: { subscription: string; line: SetAsideLine }): JSX.Element {
  const now = useServerNow()
  const next = line.state === 'retry' ? `, again in ${formatAge(line.nextAt - now)}` : ''
  return (
    <tr class={line.state === 'parked' ? 'attention' : ''}>
      <th scope="row">
        <StreamLink kind={line.kind} stream={line.stream} />
      </th>
      <td>
        {line.state}
        {next}
      </td>
      <td class="number">{formatCount(line.nextNumber)}</td>
      <td class="number">{formatCount(line.attempts)}</td>
      <td>{formatAge(now - line.since)}</td>
      <td>
        {line.error}
        {line.awaited !== null && (
          <>
            waits for <ShortUuid uuid={line.awaited} />
          </>
        )}
      </td>
      <td>
        <SetAsideActions subscription={subscription} line={line} />
      </td>
    </tr>
  )
}

/** A replay ends by itself, and what waits for a lane goes on by itself: there is nothing to decide. */
function SetAsideActions({ subscription, line }: { subscription: string; line: SetAsideLine }): JSX.Element | null {
  const { kind, stream, nextNumber } = line
  if (line.state === 'replay' || (line.state === 'blocked' && line.awaited === null)) return null
  const about = shortUuid(stream)
  return (
    <div class="actions">
      <DeedButton
        label="Try again"
        about={about}
        title={`Try ${kind} ${about} again`}
        explanation={`Do this after the cause is mended. It goes on at event ${nextNumber}, attempts count from nothing again.`}
        deed={() => ({ deed: 'retry', subscription, kind, stream })}
        done={`${about} is tried again for ${subscription}.`}
      />
      <DeedButton
        label={`Skip event ${nextNumber}`}
        about={`of ${about}`}
        title={`Skip event ${nextNumber} of ${kind} ${about}`}
        explanation={
          `The subscription ${subscription} never gets this event, not in a replay either; others do, and the log ` +
          'keeps it. It can not be undone. Rather mend the cause and try again, if that is possible.'
        }
        deed={() => ({ deed: 'skip', subscription, kind, stream, number: nextNumber })}
        done={`${about} goes on after event ${nextNumber} for ${subscription}.`}
      />
    </div>
  )
}
