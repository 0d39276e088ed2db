import assert from 'node:assert/strict'
import { createHash, randomUUID } from 'node:crypto'
import type pg from 'pg'
import type { StoredEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import { learningSubscription } from '#learning/subscription.ts'
import { inTransaction } from '#platform/postgres.ts'
import { seededUuid } from './answers.ts'

/*
 * Read models of very many students without sending their answers one by one. The product's own fold makes one course
 * in each part; the database multiplies its rows under other uuids of courses, students, containers and assignments.
 * That is what folding the events of the copies would have given, because the fold looks at uuids only to tell things
 * apart: `assertParity` folds the events of some copies elsewhere and compares row by row.
 */
export interface ManyCourses {
  readonly courses: number
  readonly studentsPerCourse: number
  readonly answersPerStudent: number
  readonly seed: number
}

export const pages = 20
const exercisesPerPage = 20
const startedAt = Date.UTC(2026, 8, 1)
const instant = new Date(startedAt).toISOString()
const closedAt = new Date(startedAt + 86_400_000).toISOString()

/** As the database does it: a uuid of the template, in a copy. */
function renamed(course: Uuid, uuid: string): Uuid {
  const hex = createHash('md5')
    .update(course + uuid)
    .digest('hex')
  return toUuid(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))
}

export class ManyCoursesWorld {
  readonly ecosystem: Uuid
  readonly templates: readonly Uuid[]
  readonly #size: ManyCourses

  constructor(size: ManyCourses) {
    this.#size = size
    this.ecosystem = this.#uuid(40, 0)
    this.templates = Array.from({ length: partsDefault }, (_, part) => {
      for (let attempt = 0; ; attempt += 1) {
        const course = this.#uuid(41, part * 100_000 + attempt)
        if (partOf('course', course) === part) return course
      }
    })
  }

