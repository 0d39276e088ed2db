import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Operations, SetAsideLine, SlotLine, SubscriptionView } from '#api/console/operations-data.ts'
import { ExperimentsSection } from './experiments-section.tsx'
import { formatAge, formatCount, formatMs, plural } from './format.ts'
import { listEveryMs, useLive, useServerNow } from './live.ts'
import { Link } from './navigation.tsx'
import { Notice, NotReady } from './notice.tsx'
import { pathOf } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'
import { slotsByOwner } from './slots-by-owner.ts'

/** Who works on what: members, their slots, how far each is, and the courses that were set aside. */
export function OperationsPage(): JSX.Element {
  const live = useLive<Operations>('/operations', listEveryMs)
  useEffect(() => {
    document.title = 'Operations · Biglearn console'
  }, [])
  return (
    <>
      <h1>Operations</h1>
      {live.state !== 'ready' ? (
        <NotReady live={live} what="state of the subscriptions" />
      ) : (
        <>
          {live.value.subscriptions.length === 0 && (
            <Notice kind="empty">No subscription has been registered yet.</Notice>
          )}
          {live.value.subscriptions.map((subscription) => (
            <SubscriptionContent key={subscription.name} subscription={subscription} />
          ))}
          <ExperimentsSection experiments={live.value.experiments} />
        </>
      )}
    </>
  )
}

function SubscriptionContent({ subscription }: { subscription: SubscriptionView }): JSX.Element {
  const { name, slots } = subscription
  const unowned = slots.filter(({ owner }) => owner === null).length
  const owners = slotsByOwner(slots)
  return (
    <section aria-labelledby={`subscription-${name}`} class="subscription">
      <h2 id={`subscription-${name}`}>
        Subscription {name}
        {subscription.isPaused && <span class="tag tag-attention">paused</span>}
      </h2>
      <dl class="figures" aria-label={`State of ${name}`}>
        <div class="figure">
          <dt>Runs behind</dt>
          <dd>{formatCount(subscription.entriesBehind)}</dd>
          <dd class="figure-note">
            {subscription.entriesBehind === 0 ? 'nothing waits' : `oldest ${formatMs(subscription.oldestAgeMs)}`}
          </dd>
        </div>
        <div class="figure">
          <dt>Members</dt>
          <dd>{formatCount(owners.length)}</dd>
          <dd class="figure-note">{plural(slots.length, 'slot', 'slots')}</dd>
        </div>
        <div class={unowned === 0 ? 'figure' : 'figure figure-attention'}>
          <dt>Slots without owner</dt>
          <dd>{formatCount(unowned)}</dd>
          <dd class="figure-note">{unowned === 0 ? 'all are worked on' : 'taken over within seconds'}</dd>
        </div>
        <div class={subscription.setAsideTotal === 0 ? 'figure' : 'figure figure-attention'}>
          <dt>Set aside</dt>
          <dd>{formatCount(subscription.setAsideTotal)}</dd>
          <dd class="figure-note">courses and ecosystems</dd>
        </div>
      </dl>
      <SetAsidePanel subscription={subscription} />
      <MembersPanel name={name} owners={owners} />
      <SlotsPanel name={name} slots={slots} />
    </section>
  )
}

function SetAsidePanel({ subscription }: { subscription: SubscriptionView }): JSX.Element {
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
              </tr>
            </thead>
            <tbody>
              {setAside.map((line) => (
                <SetAsideRow key={line.stream} line={line} />
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

/** Courses use the parts below those of ecosystems; only courses have a page. */
const courseParts = 64

function SetAsideRow({ line }: { line: SetAsideLine }): JSX.Element {
  const now = useServerNow()
  const next = line.state === 'retry' ? `, again in ${formatAge(line.nextAt - now)}` : ''
  return (
    <tr class={line.state === 'parked' ? 'attention' : ''}>
      <th scope="row">
        {line.part < courseParts ? (
          <Link to={pathOf({ name: 'stream', course: line.stream })}>
            <ShortUuid uuid={line.stream} />
          </Link>
        ) : (
          <ShortUuid uuid={line.stream} />
        )}
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
    </tr>
  )
}

function MembersPanel(props: { name: string; owners: ReturnType<typeof slotsByOwner> }): JSX.Element {
  const heading = `members-${props.name}`
  return (
    <section aria-labelledby={heading} class="panel">
      <h3 id={heading}>Members</h3>
      {props.owners.length === 0 ? (
        <Notice kind="attention">Nobody works for this subscription now.</Notice>
      ) : (
        <table aria-labelledby={heading} class="narrow">
          <thead>
            <tr>
              <th scope="col">Member</th>
              <th scope="col" class="number">
                Slots
              </th>
              <th scope="col" class="number">
                Runs behind
              </th>
            </tr>
          </thead>
          <tbody>
            {props.owners.map((line) => (
              <tr key={line.owner}>
                <th scope="row">
                  <ShortUuid uuid={line.owner} />
                </th>
                <td class="number">{formatCount(line.slots)}</td>
                <td class="number">{formatCount(line.entriesBehind)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function SlotsPanel({ name, slots }: { name: string; slots: readonly SlotLine[] }): JSX.Element {
  const [showsAll, setShowsAll] = useState(false)
  const heading = `slots-${name}`
  const shown = showsAll ? slots : slots.filter(({ entriesBehind, owner }) => entriesBehind > 0 || owner === null)
  return (
    <section aria-labelledby={heading} class="panel">
      <div class="panel-head">
        <h3 id={heading}>Slots</h3>
        <label class="check">
          <input type="checkbox" checked={showsAll} onChange={(event) => setShowsAll(event.currentTarget.checked)} />
          Show all
        </label>
      </div>
      {shown.length === 0 ? (
        <Notice kind="empty">All {formatCount(slots.length)} are owned and have confirmed everything.</Notice>
      ) : (
        <table aria-labelledby={heading}>
          <thead>
            <tr>
              <th scope="col">Part / lane</th>
              <th scope="col">Owner</th>
              <th scope="col" class="number">
                Epoch
              </th>
              <th scope="col" class="number">
                Confirmed
              </th>
              <th scope="col" class="number">
                Head
              </th>
              <th scope="col" class="number">
                Behind
              </th>
              <th scope="col" class="number">
                Moved
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((slot) => (
              <SlotRow key={`${slot.part}/${slot.lane}`} slot={slot} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function SlotRow({ slot }: { slot: SlotLine }): JSX.Element {
  const now = useServerNow()
  return (
    <tr>
      <th scope="row">
        {slot.part} / {slot.lane}
      </th>
      <td>{slot.owner === null ? <span class="attention-text">nobody</span> : <ShortUuid uuid={slot.owner} />}</td>
      <td class="number">{slot.epoch}</td>
      <td class="number">{formatCount(Number(slot.position))}</td>
      <td class="number">{formatCount(Number(slot.head))}</td>
      <td class="number">{formatCount(slot.entriesBehind)}</td>
      <td class="number">{slot.confirmedAt === null ? '–' : `${formatAge(now - slot.confirmedAt)} ago`}</td>
    </tr>
  )
}
