import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { Course, Instant, Student } from '#domain/student.ts'
import { readCourses } from './write-course.ts'

/*
 * Courses, course containers and students as the read models have them. A course uuid gives the part; students and
 * containers are found by an index on their uuid alone.
 */
export interface CourseDetails extends Course {
  readonly startsAt: Instant | undefined
  readonly endsAt: Instant | undefined
  readonly version: CourseVersion
}

/** `applied`: last event folded. `changed`: last one that changed the course, its roster or its exclusions. */
export interface CourseVersion {
  readonly applied: number
  readonly changed: number
}

export interface CourseContainer {
  readonly uuid: Uuid
  readonly course: Uuid
  /** `undefined` at the top of the tree. */
  readonly parent: Uuid | undefined
  readonly isArchived: boolean
  /** False once archived or missing from the newest roster. */
  readonly isActive: boolean
}

export interface CourseLine {
  readonly uuid: Uuid
  readonly ecosystem: Uuid | undefined
  readonly isReal: boolean
  readonly startsAt: Instant | undefined
  readonly endsAt: Instant | undefined
  readonly version: CourseVersion
  readonly enrolled: number
}

/** A page of a list in uuid order: only uuids that begin with `startsWith` (lower case), only those after `after`. */
export interface PageQuery {
  readonly startsWith: string
  readonly after: Uuid | undefined
  readonly max: number
}
export interface Page<Line> {
  readonly lines: readonly Line[]
  /** How many match `startsWith`, on all pages together. */
  readonly total: number
}

export async function readCourseDetails(
  pool: pg.Pool,
  courses: readonly Uuid[],
  parts: number,
): Promise<Map<Uuid, CourseDetails>> {
  const keys = [...new Set(courses)].map((course) => ({ part: partOf('course', course, parts), course }))
  const states = await readCourses(pool, keys)
  const lists = await pool.query<{ course: string; exercises: string[]; exercise_groups: string[] }>({
    name: 'learning_exclusions',
    text: `
      select stored.*
      from unnest($1::smallint[], $2::uuid[]) as asked (part, course)
      cross join lateral (
        select course, exercises::text[] as exercises, exercise_groups::text[] as exercise_groups
        from learning_exclusion
        where part = asked.part
          and course = asked.course
        order by scope
      ) as stored`,
    values: [keys.map(({ part }) => part), keys.map(({ course }) => course)],
  })
  const exclusions = new Map(
    states.map(({ course }) => [course, { exercises: new Set<Uuid>(), groups: new Set<Uuid>() }]),
  )
  for (const row of lists.rows) {
    const union = exclusions.get(toUuid(row.course))
    for (const exercise of row.exercises) union?.exercises.add(toUuid(exercise))
    for (const group of row.exercise_groups) union?.groups.add(toUuid(group))
  }
  const details = states.map((state): [Uuid, CourseDetails] => [
    state.course,
    {
      uuid: state.course,
      ecosystem: state.ecosystem,
      isReal: state.isReal,
      startsAt: state.startsAt,
      endsAt: state.endsAt,
      exclusions: exclusions.get(state.course) ?? { exercises: new Set(), groups: new Set() },
      version: { applied: state.appliedNumber, changed: state.changedNumber },
    },
  ])
  return new Map(details)
}

interface StudentRow {
  course: string
  student: string
  containers: string[]
  is_active: boolean
}

/** A student uuid belongs to one course; if a client used it in two, the course where it is active counts. */
export async function readStudents(pool: pg.Pool, students: readonly Uuid[]): Promise<Map<Uuid, Student>> {
  const found = await pool.query<StudentRow>({
    name: 'learning_students',
    text: `
      select stored.*
      from unnest($1::uuid[]) as asked (student)
      cross join lateral (
        select course, student, containers::text[] as containers, is_active
        from learning_student
        where student = asked.student
        order by is_active desc, course
        limit 1
      ) as stored`,
    values: [[...new Set(students)]],
  })
  return new Map(found.rows.map((row) => [toUuid(row.student), studentOf(row)]))
}

function studentOf(row: StudentRow): Student {
  return {
    uuid: toUuid(row.student),
    course: toUuid(row.course),
    containers: row.containers.map(toUuid),
    isActive: row.is_active,
  }
}

interface ContainerRow {
  course: string
  container: string
  parent: string | null
  is_archived: boolean
  is_active: boolean
}

export async function readContainer(pool: pg.Pool, container: Uuid): Promise<CourseContainer | undefined> {
  const found = await pool.query<ContainerRow>({
    name: 'learning_course_container',
    text: `
      select course, container, parent, is_archived, is_active
      from learning_course_container
      where container = $1
      order by is_active desc, course
      limit 1`,
    values: [container],
  })
  return found.rows.map(containerOf)[0]
}

export async function readContainersOf(pool: pg.Pool, course: Uuid, parts: number): Promise<CourseContainer[]> {
  const found = await pool.query<ContainerRow>({
    name: 'learning_containers_of',
    text: `
      select course, container, parent, is_archived, is_active
      from learning_course_container
      where part = $1
        and course = $2
      order by container`,
    values: [partOf('course', course, parts), course],
  })
  return found.rows.map(containerOf)
}

function containerOf(row: ContainerRow): CourseContainer {
  return {
    uuid: toUuid(row.container),
    course: toUuid(row.course),
    parent: row.parent === null ? undefined : toUuid(row.parent),
    isArchived: row.is_archived,
    isActive: row.is_active,
  }
}

