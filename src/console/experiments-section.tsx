import type { JSX } from 'preact'
import type { ArmLine, ExperimentView } from '#api/console/operations-data.ts'
import { formatCount, formatDateTime, formatShare, plural } from './format.ts'
import { Notice } from './notice.tsx'

/** Experiments that run: their arms, what each is meant to get, and what it has got. */
export function ExperimentsSection({ experiments }: { experiments: readonly ExperimentView[] }): JSX.Element {
  return (
    <section aria-labelledby="experiments-heading" class="subscription">
      <h2 id="experiments-heading">Experiments</h2>
      {experiments.length === 0 ? (
        <Notice kind="empty">None runs. “biglearn experiments create” begins one.</Notice>
      ) : (
        experiments.map((experiment) => <ExperimentPanel key={experiment.name} experiment={experiment} />)
      )}
    </section>
  )
}

function ExperimentPanel({ experiment }: { experiment: ExperimentView }): JSX.Element {
  const { name, description, unit, kinds, version, startsAt, endsAt, arms } = experiment
  const heading = `experiment-${name}`
  const total = arms.reduce((sum, { units }) => sum + units, 0)
  return (
    <section aria-labelledby={heading} class="panel">
      <h3 id={heading}>{name}</h3>
      <p class="help">
        {description !== '' && `${description} `}Decides about {kinds.join(', ')} since {formatDateTime(startsAt)},{' '}
        {endsAt === null ? 'with no end' : `until ${formatDateTime(endsAt)}`}. Version {version}:{' '}
        {plural(total, unit, `${unit}s`)} so far.
      </p>
      <table aria-labelledby={heading} class="narrow">
        <thead>
          <tr>
            <th scope="col">Arm</th>
            <th scope="col" class="number">
              Meant to get
            </th>
            <th scope="col" class="number">
              {unit === 'course' ? 'Courses' : 'Students'}
            </th>
            <th scope="col" class="number">
              Share
            </th>
            <th scope="col" aria-label="Share as a bar" />
          </tr>
        </thead>
        <tbody>
          {arms.map((arm) => (
            <ArmRow key={arm.algorithm} arm={arm} total={total} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function ArmRow({ arm, total }: { arm: ArmLine; total: number }): JSX.Element {
  const share = total === 0 ? 0 : arm.units / total
  const name = `${arm.algorithm} has ${formatShare(share)}, meant to get ${formatShare(arm.expected)}`
  return (
    <tr>
      <th scope="row">{arm.algorithm}</th>
      <td class="number">{formatShare(arm.expected)}</td>
      <td class="number">{formatCount(arm.units)}</td>
      <td class="number">{total === 0 ? '–' : formatShare(share)}</td>
      <td>
        <svg class="share-bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label={name}>
          <rect class="share-track" width="100" height="10" />
          <rect class="share-value" width={100 * share} height="10" />
          <rect class="share-mark" x={Math.min(99, 100 * arm.expected)} width="1" height="10" />
        </svg>
      </td>
    </tr>
  )
}
