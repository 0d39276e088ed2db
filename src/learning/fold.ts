import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Answer, Assignment, Instant } from '#domain/student.ts'
import type { AnnouncedPairs, CourseFact, ExclusionScope, RosterSnapshot, Unreadable } from './parse-event.ts'

/*
 * What a pass of events does to the read models, computed in memory: events go in one by one in course order, what must
 * be written comes out once for each course, student and assignment, however many events there were. Pure: no SQL here.
 */
export interface CourseState {
  readonly part: number
  readonly course: Uuid
  /** Number of the last event folded; −1 for a course that is new. */
  readonly appliedNumber: number
  /** Number of the last event that changed the course itself, its roster or its exclusions. */
  readonly changedNumber: number
  readonly ecosystem: Uuid | undefined
  readonly isReal: boolean
  readonly startsAt: Instant | undefined
  readonly endsAt: Instant | undefined
}

export interface CourseRun {
  readonly part: number
  readonly course: Uuid
  readonly events: readonly ParsedEvent[]
}

export interface ParsedEvent {
  readonly event: StoredEvent
  readonly fact: CourseFact | Unreadable
}

/** What is stored now about the courses of a pass. */
export interface Before {
  readonly courses: ReadonlyMap<Uuid, CourseState>
  /** Ecosystems of stored preparations; see `preparationKey`. */
  readonly preparations: ReadonlyMap<string, Uuid>
}

export interface Changes {
  readonly courses: Map<Uuid, CourseState>
  readonly exclusions: Map<string, ExclusionsChange>
  readonly rosters: Map<Uuid, RosterChange>
  readonly preparations: Map<string, PreparationChange>
  readonly maps: MapChange[]
  readonly assignments: Map<string, AssignmentChange>
  /** Matrices that assignments say their exercises come from. */
  readonly matrices: Map<string, NamedMatrixChange>
  readonly answers: Map<string, AnswersChange>
  readonly activity: Map<string, ActivityChange>
  readonly skipped: SkippedEvent[]
}

export interface ExclusionsChange {
  readonly part: number
  readonly course: Uuid
  readonly scope: ExclusionScope
  readonly exercises: readonly Uuid[]
  readonly groups: readonly Uuid[]
}
export interface RosterChange {
  readonly part: number
  readonly course: Uuid
  /** All of the pass, in order: whoever was listed only in between is known, and inactive. */
  readonly rosters: RosterSnapshot[]
}
export interface PreparationChange {
  readonly part: number
  readonly course: Uuid
  readonly preparation: Uuid
  readonly number: number
  readonly ecosystem: Uuid
}
export interface MapChange {
  readonly part: number
  readonly map: AnnouncedPairs
  readonly announcedAt: Date
}
export interface AssignmentChange {
  readonly part: number
  readonly assignment: Assignment
}
export interface NamedMatrixChange {
  readonly part: number
  readonly matrix: Uuid
}
export interface AnswersChange {
  readonly part: number
  readonly student: Uuid
  readonly answers: Answer[]
}
/** Answers given in one ecosystem. Only real ones, in real courses, may train and make a learner of a student. */
export interface ActivityChange {
  readonly part: number
  readonly ecosystem: Uuid
  readonly learners: Set<Uuid>
  answers: number
  realAnswers: number
}

/** An event without effect, for the warning. */
export interface SkippedEvent {
  readonly stream: Uuid
  readonly number: number
  readonly reason: string
}

export function preparationKey(course: Uuid, preparation: Uuid): string {
  return `${course} ${preparation}`
}

function newCourse(part: number, course: Uuid): CourseState {
  return {
    part,
    course,
    appliedNumber: -1,
    changedNumber: -1,
    ecosystem: undefined,
    isReal: false,
    startsAt: undefined,
    endsAt: undefined,
  }
}

/** For a fold from the beginning. */
export function noChanges(): Changes {
  return {
    courses: new Map(),
    exclusions: new Map(),
    rosters: new Map(),
    preparations: new Map(),
    maps: [],
    assignments: new Map(),
    matrices: new Map(),
    answers: new Map(),
    activity: new Map(),
    skipped: [],
  }
}

/** Goes on from `changes`, which are what earlier runs made of `before`. */
export function foldCourses(runs: readonly CourseRun[], before: Before, changes = noChanges()): Changes {
  for (const run of runs) {
    const stored = changes.courses.get(run.course) ?? before.courses.get(run.course)
    changes.courses.set(run.course, foldRun(stored ?? newCourse(run.part, run.course), run, before, changes))
  }
  return changes
}

