import type { BookContainer, Ecosystem, Exercise } from '#domain/ecosystem.ts'
import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Answer, AssignedExercise, Assignment, Instant } from '#domain/student.ts'
import { booleanAt, countAt, type Fields, fieldsAt, instantAt, listAt, textAt, uuidAt, uuidsAt } from './parse-value.ts'

/*
 * `event_data` is parsed here, once, into facts; nothing behind this file sees JSON. Never throws: a payload that lacks
 * what its effect can not do without is `unreadable`, everything else is read as scheduler.md §2 says.
 */
export type CourseFact =
  | {
      readonly type: 'course_created'
      readonly ecosystem: Uuid | undefined
      readonly isReal: boolean
      readonly startsAt: Instant | undefined
      readonly endsAt: Instant | undefined
    }
  | {
      readonly type: 'ecosystem_prepared'
      readonly preparation: Uuid
      readonly ecosystem: Uuid
      readonly map: AnnouncedPairs | undefined
    }
  | { readonly type: 'ecosystem_updated'; readonly preparation: Uuid }
  | { readonly type: 'roster_updated'; readonly roster: RosterSnapshot }
  | {
      readonly type: 'active_dates_updated'
      readonly startsAt: Instant | undefined
      readonly endsAt: Instant | undefined
    }
  | {
      readonly type: 'exclusions_updated'
      readonly scope: ExclusionScope
      readonly exercises: readonly Uuid[]
      readonly groups: readonly Uuid[]
    }
  | { readonly type: 'assignment_updated'; readonly assignment: AssignmentState; readonly matrices: readonly Uuid[] }
  | { readonly type: 'response_recorded'; readonly student: Uuid; readonly answer: Answer }
  | { readonly type: 'nothing' }

export type ExclusionScope = 'global' | 'course'

/** All of an assignment that one event can know; the number of its first event comes from what is stored. */
export type AssignmentState = Omit<Assignment, 'firstNumber' | 'lastNumber'>

export interface AnnouncedPairs {
  readonly from: Uuid
  readonly to: Uuid
  readonly pairs: readonly { readonly from: Uuid; readonly to: Uuid }[]
}

export interface RosterSnapshot {
  readonly containers: readonly RosterContainer[]
  readonly students: readonly RosterStudent[]
}
export interface RosterContainer {
  readonly uuid: Uuid
  readonly parent: Uuid | undefined
  readonly isArchived: boolean
}
export interface RosterStudent {
  readonly uuid: Uuid
  readonly container: Uuid
  readonly isDropped: boolean
}

export type EcosystemFact =
  | { readonly type: 'ecosystem_created'; readonly ecosystem: Ecosystem }
  | { readonly type: 'nothing' }

/** What is missing or of another kind, named by its key. */
export interface Unreadable {
  readonly type: 'unreadable'
  readonly reason: string
}

export function parseCourseEvent(event: StoredEvent): CourseFact | Unreadable {
  const { data } = event
  switch (event.type) {
    case 'record_response':
      return parseResponse(event)
    case 'create_update_assignment':
      return parseAssignment(event)
    case 'create_course':
      return {
        type: 'course_created',
        ecosystem: uuidAt(data, 'ecosystem_uuid'),
        isReal: booleanAt(data, 'is_real_course', true),
        ...parseDates(data),
      }
    case 'prepare_course_ecosystem':
      return parsePreparation(data)
    case 'update_course_ecosystem': {
      const preparation = uuidAt(data, 'preparation_uuid')
      return preparation === undefined ? unreadable('preparation_uuid') : { type: 'ecosystem_updated', preparation }
    }
    case 'update_roster':
      return { type: 'roster_updated', roster: parseRoster(data) }
    case 'update_course_active_dates':
      return { type: 'active_dates_updated', ...parseDates(data) }
    case 'update_globally_excluded_exercises':
      return { type: 'exclusions_updated', scope: 'global', ...parseExclusions(data) }
    case 'update_course_excluded_exercises':
      return { type: 'exclusions_updated', scope: 'course', ...parseExclusions(data) }
    case 'no_op':
      return { type: 'nothing' }
    default:
      return { type: 'unreadable', reason: `${event.type} in a course` }
  }
}

