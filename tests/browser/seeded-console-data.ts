import { type BookLine, bookOrder } from '#api/console/book-order.ts'
import type {
  BlockedLine,
  ConsoleData,
  CourseLine,
  CourseView,
  Forecast,
  List,
  ListQuery,
  Overview,
  StudentLine,
} from '#api/console/console-data.ts'
import type { OperatorDeed } from '#api/console/operator-deeds.ts'
import { type Clue, unknownClue } from '#domain/clue.ts'
import type { BookContainer } from '#domain/ecosystem.ts'
import type { Uuid } from '#domain/ids.ts'
import {
  seededBasis,
  seededMatrix,
  seededOperations,
  seededOutcome,
  seededPicks,
  seededPractice,
} from './seeded-operations.ts'
import { chance, uuidOf } from './seeded-values.ts'

/**
 * The console's port over seeded data in memory: the same courses, students and gaps on every run. CLUEs are a
 * Beta-like share of right answers with an interval that narrows with their number, so that an `answer` moves bars the
 * way the real server's do; nothing here is an estimate.
 */
export interface SeededConsoleData extends ConsoleData {
  readonly courseUuids: readonly Uuid[]
  readonly blockedCourse: Uuid
  readonly parkedCourse: Uuid
  /** What operators asked for, oldest first. */
  readonly deeds: readonly OperatorDeed[]
  /** One student's answer on one page: moves its forecast, the class's and the stream. */
  answer(course: Uuid, student: Uuid, page: Uuid, isCorrect: boolean): void
  fillGaps(course: Uuid): void
  studentsOf(course: Uuid): readonly Uuid[]
  pagesOf(course: Uuid): readonly Uuid[]
}

interface SeededCourse {
  readonly uuid: Uuid
  readonly ecosystem: Uuid
  readonly periods: readonly Uuid[]
  readonly students: readonly { readonly uuid: Uuid; readonly period: Uuid }[]
  readonly book: readonly BookContainer[]
  readonly lines: readonly BookLine[]
  /** Per student and page: right and all answers. */
  readonly tallies: Map<string, { right: number; all: number }>
  next: number
  gaps: { from: number; to: number }[]
  blockedSince: number | null
  isParked: boolean
}

