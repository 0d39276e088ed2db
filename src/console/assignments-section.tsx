import type { JSX } from 'preact'
import type { CourseView } from '#api/console/console-data.ts'
import type {
  AssignmentLine,
  AssignmentPicks,
  ExclusionReason,
  PickChoice,
  PickLine,
  PickSource,
} from '#api/console/explanation-data.ts'
import { formatBookName, formatCount, formatDateTime, formatOrdinal, formatShare, plural } from './format.ts'
import { listEveryMs, useLive } from './live.ts'
import { currentIf, Link, moveBetweenRows } from './navigation.tsx'
import { Notice, NotReady } from './notice.tsx'
import { pathOf, type CourseView as View } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'
import { StudentCrumb } from './student-crumb.tsx'

type AssignmentsView = Extract<View, { name: 'assignments' }>

/** A student's assignments, and for the chosen one which exercises would be given now, and why. */
export function AssignmentsSection({ course, view }: { course: CourseView; view: AssignmentsView }): JSX.Element {
  const path = `/courses/${view.course}/students/${view.student}/assignments`
  const live = useLive<readonly AssignmentLine[]>(path, listEveryMs)
  return (
    <div class="columns columns-halves">
      <section aria-labelledby="assignments-heading" class="panel" onKeyDown={moveBetweenRows}>
        <StudentCrumb course={view.course} student={view.student} />
        <h2 id="assignments-heading">Assignments</h2>
        {live.state !== 'ready' ? (
          <NotReady live={live} what="list of assignments" />
        ) : live.value.length === 0 ? (
          <Notice kind="empty">The student has no assignment yet.</Notice>
        ) : (
          <AssignmentsTable view={view} lines={live.value} />
        )}
      </section>
      {view.assignment === undefined ? (
        <PracticeSection course={course} path={`/courses/${view.course}/students/${view.student}/practice`} />
      ) : (
        <PicksSection course={course} path={`${path}/${view.assignment}`} />
      )}
    </div>
  )
}

