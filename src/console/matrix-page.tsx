import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { MatrixLine, MatrixPicture, MatrixView } from '#api/console/operations-data.ts'
import { formatAge, formatCount, formatDateTime, shortUuid } from './format.ts'
import { listEveryMs, useLive, useServerNow } from './live.ts'
import { currentIf, Link, moveBetweenRows } from './navigation.tsx'
import { NotReady } from './notice.tsx'
import { pathOf } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'

/** How one matrix was made, and those before and after it. */
export function MatrixPage({ matrix }: { matrix: string }): JSX.Element {
  const live = useLive<MatrixView>(`/matrices/${matrix}`, listEveryMs)
  useEffect(() => {
    document.title = `Matrix ${shortUuid(matrix)} · Biglearn console`
  }, [matrix])
  return (
    <>
      <h1>
        Matrix <span class="uuid">{shortUuid(matrix)}</span>
      </h1>
      {live.state === 'ready' ? <MatrixContent view={live.value} /> : <NotReady live={live} what="matrix" />}
    </>
  )
}

function MatrixContent({ view }: { view: MatrixView }): JSX.Element {
  const now = useServerNow()
  const { madeBy } = view
  const isNewest = view.history[0]?.matrix === view.matrix
  return (
    <>
      <dl class="facts">
        <div>
          <dt>Matrix uuid</dt>
          <dd class="uuid">{view.matrix}</dd>
        </div>
        <div>
          <dt>Ecosystem</dt>
          <dd>
            <ShortUuid uuid={view.ecosystem} />
          </dd>
        </div>
        <div>
          <dt>Learnt</dt>
          <dd>
            {formatDateTime(view.learntAt)}, {formatAge(now - view.learntAt)} ago
            <span class="tag">{isNewest ? 'in use' : 'superseded'}</span>
          </dd>
        </div>
      </dl>
      <dl class="figures" aria-label="Size">
        <Figure term="Answers used" value={formatCount(madeBy.answers)} />
        <Figure term="Learners" value={formatCount(madeBy.learners)} />
        <Figure term="Exercise groups" value={formatCount(view.questions)} />
        <Figure term="Concepts (pages)" value={formatCount(view.concepts)} />
        <Figure term="Held-out log loss" value={formatLoss(madeBy.heldOutLogLoss)} note="ln 2 = 0.693 knows nothing" />
      </dl>
      <HeldOutPanel view={view} />
      <OriginPanel view={view} />
      <HistoryPanel view={view} />
    </>
  )
}

function Figure({ term, value, note }: { term: string; value: string; note?: string }): JSX.Element {
  return (
    <div class="figure">
      <dt>{term}</dt>
      <dd>{value}</dd>
      {note !== undefined && <dd class="figure-note">{note}</dd>}
    </div>
  )
}

function formatLoss(loss: number | null): string {
  return loss === null ? '–' : loss.toFixed(3)
}

const stopWords: { readonly [reason: string]: string } = {
  empty: 'there was nothing to learn from',
  patience: 'held-out answers were predicted no better',
  epochs: 'the limit of epochs was reached',
  time: 'the limit of time was reached',
}

const pictureHeadings: { readonly [name in MatrixPicture['name']]: string } = {
  epochs: 'How the fit went',
  reliability: 'Whether its probabilities hold',
  clues: 'What it says of some learners as they answer',
}

