import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { CourseView, List, StudentLine } from '#api/console/console-data.ts'
import { FilterField, PageButtons, useListPages } from './filtered-list.tsx'
import { formatCount, plural } from './format.ts'
import { listEveryMs, useLive } from './live.ts'
import { currentIf, Link, moveBetweenRows } from './navigation.tsx'
import { Notice, NotReady } from './notice.tsx'
import { pathOf, type Subject } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'

/** Whose forecast: the class, one of its periods, or one student. Arrow keys walk the whole list. */
export function SubjectPicker({ course, subject }: { course: CourseView; subject: Subject }): JSX.Element {
  return (
    <nav aria-label="Whose forecast" class="panel picker" onKeyDown={moveBetweenRows}>
      <h2>Class</h2>
      <ul>
        <SubjectItem course={course.course} subject={{ kind: 'class' }} current={subject}>
          <span>Whole class</span>
          <span class="soft number">{formatCount(course.students)}</span>
        </SubjectItem>
        {course.containers.map((line, index) => (
          <SubjectItem
            key={line.container}
            course={course.course}
            subject={{ kind: 'container', uuid: line.container }}
            current={subject}
          >
            <span>
              Period {index + 1} <ShortUuid uuid={line.container} />
            </span>
            <span class="soft number">{formatCount(line.students)}</span>
          </SubjectItem>
        ))}
      </ul>
      <Students course={course} subject={subject} />
    </nav>
  )
}

function Students({ course, subject }: { course: CourseView; subject: Subject }): JSX.Element {
  const [startsWith, setStartsWith] = useState('')
  const pages = useListPages(startsWith)
  const query = new URLSearchParams({ ...(startsWith === '' ? {} : { starts_with: startsWith }), ...pages.query })
  const live = useLive<List<StudentLine>>(`/courses/${course.course}/students?${query}`, listEveryMs)
  return (
    <>
      <h2>Students</h2>
      <FilterField label="Find a student" value={startsWith} onChange={setStartsWith} />
      {live.state !== 'ready' ? (
        <NotReady live={live} what="list of students" />
      ) : live.value.lines.length === 0 ? (
        <Notice kind="empty">
          {startsWith === '' ? 'The roster is empty.' : `No student begins with ${startsWith}.`}
        </Notice>
      ) : (
        <>
          <ul>
            {live.value.lines.map((line) => (
              <SubjectItem
                key={line.student}
                course={course.course}
                subject={{ kind: 'student', uuid: line.student }}
                current={subject}
              >
                <ShortUuid uuid={line.student} />
                <span class="soft number">{plural(line.answers, 'answer', 'answers')}</span>
              </SubjectItem>
            ))}
          </ul>
          <PageButtons
            pages={pages}
            list={live.value}
            lastUuid={live.value.lines.at(-1)?.student}
            what={['student', 'students']}
          />
        </>
      )}
    </>
  )
}

interface SubjectItemProps {
  readonly course: string
  readonly subject: Subject
  readonly current: Subject
  readonly children: JSX.Element | JSX.Element[]
}

function SubjectItem({ course, subject, current, children }: SubjectItemProps): JSX.Element {
  const isCurrent = uuidOf(subject) === uuidOf(current) && subject.kind === current.kind
  return (
    <li>
      <Link to={pathOf({ name: 'course', course, subject })} data-row-link {...currentIf(isCurrent)}>
        {children}
      </Link>
    </li>
  )
}

function uuidOf(subject: Subject): string {
  return subject.kind === 'class' ? '' : subject.uuid
}
