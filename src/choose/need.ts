import type { Uuid } from '#domain/ids.ts'
import type { AssignedExercise, Assignment } from '#domain/student.ts'

/**
 * What an assignment still needs of us: that we choose; nothing more, because the client has fixed what it was given
 * (design D23); or nothing at all, because it wants none or was deleted.
 */
export type Need = 'choose' | 'assigned' | 'nothing'

export function needOfPes(assignment: Assignment): Need {
  return needOf(assignment, assignment.pesAreAssigned, assignment.goalPes)
}

export function needOfSpes(assignment: Assignment): Need {
  return needOf(assignment, assignment.spesAreAssigned, assignment.goalSpes)
}

/** The personalised exercises that the assignment has, in its order, each once. */
export function assignedPes(assignment: Assignment): Uuid[] {
  return assignedOf(assignment, ({ isPe }) => isPe)
}

/** The spaced exercises that the assignment has, in its order, each once. */
export function assignedSpes(assignment: Assignment): Uuid[] {
  return assignedOf(assignment, ({ isSpe }) => isSpe)
}

function needOf(assignment: Assignment, isAssigned: boolean, goal: number | undefined): Need {
  if (assignment.isDeleted) return 'nothing'
  if (isAssigned) return 'assigned'
  return goal === undefined || goal > 0 ? 'choose' : 'nothing'
}

function assignedOf(assignment: Assignment, isWanted: (assigned: AssignedExercise) => boolean): Uuid[] {
  return [...new Set(assignment.exercises.filter(isWanted).map(({ exercise }) => exercise))]
}
