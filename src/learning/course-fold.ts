import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { Answer, Assignment, Student } from '#domain/student.ts'
import { replacesState } from './applied-events.ts'
import { type CourseState, foldCourses, noChanges } from './fold.ts'
import { parseCourseEvent } from './parse-event.ts'
import type { CourseContainer, CourseDetails } from './reader.ts'
import { containersAfter, studentsAfter } from './write-roster.ts'

/** A course as it was after some event, in the shapes of the read models. */
export interface PastCourse {
  readonly details: CourseDetails
  readonly students: ReadonlyMap<Uuid, Student>
  readonly containers: ReadonlyMap<Uuid, CourseContainer>
  /** In order of their last change, deleted ones included. */
  readonly assignmentsOf: ReadonlyMap<Uuid, readonly Assignment[]>
  /** In order of recording. */
  readonly answersOf: ReadonlyMap<Uuid, readonly Answer[]>
}

const nothingBefore = { courses: new Map(), preparations: new Map() }

/**
 * One course folded from its events in memory, by the rules that feed the read models. Whoever looks at one moment
 * after another adds what came in between.
 */
export class CourseFold {
  readonly #course: Uuid
  readonly #part: number
  readonly #seen = new Set<Uuid>()
  readonly #replacing = new Set<Uuid>()
  readonly #changes = noChanges()
  #students: readonly Student[] = []
  #containers: ReturnType<typeof containersAfter> = []
  #rosters = 0

  constructor(course: Uuid) {
    this.#course = course
    this.#part = partOf('course', course, partsDefault)
  }

  /** The next event of the course. Of a second copy of one there is no effect, by the rules of the read models. */
  add(event: StoredEvent): void {
    const { eventUuid } = event
    const read = parseCourseEvent(event)
    const isSecondCopy = (replacesState(read) ? this.#replacing : this.#seen).has(eventUuid)
    this.#seen.add(eventUuid)
    if (replacesState(read)) this.#replacing.add(eventUuid)
    const fact = isSecondCopy ? ({ type: 'nothing' } as const) : read
    const run = { part: this.#part, course: this.#course, events: [{ event, fact }] }
    foldCourses([run], nothingBefore, this.#changes)
  }

  /** `undefined` before the first event. Later events may show in it. */
  course(): PastCourse | undefined {
    const { courses, exclusions, assignments, answers } = this.#changes
    const state = courses.get(this.#course)
    if (state === undefined) return undefined
    this.#applyRosters()
    const ordered = [...assignments.values()].map(({ assignment }) => assignment)
    ordered.sort((a, b) => a.lastNumber - b.lastNumber)
    return {
      details: detailsOf(state, [...exclusions.values()]),
      students: new Map(this.#students.map((student) => [student.uuid, student])),
      containers: new Map(this.#containers.map((one) => [one.uuid, { ...one, course: this.#course }])),
      assignmentsOf: Map.groupBy(ordered, ({ student }) => student),
      answersOf: new Map([...answers.values()].map(({ student, answers: given }) => [student, given])),
    }
  }

  #applyRosters(): void {
    const rosters = this.#changes.rosters.get(this.#course)?.rosters ?? []
    for (const roster of rosters.slice(this.#rosters)) {
      this.#students = studentsAfter(this.#students, this.#course, roster)
      this.#containers = containersAfter(this.#containers, this.#course, roster)
    }
    this.#rosters = rosters.length
  }
}

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
