import { LRUCache } from 'lru-cache'
import { assignmentsByTrial } from '#choose/visible-answers.ts'
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Answer, Assignment, Student } from '#domain/student.ts'
import type { CourseDetails, LearningReader, Looked, StudentNews } from '#learning/reader.ts'
import type { Waits } from './freshness.ts'

/*
 * Everything the rules need of one student, as of one position of its course. A record never changes: when anything of
 * the student or its course moved, there is a new one, so what is computed from a record may be kept beside it. Records
 * are kept, and a kept one is brought up to date with what is new: each time somebody asks, one statement tells.
 */
export interface StudentRecord {
  readonly student: Student
  readonly course: CourseDetails
  /** In order of recording, each response once. */
  readonly answers: readonly Answer[]
  readonly assignments: readonly Assignment[]
  readonly assignmentOfTrial: ReadonlyMap<Uuid, Assignment>
  /** The newest event of the course that this record depends on. */
  readonly position: number
  /** The same object in all records of the student: what is derived step by step is kept by it. */
  readonly history: object
}

/** With `Waits`, what was acknowledged before the call is waited for. */
export interface StudentRecords {
  /** Students that no roster ever named are absent. */
  load(students: readonly Uuid[], waits?: Waits): Promise<Map<Uuid, StudentRecord>>
  /** Of the student that each assignment belongs to; absent: not known, `undefined`: of a student that is not. */
  ofAssignments(assignments: readonly Uuid[], waits?: Waits): Promise<Map<Uuid, StudentRecord | undefined>>
  /** Of the active students in a course container or below it; `undefined` when it is not known. */
  ofContainer(container: Uuid, waits?: Waits): Promise<readonly StudentRecord[] | undefined>
  readonly counters: RecordCounters
}

/** How records were found: nothing was new, something was, or all of it had to be read. */
export interface RecordCounters {
  readonly current: number
  readonly continued: number
  readonly read: number
}

export type RecordReader = Pick<LearningReader, 'courses' | 'studentNews' | 'assignmentNews' | 'containerNews'>

export interface RecordOptions {
  /**
   * Records that are kept; a record with 300 answers takes about 100 kB, and a longer one the room of several. What a
   * soft matrix tells of the student is not counted: `soft-cost.ts` bounds it.
   */
  readonly recordsMax: number | undefined
}

interface Kept {
  readonly record: StudentRecord
  readonly looked: Looked
}

const recordsMaxDefault = 5000
/** Answers and trials of a record that takes one place. */
const sizePerRecord = 600
const coursesMax = 10_000
const assignmentsMax = 50_000
/** Members of a class for whom a caller says what it has; the others are read again. */
const classMax = 2000
/** A course that changes between two statements each time is taken as it is in the end. */
const triesMax = 3

export function openStudentRecords(reader: RecordReader, options: RecordOptions): StudentRecords {
  return new KeptRecords(reader, options.recordsMax ?? recordsMaxDefault)
}

class KeptRecords implements StudentRecords {
  readonly counters = { current: 0, continued: 0, read: 0 }
  readonly #reader: RecordReader
  readonly #kept: LRUCache<Uuid, Kept> | undefined
  readonly #courses = new LRUCache<Uuid, CourseDetails>({ max: coursesMax })
  /** Whose an assignment was, and who was in a container: where to look first. The answer says whose it is now. */
  readonly #owners = new LRUCache<Uuid, Uuid>({ max: assignmentsMax })
  readonly #members = new LRUCache<Uuid, readonly Uuid[]>({ max: 1000 })

  constructor(reader: RecordReader, recordsMax: number) {
    this.#reader = reader
    const sizes = { maxSize: recordsMax * sizePerRecord, sizeCalculation: sizeOf }
    this.#kept = recordsMax > 0 ? new LRUCache({ max: recordsMax, ...sizes }) : undefined
  }

