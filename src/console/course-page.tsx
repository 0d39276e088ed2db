import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { CourseView } from '#api/console/console-data.ts'
import { AssignmentsSection } from './assignments-section.tsx'
import { ClueBasisSection } from './clue-basis-section.tsx'
import { ForecastSection } from './forecast-section.tsx'
import { formatAge, formatCount, plural, shortUuid } from './format.ts'
import { useLive, useServerNow } from './live.ts'
import { currentIf, Link } from './navigation.tsx'
import { Notice, NotReady } from './notice.tsx'
import { pathOf, type CourseView as View } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'
import { StreamSection } from './stream-section.tsx'
import { StreamStrip } from './stream-strip.tsx'
import { SubjectPicker } from './subject-picker.tsx'

/** One course: how well its class and each student understand each part of the book, and the state of its stream. */
export function CoursePage({ view }: { view: View }): JSX.Element {
  const { course } = view
  const live = useLive<CourseView>(`/courses/${course}`)
  useEffect(() => {
    document.title = `${titleOf(view)} · Course ${shortUuid(course)} · Biglearn console`
  }, [course, view])
  return (
    <>
      <h1>
        Course <span class="uuid">{shortUuid(course)}</span>
      </h1>
      {live.state === 'ready' ? (
        <CourseContent course={live.value} view={view} />
      ) : (
        <NotReady live={live} what="course" />
      )}
    </>
  )
}

function titleOf(view: View): string {
  if (view.name === 'stream') return 'Stream'
  if (view.name === 'basis') return `What counted, student ${shortUuid(view.student)}`
  if (view.name === 'assignments') return `Assignments, student ${shortUuid(view.student)}`
  const { subject } = view
  if (subject.kind === 'class') return 'Class'
  return `${subject.kind === 'student' ? 'Student' : 'Period'} ${shortUuid(subject.uuid)}`
}

function CourseContent({ course, view }: { course: CourseView; view: View }): JSX.Element {
  const classPath = pathOf({ name: 'course', course: course.course, subject: { kind: 'class' } })
  return (
    <>
      <CourseFacts course={course} />
      <nav aria-label="Views of the course" class="tabs">
        <Link to={classPath} {...currentIf(view.name !== 'stream')}>
          Forecast
        </Link>
        <Link to={pathOf({ name: 'stream', course: course.course })} {...currentIf(view.name === 'stream')}>
          Stream
        </Link>
      </nav>
      <CourseViewContent course={course} view={view} />
    </>
  )
}

function CourseViewContent({ course, view }: { course: CourseView; view: View }): JSX.Element {
  if (view.name === 'stream') return <StreamSection stream={course.stream} />
  if (view.name === 'basis') return <ClueBasisSection course={course} view={view} />
  if (view.name === 'assignments') return <AssignmentsSection course={course} view={view} />
  return (
    <div class="columns columns-aside">
      <SubjectPicker course={course} subject={view.subject} />
      <ForecastSection course={course} subject={view.subject} />
    </div>
  )
}

function CourseFacts({ course }: { course: CourseView }): JSX.Element {
  const { stream } = course
  const pages = course.book.filter((line) => line.kind === 'page').length
  const chapters = course.book.filter((line) => line.kind === 'chapter').length
  return (
    <>
      <dl class="facts">
        <div>
          <dt>Course uuid</dt>
          <dd class="uuid">{course.course}</dd>
        </div>
        <div>
          <dt>Ecosystem</dt>
          <dd>
            {course.ecosystem === null ? 'none yet' : <ShortUuid uuid={course.ecosystem} />}
            {course.book.length > 0 && (
              <span class="soft">
                {' '}
                {chapters > 0 && `${plural(chapters, 'chapter', 'chapters')}, `}
                {plural(pages, 'page', 'pages')}
              </span>
            )}
          </dd>
        </div>
        <div>
          <dt>Students</dt>
          <dd>
            {formatCount(course.students)}
            {!course.isReal && <span class="tag">not a real course</span>}
          </dd>
        </div>
        <div class="fact-wide">
          <dt>Stream</dt>
          <dd>
            Next number {formatCount(stream.nextSequenceNumber)},{' '}
            {stream.gaps.length === 0
              ? 'all in order'
              : `contiguous to ${formatCount(stream.contiguousSequenceNumber)}`}
          </dd>
          <dd>
            <StreamStrip stream={stream} />
          </dd>
        </div>
      </dl>
      {stream.setAside !== null && <SetAsideNotice setAside={stream.setAside} />}
      {stream.blockedSince !== null && <BlockedNotice course={course} blockedSince={stream.blockedSince} />}
    </>
  )
}

function BlockedNotice({ course, blockedSince }: { course: CourseView; blockedSince: number }): JSX.Element {
  const now = useServerNow()
  const { contiguousSequenceNumber } = course.stream
  return (
    <Notice kind="attention">
      Number {formatCount(contiguousSequenceNumber)} has been missing for {formatAge(now - blockedSince)}. What came
      after it is kept and waits, so the figures below end before it.{' '}
      <Link to={pathOf({ name: 'stream', course: course.course })}>See the gaps</Link>
    </Notice>
  )
}

function SetAsideNotice({ setAside }: { setAside: NonNullable<CourseView['stream']['setAside']> }): JSX.Element {
  const number = formatCount(setAside.nextNumber)
  const words = {
    retry: `Event ${number} failed and is tried again (${plural(setAside.attempts, 'attempt', 'attempts')} so far).`,
    parked: `Event ${number} failed ${plural(setAside.attempts, 'time', 'times')}; the course is parked until a person decides.`,
    replay: `The course is being replayed and has reached number ${number}.`,
    blocked: `Event ${number} refers to something that has not arrived yet.`,
  }[setAside.state]
  return (
    <Notice kind="attention">
      {words} The figures below end before it. <Link to="/console/operations">See operations</Link>
    </Notice>
  )
}
