import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Operations, SlotLine, SubscriptionView } from '#api/console/operations-data.ts'
import type { Uuid } from '#domain/ids.ts'
import { DeedButton, DeedReport, Field, uuidPattern } from './deed-button.tsx'
import { ExperimentsSection } from './experiments-section.tsx'
import { formatAge, formatCount, formatMs, plural, shortUuid } from './format.ts'
import { LanesPanel } from './lanes-panel.tsx'
import { listEveryMs, useLive, useServerNow } from './live.ts'
import { Notice, NotReady } from './notice.tsx'
import { BlockedSection } from './overview-sections.tsx'
import { SetAsidePanel } from './set-aside-panel.tsx'
import { ShortUuid } from './short-uuid.tsx'
import { slotsByOwner } from './slots-by-owner.ts'

/** Who works on what: members, their slots, how far each is, and the courses that were set aside. */
export function OperationsPage(): JSX.Element {
  const live = useLive<Operations>('/operations', listEveryMs)
  const [done, setDone] = useState('')
  useEffect(() => {
    document.title = 'Operations · Biglearn console'
  }, [])
  return (
    <DeedReport.Provider value={setDone}>
      <h1>Operations</h1>
      <p role="status" class="done">
        {done}
      </p>
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
          <LanesPanel {...live.value} />
          <BlockedSection blocked={live.value.blocked} />
        </>
      )}
    </DeedReport.Provider>
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
      {subscription.mode === 'remote' && <ReplayCourse subscription={name} />}
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

/** To another program that lost what it had made of a course; effects of the server itself are not made twice. */
function ReplayCourse({ subscription }: { subscription: string }): JSX.Element {
  const [course, setCourse] = useState('')
  const [from, setFrom] = useState('0')
  return (
    <DeedButton
      label="Replay a course"
      about={`to ${subscription}`}
      title={`Replay a course to ${subscription}`}
      explanation="The program gets the events of this course once more, from a number on, while others go on."
      deed={() => ({ deed: 'replay', subscription, kind: 'course', stream: course as Uuid, from: Number(from) })}
      done={`${subscription} gets ${shortUuid(course)} again from event ${from}.`}
    >
      <Field label="Course" value={course} onInput={setCourse} maxLength={36} pattern={uuidPattern} help="Its uuid" />
      <Field label="From event" value={from} onInput={setFrom} maxLength={9} pattern="[0-9]+" help="A number" />
    </DeedButton>
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
              <SlotRow key={`${slot.part}/${slot.lane}/${slot.share}`} slot={slot} />
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
        {slot.part} / {slot.lane} {slot.shares > 1 && `(${slot.share + 1} of ${slot.shares})`}
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
