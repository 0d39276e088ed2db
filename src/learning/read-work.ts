import type pg from 'pg'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { Answer, Assignment, Student } from '#domain/student.ts'
import { unpackAnswers } from './pack-answer.ts'
import { unpackAssignment } from './pack-assignment.ts'

/*
 * What students did: answers and assignments. All reads take many subjects in one statement. The lateral sub-selects
 * are ordered, which keeps the planner from turning the probes into a scan of the whole table.
 */

/** A student and its course, which names the part where the student's rows are. */
export type StudentKey = Pick<Student, 'uuid' | 'course'>

/** Grows with every answer and every change of an assignment; −1 when there is none. */
export interface StudentVersion {
  readonly answer: number
  readonly assignment: number
}

interface Keys {
  readonly parts: number[]
  readonly students: Uuid[]
}

function keysOf(students: readonly StudentKey[], parts: number): Keys {
  const distinct = [...new Map(students.map((student) => [student.uuid, student])).values()]
  return {
    parts: distinct.map(({ course }) => partOf('course', course, parts)),
    students: distinct.map(({ uuid }) => uuid),
  }
}

/** Per student in order of recording; students without answers have an empty list. */
export async function readAnswers(
  client: pg.Pool | pg.ClientBase,
  students: readonly StudentKey[],
  parts: number,
): Promise<Map<Uuid, Answer[]>> {
  const keys = keysOf(students, parts)
  return readPackedAnswers(client, keys)
}

export async function readPackedAnswers(client: pg.Pool | pg.ClientBase, keys: Keys): Promise<Map<Uuid, Answer[]>> {
  const found = await client.query<{ student: string; body: Buffer | null }>({
    name: 'learning_answers',
    // Joined by the server: a student who answers one at a time has hundreds of rows, each of which costs the driver
    // more than the answers inside (of a class: 25 ms of processor time against 7).
    text: `
      select
        asked.student,
        (select string_agg(ordered.body, ''::bytea)
         from (
           select body
           from learning_answer
           where part = asked.part
             and student = asked.student
           order by last_number
         ) as ordered) as body
      from unnest($1::smallint[], $2::uuid[]) as asked (part, student)`,
    values: [keys.parts, keys.students],
  })
  return new Map(
    found.rows.map((row) => [toUuid(row.student), inOrder(row.body === null ? [] : unpackAnswers(row.body))]),
  )
}

/** By number, each response once: a second copy of an event under another number counts as the first (design D5). */
function inOrder(answers: Answer[]): Answer[] {
  answers.sort((a, b) => a.number - b.number)
  const seen = new Set<Uuid>()
  return answers.filter(({ response }) => !seen.has(response) && seen.add(response))
}

interface AssignmentRow {
  assignment: string
  student: string
  first_number: number
  last_number: number
  body: Buffer
}

function assignmentOf(row: AssignmentRow): Assignment {
  const keys = {
    uuid: toUuid(row.assignment),
    student: toUuid(row.student),
    firstNumber: row.first_number,
    lastNumber: row.last_number,
  }
  return unpackAssignment(keys, row.body)
}

/** By their own uuids alone. */
export async function readAssignments(pool: pg.Pool, assignments: readonly Uuid[]): Promise<Map<Uuid, Assignment>> {
  const found = await pool.query<AssignmentRow>({
    name: 'learning_assignments',
    text: `
      select stored.*
      from unnest($1::uuid[]) as asked (assignment)
      cross join lateral (
        select assignment, student, first_number, last_number, body
        from learning_assignment
        where assignment = asked.assignment
        order by part
        limit 1
      ) as stored`,
    values: [[...new Set(assignments)]],
  })
  return new Map(found.rows.map((row) => [toUuid(row.assignment), assignmentOf(row)]))
}

/** Per student, in order of their last change, deleted ones included. */
export async function readAssignmentsOf(
  pool: pg.Pool,
  students: readonly StudentKey[],
  parts: number,
): Promise<Map<Uuid, Assignment[]>> {
  const keys = keysOf(students, parts)
  const found = await pool.query<AssignmentRow>({
    name: 'learning_assignments_of',
    text: `
      select stored.*
      from unnest($1::smallint[], $2::uuid[]) as asked (part, student)
      cross join lateral (
        select assignment, student, first_number, last_number, body
        from learning_assignment
        where part = asked.part
          and student = asked.student
        order by last_number
      ) as stored`,
    values: [keys.parts, keys.students],
  })
  const lists = new Map<Uuid, Assignment[]>(keys.students.map((student) => [student, []]))
  for (const row of found.rows) lists.get(toUuid(row.student))?.push(assignmentOf(row))
  return lists
}

/** Two backward index probes a student. */
export async function readStudentVersions(
  pool: pg.Pool,
  students: readonly StudentKey[],
  parts: number,
): Promise<Map<Uuid, StudentVersion>> {
  const keys = keysOf(students, parts)
  const found = await pool.query<{ student: string; answer: number | null; assignment: number | null }>({
    name: 'learning_student_versions',
    text: `
      select
        asked.student,
        (select last_number
         from learning_answer
         where part = asked.part
           and student = asked.student
         order by last_number desc
         limit 1) as answer,
        (select last_number
         from learning_assignment
         where part = asked.part
           and student = asked.student
         order by last_number desc
         limit 1) as assignment
      from unnest($1::smallint[], $2::uuid[]) as asked (part, student)`,
    values: [keys.parts, keys.students],
  })
  return new Map(
    found.rows.map((row) => [toUuid(row.student), { answer: row.answer ?? -1, assignment: row.assignment ?? -1 }]),
  )
}
