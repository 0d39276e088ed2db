import { seededUuid } from '../../bench/support/answers.ts'

/*
 * A small world for tests and benchmarks: one book, courses of thirty students, and a reading assignment per student
 * and page, sent through the public API. Everything is a function of the seed.
 */
export interface ClassroomOptions {
  readonly seed: number
  readonly pages: number
  readonly exercisesPerPage: number
  /** Of each page the first so many are assigned; all of them when absent. */
  readonly assignedPerPage?: number
  readonly courses: number
  readonly studentsPerCourse: number
}

export interface ClassroomStudent {
  readonly index: number
  readonly student: string
  readonly course: string
}

type Post = (path: string, body: unknown) => Promise<unknown>

const instant = '2026-09-01T08:00:00.000Z'
const termEnd = '2026-12-20T08:00:00.000Z'

export class Classroom {
  readonly ecosystem: string
  readonly pages: readonly string[]
  readonly exercises: readonly (readonly string[])[]
  readonly students: readonly ClassroomStudent[]
  readonly #options: ClassroomOptions
  readonly #next = new Map<string, number>()
  #uuids = 0

  constructor(options: ClassroomOptions) {
    const { seed, pages, exercisesPerPage, courses, studentsPerCourse } = options
    this.#options = options
    this.ecosystem = seededUuid(seed, 20, 0)
    this.pages = Array.from({ length: pages }, (_, page) => seededUuid(seed, 21, page))
    this.exercises = this.pages.map((_, page) =>
      Array.from({ length: exercisesPerPage }, (_, index) => seededUuid(seed, 22, page * exercisesPerPage + index)),
    )
    this.students = Array.from({ length: courses * studentsPerCourse }, (_, index) => ({
      index,
      student: seededUuid(seed, 24, index),
      course: seededUuid(seed, 23, Math.floor(index / studentsPerCourse)),
    }))
  }

  courses(): string[] {
    return [...new Set(this.students.map(({ course }) => course))]
  }

  /** The next sequence number of a course. */
  number(course: string): number {
    const number = this.#next.get(course) ?? 0
    this.#next.set(course, number + 1)
    return number
  }

  uuid(): string {
    this.#uuids += 1
    return seededUuid(this.#options.seed, 29, this.#uuids)
  }

  trial(student: number, page: number, exercise: number): string {
    const { pages, exercisesPerPage, seed } = this.#options
    return seededUuid(seed, 25, (student * pages + page) * exercisesPerPage + exercise)
  }

  /** Book, courses, rosters and assignments. */
  async create(post: Post): Promise<void> {
    await post('/create_ecosystem', this.#book())
    for (const course of this.courses()) {
      this.number(course)
      await post('/create_course', {
        course_uuid: course,
        ecosystem_uuid: this.ecosystem,
        is_real_course: true,
        starts_at: instant,
        ends_at: termEnd,
        created_at: instant,
      })
      await post('/update_rosters', { rosters: [this.#roster(course)] })
    }
    const assignments = this.students.flatMap((student) => this.pages.map((_, page) => this.#assignment(student, page)))
    for (let from = 0; from < assignments.length; from += 500) {
      await post('/create_update_assignments', { assignments: assignments.slice(from, from + 500) })
    }
  }

  /** One item of `record_responses`. */
  response(student: ClassroomStudent, page: number, exercise: number, isCorrect: boolean) {
    return {
      response_uuid: this.uuid(),
      course_uuid: student.course,
      sequence_number: this.number(student.course),
      ecosystem_uuid: this.ecosystem,
      trial_uuid: this.trial(student.index, page, exercise),
      student_uuid: student.student,
      exercise_uuid: this.exercises[page]?.[exercise] ?? '',
      is_correct: isCorrect,
      is_real_response: true,
      responded_at: new Date(Date.now()).toISOString(),
    }
  }

  period(course: string): string {
    return seededUuid(this.#options.seed, 26, this.courses().indexOf(course))
  }

  #book() {
    const book = seededUuid(this.#options.seed, 27, 0)
    const root = { container_uuid: book, container_parent_uuid: this.ecosystem, pools: [] }
    const contents = this.pages.map((page, index) => ({
      container_uuid: page,
      container_parent_uuid: book,
      pools: [
        {
          use_for_clue: true,
          use_for_personalized_for_assignment_types: ['reading', 'homework', 'practice'],
          exercise_uuids: this.exercises[index] ?? [],
        },
      ],
    }))
    const exercises = this.exercises.flat().map((exercise, index) => ({
      exercise_uuid: exercise,
      group_uuid: seededUuid(this.#options.seed, 28, index),
      version: 1,
      los: ['lo:bench'],
    }))
    return {
      ecosystem_uuid: this.ecosystem,
      book: { cnx_identity: `${book}@1`, contents: [root, ...contents] },
      exercises,
      imported_at: instant,
    }
  }

  #roster(course: string) {
    const period = this.period(course)
    return {
      request_uuid: this.uuid(),
      course_uuid: course,
      sequence_number: this.number(course),
      course_containers: [{ container_uuid: period, parent_container_uuid: course, created_at: instant }],
      students: this.students
        .filter((student) => student.course === course)
        .map(({ student }) => ({
          student_uuid: student,
          container_uuid: period,
          enrolled_at: instant,
          last_course_container_change_at: instant,
        })),
    }
  }

  #assignment(student: ClassroomStudent, page: number) {
    const assignment = seededUuid(this.#options.seed, 30, student.index * this.pages.length + page)
    return this.assignmentOf(student, page, assignment)
  }

  /** One item of `create_update_assignments`: exercises of one page, closed a while ago, nothing left to choose. */
  assignmentOf(student: ClassroomStudent, page: number, assignment: string) {
    return {
      request_uuid: this.uuid(),
      course_uuid: student.course,
      sequence_number: this.number(student.course),
      assignment_uuid: assignment,
      is_deleted: false,
      ecosystem_uuid: this.ecosystem,
      student_uuid: student.student,
      assignment_type: 'homework',
      exclusion_info: {
        opens_at: instant,
        due_at: '2026-10-01T08:00:00.000Z',
        feedback_at: '2026-10-01T08:00:00.000Z',
      },
      assigned_book_container_uuids: [this.pages[page]],
      goal_num_tutor_assigned_spes: 0,
      spes_are_assigned: true,
      goal_num_tutor_assigned_pes: 0,
      pes_are_assigned: true,
      assigned_exercises: (this.exercises[page] ?? [])
        .slice(0, this.#options.assignedPerPage)
        .map((exercise, index) => ({
          trial_uuid: this.trial(student.index, page, index),
          exercise_uuid: exercise,
          is_spe: false,
          is_pe: false,
        })),
      created_at: instant,
      updated_at: instant,
    }
  }
}
