import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { Overview, Series } from '#api/console/console-data.ts'
import { AnswersChart } from './answers-chart.tsx'
import { CoursesSection } from './courses-section.tsx'
import { formatAge, formatCount, formatMs, formatRate, plural } from './format.ts'
import { useLive, useServerNow } from './live.ts'
import { NotReady } from './notice.tsx'
import { BlockedSection, EcosystemsSection, SubscriptionsSection } from './overview-sections.tsx'

/** First page: is everything well, how fast is it, and where are the courses? */
export function OverviewPage(): JSX.Element {
  const live = useLive<Overview>('/overview')
  useEffect(() => {
    document.title = 'Overview · Biglearn console'
  }, [])
  return (
    <>
      <h1>Overview</h1>
      {live.state === 'ready' ? <OverviewContent overview={live.value} /> : <NotReady live={live} what="overview" />}
    </>
  )
}

function OverviewContent({ overview }: { overview: Overview }): JSX.Element {
  return (
    <>
      <LoadingSection overview={overview} />
      <KeyFigures overview={overview} />
      <div class="columns columns-wide-narrow">
        <AnswersSection series={overview.answersPerSecond.series} />
        <SubscriptionsSection subscriptions={overview.subscriptions} />
      </div>
      <BlockedSection blocked={overview.blocked} />
      <EcosystemsSection ecosystems={overview.ecosystems} />
      <CoursesSection />
      <p class="footnote">
        Version {overview.version}, running for <Uptime startedAt={overview.startedAt} />.
      </p>
    </>
  )
}

function Uptime({ startedAt }: { startedAt: number }): JSX.Element {
  return <>{formatAge(useServerNow() - startedAt)}</>
}

function KeyFigures({ overview }: { overview: Overview }): JSX.Element {
  const { counts, freshness, blocked } = overview
  return (
    <dl class="figures" aria-label="Key figures">
      <div class="figure">
        <dt>Answers per second</dt>
        <dd data-figure="answers-per-second">{formatRate(overview.answersPerSecond.now)}</dd>
        <dd class="figure-note">{formatCount(counts.answers)} in all</dd>
      </div>
      <div class="figure">
        <dt>Answer to visible, p99</dt>
        <dd data-figure="freshness">{formatMs(freshness.p99Ms)}</dd>
        <dd class="figure-note">
          {freshness.samples === 0
            ? `no answers in ${formatAge(freshness.windowMs)}`
            : `p50 ${formatMs(freshness.p50Ms)}, ${plural(freshness.samples, 'sample', 'samples')}`}
        </dd>
      </div>
      <div class={blocked.total === 0 ? 'figure' : 'figure figure-attention'}>
        <dt>Blocked streams</dt>
        <dd data-figure="blocked">{formatCount(blocked.total)}</dd>
        <dd class="figure-note">
          {blocked.total === 0 ? 'no gaps' : <OldestBlocked since={blocked.streams[0]?.blockedSince} />}
        </dd>
      </div>
      <div class="figure">
        <dt>Courses</dt>
        <dd data-figure="courses">{formatCount(counts.courses)}</dd>
        <dd class="figure-note">{plural(counts.ecosystems, 'ecosystem', 'ecosystems')}</dd>
      </div>
      <div class="figure">
        <dt>Students</dt>
        <dd data-figure="students">{formatCount(counts.students)}</dd>
      </div>
    </dl>
  )
}

function OldestBlocked({ since }: { since: number | undefined }): JSX.Element {
  const now = useServerNow()
  return <>{since === undefined ? 'age unknown' : `oldest for ${formatAge(now - since)}`}</>
}

function AnswersSection({ series }: { series: Series }): JSX.Element {
  const peak = Math.max(0, ...series.values)
  const mean =
    series.values.length === 0 ? 0 : series.values.reduce((sum, value) => sum + value, 0) / series.values.length
  return (
    <section aria-labelledby="answers-heading" class="panel">
      <h2 id="answers-heading">Answers per second</h2>
      <figure class="chart-figure">
        <AnswersChart series={series} />
        <figcaption>
          Last {plural(Math.round((series.values.length * series.stepMs) / 60_000), 'minute', 'minutes')}: mean{' '}
          {formatRate(mean)}, peak {formatRate(peak)}.
        </figcaption>
      </figure>
    </section>
  )
}

function LoadingSection({ overview }: { overview: Overview }): JSX.Element | null {
  const { loading } = overview
  if (loading === null) return null
  const left = loading.total - loading.done
  const leftMs = loading.perSecond > 0 && left > 0 ? (left / loading.perSecond) * 1_000 : undefined
  return (
    <section aria-labelledby="loading-heading" class="panel">
      <h2 id="loading-heading">Loading the demonstration</h2>
      <progress max={loading.total} value={loading.done} aria-labelledby="loading-heading" />
      <p class="help">
        {loading.label}: {formatCount(loading.done)} of {formatCount(loading.total)}
        {leftMs === undefined
          ? '. Waiting for the next step.'
          : `, ${formatRate(loading.perSecond)} per second, about ${formatAge(leftMs)} left`}
      </p>
    </section>
  )
}
