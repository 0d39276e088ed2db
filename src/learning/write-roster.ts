import type pg from 'pg'
import { applyRoster, chainOf } from '#choose/roster.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { Student } from '#domain/student.ts'
import type { RosterChange } from './fold.ts'
import type { RosterSnapshot } from './parse-event.ts'
import { arrayText } from './write-course.ts'

/*
 * A roster replaces the one before. Clients send the whole class again for each enrolment, so what is stored is read
 * first and only rows that differ are written.
 */
export interface ContainerState {
  readonly uuid: Uuid
  readonly parent: Uuid | undefined
  readonly isArchived: boolean
  readonly isActive: boolean
}

interface Stored {
  readonly students: Map<Uuid, Student[]>
  readonly containers: Map<Uuid, ContainerState[]>
}

export async function writeRosters(client: pg.ClientBase, changes: readonly RosterChange[]): Promise<void> {
  if (changes.length === 0) return
  const stored = await readStored(client, changes)
  const students = changes.flatMap((change) => {
    const before = stored.students.get(change.course) ?? []
    const after = change.rosters.reduce((known, roster) => studentsAfter(known, change.course, roster), before)
    return differing(before, after, isSameStudent).map((student) => ({ part: change.part, student }))
  })
  const containers = changes.flatMap((change) => {
    const before = stored.containers.get(change.course) ?? []
    const after = change.rosters.reduce((known, roster) => containersAfter(known, change.course, roster), before)
    return differing(before, after, isSameContainer).map((container) => ({ ...change, container }))
  })
  await writeContainers(client, containers)
  await writeStudents(client, students)
}

/** Dropped students stay listed in the snapshot: they are known, with their chain, and inactive. */
export function studentsAfter(before: readonly Student[], course: Uuid, roster: RosterSnapshot): Student[] {
  const parentOf = new Map(roster.containers.map(({ uuid, parent }) => [uuid, parent]))
  const dropped = roster.students
    .filter(({ isDropped }) => isDropped)
    .map(({ uuid, container }) => ({ uuid, course, containers: chainOf(container, parentOf, course), isActive: false }))
  const students = roster.students.filter(({ isDropped }) => !isDropped)
  return applyRoster([...before, ...dropped], { course, containers: roster.containers, students })
}

export function containersAfter(
  before: readonly ContainerState[],
  course: Uuid,
  roster: RosterSnapshot,
): ContainerState[] {
  const after = new Map(before.map((container) => [container.uuid, { ...container, isActive: false }]))
  for (const { uuid, parent, isArchived } of roster.containers) {
    // The course itself as parent means "top of the tree".
    after.set(uuid, { uuid, parent: parent === course ? undefined : parent, isArchived, isActive: !isArchived })
  }
  return [...after.values()]
}

function differing<Item extends { readonly uuid: Uuid }>(
  before: readonly Item[],
  after: readonly Item[],
  isSame: (a: Item, b: Item) => boolean,
): Item[] {
  const known = new Map(before.map((item) => [item.uuid, item]))
  return after.filter((item) => {
    const old = known.get(item.uuid)
    return old === undefined || !isSame(old, item)
  })
}

function isSameStudent(a: Student, b: Student): boolean {
  return a.isActive === b.isActive && a.containers.join() === b.containers.join()
}

function isSameContainer(a: ContainerState, b: ContainerState): boolean {
  return a.parent === b.parent && a.isArchived === b.isArchived && a.isActive === b.isActive
}

async function readStored(client: pg.ClientBase, changes: readonly RosterChange[]): Promise<Stored> {
  const keys = [changes.map(({ part }) => part), changes.map(({ course }) => course)]
  const students = await client.query<{ course: string; student: string; containers: string[]; is_active: boolean }>({
    name: 'learning_read_rosters',
    text: `
      select stored.course, stored.student, stored.containers::text[] as containers, stored.is_active
      from unnest($1::smallint[], $2::uuid[]) as asked (part, course)
      cross join lateral (
        select course, student, containers, is_active
        from learning_student
        where part = asked.part
          and course = asked.course
        order by student
      ) as stored`,
    values: keys,
  })
  const containers = await client.query<{
    course: string
    container: string
    parent: string | null
    is_archived: boolean
    is_active: boolean
  }>({
    name: 'learning_read_course_containers',
    text: `
      select stored.*
      from unnest($1::smallint[], $2::uuid[]) as asked (part, course)
      cross join lateral (
        select course, container, parent, is_archived, is_active
        from learning_course_container
        where part = asked.part
          and course = asked.course
        order by container
      ) as stored`,
    values: keys,
  })
  const found: Stored = { students: new Map(), containers: new Map() }
  for (const row of students.rows) {
    const course = toUuid(row.course)
    const student = {
      uuid: toUuid(row.student),
      course,
      containers: row.containers.map(toUuid),
      isActive: row.is_active,
    }
    push(found.students, course, student)
  }
  for (const row of containers.rows) {
    push(found.containers, toUuid(row.course), {
      uuid: toUuid(row.container),
      parent: row.parent === null ? undefined : toUuid(row.parent),
      isArchived: row.is_archived,
      isActive: row.is_active,
    })
  }
  return found
}

function push<Item>(lists: Map<Uuid, Item[]>, key: Uuid, item: Item): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [item])
  else list.push(item)
}

interface ContainerRow {
  readonly part: number
  readonly course: Uuid
  readonly container: ContainerState
}

async function writeContainers(client: pg.ClientBase, rows: readonly ContainerRow[]): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'learning_write_course_containers',
    text: `
      insert into learning_course_container (part, course, container, parent, is_archived, is_active)
      select part, course, container, parent, is_archived, is_active
      from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::boolean[], $6::boolean[])
        as given (part, course, container, parent, is_archived, is_active)
      on conflict (part, course, container) do update set
        parent = excluded.parent,
        is_archived = excluded.is_archived,
        is_active = excluded.is_active`,
    values: [
      rows.map(({ part }) => part),
      rows.map(({ course }) => course),
      rows.map(({ container }) => container.uuid),
      rows.map(({ container }) => container.parent ?? null),
      rows.map(({ container }) => container.isArchived),
      rows.map(({ container }) => container.isActive),
    ],
  })
}

async function writeStudents(
  client: pg.ClientBase,
  rows: readonly { readonly part: number; readonly student: Student }[],
): Promise<void> {
  if (rows.length === 0) return
  await client.query({
    name: 'learning_write_students',
    text: `
      insert into learning_student (part, course, student, containers, is_active)
      select part, course, student, containers::uuid[], is_active
      from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::text[], $5::boolean[])
        as given (part, course, student, containers, is_active)
      on conflict (part, course, student) do update set
        containers = excluded.containers,
        is_active = excluded.is_active`,
    values: [
      rows.map(({ part }) => part),
      rows.map(({ student }) => student.course),
      rows.map(({ student }) => student.uuid),
      rows.map(({ student }) => arrayText(student.containers)),
      rows.map(({ student }) => student.isActive),
    ],
  })
}