/** The server draws and quotes: the same pictures as `biglearn sparfa evaluate --plot`. */
function HeldOutPanel({ view: { heldOut, pictures } }: { view: MatrixView }): JSX.Element {
  return (
    <section aria-labelledby="held-out-heading" class="panel">
      <h2 id="held-out-heading">How good it is</h2>
      {heldOut === null ? (
        <p>There were too few answers to keep some back, so it could not be judged.</p>
      ) : (
        <dl class="figures" aria-label="On answers that were kept back">
          <Figure term="Answers kept back" value={formatCount(heldOut.answers)} />
          <Figure term="Accuracy" value={formatLoss(heldOut.accuracy)} />
          <Figure term="AUC" value={formatLoss(heldOut.auc)} note="0.5 is guessing" />
          <Figure term="Log loss" value={formatLoss(heldOut.logLoss)} />
          <Figure term="Brier score" value={formatLoss(heldOut.brier)} />
          <Figure term="Calibration error" value={formatLoss(heldOut.calibrationError)} />
        </dl>
      )}
      {pictures.map(({ name, svg }) => (
        <figure key={name} class="picture">
          <figcaption>{pictureHeadings[name]}</figcaption>
          <div dangerouslySetInnerHTML={{ __html: svg }} />
        </figure>
      ))}
    </section>
  )
}

function OriginPanel({ view: { madeBy } }: { view: MatrixView }): JSX.Element {
  const penalty = (value: number | null, off: string): string =>
    value === null ? off : String(Number(value.toPrecision(4)))
  const rows: readonly (readonly [string, string])[] = [
    ['Preset', madeBy.preset],
    ['Mask', madeBy.mask === 'hard' ? 'hard: only hinted weights' : 'soft: other weights may appear'],
    ['Penalty of weights', penalty(madeBy.lamW, 'off')],
    ['Penalty of easiness', penalty(madeBy.lamD, 'off')],
    ['Penalty of concept abilities', penalty(madeBy.lamU, 'off: one general ability only')],
    ['Penalty of the general ability', penalty(madeBy.lamG, 'off: no general ability')],
    ['Seed', String(madeBy.seed)],
    ['Epochs', formatCount(madeBy.epochs)],
    ['Stopped because', stopWords[madeBy.stoppedBy] ?? madeBy.stoppedBy],
    [
      'Began from',
      madeBy.warmStarts === 0 ? 'nothing' : `the one before; ${madeBy.warmStarts} since the last cold fit`,
    ],
  ]
  return (
    <section aria-labelledby="origin-heading" class="panel">
      <h2 id="origin-heading">How it was made</h2>
      <table aria-labelledby="origin-heading" class="narrow">
        <tbody>
          {rows.map(([term, value]) => (
            <tr key={term}>
              <th scope="row" class="soft">
                {term}
              </th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

function HistoryPanel({ view }: { view: MatrixView }): JSX.Element {
  return (
    <section aria-labelledby="history-heading" class="panel" onKeyDown={moveBetweenRows}>
      <h2 id="history-heading">Matrices of this ecosystem</h2>
      <table aria-labelledby="history-heading">
        <thead>
          <tr>
            <th scope="col">Matrix</th>
            <th scope="col">Learnt</th>
            <th scope="col" class="number">
              Answers
            </th>
            <th scope="col" class="number">
              Learners
            </th>
            <th scope="col" class="number">
              Held-out log loss
            </th>
          </tr>
        </thead>
        <tbody>
          {view.history.map((line) => (
            <HistoryRow key={line.matrix} line={line} isShown={line.matrix === view.matrix} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function HistoryRow({ line, isShown }: { line: MatrixLine; isShown: boolean }): JSX.Element {
  return (
    <tr class={isShown ? 'chosen' : ''}>
      <th scope="row">
        {line.isRemoved ? (
          <span title="superseded long ago, named by nothing, and removed">
            <ShortUuid uuid={line.matrix} /> (removed)
          </span>
        ) : (
          <Link to={pathOf({ name: 'matrix', matrix: line.matrix })} data-row-link {...currentIf(isShown)}>
            <ShortUuid uuid={line.matrix} />
          </Link>
        )}
      </th>
      <td>{formatDateTime(line.learntAt)}</td>
      <td class="number">{formatCount(line.answers)}</td>
      <td class="number">{formatCount(line.learners)}</td>
      <td class="number">{formatLoss(line.heldOutLogLoss)}</td>
    </tr>
  )
}
