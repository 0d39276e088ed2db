import type { JSX } from 'preact'
import { useId, useState } from 'preact/hooks'
import type { LaneLine, Operations, SubscriptionView } from '#api/console/operations-data.ts'
import type { Uuid } from '#domain/ids.ts'
import { DeedButton, Field, uuidPattern } from './deed-button.tsx'
import { formatCount, shortUuid } from './format.ts'
import { Notice } from './notice.tsx'
import { StreamLink } from './stream-link.tsx'

/** Streams with a lane of their own and busy ones, and who decides about that. */
export function LanesPanel({ lanes, lanesTotal, subscriptions }: Operations): JSX.Element {
  return (
    <section aria-labelledby="lanes-heading" class="panel">
      <div class="panel-head">
        <h2 id="lanes-heading">Lanes</h2>
        <OtherLane />
      </div>
      {lanes.length === 0 ? (
        <Notice kind="empty">Every stream shares its part's lane, and none is busy.</Notice>
      ) : (
        <table aria-labelledby="lanes-heading">
          <thead>
            <tr>
              <th scope="col">Stream</th>
              <th scope="col">Part / lane</th>
              <th scope="col">Policy</th>
              <th scope="col" class="number">
                Events/s
              </th>
              <th scope="col" class="number">
                Runs behind
              </th>
              <th scope="col">Actions</th>
            </tr>
          </thead>
          <tbody>
            {lanes.map((line) => (
              <LaneRow key={line.stream} line={line} subscriptions={subscriptions} />
            ))}
          </tbody>
        </table>
      )}
      {lanesTotal > lanes.length && (
        <p class="help">
          The first {lanes.length} of {formatCount(lanesTotal)}.
        </p>
      )}
    </section>
  )
}

function LaneRow(props: { line: LaneLine; subscriptions: readonly SubscriptionView[] }): JSX.Element {
  const { kind, stream, part, lane, policy, eventsPerSecond } = props.line
  const slots = props.subscriptions.flatMap(({ slots: all }) => all)
  const behind = slots.filter((slot) => slot.part === part && slot.lane === lane).map((slot) => slot.entriesBehind)
  return (
    <tr>
      <th scope="row">
        <StreamLink kind={kind} stream={stream} />
      </th>
      <td>
        {part} / {lane} {lane === 0 && '(shared)'}
      </td>
      <td>{policy}</td>
      <td class="number">{eventsPerSecond === null ? '–' : formatCount(Math.round(eventsPerSecond))}</td>
      <td class="number">{formatCount(Math.max(0, ...behind))}</td>
      <td>
        <LaneOfStream line={props.line} />
      </td>
    </tr>
  )
}

const explanation =
  'In a lane of its own a very busy course does not make others wait. Moving is safe at any time: order is kept for ' +
  'every subscription.'

function LaneOfStream({ line }: { line: LaneLine }): JSX.Element {
  const { kind, stream } = line
  const [policy, setPolicy] = useState(line.policy)
  const about = shortUuid(stream)
  return (
    <DeedButton
      label="Change lane"
      about={`of ${about}`}
      title={`Lane of ${kind} ${about}`}
      explanation={explanation}
      deed={() => ({ deed: 'lane', kind, stream, policy })}
      done={`The lane policy of ${about} is ${policy} now.`}
    >
      <PolicyField policy={policy} onChange={setPolicy} />
    </DeedButton>
  )
}

/** For one that is not in the table, for instance because a rush is expected. */
function OtherLane(): JSX.Element {
  const [course, setCourse] = useState('')
  const [policy, setPolicy] = useState<LaneLine['policy']>('dedicated')
  return (
    <DeedButton
      label="Decide a lane"
      about="for a course"
      title="Lane of a course"
      explanation={explanation}
      deed={() => ({ deed: 'lane', kind: 'course', stream: course as Uuid, policy })}
      done={`The lane policy of ${shortUuid(course)} is ${policy} now.`}
    >
      <Field label="Course" value={course} onInput={setCourse} maxLength={36} pattern={uuidPattern} help="Its uuid" />
      <PolicyField policy={policy} onChange={setPolicy} />
    </DeedButton>
  )
}

const policies: readonly { readonly value: LaneLine['policy']; readonly text: string }[] = [
  { value: 'auto', text: 'auto: by its rate' },
  { value: 'dedicated', text: 'dedicated: a lane of its own' },
  ...([2, 4, 8, 16] as const).map((shares) => ({
    value: `dedicated:${shares}` as const,
    text: `dedicated:${shares}: the same, read through ${shares} slots where a subscription allows it`,
  })),
  { value: 'shared', text: 'shared: none' },
]

function PolicyField(props: {
  policy: LaneLine['policy']
  onChange: (policy: LaneLine['policy']) => void
}): JSX.Element {
  const id = useId()
  const isListed = policies.some(({ value }) => value === props.policy)
  const choices = isListed ? policies : [...policies, { value: props.policy, text: props.policy }]
  return (
    <>
      <label for={id}>Policy</label>
      <select
        id={id}
        value={props.policy}
        onChange={(event) => {
          const chosen = choices.find(({ value }) => value === event.currentTarget.value)
          if (chosen !== undefined) props.onChange(chosen.value)
        }}
      >
        {choices.map(({ value, text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </>
  )
}