export function parseEcosystemEvent(event: StoredEvent): EcosystemFact | Unreadable {
  if (event.type === 'no_op') return { type: 'nothing' }
  if (event.type !== 'create_ecosystem') return { type: 'unreadable', reason: `${event.type} in an ecosystem` }
  const book = fieldsAt(event.data, 'book')
  if (book === undefined) return unreadable('book')
  return {
    type: 'ecosystem_created',
    ecosystem: {
      uuid: event.stream,
      containers: listAt(book, 'contents').flatMap(parseContainer),
      exercises: parseExercises(event.data),
    },
  }
}

function unreadable(key: string): Unreadable {
  return { type: 'unreadable', reason: `${key} is missing or not readable` }
}

/** The first of these keys without a readable uuid. */
function withoutUuid(data: Fields, keys: readonly string[]): Unreadable {
  return unreadable(keys.find((key) => uuidAt(data, key) === undefined) ?? 'event_data')
}

function parseDates(data: Fields): { startsAt: Instant | undefined; endsAt: Instant | undefined } {
  return { startsAt: instantAt(data, 'starts_at'), endsAt: instantAt(data, 'ends_at') }
}

const responseKeys = ['response_uuid', 'trial_uuid', 'student_uuid', 'exercise_uuid', 'ecosystem_uuid']

function parseResponse(event: StoredEvent): CourseFact | Unreadable {
  const { data } = event
  const student = uuidAt(data, 'student_uuid')
  const response = uuidAt(data, 'response_uuid') ?? event.eventUuid
  const trial = uuidAt(data, 'trial_uuid')
  const exercise = uuidAt(data, 'exercise_uuid')
  const ecosystem = uuidAt(data, 'ecosystem_uuid')
  if (student === undefined || trial === undefined || exercise === undefined || ecosystem === undefined) {
    return withoutUuid(data, responseKeys)
  }
  const isCorrect = data['is_correct']
  if (typeof isCorrect !== 'boolean') return unreadable('is_correct')
  const recordedAt = event.recordedAt.getTime()
  const respondedAt = instantAt(data, 'responded_at') ?? recordedAt
  const isReal = booleanAt(data, 'is_real_response', true)
  const { number } = event
  const answer = { number, response, trial, exercise, ecosystem, isCorrect, isReal, respondedAt, recordedAt }
  return { type: 'response_recorded', student, answer }
}

/** What assigned exercises are said to come from; anything but a uuid names nothing. */
function matricesNamed(data: Fields): Uuid[] {
  const named = ['pes', 'spes'].map((key) => uuidAt(fieldsAt(data, key) ?? {}, 'ecosystem_matrix_uuid'))
  return named.filter((matrix) => matrix !== undefined)
}

function parseAssignment(event: StoredEvent): CourseFact | Unreadable {
  const { data } = event
  const uuid = uuidAt(data, 'assignment_uuid')
  const student = uuidAt(data, 'student_uuid')
  const ecosystem = uuidAt(data, 'ecosystem_uuid')
  if (uuid === undefined || student === undefined || ecosystem === undefined) {
    return withoutUuid(data, ['assignment_uuid', 'student_uuid', 'ecosystem_uuid'])
  }
  const dates = fieldsAt(data, 'exclusion_info') ?? {}
  const assignment: AssignmentState = {
    uuid,
    student,
    ecosystem,
    type: textAt(data, 'assignment_type') ?? '',
    isDeleted: booleanAt(data, 'is_deleted', false),
    opensAt: instantAt(dates, 'opens_at'),
    dueAt: instantAt(dates, 'due_at'),
    // The 2020 client sends `closes_at` and no `feedback_at` (api.md M25). When work closes says nothing about
    // feedback, so it is not a substitute: without feedback_at answers are withheld until the due date (design D22).
    feedbackAt: instantAt(dates, 'feedback_at'),
    containers: uuidsAt(data, 'assigned_book_container_uuids'),
    goalSpes: countAt(data, 'goal_num_tutor_assigned_spes'),
    goalPes: countAt(data, 'goal_num_tutor_assigned_pes'),
    spesAreAssigned: booleanAt(data, 'spes_are_assigned', false),
    pesAreAssigned: booleanAt(data, 'pes_are_assigned', false),
    exercises: listAt(data, 'assigned_exercises').flatMap(parseAssignedExercise),
    createdAt: instantAt(data, 'created_at') ?? event.recordedAt.getTime(),
  }
  return { type: 'assignment_updated', assignment, matrices: matricesNamed(data) }
}