export function seedConsoleData(now: () => number = Date.now): SeededConsoleData {
  const startedAt = now()
  const ecosystems = [0, 1].map((index) => uuidOf(`ecosystem ${index}`))
  const courses = Array.from({ length: 64 }, (_, index) => seedCourse(index, ecosystems[index % 2]!))
  const sorted = [...courses].sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
  const parked = sorted[3]!
  parked.isParked = true
  const byUuid = new Map(courses.map((course) => [course.uuid, course]))
  const blocked = courses[0]!
  blocked.next = 1_204
  blocked.gaps = [
    { from: 1_150, to: 1_152 },
    { from: 1_180, to: 1_180 },
  ]
  blocked.blockedSince = startedAt - 192_000
  const deeds: OperatorDeed[] = []
  const require = (course: Uuid): SeededCourse => byUuid.get(course) ?? courses[0]!

  return {
    courseUuids: sorted.map((course) => course.uuid),
    blockedCourse: blocked.uuid,
    parkedCourse: parked.uuid,
    studentsOf: (course) => require(course).students.map((student) => student.uuid),
    pagesOf: (course) => require(course).lines.flatMap((line) => (line.kind === 'page' ? [line.container] : [])),
    answer(course, student, page, isCorrect) {
      const seeded = require(course)
      record(seeded, student, page, isCorrect)
      seeded.next++
    },
    fillGaps(course) {
      Object.assign(require(course), { gaps: [], blockedSince: null })
    },
    deeds,
    operations: async () => seededOperations(parked.uuid, startedAt, deeds),
    act: async (deed) => seededOutcome(deeds, deed),
    matrix: async (matrix) => {
      const ecosystem = ecosystems.find((one) => uuidOf(`matrix ${one}`) === matrix)
      return ecosystem === undefined ? undefined : seededMatrix(matrix, ecosystem, startedAt)
    },
    clueBasis: async (course, student, container) => {
      const seeded = byUuid.get(course)
      if (seeded === undefined) return undefined
      const { clues, matrix } = forecastOf(seeded, [student])
      const clue = clues[seeded.lines.findIndex((line) => line.container === container)]
      return clue === undefined || matrix === null ? undefined : seededBasis(container, clue, matrix, startedAt)
    },
    assignments: async (course, student) =>
      byUuid.get(course) &&
      ['homework', 'reading', 'homework', 'practice'].map((type, index) => ({
        assignment: uuidOf(`assignment ${student} ${index}`),
        type,
        isDeleted: index === 2,
        isWaiting: index === 0,
        createdAt: startedAt - 86_400_000 * index,
        opensAt: startedAt - 86_400_000 * index,
        dueAt: type === 'practice' ? null : startedAt + 86_400_000 * (3 - index),
        exercises: 8,
        answered: 2 * index,
      })),
    practice: async (course) => {
      const seeded = byUuid.get(course)
      const pages = seeded?.lines.flatMap((line) => (line.kind === 'page' ? [line.container] : []))
      return seeded && pages && seededPractice(pages, uuidOf(`matrix ${seeded.ecosystem}`))
    },
    picks: async (course, _student, assignment) => {
      const seeded = byUuid.get(course)
      const pages = seeded?.lines.flatMap((line) => (line.kind === 'page' ? [line.container] : []))
      return seeded && pages && seededPicks(assignment, pages.slice(3), uuidOf(`matrix ${seeded.ecosystem}`))
    },
    overview: async () => overviewOf(courses, ecosystems, { startedAt, now: now() }),
    courses: async (query) => {
      const list = listOf(sorted, (course) => course.uuid, query)
      return { total: list.total, lines: list.lines.map(courseLine) }
    },
    course: async (course) => {
      const seeded = byUuid.get(course)
      return seeded === undefined ? undefined : courseView(seeded, now())
    },
    students: async (course, query) => {
      const seeded = byUuid.get(course)
      if (seeded === undefined) return undefined
      const inContainer = seeded.students.filter(
        (student) => query.container === undefined || student.period === query.container,
      )
      const list = listOf(inContainer, (student) => student.uuid, query)
      const lines = list.lines.map(
        ({ uuid, period }): StudentLine => ({ student: uuid, container: period, answers: answersOf(seeded, [uuid]) }),
      )
      return { total: list.total, lines }
    },
    forecast: async (course, subject) => {
      const seeded = byUuid.get(course)
      const students = seeded?.students.filter(
        ({ uuid, period }) =>
          subject.kind === 'class' ||
          (subject.kind === 'student' ? uuid === subject.student : period === subject.container),
      )
      if (seeded === undefined || students === undefined || students.length === 0) return undefined
      return forecastOf(
        seeded,
        students.map((student) => student.uuid),
      )
    },
  }
}

function seedBook(ecosystem: Uuid): BookContainer[] {
  const container = (name: string, parent?: Uuid): BookContainer => ({
    uuid: uuidOf(`${ecosystem} ${name}`),
    parent,
    pools: [],
  })
  const book = container('book')
  const containers = [book, container('preface', book.uuid)]
  for (let chapter = 1; chapter <= 6; chapter++) {
    const line = container(`chapter ${chapter}`, book.uuid)
    containers.push(line)
    const pages = 3 + (chapter % 3)
    for (let page = 1; page <= pages; page++) containers.push(container(`page ${chapter}.${page}`, line.uuid))
  }
  return containers
}

