import type { Exercise } from '#domain/ecosystem.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Assignment, Exclusions, Instant } from '#domain/student.ts'

/**
 * Why an exercise may not be given. `open_work`: it, or another version of it, is in work that is still open, so its
 * feedback would give the answer away. `own_assignment`: it is in this assignment already. `already_picked`: another
 * part of the same assignment takes it.
 */
export type ExclusionReason = 'course_exercise' | 'course_group' | 'open_work' | 'own_assignment' | 'already_picked'

/** What must not be given to one student now (scheduler.md §7.2 [B]), kept apart by reason for receipts. */
export interface StudentExclusions {
  readonly course: Exclusions
  /** Groups of all exercises in open work, and the exercises themselves where nobody knows their group. */
  readonly openWork: ReadonlySet<Uuid>
}

/** The group of an exercise in whatever ecosystem it is known, else undefined. */
export type GroupOf = (exercise: Uuid) => Uuid | undefined

export interface OpenWorkInput {
  readonly course: Exclusions
  /** All of the student's assignments, of any type and ecosystem. */
  readonly assignments: readonly Assignment[]
  readonly groupOf: GroupOf
  readonly now: Instant
}

export const nothingExcluded: Exclusions = { exercises: new Set(), groups: new Set() }

export function studentExclusions(input: OpenWorkInput): StudentExclusions {
  const openWork = new Set<Uuid>()
  for (const assignment of input.assignments) {
    if (isOpen(assignment, input.now)) addGroups(openWork, assignment, input.groupOf)
  }
  return { course: input.course, openWork }
}

/** Not deleted, and due or with feedback in the future. Dates that are not set protect nothing. */
function isOpen(assignment: Assignment, now: Instant): boolean {
  if (assignment.isDeleted) return false
  return isAfter(assignment.dueAt, now) || isAfter(assignment.feedbackAt, now)
}

/** When the answer of `isOpen` next changes by itself for one of these assignments: the time to choose again. */
export function nextClosing(assignments: readonly Assignment[], now: Instant): Instant | undefined {
  let next: Instant | undefined
  for (const assignment of assignments) {
    if (!isOpen(assignment, now)) continue
    const closesAt = Math.max(assignment.dueAt ?? now, assignment.feedbackAt ?? now)
    next = Math.min(next ?? closesAt, closesAt)
  }
  return next
}

/** Groups of an assignment's own exercises, which are never given again inside it. */
export function ownGroups(assignment: Assignment, groupOf: GroupOf): Set<Uuid> {
  const groups = new Set<Uuid>()
  addGroups(groups, assignment, groupOf)
  return groups
}

/** Is this exercise, by its uuid or its group, excluded by the course? */
export function courseExclusion(exclusions: Exclusions, exercise: Uuid, group: Uuid): ExclusionReason | undefined {
  if (exclusions.groups.has(group)) return 'course_group'
  return exclusions.exercises.has(exercise) ? 'course_exercise' : undefined
}

/** The first reason against giving an exercise to the student, the course's reasons first. */
export function exclusionOf(exclusions: StudentExclusions, exercise: Exercise): ExclusionReason | undefined {
  const byCourse = courseExclusion(exclusions.course, exercise.uuid, exercise.group)
  if (byCourse) return byCourse
  return holds(exclusions.openWork, exercise) ? 'open_work' : undefined
}

/** Is the exercise in a set of groups, or itself in it because nobody knew its group? */
export function holds(groups: ReadonlySet<Uuid>, exercise: Exercise): boolean {
  return groups.has(exercise.group) || groups.has(exercise.uuid)
}

function addGroups(groups: Set<Uuid>, assignment: Assignment, groupOf: GroupOf): void {
  for (const { exercise } of assignment.exercises) groups.add(groupOf(exercise) ?? exercise)
}

function isAfter(instant: Instant | undefined, now: Instant): boolean {
  return instant !== undefined && instant > now
}
