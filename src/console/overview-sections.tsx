import type { JSX } from 'preact'
import type { BlockedLine, EcosystemLine, Overview, SubscriptionLine } from '#api/console/console-data.ts'
import { formatAge, formatCount, formatMs, formatRange } from './format.ts'
import { useServerNow } from './live.ts'
import { Link } from './navigation.tsx'
import { Notice } from './notice.tsx'
import { pathOf } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'
import { StreamLink } from './stream-link.tsx'

/** The overview's tables below the key figures: lag, gaps, matrices. */

/** From this age on a subscription's lag breaks the promise that an answer is visible within a second. */
const lagMsMax = 1_000

export function SubscriptionsSection(props: { subscriptions: readonly SubscriptionLine[] }): JSX.Element {
  return (
    <section aria-labelledby="subscriptions-heading" class="panel">
      <h2 id="subscriptions-heading">Lag of subscriptions</h2>
      {props.subscriptions.length === 0 ? (
        <Notice kind="empty">No subscription reads the log yet.</Notice>
      ) : (
        <table aria-labelledby="subscriptions-heading">
          <thead>
            <tr>
              <th scope="col">Subscription</th>
              <th scope="col" class="number">
                Runs behind
              </th>
              <th scope="col" class="number">
                Oldest
              </th>
            </tr>
          </thead>
          <tbody>
            {props.subscriptions.map((line) => (
              <tr key={line.name} class={line.oldestAgeMs > lagMsMax ? 'attention' : ''}>
                <th scope="row">
                  {line.name}
                  {line.setAside > 0 && <span class="tag tag-attention">{formatCount(line.setAside)} set aside</span>}
                </th>
                <td class="number">{formatCount(line.entriesBehind)}</td>
                <td class="number">{line.entriesBehind === 0 ? '–' : formatMs(line.oldestAgeMs)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

export function BlockedSection({ blocked }: { blocked: Overview['blocked'] }): JSX.Element {
  const shown = blocked.streams.length
  return (
    <section aria-labelledby="blocked-heading" class="panel">
      <h2 id="blocked-heading">Blocked streams</h2>
      {shown === 0 ? (
        <Notice kind="empty">None. Every recorded event has been delivered in order.</Notice>
      ) : (
        <>
          <table aria-labelledby="blocked-heading">
            <thead>
              <tr>
                <th scope="col">Stream</th>
                <th scope="col">Kind</th>
                <th scope="col" class="number">
                  First missing
                </th>
                <th scope="col" class="number">
                  Next number
                </th>
                <th scope="col" class="number">
                  Blocked for
                </th>
              </tr>
            </thead>
            <tbody>
              {blocked.streams.map((line) => (
                <BlockedRow key={line.stream} line={line} />
              ))}
            </tbody>
          </table>
          {blocked.total > shown && (
            <p class="help">
              The oldest {shown} of {formatCount(blocked.total)}.
            </p>
          )}
        </>
      )}
    </section>
  )
}

function BlockedRow({ line }: { line: BlockedLine }): JSX.Element {
  const now = useServerNow()
  return (
    <tr>
      <th scope="row">
        <StreamLink kind={line.kind} stream={line.stream} />
      </th>
      <td>{line.kind}</td>
      <td class="number">{formatCount(line.contiguousSequenceNumber)}</td>
      <td class="number">{formatCount(line.nextSequenceNumber)}</td>
      <td class="number attention-text">{formatAge(now - line.blockedSince)}</td>
    </tr>
  )
}

export function EcosystemsSection({ ecosystems }: { ecosystems: Overview['ecosystems'] }): JSX.Element {
  const shown = ecosystems.lines.length
  return (
    <section aria-labelledby="ecosystems-heading" class="panel">
      <h2 id="ecosystems-heading">Matrices</h2>
      {shown === 0 ? (
        <Notice kind="empty">No ecosystem has been created yet.</Notice>
      ) : (
        <>
          <table aria-labelledby="ecosystems-heading">
            <thead>
              <tr>
                <th scope="col">Ecosystem</th>
                <th scope="col">Matrix</th>
                <th scope="col" class="number">
                  Learnt
                </th>
                <th scope="col" class="number">
                  Answers used
                </th>
                <th scope="col" class="number">
                  New since
                </th>
                <th scope="col">Fit</th>
              </tr>
            </thead>
            <tbody>
              {ecosystems.lines.map((line) => (
                <EcosystemRow key={line.ecosystem} line={line} />
              ))}
            </tbody>
          </table>
          {ecosystems.total > shown && (
            <p class="help">
              {formatRange(1, shown)} of {formatCount(ecosystems.total)}.
            </p>
          )}
        </>
      )}
    </section>
  )
}

function EcosystemRow({ line }: { line: EcosystemLine }): JSX.Element {
  const now = useServerNow()
  const fit = { up_to_date: 'up to date', due: 'due', running: 'running' }[line.fit]
  return (
    <tr>
      <th scope="row">
        <ShortUuid uuid={line.ecosystem} />
      </th>
      <td>{line.matrix === null ? <span class="soft">none yet</span> : <MatrixLink matrix={line.matrix} />}</td>
      <td class="number">{line.learntAt === null ? '–' : `${formatAge(now - line.learntAt)} ago`}</td>
      <td class="number">{formatCount(line.answersUsed)}</td>
      <td class="number">{formatCount(Math.max(0, line.answersNow - line.answersUsed))}</td>
      <td>
        <span class={`tag tag-alone tag-${line.fit}`}>{fit}</span>
      </td>
    </tr>
  )
}

function MatrixLink({ matrix }: { matrix: string }): JSX.Element {
  return (
    <Link to={pathOf({ name: 'matrix', matrix })}>
      <ShortUuid uuid={matrix} />
    </Link>
  )
}