function seedCourse(index: number, ecosystem: Uuid): SeededCourse {
  const uuid = uuidOf(`course ${index}`)
  const periods = [0, 1].map((period) => uuidOf(`period ${index}.${period}`))
  const students = Array.from({ length: 12 + ((index * 7) % 20) }, (_, student) => ({
    uuid: uuidOf(`student ${index}.${student}`),
    period: periods[student % 2]!,
  })).sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
  const book = seedBook(ecosystem)
  const course: SeededCourse = {
    uuid,
    ecosystem,
    periods,
    students,
    book,
    lines: bookOrder(book),
    tallies: new Map(),
    next: 3,
    gaps: [],
    blockedSince: null,
    isParked: false,
  }
  seedAnswers(course)
  return course
}

/** Later chapters have fewer answers and the last one none, as in the middle of a term. */
function seedAnswers(course: SeededCourse): void {
  const pages = course.lines.filter((line) => line.kind === 'page')
  for (const [index, page] of pages.entries()) {
    const ease = 0.35 + 0.6 * chance(`${page.container} ease`)
    for (const { uuid } of course.students) {
      const skill = 0.5 * chance(`${uuid} skill`) - 0.25
      const answers = Math.round((1 - index / (pages.length - 5)) * 9 * chance(`${uuid} ${index} answers`))
      for (let answer = 0; answer < answers; answer++) {
        record(course, uuid, page.container, chance(`${uuid} ${index} ${answer}`) < ease + skill)
        course.next++
      }
    }
  }
}

function record(course: SeededCourse, student: Uuid, page: Uuid, isCorrect: boolean): void {
  const key = `${student} ${page}`
  const tally = course.tallies.get(key) ?? { right: 0, all: 0 }
  course.tallies.set(key, { right: tally.right + (isCorrect ? 1 : 0), all: tally.all + 1 })
}

function answersOf(course: SeededCourse, students: readonly Uuid[]): number {
  const wanted = new Set<string>(students)
  let answers = 0
  for (const [key, tally] of course.tallies) if (wanted.has(key.slice(0, 36))) answers += tally.all
  return answers
}

function forecastOf(course: SeededCourse, students: readonly Uuid[]): Forecast {
  const parents = new Map(course.book.map((container) => [container.uuid, container.parent]))
  const sums = new Map<Uuid, { right: number; all: number }>()
  for (const page of course.lines.filter((line) => line.kind === 'page')) {
    for (const student of students) {
      const tally = course.tallies.get(`${student} ${page.container}`)
      if (tally === undefined) continue
      for (let at: Uuid | undefined = page.container; at !== undefined; at = parents.get(at)) {
        const sum = sums.get(at) ?? { right: 0, all: 0 }
        sums.set(at, { right: sum.right + tally.right, all: sum.all + tally.all })
      }
    }
  }
  return {
    answers: answersOf(course, students),
    students: { used: students.length, total: students.length },
    matrix: uuidOf(`matrix ${course.ecosystem}`),
    clues: course.lines.map((line) => clueOf(sums.get(line.container))),
  }
}

function clueOf(sum: { right: number; all: number } | undefined): Clue {
  if (sum === undefined || sum.all < 3) return unknownClue
  const share = (sum.right + 1) / (sum.all + 2)
  const logit = Math.log(share / (1 - share))
  const half = 0.67449 / Math.sqrt((sum.all + 2) * share * (1 - share))
  const sigma = (x: number): number => 1 / (1 + Math.exp(-x))
  return { minimum: sigma(logit - half), mostLikely: share, maximum: sigma(logit + half), isReal: true }
}

function listOf<Line>(all: readonly Line[], uuidOfLine: (line: Line) => Uuid, query: ListQuery): List<Line> {
  const matching = all.filter((line) => uuidOfLine(line).startsWith(query.startsWith))
  const after = query.after
  const rest = after === undefined ? matching : matching.filter((line) => uuidOfLine(line) > after)
  return { lines: rest.slice(0, query.max), total: matching.length }
}

