import { closeMaps, indexMaps } from '#choose/mapping.ts'
import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import { remembered } from '#domain/remembered.ts'
import type { Answer, Assignment, Instant, Student } from '#domain/student.ts'
import type { Log } from '#log/log.ts'
import { readWhile, recordedBy } from './as-of.ts'
import { type CourseState, foldCourses, type ParsedEvent } from './fold.ts'
import { parseCourseEvent } from './parse-event.ts'
import type { AssignmentNews, CourseContainer, CourseDetails, LearningReader, StudentNews } from './reader.ts'
import { containersAfter, studentsAfter } from './write-roster.ts'

/*
 * The reader as it was at some recorded time: courses are folded from the log up to there by the rules that feed the
 * read models, everything that never changes comes from the present. Versions are those of that time, so whatever is
 * named after them gets the same name again. Each course is read once, from its beginning: for looking back, not for
 * the hot path.
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

interface PastCourse {
  readonly details: CourseDetails
  readonly students: ReadonlyMap<Uuid, Student>
  readonly containers: ReadonlyMap<Uuid, CourseContainer>
  readonly assignmentsOf: ReadonlyMap<Uuid, readonly Assignment[]>
  readonly answersOf: ReadonlyMap<Uuid, readonly Answer[]>
}

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
  const isWithin = position === undefined ? recordedBy(instant) : ({ number }: StoredEvent) => number <= position
  const courseOf = (course: Uuid) => remembered(folded, course, () => foldCourse(log, course, isWithin))
  return {
    ...pastNews(present, courseOf),
    ...pastCourses(present, courseOf),
    ...pastEditions(present, instant),
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

/** Everything is news to who looks back; nothing is late. */
function pastNews(present: LearningReader, courseOf: CourseOf) {
  async function studentNews(uuids: readonly Uuid[]): Promise<StudentNews[]> {
    const found: StudentNews[] = []
    // A student belongs to one course for good; only its place in the roster changes.
    for (const { uuid, course } of (await present.students(uuids)).values()) {
      const past = await courseOf(course)
      const student = past?.students.get(uuid)
      if (past !== undefined && student !== undefined) found.push(newsOf(past, student))
    }
    return found
  }
  return {
    studentNews,
    assignmentNews: async (uuids: readonly Uuid[]) => {
      const now = await present.assignments(uuids)
      const news = await studentNews([...now.values()].map(({ student }) => student))
      const newsOfStudent = new Map(news.map((one) => [one.student, one]))
      return [...now.values()].flatMap(({ uuid, student }): AssignmentNews[] => {
        const one = newsOfStudent.get(student)
        return one?.assignments.some((past) => past.uuid === uuid) ? [{ assignment: uuid, news: one }] : []
      })
    },
    containerNews: async (uuid: Uuid) => {
      const found = await containerThen(present, courseOf, uuid)
      return found?.students.map((student) => newsOf(found.past, student))
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

function newsOf({ details, answersOf, assignmentsOf }: PastCourse, student: Student): StudentNews {
  const answers = answersOf.get(student.uuid) ?? []
  const assignments = assignmentsOf.get(student.uuid) ?? []
  return {
    student: student.uuid,
    course: details.uuid,
    changed: details.version.changed,
    roster: student,
    answer: Math.max(-1, ...answers.map(({ number }) => number)),
    answers,
    assignment: Math.max(-1, ...assignments.map(({ lastNumber }) => lastNumber)),
    assignments,
    assignmentsInAll: assignments.length,
    applied: details.version.applied,
    late: undefined,
  }
}

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

/** Who looks back at many moments of a course gives the same events each time; parsing is four fifths of a look. */
const facts = new WeakMap<StoredEvent, ParsedEvent['fact']>()

/** `undefined` when nothing of the course had been recorded. */
async function foldCourse(
  log: Pick<Log, 'readStream'>,
  course: Uuid,
  isWithin: (event: StoredEvent) => boolean,
): Promise<PastCourse | undefined> {
  const part = partOf('course', course, partsDefault)
  const seen = new Set<Uuid>()
  const events: ParsedEvent[] = []
  for await (const event of readWhile(log, course, isWithin, eventsPerRead)) {
    const isSecondCopy = seen.has(event.eventUuid)
    seen.add(event.eventUuid)
    events.push({
      event,
      fact: isSecondCopy ? { type: 'nothing' } : remembered(facts, event, () => parseCourseEvent(event)),
    })
  }
  const changes = foldCourses([{ part, course, events }], { courses: new Map(), preparations: new Map() })
  const state = changes.courses.get(course)
  if (state === undefined || state.appliedNumber < 0) return undefined
  const rosters = changes.rosters.get(course)?.rosters ?? []
  const students = rosters.reduce<Student[]>((before, roster) => studentsAfter(before, course, roster), [])
  const containers = rosters.reduce<ReturnType<typeof containersAfter>>(
    (before, roster) => containersAfter(before, course, roster),
    [],
  )
  const assignments = [...changes.assignments.values()].map(({ assignment }) => assignment)
  assignments.sort((a, b) => a.lastNumber - b.lastNumber)
  return {
    details: detailsOf(state, [...changes.exclusions.values()]),
    students: new Map(students.map((student) => [student.uuid, student])),
    containers: new Map(containers.map((container) => [container.uuid, { ...container, course }])),
    assignmentsOf: Map.groupBy(assignments, ({ student }) => student),
    answersOf: new Map([...changes.answers.values()].map(({ student, answers }) => [student, answers])),
  }
}

const eventsPerRead = 1000

function detailsOf(
  state: CourseState,
  lists: readonly { readonly exercises: readonly Uuid[]; readonly groups: readonly Uuid[] }[],
): CourseDetails {
  const { course, ecosystem, isReal, startsAt, endsAt, appliedNumber, changedNumber } = state
  return {
    uuid: course,
    ecosystem,
    isReal,
    startsAt,
    endsAt,
    exclusions: {
      exercises: new Set(lists.flatMap(({ exercises }) => exercises)),
      groups: new Set(lists.flatMap(({ groups }) => groups)),
    },
    version: { applied: appliedNumber, changed: changedNumber },
  }
}
