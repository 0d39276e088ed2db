import type { JSX } from 'preact'
import { Link } from './navigation.tsx'
import { pathOf } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'

/** The way back from an explanation to the student's forecast. */
export function StudentCrumb({ course, student }: { course: string; student: string }): JSX.Element {
  return (
    <nav aria-label="Breadcrumb" class="help">
      <Link to={pathOf({ name: 'course', course, subject: { kind: 'student', uuid: student } })}>
        Forecast of student <ShortUuid uuid={student} />
      </Link>
    </nav>
  )
}
