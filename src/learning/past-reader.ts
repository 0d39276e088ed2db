import { closeMaps, indexMaps } from '#choose/mapping.ts'
import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Instant, Student } from '#domain/student.ts'
import type { Log } from '#log/log.ts'
import { CourseFold, type PastCourse } from './course-fold.ts'
import type { AssignmentNews, CourseDetails, LearningReader, Looked, StudentNews } from './reader.ts'

/*
 * The reader as it was at some recorded time: courses are folded from the log up to there by the rules that feed the
 * read models, everything that never changes comes from the present. Versions are those of that time, so whatever is
 * named after them gets the same name again. A course is read from its beginning: for looking back, not for the hot
 * path.
 */
export type PastReader = Pick<
  LearningReader,
  | 'courses'
  | 'studentNews'
  | 'assignmentNews'
  | 'containerNews'
  | 'courseContainer'
  | 'ecosystem'
  | 'ecosystemsOfContainers'
  | 'ecosystemsSharingGroups'
  | 'mapping'
>

/** What to look back at. */
export interface Moment {
  readonly instant: Instant
  /**
   * Last event of the one course looked at. It is exact where a recorded time is not: an answer may rest on an event of
   * its own millisecond, or not yet on one that had been recorded.
   */
  readonly position?: number
}

export function openPastReader(
  present: LearningReader,
  log: Pick<Log, 'readStream'>,
  { instant, position }: Moment,
): PastReader {
  const folded = new Map<Uuid, Promise<PastCourse | undefined>>()
  // Recording times do not go back within a stream, so the first later event ends the reading.
  const isWithin = ({ number, recordedAt }: StoredEvent): boolean =>
    position === undefined ? recordedAt.getTime() <= instant : number <= position
  const courseOf = (course: Uuid) => remembered(folded, course, () => foldCourse(log, course, isWithin))
  return {
    ...pastNews(present, courseOf),
    ...pastCourses(present, courseOf),
    ...pastEditions(present, instant),
  }
}

/**
 * One course at one moment after another, each event folded once; `events` are all of it. What was kept from one reader
 * may be brought up to date from the next one, as from the present.
 */
export function openCourseReplay(
  present: LearningReader,
  course: Uuid,
  events: readonly StoredEvent[],
): { at(moment: Required<Moment>): PastReader } {
  const fold = new CourseFold(course)
  let folded = 0
  let past: PastCourse | undefined
  const courseOf = async (asked: Uuid) => (asked === course ? past : undefined)
  const ofCourse = { ...pastNews(present, courseOf), ...pastCourses(present, courseOf) }
  return {
    at: ({ instant, position }) => {
      if (position + 1 < folded) throw new RangeError(`event ${position} was passed already`)
      for (const event of events.slice(folded, position + 1)) fold.add(event)
      folded = position + 1
      past = fold.course()
      return { ...ofCourse, ...pastEditions(present, instant) }
    },
  }
}

type CourseOf = (course: Uuid) => Promise<PastCourse | undefined>

function pastCourses(present: LearningReader, courseOf: CourseOf) {
  return {
    courseContainer: (uuid: Uuid) => containerThen(present, courseOf, uuid),
    courses: async (uuids: readonly Uuid[]) => {
      const found = new Map<Uuid, CourseDetails>()
      for (const uuid of new Set(uuids)) {
        const past = await courseOf(uuid)
        if (past !== undefined) found.set(uuid, past.details)
      }
      return found
    },
  }
}

/** Nothing is late. */
function pastNews(present: LearningReader, courseOf: CourseOf) {
  async function studentNews(
    uuids: readonly Uuid[],
    looked: (student: Uuid) => Looked | undefined,
  ): Promise<StudentNews[]> {
    const found: StudentNews[] = []
    // A student belongs to one course for good; only its place in the roster changes.
    for (const { uuid, course } of (await present.students(uuids)).values()) {
      const past = await courseOf(course)
      const student = past?.students.get(uuid)
      if (past !== undefined && student !== undefined) found.push(newsOf(past, student, looked(uuid)))
    }
    return found
  }
  return {
    studentNews,
    assignmentNews: async (uuids: readonly Uuid[], looked: (assignment: Uuid) => Looked | undefined) => {
      const now = await present.assignments(uuids)
      const owned = new Map([...now.values()].map(({ uuid, student }) => [student, uuid]))
      const news = await studentNews([...owned.keys()], (student) => looked(owned.get(student) ?? student))
      const found: AssignmentNews[] = []
      for (const one of news) {
        const then = (await courseOf(one.course))?.assignmentsOf.get(one.student) ?? []
        for (const { uuid } of then) if (now.has(uuid)) found.push({ assignment: uuid, news: one })
      }
      return found
    },
    containerNews: async (uuid: Uuid, looked: readonly Looked[]) => {
      const found = await containerThen(present, courseOf, uuid)
      const lookedOf = new Map(looked.map((one) => [one.student, one]))
      return found?.students.map((student) => newsOf(found.past, student, lookedOf.get(student.uuid)))
    },
  }
}

