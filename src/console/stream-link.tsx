import type { JSX } from 'preact'
import { Link } from './navigation.tsx'
import { pathOf } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'

/** A stream by its short uuid; that of a course leads to the page of its numbers, which ecosystems do not have. */
export function StreamLink({ kind, stream }: { kind: 'course' | 'ecosystem'; stream: string }): JSX.Element {
  if (kind === 'ecosystem') return <ShortUuid uuid={stream} />
  return (
    <Link to={pathOf({ name: 'stream', course: stream })}>
      <ShortUuid uuid={stream} />
    </Link>
  )
}