function contiguousOf(course: SeededCourse): number {
  return course.gaps[0]?.from ?? course.next
}

function courseLine(course: SeededCourse): CourseLine {
  return {
    course: course.uuid,
    ecosystem: course.ecosystem,
    students: course.students.length,
    nextSequenceNumber: course.next,
    contiguousSequenceNumber: contiguousOf(course),
    blockedSince: course.blockedSince,
  }
}

function courseView(course: SeededCourse, now: number): CourseView {
  const missing = new Set(
    course.gaps.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i)),
  )
  const newest = Array.from({ length: Math.min(course.next, 50) }, (_, index) => course.next - 1 - index)
  return {
    course: course.uuid,
    ecosystem: course.ecosystem,
    isReal: true,
    students: course.students.length,
    containers: course.periods.map((container) => ({
      container,
      parent: null,
      students: course.students.filter((student) => student.period === container).length,
    })),
    book: course.lines,
    stream: {
      nextSequenceNumber: course.next,
      contiguousSequenceNumber: contiguousOf(course),
      gaps: course.gaps,
      blockedSince: course.blockedSince,
      setAside: course.isParked ? { state: 'parked', nextNumber: 790, attempts: 8 } : null,
      recent: newest
        .filter((number) => !missing.has(number))
        .map((number) => ({
          sequenceNumber: number,
          eventUuid: uuidOf(`event ${course.uuid} ${number}`),
          type: number % 11 === 0 ? 'create_update_assignment' : 'record_response',
          recordedAt: number < contiguousOf(course) ? now - (course.next - number) * 1_700 : null,
        })),
    },
  }
}

function overviewOf(
  courses: readonly SeededCourse[],
  ecosystems: readonly Uuid[],
  { startedAt, now }: { startedAt: number; now: number },
): Overview {
  const second = Math.floor(now / 1_000)
  const rate = (at: number): number =>
    Math.round(2_500 + 700 * Math.sin(at / 37) + 260 * Math.sin(at / 5) + 300 * chance(`rate ${at}`))
  const streams = courses.flatMap((course): BlockedLine[] =>
    course.blockedSince === null
      ? []
      : [
          {
            kind: 'course',
            stream: course.uuid,
            contiguousSequenceNumber: contiguousOf(course),
            nextSequenceNumber: course.next,
            blockedSince: course.blockedSince,
          },
        ],
  )
  return {
    startedAt,
    version: '0.1.0',
    counts: {
      courses: courses.length,
      students: courses.reduce((sum, course) => sum + course.students.length, 0),
      ecosystems: ecosystems.length,
      answers: courses.reduce((sum, course) => sum + course.next, 0),
    },
    answersPerSecond: {
      now: rate(second),
      series: {
        startsAt: (second - 299) * 1_000,
        stepMs: 1_000,
        values: Array.from({ length: 300 }, (_, index) => rate(second - 299 + index)),
      },
    },
    freshness: { p50Ms: 38, p99Ms: 212, samples: 148_200, windowMs: 60_000 },
    blocked: { total: streams.length, streams },
    subscriptions: [
      { name: 'learning', entriesBehind: 3, oldestAgeMs: 41, setAside: 0 },
      { name: 'due', entriesBehind: 0, oldestAgeMs: 0, setAside: 0 },
      { name: 'export', entriesBehind: 1_840, oldestAgeMs: 8_400, setAside: 1 },
    ],
    ecosystems: {
      total: ecosystems.length,
      lines: ecosystems.map((ecosystem, index) => ({
        ecosystem,
        matrix: uuidOf(`matrix ${ecosystem}`),
        learntAt: startedAt - 754_000 * (index + 1),
        answersUsed: 41_210,
        answersNow: 41_210 + 5_120 * index,
        fit: index === 0 ? 'up_to_date' : 'due',
      })),
    },
    loading: { label: 'answers', done: 61_000, total: 346_860, perSecond: 21_400 },
  }
}