async function containerThen(present: LearningReader, courseOf: CourseOf, uuid: Uuid) {
  const now = await present.courseContainer(uuid)
  const past = now === undefined ? undefined : await courseOf(now.container.course)
  const container = past?.containers.get(uuid)
  if (past === undefined || container === undefined) return undefined
  const members = [...past.students.values()].filter((one) => one.isActive && one.containers.includes(uuid))
  return { past, container, students: members.sort((a, b) => (a.uuid < b.uuid ? -1 : 1)) }
}

function newsOf(
  { details, answersOf, assignmentsOf }: PastCourse,
  student: Student,
  looked: Looked | undefined,
): StudentNews {
  const before = looked?.student === student.uuid && looked.course === details.uuid ? looked : nothingLooked
  const answers = answersOf.get(student.uuid) ?? []
  const assignments = assignmentsOf.get(student.uuid) ?? []
  return {
    student: student.uuid,
    course: details.uuid,
    changed: details.version.changed,
    roster: student,
    answer: answers.at(-1)?.number ?? -1,
    answers: answers.filter(({ number }) => number > before.answer),
    assignment: assignments.at(-1)?.lastNumber ?? -1,
    assignments: assignments.filter(({ lastNumber }) => lastNumber > before.assignment),
    assignmentsInAll: assignments.length,
    applied: details.version.applied,
    late: undefined,
  }
}

const nothingLooked = { answer: -1, assignment: -1 }

/** Editions never change: those that had arrived, and the maps between them announced by then. */
function pastEditions(present: LearningReader, instant: Instant) {
  let arrivedOnce: Promise<ReadonlySet<Uuid>> | undefined
  const arrived = (): Promise<ReadonlySet<Uuid>> => {
    arrivedOnce ??= present
      .ecosystemLines()
      .then((lines) => new Set(lines.filter(({ createdAt }) => createdAt <= instant).map(({ uuid }) => uuid)))
    return arrivedOnce
  }
  return {
    ecosystem: async (ecosystem: Uuid) => ((await arrived()).has(ecosystem) ? present.ecosystem(ecosystem) : undefined),
    ecosystemsOfContainers: async (containers: readonly Uuid[]) => {
      const [known, had] = [await present.ecosystemsOfContainers(containers), await arrived()]
      return new Map([...known].filter(([, ecosystem]) => had.has(ecosystem)))
    },
    ecosystemsSharingGroups: async (ecosystem: Uuid) => {
      const had = await arrived()
      return (await present.ecosystemsSharingGroups(ecosystem)).filter((one) => had.has(one))
    },
    mapping: async () => indexMaps(closeMaps(await present.announcedMaps(instant))),
  }
}

/** `undefined` when nothing of the course had been recorded. */
async function foldCourse(
  log: Pick<Log, 'readStream'>,
  course: Uuid,
  isWithin: (event: StoredEvent) => boolean,
): Promise<PastCourse | undefined> {
  const fold = new CourseFold(course)
  for await (const event of readWhile(log, course, isWithin)) fold.add(event)
  return fold.course()
}

const eventsPerRead = 1000

/** A course from its beginning up to the first event that is not within. */
export async function* readWhile(
  log: Pick<Log, 'readStream'>,
  course: Uuid,
  isWithin: (event: StoredEvent) => boolean,
): AsyncGenerator<StoredEvent> {
  for (let from = 0; ; ) {
    const events = await log.readStream('course', course, { from, eventsMax: eventsPerRead, bytesMax: 8_000_000 })
    for (const event of events) {
      if (!isWithin(event)) return
      yield event
    }
    if (events.length === 0) return
    from += events.length
  }
}