  #uuid(family: number, index: number): Uuid {
    return toUuid(seededUuid(this.#size.seed, family, index))
  }

  exercise(index: number): Uuid {
    return this.#uuid(42, index % (pages * exercisesPerPage))
  }

  student(template: number, index: number): Uuid {
    return this.#uuid(43, template * 1000 + index)
  }

  bookEvent(): StoredEvent {
    const exercises = Array.from({ length: pages * exercisesPerPage }, (_, index) => index)
    const contents = Array.from({ length: pages }, (_, page) => ({
      container_uuid: this.#uuid(44, page),
      container_parent_uuid: this.ecosystem,
      pools: [
        {
          use_for_clue: true,
          use_for_personalized_for_assignment_types: ['homework', 'practice'],
          exercise_uuids: exercises.filter((index) => index % pages === page).map((index) => this.exercise(index)),
        },
      ],
    }))
    const listed = exercises.map((index) => ({
      exercise_uuid: this.exercise(index),
      group_uuid: this.#uuid(45, index),
      version: 1,
    }))
    const data = { ecosystem_uuid: this.ecosystem, book: { contents }, exercises: listed }
    const eventUuid = this.#uuid(46, 0)
    return {
      kind: 'ecosystem',
      stream: this.ecosystem,
      number: 0,
      eventUuid,
      type: 'create_ecosystem',
      data,
      recordedAt: new Date(startedAt),
    }
  }

  /** All events of the template of a part, or of the copy of it that is called `course`. */
  events(template: number, course = this.templates[template] ?? this.ecosystem): StoredEvent[] {
    const { studentsPerCourse, answersPerStudent } = this.#size
    const isCopy = course !== this.templates[template]
    const name = (uuid: Uuid): Uuid => (isCopy ? renamed(course, uuid) : uuid)
    const events: StoredEvent[] = []
    const add = (type: StoredEvent['type'], data: StoredEvent['data']): void => {
      const number = events.length
      const eventUuid = this.#uuid(47, template * 1_000_000 + number)
      events.push({
        kind: 'course',
        stream: course,
        number,
        eventUuid,
        type,
        data,
        recordedAt: new Date(startedAt + number),
      })
    }
    const period = name(this.#uuid(48, template))
    const students = Array.from({ length: studentsPerCourse }, (_, index) => index)
    add('create_course', {
      course_uuid: course,
      ecosystem_uuid: this.ecosystem,
      is_real_course: true,
      starts_at: instant,
      ends_at: closedAt,
    })
    add('update_roster', {
      course_containers: [{ container_uuid: period, parent_container_uuid: course }],
      students: students.map((index) => ({
        student_uuid: name(this.student(template, index)),
        container_uuid: period,
      })),
    })
    const trial = (index: number, answer: number): Uuid => this.#uuid(49, (template * 1000 + index) * 1000 + answer)
    for (const index of students) {
      add('create_update_assignment', {
        assignment_uuid: name(this.#uuid(50, template * 1000 + index)),
        student_uuid: name(this.student(template, index)),
        ecosystem_uuid: this.ecosystem,
        assignment_type: 'homework',
        exclusion_info: { opens_at: instant, due_at: closedAt, feedback_at: closedAt },
        assigned_book_container_uuids: [this.#uuid(44, index % pages)],
        ...{ goal_num_tutor_assigned_spes: 0, spes_are_assigned: true },
        ...{ goal_num_tutor_assigned_pes: 0, pes_are_assigned: true },
        assigned_exercises: Array.from({ length: answersPerStudent }, (_, answer) => ({
          ...{
            trial_uuid: trial(index, answer),
            exercise_uuid: this.exercise(index + answer),
            is_spe: false,
            is_pe: false,
          },
        })),
        created_at: instant,
      })
    }
    for (let answer = 0; answer < answersPerStudent; answer += 1) {
      for (const index of students) {
        add('record_response', {
          response_uuid: this.#uuid(51, (template * 1000 + index) * 1000 + answer),
          trial_uuid: trial(index, answer),
          student_uuid: name(this.student(template, index)),
          exercise_uuid: this.exercise(index + answer),
          ecosystem_uuid: this.ecosystem,
          is_correct: (index * 7 + answer * 3) % 10 < 6,
          is_real_response: true,
          responded_at: new Date(startedAt + 3_600_000 + answer).toISOString(),
        })
      }
    }
    return events
  }

  /** One more answer of a student of a copy. */
  nextAnswer(template: number, course: Uuid, turn: number): StoredEvent {
    const { studentsPerCourse, answersPerStudent } = this.#size
    const all = 2 + studentsPerCourse * (1 + answersPerStudent)
    const index = turn % studentsPerCourse
    const answer = turn % answersPerStudent
    const data = {
      response_uuid: renamed(course, `answer ${turn}`),
      trial_uuid: this.#uuid(49, (template * 1000 + index) * 1000 + answer),
      student_uuid: renamed(course, this.student(template, index)),
      exercise_uuid: this.exercise(index + answer),
      ...{ ecosystem_uuid: this.ecosystem, is_correct: turn % 2 === 0, is_real_response: true },
      responded_at: new Date(startedAt + 7_200_000 + turn).toISOString(),
    }
    const recordedAt = new Date(startedAt + 7_200_000 + turn)
    return {
      kind: 'course',
      stream: course,
      number: all + turn,
      eventUuid: toUuid(randomUUID()),
      type: 'record_response',
      data,
      recordedAt,
    }
  }
}

export async function fold(pool: pg.Pool, events: readonly StoredEvent[]): Promise<void> {
  const first = events[0]
  assert.ok(first !== undefined)
  const entry = { part: partOf(first.kind, first.stream), lane: 0, position: 1n, events }
  await inTransaction(pool, (client) => learningSubscription().apply(client, [entry]))
}

export interface Copy {
  readonly course: Uuid
  readonly template: number
}

/** Fills the read models; returns the copies. */
export async function multiply(pool: pg.Pool, world: ManyCoursesWorld, size: ManyCourses): Promise<Copy[]> {
  await fold(pool, [world.bookEvent()])
  for (const part of world.templates.keys()) await fold(pool, world.events(part))
  const copies: Copy[] = []
  const perPart = Math.ceil(size.courses / partsDefault) - 1
  const counts = new Int32Array(partsDefault)
  for (let index = 0; copies.length < perPart * partsDefault; index += 1) {
    const course = toUuid(seededUuid(size.seed, 60, index))
    const template = partOf('course', course)
    if (counts[template] === perPart) continue
    counts[template]! += 1
    copies.push({ course, template })
  }
  const client = await pool.connect()
  try {
    await client.query('create temp table copied (part smallint, template uuid, course uuid)')
    await client.query('insert into copied select * from unnest($1::smallint[], $2::uuid[], $3::uuid[])', [
      copies.map(({ template }) => template),
      copies.map(({ template }) => world.templates[template]),
      copies.map(({ course }) => course),
    ])
    await client.query(`
      create function pg_temp.renamed(course uuid, named uuid) returns uuid language sql immutable
      as $$ select md5($1::text || $2::text)::uuid $$`)
    for (const statement of multiplication) await client.query(statement)
    // Not the tables that are still empty: nobody would analyse those.
    for (const table of filled) await client.query(`vacuum analyze ${table}`)
  } finally {
    client.release(true)
  }
  return copies
}

const multiplication = [
  `insert into learning_course
   select c.part, c.course, applied_number, changed_number, ecosystem, is_real, starts_at, ends_at
   from copied c join learning_course t on t.part = c.part and t.course = c.template`,
  `insert into learning_applied_event
   select c.part, c.course, event_uuid
   from copied c join learning_applied_event t on t.part = c.part and t.course = c.template`,
  `insert into learning_course_container
   select c.part, c.course, pg_temp.renamed(c.course, container), parent, is_archived, is_active
   from copied c join learning_course_container t on t.part = c.part and t.course = c.template`,
  `insert into learning_answer
   select c.part, pg_temp.renamed(c.course, s.student), last_number, n, body
   from copied c
   join learning_student s on s.part = c.part and s.course = c.template
   join learning_answer t on t.part = s.part and t.student = s.student`,
  `insert into learning_assignment
   select c.part, pg_temp.renamed(c.course, assignment), pg_temp.renamed(c.course, s.student), first_number,
     last_number, body
   from copied c
   join learning_student s on s.part = c.part and s.course = c.template
   join learning_assignment t on t.part = s.part and t.student = s.student`,
  `insert into learning_learner
   select c.part, ecosystem, pg_temp.renamed(c.course, s.student)
   from copied c
   join learning_student s on s.part = c.part and s.course = c.template
   join learning_learner t on t.part = s.part and t.student = s.student`,
  `update learning_activity t
   set answers = answers * (1 + copies), real_answers = real_answers * (1 + copies)
   from (select part, count(*) as copies from copied group by part) c
   where t.part = c.part`,
  // Last: the statements before find the students of the templates in it.
  `insert into learning_student
   select c.part, c.course, pg_temp.renamed(c.course, student),
     array(select pg_temp.renamed(c.course, own) from unnest(containers) with ordinality as o (own, n) order by n), is_active
   from copied c join learning_student t on t.part = c.part and t.course = c.template`,
]

const filled = multiplication.flatMap((statement) => /^(?:insert into|update) (\w+)/.exec(statement)?.[1] ?? [])

const comparisons = [
  `select to_jsonb(t) from learning_course t where part = $1 and course = $2`,
  `select to_jsonb(t) from learning_applied_event t where part = $1 and course = $2 order by event_uuid`,
  `select to_jsonb(t) from learning_course_container t where part = $1 and course = $2 order by container`,
  `select to_jsonb(t) from learning_student t where part = $1 and course = $2 order by student`,
  ...[
    `select student, sum(n), encode(string_agg(body, ''::bytea order by last_number), 'hex') from learning_answer`,
    `select student, count(*), string_agg(to_jsonb(learning_assignment)::text, ' ' order by assignment) from learning_assignment`,
    `select student, count(*), min(ecosystem::text) from learning_learner`,
  ].map(
    (rows) => `${rows}
     where part = $1
       and student in (select student from learning_student where part = $1 and course = $2)
     group by student
     order by student`,
  ),
]

/** Folds the events of these copies into `other`, an empty database, and compares every row. */
export async function assertParity(
  pool: pg.Pool,
  other: pg.Pool,
  world: ManyCoursesWorld,
  copies: readonly Copy[],
): Promise<void> {
  await fold(other, [world.bookEvent()])
  for (const { course, template } of copies) {
    await fold(other, world.events(template, course))
    for (const statement of comparisons) {
      const [made, folded] = [pool, other].map((one) => one.query(statement, [template, course]))
      assert.ok(made !== undefined && folded !== undefined)
      const rows = (await folded).rows
      assert.ok(rows.length > 0, statement)
      assert.deepEqual((await made).rows, rows)
    }
  }
}