/** Active students of a course; with `container` those in it or below it. In uuid order. */
export async function readMembers(
  pool: pg.Pool,
  { course, container, parts }: { course: Uuid; container: Uuid | undefined; parts: number },
): Promise<Student[]> {
  const found = await pool.query<StudentRow>({
    name: 'learning_members',
    text: `
      select course, student, containers::text[] as containers, is_active
      from learning_student
      where part = $1
        and course = $2
        and is_active
        and ($3::uuid is null or $3 = any (containers))
      order by student`,
    values: [partOf('course', course, parts), course, container ?? null],
  })
  return found.rows.map(studentOf)
}

/** `undefined` when no uuid can begin like this. */
function rangeOf(startsWith: string): { from: string; to: string } | undefined {
  const digits = startsWith.replaceAll('-', '')
  if (!/^[0-9a-f]{0,32}$/.test(digits)) return undefined
  return { from: digits.padEnd(32, '0'), to: digits.padEnd(32, 'f') }
}

interface CourseLineRow {
  course: string
  ecosystem: string | null
  is_real: boolean
  starts_at: Date | null
  ends_at: Date | null
  applied_number: number
  changed_number: number
  enrolled: number
}

export async function readCoursePage(pool: pg.Pool, query: PageQuery): Promise<Page<CourseLine>> {
  const range = rangeOf(query.startsWith)
  if (range === undefined) return { lines: [], total: 0 }
  const total = await pool.query<{ total: number }>(
    'select count(*)::int as total from learning_course where course between $1 and $2',
    [range.from, range.to],
  )
  const found = await pool.query<CourseLineRow>(
    `select course, ecosystem, is_real, starts_at, ends_at, applied_number, changed_number,
       (select count(*)::int
        from learning_student
        where part = listed.part
          and course = listed.course
          and is_active) as enrolled
     from learning_course as listed
     where course between $1 and $2
       and ($3::uuid is null or course > $3)
     order by course
     limit $4`,
    [range.from, range.to, query.after ?? null, query.max],
  )
  return { lines: found.rows.map(courseLineOf), total: total.rows[0]?.total ?? 0 }
}

function courseLineOf(row: CourseLineRow): CourseLine {
  return {
    uuid: toUuid(row.course),
    ecosystem: row.ecosystem === null ? undefined : toUuid(row.ecosystem),
    isReal: row.is_real,
    startsAt: row.starts_at?.getTime(),
    endsAt: row.ends_at?.getTime(),
    version: { applied: row.applied_number, changed: row.changed_number },
    enrolled: row.enrolled,
  }
}

export interface StudentPageQuery extends PageQuery {
  readonly course: Uuid
  readonly container: Uuid | undefined
}

export async function readStudentPage(pool: pg.Pool, query: StudentPageQuery, parts: number): Promise<Page<Student>> {
  const range = rangeOf(query.startsWith)
  if (range === undefined) return { lines: [], total: 0 }
  const where = `
     where part = $1
       and course = $2
       and student between $3 and $4
       and ($5::uuid is null or $5 = any (containers))`
  const values = [partOf('course', query.course, parts), query.course, range.from, range.to, query.container ?? null]
  const total = await pool.query<{ total: number }>(
    `select count(*)::int as total from learning_student ${where}`,
    values,
  )
  const found = await pool.query<StudentRow>(
    `select course, student, containers::text[] as containers, is_active
     from learning_student ${where}
       and ($6::uuid is null or student > $6)
     order by student
     limit $7`,
    [...values, query.after ?? null, query.max],
  )
  return { lines: found.rows.map(studentOf), total: total.rows[0]?.total ?? 0 }
}

/** A course as far as derived work needs to know whether anything changed; where a walk over all courses stands. */
export interface CourseHead {
  readonly part: number
  readonly course: Uuid
  readonly ecosystem: Uuid | undefined
  readonly version: CourseVersion
}
export type CourseCursor = Pick<CourseHead, 'part' | 'course'>

/** The next courses in the order of the primary key, part by part, until there are enough. */
export async function readCourseHeads(
  pool: pg.Pool,
  after: CourseCursor,
  { max, parts }: { readonly max: number; readonly parts: number },
): Promise<CourseHead[]> {
  const found = await pool.query<{
    part: number
    course: string
    ecosystem: string | null
    applied_number: number
    changed_number: number
  }>({
    name: 'learning_course_heads',
    // Parts follow each other in the order of the series, and the limit ends the walk: later parts are not looked at.
    text: `
      select stored.*
      from generate_series($1::int, $3::int) as asked (part)
      cross join lateral (
        select part, course, ecosystem, applied_number, changed_number
        from learning_course
        where part = asked.part::smallint
          and course >= case when asked.part = $1 then $2 else '00000000-0000-0000-0000-000000000000'::uuid end
          and not (asked.part = $1 and course = $2)
        order by course
        limit $4
      ) as stored
      limit $4`,
    values: [after.part, after.course, parts - 1, max],
  })
  return found.rows.map((row) => ({
    part: row.part,
    course: toUuid(row.course),
    ecosystem: row.ecosystem === null ? undefined : toUuid(row.ecosystem),
    version: { applied: row.applied_number, changed: row.changed_number },
  }))
}