function foldRun(stored: CourseState, run: CourseRun, before: Before, changes: Changes): CourseState {
  let state = stored
  for (const parsed of run.events) {
    const { number } = parsed.event
    // The subscription delivers exactly once and in order; a number that was folded is a replay of the same event.
    if (number <= state.appliedNumber) continue
    if (number > state.appliedNumber + 1) {
      throw new Error(`course ${run.course}: event ${number} after ${state.appliedNumber}, the run has a hole`)
    }
    state = { ...evolve(state, parsed, before, changes), appliedNumber: number }
  }
  return state
}

/** The course after one event; effects beyond the course's own row go into `changes`. */
function evolve(state: CourseState, parsed: ParsedEvent, before: Before, changes: Changes): CourseState {
  const { event, fact } = parsed
  const { part, course } = state
  const changed = { ...state, changedNumber: event.number }
  switch (fact.type) {
    case 'response_recorded':
      addAnswer(state, fact.student, fact.answer, changes)
      return state
    case 'assignment_updated': {
      const key = `${part} ${fact.assignment.uuid}`
      const firstNumber = changes.assignments.get(key)?.assignment.firstNumber ?? event.number
      const assignment = { ...fact.assignment, firstNumber, lastNumber: event.number }
      changes.assignments.set(key, { part, assignment })
      for (const matrix of fact.matrices) changes.matrices.set(`${part} ${matrix}`, { part, matrix })
      return state
    }
    case 'course_created':
      return {
        ...changed,
        ecosystem: state.ecosystem ?? fact.ecosystem,
        isReal: fact.isReal,
        startsAt: fact.startsAt,
        endsAt: fact.endsAt,
      }
    case 'active_dates_updated':
      return { ...changed, startsAt: fact.startsAt, endsAt: fact.endsAt }
    case 'ecosystem_prepared': {
      const { preparation, ecosystem, map } = fact
      const key = preparationKey(course, preparation)
      changes.preparations.set(key, { part, course, preparation, number: event.number, ecosystem })
      if (map !== undefined) changes.maps.push({ part, map, announcedAt: event.recordedAt })
      return changed
    }
    case 'ecosystem_updated': {
      const key = preparationKey(course, fact.preparation)
      const ecosystem = changes.preparations.get(key)?.ecosystem ?? before.preparations.get(key)
      if (ecosystem !== undefined) return { ...changed, ecosystem }
      return skip(state, event, `preparation ${fact.preparation} is not one of this course`, changes)
    }
    case 'roster_updated':
      addRoster(state, fact.roster, changes)
      return changed
    case 'exclusions_updated': {
      const { scope, exercises, groups } = fact
      changes.exclusions.set(`${course} ${scope}`, { part, course, scope, exercises, groups })
      return changed
    }
    case 'nothing':
      return state
    case 'unreadable':
      return skip(state, event, fact.reason, changes)
  }
}

function skip(state: CourseState, event: StoredEvent, reason: string, changes: Changes): CourseState {
  changes.skipped.push({ stream: event.stream, number: event.number, reason })
  return state
}

function addRoster({ part, course }: CourseState, roster: RosterSnapshot, changes: Changes): void {
  const known = changes.rosters.get(course)
  if (known === undefined) changes.rosters.set(course, { part, course, rosters: [roster] })
  else known.rosters.push(roster)
}

/** One entry per part and student, also when a student answers in two courses: its row has one key. */
function addAnswer({ part, isReal }: CourseState, student: Uuid, answer: Answer, changes: Changes): void {
  const key = `${part} ${student}`
  const known = changes.answers.get(key)
  if (known === undefined) changes.answers.set(key, { part, student, answers: [answer] })
  else known.answers.push(answer)
  addActivity(part, student, answer, isReal && answer.isReal, changes.activity)
}

function addActivity(
  part: number,
  student: Uuid,
  { ecosystem }: Answer,
  trains: boolean,
  activity: Changes['activity'],
): void {
  const key = `${part} ${ecosystem}`
  const known = activity.get(key) ?? { part, ecosystem, learners: new Set(), answers: 0, realAnswers: 0 }
  known.answers += 1
  activity.set(key, known)
  if (!trains) return
  known.realAnswers += 1
  known.learners.add(student)
}
