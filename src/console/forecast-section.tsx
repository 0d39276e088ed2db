import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { CourseView, Forecast } from '#api/console/console-data.ts'
import { ForecastBar, ForecastLegend } from './forecast-bar.tsx'
import { type ForecastScale, marksOf, scaleAround, wholeScale } from './forecast-scale.ts'
import { formatBookName, formatCount, formatInterval, formatShare, plural, shortUuid } from './format.ts'
import { listEveryMs, useLive } from './live.ts'
import { Link, moveBetweenRows } from './navigation.tsx'
import { Notice, NotReady } from './notice.tsx'
import { pathOf, type Subject } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'

type BookLine = CourseView['book'][number]
type Clue = Forecast['clues'][number]

/** The forecast of one subject: a bar for each chapter and page of the book, beside the class's own mark. */
export function ForecastSection({ course, subject }: { course: CourseView; subject: Subject }): JSX.Element {
  const [withPages, setWithPages] = useState(true)
  const [isZoomed, setZoomed] = useState(false)
  const path = `/courses/${course.course}/forecast`
  const live = useLive<Forecast>(subject.kind === 'class' ? path : `${path}?${subject.kind}=${subject.uuid}`)
  const classLive = useLive<Forecast>(subject.kind === 'class' ? undefined : path, listEveryMs)
  const classClues = subject.kind !== 'class' && classLive.state === 'ready' ? classLive.value.clues : undefined
  const what = subject.kind === 'class' ? 'class' : subject.kind === 'student' ? 'student' : 'period'
  return (
    <section aria-labelledby="forecast-heading" class="panel forecast" onKeyDown={moveBetweenRows}>
      <div class="panel-head">
        <h2 id="forecast-heading" aria-live="polite">
          {subject.kind === 'class' ? 'Whole class' : `${what === 'student' ? 'Student' : 'Period'} `}
          {subject.kind !== 'class' && <span class="uuid">{shortUuid(subject.uuid)}</span>}
        </h2>
        <div class="checks">
          <label class="check">
            <input type="checkbox" checked={isZoomed} onChange={(event) => setZoomed(event.currentTarget.checked)} />
            Zoom in
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={withPages}
              onChange={(event) => setWithPages(event.currentTarget.checked)}
            />
            Show pages
          </label>
        </div>
      </div>
      {course.book.length === 0 ? (
        <Notice kind="empty">The course’s ecosystem has not arrived yet, so there is no book to forecast.</Notice>
      ) : live.state !== 'ready' ? (
        <NotReady live={live} what={`${what} in this course`} />
      ) : (
        <ForecastContent
          {...{ course, subject, forecast: live.value, classClues, withPages, isZoomed, isCurrent: live.isCurrent }}
        />
      )}
    </section>
  )
}

interface ForecastContentProps {
  readonly course: CourseView
  readonly subject: Subject
  readonly forecast: Forecast
  readonly classClues: readonly Clue[] | undefined
  readonly withPages: boolean
  readonly isZoomed: boolean
  readonly isCurrent: boolean
}

function ForecastContent(props: ForecastContentProps): JSX.Element {
  const { course, subject, forecast, classClues, withPages, isZoomed, isCurrent } = props
  const scale = isZoomed ? scaleAround(forecast.clues) : wholeScale
  return (
    <>
      <ForecastSource course={course.course} subject={subject} forecast={forecast} />
      <ForecastLegend withClass={classClues !== undefined} />
      <table class="forecast-table" aria-labelledby="forecast-heading" aria-busy={!isCurrent}>
        <ForecastHead scale={scale} />
        <tbody>
          {course.book.map((line, index) =>
            line.kind === 'page' && !withPages ? null : (
              <tr key={line.container} class={`row-${line.kind}`} data-container={line.container}>
                <th scope="row" title={line.container} class={`depth-${Math.min(line.depth, 4)}`}>
                  <BookName course={course.course} subject={subject} line={line} />
                </th>
                <ClueCells clue={forecast.clues[index]} classClue={classClues?.[index]} scale={scale} />
              </tr>
            ),
          )}
        </tbody>
      </table>
    </>
  )
}

function ForecastSource(props: { course: string; subject: Subject; forecast: Forecast }): JSX.Element {
  const { course, subject, forecast } = props
  return (
    <p class="help">
      From {plural(forecast.answers, 'answer', 'answers')}
      {subject.kind !== 'student' && ` of ${studentsOf(forecast.students)}`}
      {forecast.matrix === null ? (
        '; no matrix has been learnt yet, so nothing is known'
      ) : (
        <>
          {' '}
          and matrix{' '}
          <Link to={pathOf({ name: 'matrix', matrix: forecast.matrix })}>
            <ShortUuid uuid={forecast.matrix} />
          </Link>
        </>
      )}
      .{' '}
      {subject.kind === 'student' && (
        <Link to={pathOf({ name: 'assignments', course, student: subject.uuid })}>
          Assignments and the exercises to give next
        </Link>
      )}
    </p>
  )
}

function studentsOf({ used, total }: Forecast['students']): string {
  const all = plural(total, 'student', 'students')
  return used === total ? all : `${formatCount(used)} of ${all}`
}

function ForecastHead({ scale }: { scale: ForecastScale }): JSX.Element {
  return (
    <thead>
      <tr>
        <th scope="col">Part of the book</th>
        <th scope="col">
          <span class="visually-hidden">Interval as a bar</span>
          <span class="scale" aria-hidden="true">
            {marksOf(scale).map(({ place, share }) => (
              <span key={place} style={{ left: `${place * 100}%` }}>
                {formatShare(share)}
              </span>
            ))}
          </span>
        </th>
        <th scope="col" class="number">
          Expected
        </th>
        <th scope="col" class="number">
          Interval
        </th>
      </tr>
    </thead>
  )
}

/** For a student, the name leads to what the estimate rests on. */
function BookName(props: { course: string; subject: Subject; line: BookLine }): JSX.Element {
  const { course, subject, line } = props
  const name = formatBookName(line)
  if (subject.kind !== 'student') return <>{name}</>
  return (
    <Link to={pathOf({ name: 'basis', course, student: subject.uuid, container: line.container })} data-row-link>
      {name}
    </Link>
  )
}

interface ClueCellsProps {
  readonly clue: Clue | undefined
  readonly classClue: Clue | undefined
  readonly scale: ForecastScale
}

function ClueCells({ clue, classClue, scale }: ClueCellsProps): JSX.Element {
  if (clue === undefined || !clue.isReal) {
    return (
      <>
        <td class="bar-cell">
          <ForecastBar clue={undefined} classClue={classClue} scale={scale} />
        </td>
        <td class="number soft" colSpan={2}>
          too few answers
        </td>
      </>
    )
  }
  return (
    <>
      <td class="bar-cell">
        <ForecastBar clue={clue} classClue={classClue} scale={scale} />
      </td>
      <td class="number expected">{formatShare(clue.mostLikely)}</td>
      <td class="number soft">{formatInterval(clue.minimum, clue.maximum)}</td>
    </>
  )
}
