import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { Answer, Assignment, Exclusions, Instant, Student } from '#domain/student.ts'
import type { Log } from '#log/log.ts'
import { type Changes, type CourseState, foldCourses, type ParsedEvent } from './fold.ts'
import { parseCourseEvent } from './parse-event.ts'
import type { StudentKey } from './read-work.ts'
import { studentsAfter } from './write-roster.ts'

/*
 * What was known about a student at some time: the student's course is folded from the log up to there, in memory, by
 * the same rules that feed the read models. For "why was this picked last Tuesday?", not for the hot path: it reads
 * the course from its beginning.
 */
export interface StudentAsOf {
  readonly course: Pick<CourseState, 'ecosystem' | 'isReal' | 'startsAt' | 'endsAt'> & {
    readonly exclusions: Exclusions
  }
  /** `undefined` when no roster had listed the student. */
  readonly student: Student | undefined
  readonly assignments: readonly Assignment[]
  /** In order of recording. */
  readonly answers: readonly Answer[]
  /** Last event that had been recorded. */
  readonly number: number
}

export interface AsOfOptions {
  readonly parts?: number
  readonly eventsPerRead?: number
}

/** `undefined` when nothing of the course had been recorded at `instant`. */
export async function readStudentAsOf(
  log: Pick<Log, 'readStream'>,
  { uuid, course }: StudentKey,
  instant: Instant,
  options: AsOfOptions = {},
): Promise<StudentAsOf | undefined> {
  const part = partOf('course', course, options.parts ?? partsDefault)
  const seen = new Set<Uuid>()
  const events: ParsedEvent[] = []
  for await (const event of readWhile(log, course, recordedBy(instant), options.eventsPerRead ?? 1000)) {
    const isSecondCopy = seen.has(event.eventUuid)
    seen.add(event.eventUuid)
    events.push({ event, fact: isSecondCopy ? { type: 'nothing' } : ofStudent(parseCourseEvent(event), uuid) })
  }
  const changes = foldCourses([{ part, course, events }], { courses: new Map(), preparations: new Map() })
  const state = changes.courses.get(course)
  return state === undefined || state.appliedNumber < 0 ? undefined : resultOf(state, uuid, changes)
}

/** Recording times do not go back within a stream, so the first later event ends the reading. */
export function recordedBy(instant: Instant): (event: StoredEvent) => boolean {
  return ({ recordedAt }) => recordedAt.getTime() <= instant
}

/** A course from its beginning up to the first event that is not within. */
export async function* readWhile(
  log: Pick<Log, 'readStream'>,
  course: Uuid,
  isWithin: (event: StoredEvent) => boolean,
  eventsMax: number,
): AsyncGenerator<StoredEvent> {
  for (let from = 0; ; ) {
    const events = await log.readStream('course', course, { from, eventsMax, bytesMax: 8_000_000 })
    for (const event of events) {
      if (!isWithin(event)) return
      yield event
    }
    if (events.length === 0) return
    from += events.length
  }
}

/** Answers of classmates are left out before they take memory. */
function ofStudent(fact: ParsedEvent['fact'], student: Uuid): ParsedEvent['fact'] {
  return fact.type === 'response_recorded' && fact.student !== student ? { type: 'nothing' } : fact
}

function resultOf(state: CourseState, student: Uuid, changes: Changes): StudentAsOf {
  const { ecosystem, isReal, startsAt, endsAt } = state
  const lists = [...changes.exclusions.values()]
  const rosters = changes.rosters.get(state.course)?.rosters ?? []
  const known = rosters.reduce<Student[]>((before, roster) => studentsAfter(before, state.course, roster), [])
  return {
    course: {
      ecosystem,
      isReal,
      startsAt,
      endsAt,
      exclusions: {
        exercises: new Set(lists.flatMap(({ exercises }) => exercises)),
        groups: new Set(lists.flatMap(({ groups }) => groups)),
      },
    },
    student: known.find(({ uuid }) => uuid === student),
    assignments: [...changes.assignments.values()].flatMap(({ assignment }) =>
      assignment.student === student ? [assignment] : [],
    ),
    answers: [...changes.answers.values()].flatMap(({ answers }) => answers),
    number: state.appliedNumber,
  }
}
