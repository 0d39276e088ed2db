import type { JSX } from 'preact'
import type { CourseStream, RecentEvent } from '#api/console/console-data.ts'
import { formatAge, formatCount, formatRange, formatTime, plural } from './format.ts'
import { useServerNow } from './live.ts'
import { Notice } from './notice.tsx'
import { ShortUuid } from './short-uuid.tsx'
import { countOf, streamSegments } from './stream-segments.ts'
import { StreamStrip } from './stream-strip.tsx'

/** The course's stream: what was delivered, what is missing, what waits behind it, and the newest events. */
export function StreamSection({ stream }: { stream: CourseStream }): JSX.Element {
  const segments = streamSegments(stream)
  const missing = countOf(segments, 'missing')
  const waiting = countOf(segments, 'waiting')
  return (
    <>
      <dl class="figures" aria-label="Stream">
        <div class="figure">
          <dt>Events recorded</dt>
          <dd data-figure="events">{formatCount(stream.nextSequenceNumber - missing)}</dd>
          <dd class="figure-note">next number {formatCount(stream.nextSequenceNumber)}</dd>
        </div>
        <div class="figure">
          <dt>Contiguous position</dt>
          <dd data-figure="contiguous">{formatCount(stream.contiguousSequenceNumber)}</dd>
          <dd class="figure-note">delivered in order up to here</dd>
        </div>
        <div class={missing === 0 ? 'figure' : 'figure figure-attention'}>
          <dt>Missing</dt>
          <dd data-figure="missing">{formatCount(missing)}</dd>
          <dd class="figure-note">in {plural(stream.gaps.length, 'gap', 'gaps')}</dd>
        </div>
        <div class="figure">
          <dt>Waiting behind a gap</dt>
          <dd data-figure="waiting">{formatCount(waiting)}</dd>
          <dd class="figure-note">kept, not delivered yet</dd>
        </div>
      </dl>
      <GapsPanel stream={stream} />
      <RecentPanel stream={stream} />
    </>
  )
}

function GapsPanel({ stream }: { stream: CourseStream }): JSX.Element {
  const now = useServerNow()
  return (
    <section aria-labelledby="gaps-heading" class="panel">
      <h2 id="gaps-heading">Gaps</h2>
      <StreamStrip stream={stream} />
      <ul class="legend">
        <li>
          <span class="strip-key strip-delivered" aria-hidden="true" /> delivered
        </li>
        <li>
          <span class="strip-key strip-missing" aria-hidden="true" /> missing
        </li>
        <li>
          <span class="strip-key strip-waiting" aria-hidden="true" /> waiting behind a gap
        </li>
      </ul>
      {stream.gaps.length === 0 ? (
        <Notice kind="empty">None: every number below {formatCount(stream.nextSequenceNumber)} is recorded.</Notice>
      ) : (
        <>
          {stream.blockedSince !== null && (
            <p class="attention-text">Blocked for {formatAge(now - stream.blockedSince)}.</p>
          )}
          <table class="gaps-table" aria-labelledby="gaps-heading">
            <thead>
              <tr>
                <th scope="col">Missing numbers</th>
                <th scope="col" class="number">
                  How many
                </th>
              </tr>
            </thead>
            <tbody>
              {stream.gaps.map((gap) => (
                <tr key={gap.from}>
                  <th scope="row">{formatRange(gap.from, gap.to)}</th>
                  <td class="number">{formatCount(gap.to - gap.from + 1)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="help">
            The producer can send them again at any time. An operator can close a gap for good with{' '}
            <code>record_no_ops</code>.
          </p>
        </>
      )}
    </section>
  )
}

function RecentPanel({ stream }: { stream: CourseStream }): JSX.Element {
  return (
    <section aria-labelledby="recent-heading" class="panel">
      <h2 id="recent-heading">Newest events</h2>
      {stream.recent.length === 0 ? (
        <Notice kind="empty">No event has been recorded in this course.</Notice>
      ) : (
        <table aria-labelledby="recent-heading">
          <thead>
            <tr>
              <th scope="col" class="number number-first">
                Number
              </th>
              <th scope="col">Event</th>
              <th scope="col">Uuid</th>
              <th scope="col" class="number">
                Recorded
              </th>
            </tr>
          </thead>
          <tbody>
            {stream.recent.map((event) => (
              <RecentRow key={event.sequenceNumber} event={event} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function RecentRow({ event }: { event: RecentEvent }): JSX.Element {
  const now = useServerNow()
  return (
    <tr>
      <th scope="row" class="number number-first">
        {formatCount(event.sequenceNumber)}
      </th>
      <td>{event.type}</td>
      <td>
        <ShortUuid uuid={event.eventUuid} />
      </td>
      <td class="number">
        {event.recordedAt === null ? (
          <span class="soft">waits behind a gap</span>
        ) : (
          <time dateTime={new Date(event.recordedAt).toISOString()} title={formatTime(event.recordedAt)}>
            {formatAge(now - event.recordedAt)} ago
          </time>
        )}
      </td>
    </tr>
  )
}
