import type { JSX } from 'preact'
import type { CourseStream } from '#api/console/console-data.ts'
import { formatRange } from './format.ts'
import { streamSegments } from './stream-segments.ts'

const words = { delivered: 'delivered', missing: 'missing', waiting: 'waiting behind a gap' }

/** The whole stream as one line; a gap of a single number among millions is still three pixels wide. */
export function StreamStrip({ stream }: { stream: CourseStream }): JSX.Element {
  const segments = streamSegments(stream)
  const spoken = segments.map(({ kind, from, to }) => `${formatRange(from, to - 1)} ${words[kind]}`).join(', ')
  return (
    <div class="strip" role="img" aria-label={spoken === '' ? 'No events yet' : `Numbers ${spoken}`}>
      {segments.map(({ kind, from, to }) => (
        <span
          key={from}
          class={`strip-${kind}`}
          style={{ flexGrow: to - from }}
          title={`${formatRange(from, to - 1)} ${words[kind]}`}
        />
      ))}
    </div>
  )
}