function parseAssignedExercise(fields: Fields): AssignedExercise[] {
  const trial = uuidAt(fields, 'trial_uuid')
  const exercise = uuidAt(fields, 'exercise_uuid')
  if (trial === undefined || exercise === undefined) return []
  return [{ trial, exercise, isSpe: booleanAt(fields, 'is_spe', false), isPe: booleanAt(fields, 'is_pe', false) }]
}

function parsePreparation(data: Fields): CourseFact | Unreadable {
  const preparation = uuidAt(data, 'preparation_uuid')
  // Written as ecosystem_uuid; rows made by hand carry the request's spelling (api.md M11).
  const ecosystem = uuidAt(data, 'ecosystem_uuid') ?? uuidAt(data, 'next_ecosystem_uuid')
  if (preparation === undefined || ecosystem === undefined) {
    return withoutUuid(data, ['preparation_uuid', 'ecosystem_uuid'])
  }
  return { type: 'ecosystem_prepared', preparation, ecosystem, map: parseMap(data) }
}

function parseMap(data: Fields): AnnouncedPairs | undefined {
  const map = fieldsAt(data, 'ecosystem_map') ?? {}
  const from = uuidAt(map, 'from_ecosystem_uuid')
  const to = uuidAt(map, 'to_ecosystem_uuid')
  if (from === undefined || to === undefined) return undefined
  const pairs = listAt(map, 'book_container_mappings').flatMap((pair) => {
    const source = uuidAt(pair, 'from_book_container_uuid')
    const target = uuidAt(pair, 'to_book_container_uuid')
    return source === undefined || target === undefined ? [] : [{ from: source, to: target }]
  })
  return { from, to, pairs }
}

function parseRoster(data: Fields): RosterSnapshot {
  const containers = listAt(data, 'course_containers').flatMap((fields) => {
    const uuid = uuidAt(fields, 'container_uuid')
    const parent = uuidAt(fields, 'parent_container_uuid')
    return uuid === undefined ? [] : [{ uuid, parent, isArchived: isSet(fields['archived_at']) }]
  })
  const students = listAt(data, 'students').flatMap((fields) => {
    const uuid = uuidAt(fields, 'student_uuid')
    const container = uuidAt(fields, 'container_uuid')
    if (uuid === undefined || container === undefined) return []
    return [{ uuid, container, isDropped: isSet(fields['dropped_at']) }]
  })
  return { containers: lastOfEach(containers), students: lastOfEach(students) }
}

/** A date that says "gone", whatever its form; null and absent say "still there". */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null
}

function lastOfEach<Item extends { readonly uuid: Uuid }>(items: readonly Item[]): Item[] {
  return [...new Map(items.map((item) => [item.uuid, item])).values()]
}

function parseExclusions(data: Fields): { exercises: Uuid[]; groups: Uuid[] } {
  const exercises = new Set<Uuid>()
  const groups = new Set<Uuid>()
  for (const exclusion of listAt(data, 'exclusions')) {
    const group = uuidAt(exclusion, 'exercise_group_uuid')
    const exercise = uuidAt(exclusion, 'exercise_uuid')
    if (group !== undefined) groups.add(group)
    else if (exercise !== undefined) exercises.add(exercise)
  }
  return { exercises: [...exercises], groups: [...groups] }
}

function parseContainer(fields: Fields): BookContainer[] {
  const uuid = uuidAt(fields, 'container_uuid')
  if (uuid === undefined) return []
  const pools = listAt(fields, 'pools').map((pool) => ({
    useForClue: booleanAt(pool, 'use_for_clue', false),
    assignmentTypes: textsAt(pool, 'use_for_personalized_for_assignment_types'),
    exercises: uuidsAt(pool, 'exercise_uuids'),
  }))
  return [{ uuid, parent: uuidAt(fields, 'container_parent_uuid'), pools }]
}

/** Duplicates by exercise uuid are collapsed: the first one counts. */
function parseExercises(data: Fields): Exercise[] {
  const exercises = new Map<Uuid, Exercise>()
  for (const fields of listAt(data, 'exercises')) {
    const uuid = uuidAt(fields, 'exercise_uuid')
    const group = uuidAt(fields, 'group_uuid')
    if (uuid === undefined || group === undefined || exercises.has(uuid)) continue
    exercises.set(uuid, { uuid, group, version: countAt(fields, 'version') ?? 0 })
  }
  return [...exercises.values()]
}

function textsAt(fields: Fields, key: string): string[] {
  const value = fields[key]
  return Array.isArray(value) ? [...new Set(value.filter((item) => typeof item === 'string'))] : []
}
