import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { CourseLine, List } from '#api/console/console-data.ts'
import { FilterField, PageButtons, useListPages } from './filtered-list.tsx'
import { formatCount } from './format.ts'
import { listEveryMs, useLive } from './live.ts'
import { Link, moveBetweenRows } from './navigation.tsx'
import { Notice, NotReady } from './notice.tsx'
import { pathOf } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'

/** Every course, a page at a time, found by the beginning of its uuid. */
export function CoursesSection(): JSX.Element {
  const [startsWith, setStartsWith] = useState('')
  const pages = useListPages(startsWith)
  const query = new URLSearchParams({ ...(startsWith === '' ? {} : { starts_with: startsWith }), ...pages.query })
  const live = useLive<List<CourseLine>>(`/courses?${query}`, listEveryMs)
  return (
    <section aria-labelledby="courses-heading" class="panel" onKeyDown={moveBetweenRows}>
      <div class="panel-head">
        <h2 id="courses-heading">Courses</h2>
        <FilterField label="Find a course" value={startsWith} onChange={setStartsWith} />
      </div>
      {live.state !== 'ready' ? (
        <NotReady live={live} what="list of courses" />
      ) : live.value.lines.length === 0 ? (
        <Notice kind="empty">
          {startsWith === ''
            ? 'No course has been created yet. Load the demonstration data with “npm run demo”, or send create_course.'
            : `No course begins with ${startsWith}.`}
        </Notice>
      ) : (
        <>
          <CoursesTable lines={live.value.lines} />
          <PageButtons
            pages={pages}
            list={live.value}
            lastUuid={live.value.lines.at(-1)?.course}
            what={['course', 'courses']}
          />
        </>
      )}
    </section>
  )
}

function CoursesTable({ lines }: { lines: readonly CourseLine[] }): JSX.Element {
  return (
    <table aria-labelledby="courses-heading">
      <thead>
        <tr>
          <th scope="col">Course</th>
          <th scope="col">Ecosystem</th>
          <th scope="col" class="number">
            Students
          </th>
          <th scope="col" class="number">
            Events
          </th>
          <th scope="col">Stream</th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <tr key={line.course}>
            <th scope="row">
              <Link to={pathOf({ name: 'course', course: line.course, subject: { kind: 'class' } })} data-row-link>
                <ShortUuid uuid={line.course} />
              </Link>
            </th>
            <td>
              {line.ecosystem === null ? <span class="soft">none yet</span> : <ShortUuid uuid={line.ecosystem} />}
            </td>
            <td class="number">{formatCount(line.students)}</td>
            <td class="number">{formatCount(line.nextSequenceNumber)}</td>
            <td>
              {line.blockedSince === null ? (
                <span class="soft">in order</span>
              ) : (
                <span class="attention-text">blocked at {formatCount(line.contiguousSequenceNumber)}</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