function AssignmentsTable(props: { view: AssignmentsView; lines: readonly AssignmentLine[] }): JSX.Element {
  const { view, lines } = props
  const { name, course, student } = view
  const date = (instant: number | null): string => (instant === null ? '–' : formatDateTime(instant))
  return (
    <table aria-labelledby="assignments-heading">
      <thead>
        <tr>
          <th scope="col">Assignment</th>
          <th scope="col">Type</th>
          <th scope="col">Due</th>
          <th scope="col" class="number">
            Answered
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <tr key={line.assignment} class={line.assignment === view.assignment ? 'chosen' : ''}>
            <th scope="row">
              <Link
                to={pathOf({ name, course, student, assignment: line.assignment })}
                data-row-link
                {...currentIf(line.assignment === view.assignment)}
              >
                <ShortUuid uuid={line.assignment} />
              </Link>
            </th>
            <td>
              {line.type}
              {line.isDeleted && <span class="tag">deleted</span>}
              {line.isWaiting && <span class="tag tag-due">waits for exercises</span>}
            </td>
            <td>{date(line.dueAt)}</td>
            <td class="number">
              {formatCount(line.answered)} of {formatCount(line.exercises)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function PicksSection({ course, path }: { course: CourseView; path: string }): JSX.Element {
  const live = useLive<AssignmentPicks>(path, listEveryMs)
  if (live.state !== 'ready') return <NotReady live={live} what="assignment of this student" />
  const { assignment, choices, bookContainers } = live.value
  return (
    <section aria-labelledby="picks-heading" class="panel" aria-busy={!live.isCurrent}>
      <h2 id="picks-heading">
        Exercises to give in <ShortUuid uuid={assignment} />
      </h2>
      <p class="help">
        Assigned for {bookContainers.length === 0 ? 'no part of the book' : namesOf(course, bookContainers)}. Chosen
        now, from all answers of the student.
      </p>
      {choices.map((choice) => (
        <Choice key={choice.algorithm} course={course} choice={choice} />
      ))}
    </section>
  )
}

/** Without an assignment: what the student could practise best. */
function PracticeSection({ course, path }: { course: CourseView; path: string }): JSX.Element {
  const live = useLive<PickChoice>(path, listEveryMs)
  return (
    <section aria-labelledby="practice-heading" class="panel">
      <h2 id="practice-heading">Exercises to practise</h2>
      <p class="help">Choose an assignment above to see what would be given in it.</p>
      {live.state === 'ready' ? (
        <Choice course={course} choice={live.value} />
      ) : (
        <NotReady live={live} what="choice of exercises" />
      )}
    </section>
  )
}

/** Pages first: an exercise of a page is one of its chapter and book as well. */
function namesOf(course: CourseView, containers: readonly string[]): string {
  const lines = course.book.filter(({ container }) => containers.includes(container))
  const pages = lines.filter(({ kind }) => kind === 'page')
  const names = (pages.length > 0 ? pages : lines).map(formatBookName)
  return names.length === 0 ? 'another edition' : names.join(', ')
}

const shortageWords: { readonly [reason: string]: string } = {
  no_container: 'there is nothing to choose from',
  no_pool: 'these parts of the book offer nothing for this type of assignment',
  excluded: 'the others are excluded',
  pool_too_small: 'these parts of the book do not offer more',
}

function Choice({ course, choice }: { course: CourseView; choice: PickChoice }): JSX.Element {
  const heading = `choice-${choice.algorithm}`
  const title = { personalised: 'Personalised', spaced: 'Spaced practice', practice: 'Worst areas' }[choice.kind]
  return (
    <section aria-labelledby={heading} class="choice">
      <h3 id={heading}>
        {title} <span class="choice-name">{choice.algorithm}</span>
      </h3>
      {choice.status !== 'ready' ? (
        <Notice kind="empty">Not ready: the book or its first matrix is still missing.</Notice>
      ) : (
        <>
          <p class="help">
            {choice.isAssigned
              ? `Fixed by the platform: ${plural(choice.exercises.length, 'exercise', 'exercises')}.`
              : `${plural(choice.exercises.length, 'exercise', 'exercises')} chosen${sourceWords(choice.from)}.`}
            {choice.shortage !== null && ` Fewer than wanted: ${shortageWords[choice.shortage] ?? choice.shortage}.`}
          </p>
          {choice.exercises.length > 0 && <PicksTable course={course} choice={choice} heading={heading} />}
        </>
      )}
    </section>
  )
}

const exclusionWords: { readonly [reason in ExclusionReason]: string } = {
  course_exercise: 'excluded in this course',
  course_group: 'excluded in this course in every version',
  open_work: 'in work that is still open',
  own_assignment: 'in this assignment already',
  already_picked: 'given here as personalised ones',
}

/** What they were chosen from, and what was left out. */
function sourceWords(from: PickSource | null): string {
  if (from === null) return ''
  const reasons = Object.keys(exclusionWords) as ExclusionReason[]
  const leftOut = reasons.flatMap((reason) => {
    const count = from.excluded[reason] ?? 0
    return count === 0 ? [] : `${formatCount(count)} ${exclusionWords[reason]}`
  })
  const chosenFrom = ` from ${formatCount(from.candidates)} that could be given, best first`
  return leftOut.length === 0 ? chosenFrom : `${chosenFrom}; left out: ${leftOut.join(', ')}`
}

/** Why this exercise: its place in the order of the algorithm, and what it is for. */
function reasonWords({ place, area, isDisplaced }: PickLine, from: PickSource): string {
  const order =
    place === null ? 'drawn, the algorithm does not know it' : `${formatOrdinal(place)} choice of ${from.candidates}`
  const purpose =
    area === null ? '' : area === 1 ? ', for the weakest area' : `, for the ${formatOrdinal(area)} weakest area`
  return `${order}${purpose}${isDisplaced ? ', as another part has no more to give' : ''}`
}

function PicksTable(props: { course: CourseView; choice: PickChoice; heading: string }): JSX.Element {
  const { course, choice, heading } = props
  return (
    <table aria-labelledby={heading}>
      <thead>
        <tr>
          <th scope="col">Exercise</th>
          <th scope="col">Part of the book</th>
          {choice.kind === 'spaced' && <th scope="col">From</th>}
          {choice.from !== null && <th scope="col">Why</th>}
          <th scope="col" class="number">
            Answered before
          </th>
          <th scope="col" class="number">
            Expected
          </th>
        </tr>
      </thead>
      <tbody>
        {choice.exercises.map((pick) => (
          <tr key={pick.exercise}>
            <th scope="row">
              <ShortUuid uuid={pick.exercise} />
            </th>
            <td>{namesOf(course, pick.bookContainers)}</td>
            {choice.kind === 'spaced' && <td>{spacingWords(pick)}</td>}
            {choice.from !== null && <td>{reasonWords(pick, choice.from)}</td>}
            <td class="number">{pick.answered === 0 ? 'never' : plural(pick.answered, 'time', 'times')}</td>
            <td class="number">{pick.expected === null ? '–' : formatShare(pick.expected)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function spacingWords({ kAgo, isRandomAgo }: PickLine): string {
  if (kAgo === null) return isRandomAgo ? 'any earlier assignment' : '–'
  const where = kAgo === 0 ? 'this assignment' : `${plural(kAgo, 'assignment', 'assignments')} ago`
  return isRandomAgo ? `${where}, drawn` : where
}
