import { bookOrder } from '#api/console/book-order.ts'
import type {
  ConsoleData,
  CourseContainerLine,
  CourseLine,
  CourseStream,
  CourseView,
  EcosystemLine,
  Forecast,
  ForecastSubject,
  LoadingProgress,
  Overview,
  RecentEvent,
  StudentLine,
  StudentQuery,
  SubscriptionLine,
} from '#api/console/console-data.ts'
import { findExceptions } from '#crew/exceptions.ts'
import { readLags } from '#crew/progress.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { Student } from '#domain/student.ts'
import { isGrowthPending, readTrainingStates } from '#due/training-claims.ts'
import type { CourseContainer } from '#learning/reader.ts'
import type { StreamStatus } from '#log/log.ts'
import { liveDeeds } from './live-deeds.ts'
import { liveExplanations } from './live-explanations.ts'
import { blockedCountMax, blockedLines, liveOperations } from './live-operations.ts'
import type { Services } from './services.ts'

/*
 * What the console shows, read from the running services. Nothing here decides anything; lists are bounded and every
 * view is computed when somebody looks.
 */
export interface LiveConsole {
  readonly data: ConsoleData
  readonly loading: LoadingReport
}

/** Told by whoever loads demonstration data. */
export interface LoadingReport {
  began(label: string, total: number): void
  advanced(steps: number): void
  ended(): void
}

export interface LiveConsoleOptions {
  readonly services: Services
  readonly startedAt: number
  readonly version: string
}

const ecosystemsMax = 20
const recentMax = 20
const gapsMax = 100
const forecastStudentsMax = 2000

export function createLiveConsole(options: LiveConsoleOptions): LiveConsole {
  const { services } = options
  const loading = createLoading()
  return {
    loading,
    data: {
      overview: () => overview(options, loading.read()),
      courses: async (query) => {
        const page = await services.reader.coursePage(query)
        const statuses = await statusesOf(
          services,
          page.lines.map(({ uuid }) => uuid),
        )
        return {
          total: page.total,
          lines: page.lines.map((line, index): CourseLine => {
            const { uuid, ecosystem, enrolled } = line
            return { course: uuid, ecosystem: ecosystem ?? null, students: enrolled, ...positions(statuses[index]) }
          }),
        }
      },
      course: (course) => courseView(options, course),
      students: (course, query) => studentList(services, course, query),
      forecast: (course, subject) => forecast(services, course, subject),
      ...liveOperations(services),
      ...liveDeeds(services),
      ...liveExplanations(services),
    },
  }
}

interface Loading extends LoadingReport {
  read(): LoadingProgress | null
}

function createLoading(): Loading {
  let current: { label: string; total: number; done: number; startedAt: number } | undefined
  return {
    began: (label, total) => {
      current = { label, total, done: 0, startedAt: performance.now() }
    },
    advanced: (steps) => {
      if (current !== undefined) current.done += steps
    },
    ended: () => {
      current = undefined
    },
    read: () => {
      if (current === undefined) return null
      const { label, total, done, startedAt } = current
      const perSecond = Math.round((done * 1000) / Math.max(1, performance.now() - startedAt))
      return { label, total, done, perSecond }
    },
  }
}

async function overview(options: LiveConsoleOptions, loading: LoadingProgress | null): Promise<Overview> {
  const { services, startedAt, version } = options
  const [counts, blocked, lags, ecosystems] = await Promise.all([
    services.reader.counts(),
    services.log.blockedStreams(blockedCountMax),
    readLags(services.pool, services.log),
    ecosystemLines(services),
  ])
  const seen = services.visibility.read()
  const subscriptions = lags.map(
    (lag): SubscriptionLine => ({
      name: lag.name,
      entriesBehind: Number(lag.behind),
      oldestAgeMs: lag.oldestAgeMs,
      setAside: lag.exceptions,
    }),
  )
  return {
    startedAt,
    version,
    counts,
    answersPerSecond: {
      now: seen.perSecond.at(-1) ?? 0,
      series: { startsAt: seen.startsAt, stepMs: seen.stepMs, values: seen.perSecond },
    },
    freshness: {
      p50Ms: seen.p50Ms ?? null,
      p99Ms: seen.p99Ms ?? null,
      samples: seen.samples,
      windowMs: seen.windowMs,
    },
    blocked: blockedLines(blocked),
    subscriptions,
    ecosystems,
    loading,
  }
}

async function ecosystemLines(services: Services): Promise<Overview['ecosystems']> {
  const counts = await services.reader.trainingCounts()
  const { states } = await readTrainingStates(services.pool)
  const lines = await Promise.all(
    counts.slice(0, ecosystemsMax).map(async ({ ecosystem, realAnswers }): Promise<EcosystemLine> => {
      const matrix = await services.matrixStore.current(ecosystem)
      const state = states.get(ecosystem)
      const due = isGrowthPending(state, realAnswers) ? 'due' : 'up_to_date'
      return {
        ecosystem,
        matrix: matrix?.uuid ?? null,
        learntAt: matrix?.createdAt.getTime() ?? null,
        answersUsed: matrix?.matrix.madeBy.responses ?? 0,
        answersNow: realAnswers,
        fit: state?.isRunning === true ? 'running' : due,
      }
    }),
  )
  return { total: counts.length, lines }
}

