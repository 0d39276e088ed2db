import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { Answer, Assignment, Student } from '#domain/student.ts'
import { int4Array, uuidArray } from '#log/binary-arrays.ts'
import { ByteReader } from './bytes.ts'
import { unpackAnswers } from './pack-answer.ts'
import { unpackAssignment } from './pack-assignment.ts'

/*
 * What is new of students since a caller last looked: one statement, hence of one moment, that also tells whether the
 * log holds more of the course than has been applied. What a caller keeps of a student can so be brought up to date in
 * one round trip, however long the student's history is.
 */
export interface Looked {
  readonly student: Uuid
  readonly course: Uuid
  /** Versions of the course, of the answers and of the assignments that the caller has. */
  readonly changed: number
  readonly answer: number
  readonly assignment: number
}

export interface StudentNews {
  readonly student: Uuid
  readonly course: Uuid
  readonly changed: number
  /** Absent when the course, and so its roster, is as the caller has it. */
  readonly roster: Student | undefined
  /** Highest number of an answer, −1 when there is none. */
  readonly answer: number
  /**
   * Whole rows in which something is above the caller's number: every answer above it, older ones that were merged into
   * the same row, and a second copy beside its first until it is taken back. Callers keep what is new, once each.
   */
  readonly answers: readonly Answer[]
  /** Highest number of a change of one; `assignments`: those changed since, by their last change, deleted ones too. */
  readonly assignment: number
  readonly assignments: readonly Assignment[]
  readonly assignmentsInAll: number
  /** Number of the course's last event that has been applied. */
  readonly applied: number
  /** The newest event of the course, if it has not been applied. */
  readonly late: LateEvent | undefined
}

export interface LatePosition {
  readonly part: number
  readonly lane: number
  readonly position: bigint
}

export interface LateEvent extends LatePosition {
  readonly number: number
}

export interface AssignmentNews {
  readonly assignment: Uuid
  /** Of the student that the assignment belongs to now; absent when no roster has listed it. */
  readonly news: StudentNews | undefined
}

interface NewsRow {
  place: string | null
  student: string | null
  course: string
  changed_number: number
  containers: string | null
  is_active: boolean
  applied_number: number
  late_part: number
  late_lane: number | null
  late_position: string | bigint | null
  late_number: number | null
  answer: number | null
  answers: Buffer | null
  assignment: number | null
  assignments_in_all: number
  assignments: Buffer | null
}

/** What the caller has of `asked` counts only when it is of this student in this course. */
const from = `
  cross join lateral (
    select
      case when asked.course = who.course and asked.student = who.student then asked.answer else -1 end as answer,
      case when asked.course = who.course and asked.student = who.student then asked.assignment else -1 end
        as assignment
  ) as after
  left join lateral (
    select applied_number, changed_number
    from learning_course
    where part = who.part
      and course = who.course
    limit 1
  ) as home on true
  left join lateral (
    select lane, position, next_number
    from segment
    where part = who.part
      and stream = who.course
      and next_number > home.applied_number + 1
    order by next_number desc
    limit 1
  ) as late on true`

/** The sub-selects are ordered, which keeps the planner on the index whatever it believes about the tables. */
const columns = `
  who.student,
  who.course,
  home.changed_number,
  home.applied_number,
  case
    when asked.course = who.course and asked.student = who.student and asked.changed = home.changed_number then null
    else array_to_string(who.containers, ' ')
  end as containers,
  who.is_active,
  who.part as late_part,
  late.lane as late_lane,
  late.position as late_position,
  late.next_number - 1 as late_number,
  (select last_number
   from learning_answer
   where part = who.part
     and student = who.student
   order by last_number desc
   limit 1) as answer,
  (select string_agg(added.body, ''::bytea)
   from (
     select body
     from learning_answer
     where part = who.part
       and student = who.student
       and last_number > after.answer
     order by last_number
   ) as added) as answers,
  (select last_number
   from learning_assignment
   where part = who.part
     and student = who.student
   order by last_number desc
   limit 1) as assignment,
  (select count(*)::int
   from learning_assignment
   where part = who.part
     and student = who.student) as assignments_in_all,
  (select string_agg(
     uuid_send(assignment) || int4send(first_number) || int4send(last_number) || int4send(octet_length(body)) || body,
     ''::bytea)
   from (
     select assignment, first_number, last_number, body
     from learning_assignment
     where part = who.part
       and student = who.student
       and last_number > after.assignment
     order by last_number
   ) as added) as assignments`

/** A student uuid belongs to one course; if a client used it in two, the course where it is active counts. */
const studentRow = (student: string): string => `
    select part, course, student, containers, is_active
    from learning_student
    where student = ${student}
    order by is_active desc, course
    limit 1`

