import type { Uuid } from '#domain/ids.ts'
import type { Student } from '#domain/student.ts'

/** A course's roster as one event states it: complete, so whoever is missing has left. */
export interface Roster {
  readonly course: Uuid
  readonly containers: readonly { readonly uuid: Uuid; readonly parent: Uuid | undefined }[]
  readonly students: readonly { readonly uuid: Uuid; readonly container: Uuid }[]
}

/**
 * Students after a roster (scheduler.md §2.4 [B]): each with its own container and that container's ancestors, the
 * course left out. Students known before and missing now keep their containers and become inactive.
 */
export function applyRoster(before: readonly Student[], roster: Roster): Student[] {
  const parentOf = new Map(roster.containers.map(({ uuid, parent }) => [uuid, parent]))
  const after = new Map(before.map((student) => [student.uuid, { ...student, isActive: false }]))
  for (const { uuid, container } of roster.students) {
    const containers = chainOf(container, parentOf, roster.course)
    after.set(uuid, { uuid, course: roster.course, containers, isActive: true })
  }
  return [...after.values()]
}

/** From a container upwards until there is no parent, the course is reached, or a container comes again. */
export function chainOf(
  container: Uuid,
  parentOf: { get(uuid: Uuid): Uuid | undefined },
  course: Uuid,
): readonly Uuid[] {
  const chain = new Set<Uuid>()
  let current: Uuid | undefined = container
  while (current !== undefined && current !== course && !chain.has(current)) {
    chain.add(current)
    current = parentOf.get(current)
  }
  return [...chain]
}