  async load(students: readonly Uuid[], waits?: Waits): Promise<Map<Uuid, StudentRecord>> {
    const wanted = [...new Set(students)]
    const bases = new Map(wanted.map((student) => [student, this.#kept?.get(student)]))
    const read = () => this.#reader.studentNews(wanted, (student) => bases.get(student)?.looked)
    const news = await fresh(
      read,
      (found) => found,
      (found) => found.length < wanted.length,
      waits,
    )
    const records = await this.#update(news, bases)
    return new Map(records.map((record) => [record.student.uuid, record]))
  }

  async ofAssignments(assignments: readonly Uuid[], waits?: Waits): Promise<Map<Uuid, StudentRecord | undefined>> {
    const wanted = [...new Set(assignments)]
    const bases = new Map<Uuid, Kept | undefined>()
    const lookedOf = (assignment: Uuid): Looked | undefined => {
      const owner = this.#owners.get(assignment)
      const base = owner === undefined ? undefined : (bases.get(owner) ?? this.#kept?.get(owner))
      if (owner !== undefined) bases.set(owner, base)
      return base?.looked
    }
    const found = await fresh(
      () => this.#reader.assignmentNews(wanted, lookedOf),
      (all) => all.flatMap(({ news }) => news ?? []),
      (all) => all.length < wanted.length || all.some(({ news }) => news === undefined),
      waits,
    )
    const byStudent = new Map(found.flatMap(({ news }) => (news === undefined ? [] : [[news.student, news]])))
    const records = await this.#update([...byStudent.values()], bases)
    const recordOf = new Map(records.map((record) => [record.student.uuid, record]))
    const owned = new Map<Uuid, StudentRecord | undefined>()
    for (const { assignment, news } of found) {
      if (news !== undefined) this.#owners.set(assignment, news.student)
      owned.set(assignment, news && recordOf.get(news.student))
    }
    return owned
  }

  async ofContainer(container: Uuid, waits?: Waits): Promise<readonly StudentRecord[] | undefined> {
    const before = this.#members.get(container) ?? []
    const bases = new Map(before.map((student) => [student, this.#kept?.get(student)]))
    const looked = [...bases.values()].flatMap((base) => base?.looked ?? [])
    const news = await fresh(
      () => this.#reader.containerNews(container, looked),
      (found) => found ?? [],
      (found) => found === undefined,
      waits,
    )
    if (news === undefined) return undefined
    this.#members.set(
      container,
      news.slice(0, classMax).map(({ student }) => student),
    )
    return this.#update(news, bases)
  }

  /** In the order of the news; students of a course that is not known are left out. */
  async #update(
    news: readonly StudentNews[],
    bases: ReadonlyMap<Uuid, Kept | undefined>,
    triesLeft = triesMax,
  ): Promise<StudentRecord[]> {
    const courses = await this.#currentCourses(news)
    const records = new Map<Uuid, StudentRecord>()
    const again: Uuid[] = []
    for (const one of news) {
      const course = courses.get(one.course)
      if (course === undefined) continue
      const isOfOneMoment = course.version.changed === one.changed || triesLeft === 0
      const record = isOfOneMoment ? this.#recordOf(one, course, bases.get(one.student)) : undefined
      if (record === undefined) again.push(one.student)
      else records.set(one.student, record)
    }
    if (again.length > 0) {
      // The course moved between two statements, or what is kept is no beginning of what there is now.
      const whole = await this.#reader.studentNews(again, () => undefined)
      const updated = await this.#update(whole, new Map(), triesLeft - 1)
      for (const record of updated) records.set(record.student.uuid, record)
    }
    return news.flatMap(({ student }) => records.get(student) ?? [])
  }

  async #currentCourses(news: readonly StudentNews[]): Promise<Map<Uuid, CourseDetails>> {
    const versions = new Map(news.map(({ course, changed }) => [course, changed]))
    const stale = [...versions].filter(([course, changed]) => this.#courses.get(course)?.version.changed !== changed)
    if (stale.length > 0) {
      const read = await this.#reader.courses(stale.map(([course]) => course))
      for (const [course, details] of read) this.#courses.set(course, details)
    }
    return new Map(
      [...versions.keys()].flatMap((course) => {
        const details = this.#courses.get(course)
        return details === undefined ? [] : [[course, details]]
      }),
    )
  }

  /** `undefined` when the news do not continue what is kept. */
  #recordOf(news: StudentNews, course: CourseDetails, base: Kept | undefined): StudentRecord | undefined {
    const continued = base?.looked.course === news.course ? base : undefined
    const student = news.roster ?? continued?.record.student
    if (student === undefined) return undefined
    const record =
      continued === undefined ? firstRecord(news, student, course) : nextRecord(news, { student, course, continued })
    if (record === undefined) return undefined
    this.counters[continued === undefined ? 'read' : record === continued.record ? 'current' : 'continued'] += 1
    const { changed, answer, assignment } = news
    const looked = { student: student.uuid, course: course.uuid, changed, answer, assignment }
    if (record !== base?.record) this.#kept?.set(student.uuid, { record, looked })
    return record
  }
}

function sizeOf({ record }: Kept): number {
  return 1 + record.answers.length + record.assignmentOfTrial.size
}

function firstRecord(news: StudentNews, student: Student, course: CourseDetails): StudentRecord {
  const { assignments } = news
  return {
    ...{ student, course, assignments, history: {} },
    answers: eachOnce([], news.answers),
    assignmentOfTrial: assignmentsByTrial(assignments),
    position: positionOf(news),
  }
}

interface Continuation {
  readonly student: Student
  readonly course: CourseDetails
  readonly continued: Kept
}

/** The kept record with what is new; itself when nothing is. */
function nextRecord(news: StudentNews, { student, course, continued }: Continuation): StudentRecord | undefined {
  const { record, looked } = continued
  const answersFit = news.answer >= looked.answer
  const answers = news.answer === looked.answer ? record.answers : eachOnce(record.answers, news.answers, looked.answer)
  const assignments =
    news.assignments.length === 0 ? record.assignments : replaced(record.assignments, news.assignments)
  // One that went to another student leaves no trace but their number.
  if (!answersFit || assignments.length !== news.assignmentsInAll) return undefined
  const isSame =
    answers === record.answers &&
    assignments === record.assignments &&
    course === record.course &&
    news.answer === looked.answer &&
    news.assignment === looked.assignment
  if (isSame) return record
  return {
    ...{ student, course, answers, assignments, history: record.history },
    assignmentOfTrial: assignments === record.assignments ? record.assignmentOfTrial : assignmentsByTrial(assignments),
    position: positionOf(news),
  }
}

function positionOf({ answer, assignment, changed }: StudentNews): number {
  return Math.max(answer, assignment, changed)
}

/** A second copy of an event under another number counts as the first (design D5). */
function eachOnce(before: readonly Answer[], added: readonly Answer[], after = -1): readonly Answer[] {
  const inOrder = added.filter(({ number }) => number > after).sort((a, b) => a.number - b.number)
  const seen = new Set<Uuid>()
  const fresh = inOrder.filter(({ response }) => !holds(before, response) && !seen.has(response) && seen.add(response))
  if (fresh.length === 0) return before
  const all = [...before, ...fresh]
  if (before.length > 0) keptMarks.set(all, joined(marksOf(before), marksOf(fresh)))
  return all
}

/** The first 32 bits of each response, so that a new one need not be compared with all texts that are kept. */
const keptMarks = new WeakMap<readonly Answer[], Int32Array>()

function marksOf(answers: readonly Answer[]): Int32Array {
  return remembered(keptMarks, answers, () => Int32Array.from(answers, ({ response }) => markOf(response)))
}

function joined(one: Int32Array, other: Int32Array): Int32Array {
  const both = new Int32Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}

function markOf(response: Uuid): number {
  return Number.parseInt(response.slice(0, 8), 16) | 0
}

function holds(answers: readonly Answer[], response: Uuid): boolean {
  const isLikely = answers.length > 0 && marksOf(answers).includes(markOf(response))
  return isLikely && answers.some((known) => known.response === response)
}

/** Each assignment once, in order of the last change. */
function replaced(before: readonly Assignment[], changed: readonly Assignment[]): Assignment[] {
  const newer = new Set(changed.map(({ uuid }) => uuid))
  return [...before.filter(({ uuid }) => !newer.has(uuid)), ...changed]
}

/** What `read` finds, once more after what is late has been applied. */
async function fresh<Found>(
  read: () => Promise<Found>,
  newsIn: (found: Found) => readonly StudentNews[],
  isAnyUnknown: (found: Found) => boolean,
  waits: Waits | undefined,
): Promise<Found> {
  const found = await read()
  if (waits === undefined) return found
  const late = new Map(newsIn(found).flatMap((news) => (news.late === undefined ? [] : [[news.course, news.late]])))
  // A subject that nobody knows may be in any lane.
  const isUnknown = isAnyUnknown(found)
  if (!isUnknown && late.size === 0) return found
  const isInTime = await (isUnknown ? waits.untilAllApplied() : waits.untilApplied([...late.values()]))
  const again = await read()
  // Time may have run out a moment too early to matter; a course that is set aside is passed and not applied.
  const isMissed = ({ course, applied, late: later }: StudentNews): boolean =>
    later !== undefined && applied < (late.get(course)?.number ?? (isInTime ? 0 : later.number))
  if ((!isInTime && isAnyUnknown(again)) || newsIn(again).some(isMissed)) waits.behind()
  return again
}