/**
 * Planning takes longer than running. PostgreSQL keeps a plan when one for these very arrays would be no cheaper; it
 * can not look into the sub-select, so it believes all arrays to be equally long.
 */
const asked = `
    unnest((select $1::uuid[]), $2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::int[])
      with ordinality as asked (subject, student, course, changed, answer, assignment, place)`

/** Students that no roster ever named are absent. */
export async function readStudentNews(
  pool: pg.Pool,
  students: readonly Uuid[],
  looked: (student: Uuid) => Looked | undefined,
): Promise<StudentNews[]> {
  const found = await pool.query<NewsRow>({
    name: 'learning_student_news',
    text: `
      select null as place, ${columns}
      from ${asked}
      cross join lateral (${studentRow('asked.subject')}) as who
      ${from}`,
    values: [uuidArray(students), ...lookedArrays(students.map(looked))],
  })
  return found.rows.flatMap((row) => newsOf(row) ?? [])
}

/** In the order asked; assignments that are not known are absent. */
export async function readAssignmentNews(
  pool: pg.Pool,
  assignments: readonly Uuid[],
  looked: (assignment: Uuid) => Looked | undefined,
): Promise<AssignmentNews[]> {
  const found = await pool.query<NewsRow>({
    name: 'learning_assignment_news',
    text: `
      select asked.place, ${columns}
      from ${asked}
      cross join lateral (
        select student
        from learning_assignment
        where assignment = asked.subject
        order by part
        limit 1
      ) as owner
      left join lateral (${studentRow('owner.student')}) as who on true
      ${from}
      order by asked.place`,
    values: [uuidArray(assignments), ...lookedArrays(assignments.map(looked))],
  })
  return found.rows.flatMap((row) => {
    const assignment = assignments[Number(row.place) - 1]
    return assignment === undefined ? [] : [{ assignment, news: newsOf(row) }]
  })
}

/** Active students in the container or below it, in uuid order; `undefined` when the container is not known. */
export async function readContainerNews(
  pool: pg.Pool,
  container: Uuid,
  looked: readonly Looked[],
): Promise<StudentNews[] | undefined> {
  const found = await pool.query<NewsRow>({
    name: 'learning_container_news',
    text: `
      select null as place, ${columns}
      from (
        select part, course
        from learning_course_container
        where container = $1
        order by is_active desc, course
        limit 1
      ) as class
      left join learning_student as who
        on who.part = class.part
        and who.course = class.course
        and who.is_active
        and $1 = any (who.containers)
      left join unnest($2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::int[])
        as asked (student, course, changed, answer, assignment) using (student)
      ${from}
      order by who.student`,
    values: [container, ...lookedArrays(looked)],
  })
  return found.rows.length === 0 ? undefined : found.rows.flatMap((row) => newsOf(row) ?? [])
}

function lookedArrays(looked: readonly (Looked | undefined)[]): Buffer[] {
  return [
    uuidArray(looked.map((one) => one?.student)),
    uuidArray(looked.map((one) => one?.course)),
    int4Array(looked.map((one) => one?.changed ?? -1)),
    int4Array(looked.map((one) => one?.answer ?? -1)),
    int4Array(looked.map((one) => one?.assignment ?? -1)),
  ]
}

function newsOf(row: NewsRow): StudentNews | undefined {
  if (row.student === null) return undefined
  const student = toUuid(row.student)
  const course = toUuid(row.course)
  const { containers, is_active: isActive } = row
  return {
    student,
    course,
    changed: row.changed_number,
    roster: containers === null ? undefined : { uuid: student, course, containers: uuidsIn(containers), isActive },
    answer: row.answer ?? -1,
    answers: row.answers === null ? [] : unpackAnswers(row.answers),
    assignment: row.assignment ?? -1,
    assignments: row.assignments === null ? [] : unpackAssignments(student, row.assignments),
    assignmentsInAll: row.assignments_in_all,
    applied: row.applied_number,
    late: lateOf(row),
  }
}

function lateOf({ late_part: part, late_lane: lane, late_position: position, late_number: number }: NewsRow) {
  if (lane === null || position === null || number === null) return undefined
  return { part, lane, position: BigInt(position), number }
}

function uuidsIn(list: string): Uuid[] {
  return list === '' ? [] : list.split(' ').map(toUuid)
}

function unpackAssignments(student: Uuid, bytes: Buffer): Assignment[] {
  const assignments: Assignment[] = []
  const reader = new ByteReader(bytes)
  while (!reader.isAtEnd) {
    const keys = { uuid: reader.uuid(), student, firstNumber: reader.count(), lastNumber: reader.count() }
    assignments.push(unpackAssignment(keys, reader.bytes(reader.count())))
  }
  return assignments
}
