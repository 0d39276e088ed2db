import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { int2Array, int4Array, uuidArray } from '#log/binary-arrays.ts'
import {
  type CourseRun,
  type CourseState,
  type ExclusionsChange,
  type PreparationChange,
  preparationKey,
} from './fold.ts'

/*
 * Rows of courses, their exclusions and preparations. One statement for all courses of a pass, keys as arrays; lateral
 * probes keep the plan on the primary key whatever the planner believes about the table's size.
 */
interface CourseRow {
  part: number
  course: string
  applied_number: number
  changed_number: number
  ecosystem: string | null
  is_real: boolean
  starts_at: Date | null
  ends_at: Date | null
}

export async function readCourses(client: pg.ClientBase | pg.Pool, keys: readonly CourseKey[]): Promise<CourseState[]> {
  if (keys.length === 0) return []
  const found = await client.query<CourseRow>({
    name: 'learning_read_courses',
    text: `
      select stored.*
      from unnest($1::smallint[], $2::uuid[]) as asked (part, course)
      cross join lateral (
        select part, course, applied_number, changed_number, ecosystem, is_real, starts_at, ends_at
        from learning_course
        where part = asked.part
          and course = asked.course
        limit 1
      ) as stored`,
    values: [int2Array(keys.map(({ part }) => part)), uuidArray(keys.map(({ course }) => course))],
  })
  return found.rows.map(courseOf)
}

export interface CourseKey {
  readonly part: number
  readonly course: Uuid
}

function courseOf(row: CourseRow): CourseState {
  return {
    part: row.part,
    course: toUuid(row.course),
    appliedNumber: row.applied_number,
    changedNumber: row.changed_number,
    ecosystem: row.ecosystem === null ? undefined : toUuid(row.ecosystem),
    isReal: row.is_real,
    startsAt: row.starts_at?.getTime(),
    endsAt: row.ends_at?.getTime(),
  }
}

export async function writeCourses(client: pg.ClientBase, courses: readonly CourseState[]): Promise<void> {
  if (courses.length === 0) return
  await client.query({
    name: 'learning_write_courses',
    text: `
      insert into learning_course as stored
        (part, course, applied_number, changed_number, ecosystem, is_real, starts_at, ends_at)
      select part, course, applied_number, changed_number, ecosystem, is_real,
        to_timestamp(starts_at / 1000.0), to_timestamp(ends_at / 1000.0)
      from unnest(
          $1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::uuid[], $6::boolean[], $7::float8[], $8::float8[]
        ) as given (part, course, applied_number, changed_number, ecosystem, is_real, starts_at, ends_at)
      on conflict (part, course) do update set
        applied_number = excluded.applied_number,
        changed_number = excluded.changed_number,
        ecosystem = excluded.ecosystem,
        is_real = excluded.is_real,
        starts_at = excluded.starts_at,
        ends_at = excluded.ends_at`,
    values: [
      int2Array(courses.map((course) => course.part)),
      uuidArray(courses.map((course) => course.course)),
      int4Array(courses.map((course) => course.appliedNumber)),
      int4Array(courses.map((course) => course.changedNumber)),
      uuidArray(courses.map((course) => course.ecosystem)),
      courses.map((course) => course.isReal),
      courses.map((course) => course.startsAt ?? null),
      courses.map((course) => course.endsAt ?? null),
    ],
  })
}

/** Stored preparations that `ecosystem_updated` facts of this pass name: only those of the same course are found. */
export async function readPreparations(
  client: pg.ClientBase,
  runs: readonly CourseRun[],
): Promise<ReadonlyMap<string, Uuid>> {
  const named = runs.flatMap(({ part, course, events }) =>
    events.flatMap(({ fact }) => (fact.type === 'ecosystem_updated' ? [{ part, course, uuid: fact.preparation }] : [])),
  )
  if (named.length === 0) return new Map()
  const found = await client.query<{ course: string; preparation: string; ecosystem: string }>({
    name: 'learning_read_preparations',
    text: `
      select stored.course, stored.preparation, stored.ecosystem
      from unnest($1::smallint[], $2::uuid[], $3::uuid[]) as named (part, course, preparation)
      cross join lateral (
        select course, preparation, ecosystem
        from learning_preparation
        where part = named.part
          and course = named.course
          and preparation = named.preparation
        limit 1
      ) as stored`,
    values: [named.map(({ part }) => part), named.map(({ course }) => course), named.map(({ uuid }) => uuid)],
  })
  return new Map(
    found.rows.map((row) => [preparationKey(toUuid(row.course), toUuid(row.preparation)), toUuid(row.ecosystem)]),
  )
}

export async function writePreparations(client: pg.ClientBase, given: readonly PreparationChange[]): Promise<void> {
  if (given.length === 0) return
  await client.query({
    name: 'learning_write_preparations',
    text: `
      insert into learning_preparation (part, course, preparation, number, ecosystem)
      select part, course, preparation, number, ecosystem
      from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::int[], $5::uuid[])
        as given (part, course, preparation, number, ecosystem)
      on conflict (part, course, preparation) do update set
        number = excluded.number,
        ecosystem = excluded.ecosystem`,
    values: [
      given.map(({ part }) => part),
      given.map(({ course }) => course),
      given.map(({ preparation }) => preparation),
      given.map(({ number }) => number),
      given.map(({ ecosystem }) => ecosystem),
    ],
  })
}

export async function writeExclusions(client: pg.ClientBase, given: readonly ExclusionsChange[]): Promise<void> {
  if (given.length === 0) return
  await client.query({
    name: 'learning_write_exclusions',
    text: `
      insert into learning_exclusion (part, course, scope, exercises, exercise_groups)
      select part, course, scope, exercises::uuid[], exercise_groups::uuid[]
      from unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[])
        as given (part, course, scope, exercises, exercise_groups)
      on conflict (part, course, scope) do update set
        exercises = excluded.exercises,
        exercise_groups = excluded.exercise_groups`,
    values: [
      given.map(({ part }) => part),
      given.map(({ course }) => course),
      given.map(({ scope }) => scope),
      given.map(({ exercises }) => arrayText(exercises)),
      given.map(({ groups }) => arrayText(groups)),
    ],
  })
}

/** unnest takes nested arrays apart completely, so inner lists travel as text. uuids need no quoting. */
export function arrayText(uuids: readonly Uuid[]): string {
  return `{${uuids.join(',')}}`
}