function statusesOf(services: Services, courses: readonly Uuid[]): Promise<StreamStatus[]> {
  return services.log.statuses(
    courses.map((stream) => ({ kind: 'course', stream })),
    1,
  )
}

function positions(status: StreamStatus | undefined) {
  return {
    nextSequenceNumber: status?.nextSequenceNumber ?? 0,
    contiguousSequenceNumber: status?.contiguousSequenceNumber ?? 0,
    blockedSince: status?.oldestBlockedAt?.getTime() ?? null,
  }
}

async function courseView({ services }: LiveConsoleOptions, course: Uuid): Promise<CourseView | undefined> {
  const details = await services.reader.course(course)
  if (details === undefined) return undefined
  const [students, containers, book, stream] = await Promise.all([
    services.reader.studentsOf(course),
    services.reader.containersOf(course),
    bookOf(services, details.ecosystem),
    courseStream(services, course),
  ])
  return {
    course,
    ecosystem: details.ecosystem ?? null,
    isReal: details.isReal,
    students: students.length,
    containers: containerLines(containers, students),
    book,
    stream,
  }
}

async function bookOf(services: Services, ecosystem: Uuid | undefined): Promise<CourseView['book']> {
  const found = ecosystem === undefined ? undefined : await services.reader.ecosystem(ecosystem)
  return found === undefined ? [] : bookOrder(found.containers)
}

/** Parents before children; a parent that is not in the roster is left out. */
function containerLines(containers: readonly CourseContainer[], students: readonly Student[]): CourseContainerLine[] {
  const active = containers.filter(({ isActive }) => isActive)
  const known = new Map(active.map((container) => [container.uuid, container]))
  const depth = (container: CourseContainer): number => {
    let steps = 0
    let above = known.get(container.parent ?? container.uuid)
    while (above !== undefined && above !== container && steps < active.length) {
      steps += 1
      above = above.parent === undefined ? undefined : known.get(above.parent)
    }
    return steps
  }
  return [...active]
    .sort((a, b) => depth(a) - depth(b))
    .map(({ uuid, parent }) => ({
      container: uuid,
      parent: parent !== undefined && known.has(parent) ? parent : null,
      students: students.filter(({ containers: chain }) => chain.includes(uuid)).length,
    }))
}

async function courseStream(services: Services, course: Uuid): Promise<CourseStream> {
  const [status] = await services.log.statuses([{ kind: 'course', stream: course }], gapsMax)
  const contiguous = status?.contiguousSequenceNumber ?? 0
  const events = await services.log.readStream('course', course, {
    from: Math.max(0, contiguous - recentMax),
    eventsMax: recentMax,
    bytesMax: 4_000_000,
  })
  const recent = events.map(
    ({ number, eventUuid, type, recordedAt }): RecentEvent => ({
      sequenceNumber: number,
      eventUuid,
      type,
      recordedAt: recordedAt.getTime(),
    }),
  )
  return {
    ...positions(status),
    gaps: status?.gaps ?? [],
    setAside: await setAsideOf(services, course),
    recent: recent.reverse(),
  }
}

async function setAsideOf({ pool }: Services, course: Uuid): Promise<CourseStream['setAside']> {
  const stream = { part: partOf('course', course), stream: course }
  const [found] = await findExceptions(pool, 'learning', [stream], false)
  return found === undefined ? null : { state: found.state, nextNumber: found.nextNumber, attempts: found.attempts }
}

async function studentList(services: Services, course: Uuid, query: StudentQuery) {
  if ((await services.reader.course(course)) === undefined) return undefined
  const page = await services.reader.studentPage({ ...query, course })
  const answers = await services.reader.answersOfMany(page.lines)
  const lines = page.lines.map(
    ({ uuid, containers }): StudentLine => ({
      student: uuid,
      container: containers[0] ?? course,
      answers: answers.get(uuid)?.length ?? 0,
    }),
  )
  return { lines, total: page.total }
}

async function forecast(services: Services, course: Uuid, subject: ForecastSubject): Promise<Forecast | undefined> {
  const details = await services.reader.course(course)
  if (details?.ecosystem === undefined) return undefined
  const students = await studentsOf(services, course, subject)
  if (students === undefined) return undefined
  const book = await bookOf(services, details.ecosystem)
  const { clues, matrix, answers } = await services.forecasts.forecast({
    students: students.slice(0, forecastStudentsMax).map(({ uuid }) => uuid),
    ecosystem: details.ecosystem,
    bookContainers: book.map(({ container }) => container),
    audience: subject.kind === 'student' ? 'student' : 'teacher',
  })
  const used = Math.min(students.length, forecastStudentsMax)
  return { answers, students: { used, total: students.length }, matrix: matrix ?? null, clues }
}

async function studentsOf(
  services: Services,
  course: Uuid,
  subject: ForecastSubject,
): Promise<readonly Student[] | undefined> {
  if (subject.kind === 'class') return services.reader.studentsOf(course)
  if (subject.kind === 'container') {
    const found = await services.reader.courseContainer(subject.container)
    return found?.container.course === course ? found.students : undefined
  }
  const student = await services.reader.student(subject.student)
  return student?.course === course ? [student] : undefined
}
