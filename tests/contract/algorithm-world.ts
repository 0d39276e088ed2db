import { randomUUID } from 'node:crypto'
import { parseAlgorithms } from '#cli/serve/options.ts'
import { startTestApplication, type TestApplication } from '../support/application.ts'
import { Classroom, type ClassroomStudent } from '../support/classroom.ts'

/*
 * One small class on a whole server, and what a remote algorithm says to it. Algorithms are told apart by their names,
 * so tests of one file share the class: each gives its algorithms names of their own.
 */
export interface ExerciseCalculation {
  readonly calculation_uuid: string
  readonly ecosystem_uuid: string
  readonly student_uuid: string
  readonly exercise_uuids: readonly string[]
}
export interface ClueCalculation {
  readonly calculation_uuid: string
  readonly ecosystem_uuid: string
  readonly student_uuids: readonly string[]
  readonly exercise_uuids: readonly string[]
  readonly responses: readonly { response_uuid: string; trial_uuid: string; is_correct: boolean }[]
}
export interface MatrixUpdate {
  readonly calculation_uuid: string
  readonly ecosystem_uuid: string
}
export interface Picks {
  readonly status: string
  readonly calculation: string | null
  readonly exercises: readonly string[]
  readonly spyInfo: Readonly<Record<string, unknown>>
}

export const defaultStudent = '00000000-0000-0000-0000-000000000000'

export class AlgorithmWorld {
  readonly application: TestApplication
  readonly classroom: Classroom

  constructor(application: TestApplication, classroom: Classroom) {
    this.application = application
    this.classroom = classroom
  }

  static async start(seed: number, studentsPerCourse: number): Promise<AlgorithmWorld> {
    const application = await startTestApplication('api,learning,due', parseAlgorithms(''), { matrixIntervalMs: 0 })
    const classroom = new Classroom({ seed, pages: 3, exercisesPerPage: 8, courses: 1, studentsPerCourse })
    await classroom.create((path, body) => application.post(path, body))
    const world = new AlgorithmWorld(application, classroom)
    await world.settle()
    return world
  }

  student(index: number): ClassroomStudent {
    const found = this.classroom.students[index]
    if (found === undefined) throw new RangeError(`there is no student ${index}`)
    return found
  }

  /** Until the read models have everything that was acknowledged: asking for an unknown page waits for that. */
  async settle(): Promise<void> {
    await this.clue('student', randomUUID(), randomUUID(), 'none')
  }

  async answer(
    student: ClassroomStudent,
    page: number,
    exercises: readonly [number, boolean][],
    respondedAt = new Date(),
  ): Promise<void> {
    const responses = exercises.map(([exercise, isCorrect]) => ({
      ...this.classroom.response(student, page, exercise, isCorrect),
      responded_at: respondedAt.toISOString(),
    }))
    await this.application.post('/record_responses', { responses })
    await this.settle()
  }

  async assign(student: ClassroomStudent, page: number, changes: object): Promise<string> {
    const assignment = { ...this.classroom.assignmentOf(student, page, randomUUID()), ...changes }
    await this.application.post('/create_update_assignments', { assignments: [assignment] })
    await this.settle()
    return assignment.assignment_uuid
  }

  /** Another book, with one page and one exercise. */
  async addBook(ecosystem: string = randomUUID()): Promise<string> {
    const [page, exercise] = [randomUUID(), randomUUID()]
    const uses = { use_for_clue: true, use_for_personalized_for_assignment_types: ['homework'] }
    await this.application.post('/create_ecosystem', {
      ecosystem_uuid: ecosystem,
      book: {
        cnx_identity: null,
        contents: [
          { container_uuid: page, container_parent_uuid: ecosystem, pools: [{ ...uses, exercise_uuids: [exercise] }] },
        ],
      },
      exercises: [{ exercise_uuid: exercise, group_uuid: randomUUID(), version: 1, los: [] }],
      imported_at: new Date().toISOString(),
    })
    await this.settle()
    return ecosystem
  }

  async exercises(algorithm: string): Promise<ExerciseCalculation[]> {
    const body = { algorithm_name: algorithm }
    const answer = await this.application.post<Record<string, ExerciseCalculation[]>>(
      '/fetch_exercise_calculations',
      body,
    )
    return answer['exercise_calculations'] ?? []
  }

  async clues(algorithm: string): Promise<ClueCalculation[]> {
    const body = { algorithm_name: algorithm }
    const answer = await this.application.post<Record<string, ClueCalculation[]>>('/fetch_clue_calculations', body)
    return answer['clue_calculations'] ?? []
  }

  async matrices(algorithm: string): Promise<MatrixUpdate[]> {
    const body = { algorithm_name: algorithm }
    const answer = await this.application.post<Record<string, MatrixUpdate[]>>('/fetch_ecosystem_matrix_updates', body)
    return answer['ecosystem_matrix_updates'] ?? []
  }

  /** Puts the exercises in the order given first, then all others. */
  order(algorithm: string, item: ExerciseCalculation, first: readonly string[] = []): Promise<string> {
    const rest = item.exercise_uuids.filter((exercise) => !first.includes(exercise))
    return this.#update('exercise_calculation', {
      calculation_uuid: item.calculation_uuid,
      algorithm_name: algorithm,
      ecosystem_matrix_uuid: randomUUID(),
      exercise_uuids: [...first, ...rest],
    })
  }

  async orderAll(algorithm: string, first: readonly string[] = []): Promise<void> {
    for (let items = await this.exercises(algorithm); items.length > 0; items = await this.exercises(algorithm)) {
      for (const item of items) await this.order(algorithm, item, first)
    }
  }

  estimate(algorithm: string, calculation: string, mostLikely: number): Promise<string> {
    return this.#update('clue_calculation', {
      calculation_uuid: calculation,
      algorithm_name: algorithm,
      clue_data: { minimum: 0, most_likely: mostLikely, maximum: 1, is_real: true },
    })
  }

  async matrixDone(algorithm: string, calculation: string): Promise<string> {
    const answer = await this.application.post<Record<string, { calculation_status: string }[]>>(
      '/ecosystem_matrices_updated',
      { ecosystem_matrices_updated: [{ calculation_uuid: calculation, algorithm_name: algorithm }] },
    )
    return answer['ecosystem_matrix_updated_responses']?.[0]?.calculation_status ?? 'none'
  }

  async #update(key: string, item: object): Promise<string> {
    const answer = await this.application.post<Record<string, { calculation_status: string }[]>>(`/update_${key}s`, {
      [`${key}_updates`]: [item],
    })
    return answer[`${key}_update_responses`]?.[0]?.calculation_status ?? 'none'
  }

  async clue(kind: 'student' | 'teacher', subject: string, page: string, algorithm: string) {
    const subjectKey = kind === 'student' ? 'student_uuid' : 'course_container_uuid'
    const line = {
      request_uuid: randomUUID(),
      [subjectKey]: subject,
      book_container_uuid: page,
      algorithm_name: algorithm,
    }
    type Answer = {
      clue_status: string
      calculation_uuid: string | null
      clue_data: { most_likely: number; is_real: boolean }
    }
    const answer = await this.application.post<Record<string, Answer[]>>(`/fetch_${kind}_clues`, {
      [`${kind}_clue_requests`]: [line],
    })
    const found = answer[`${kind}_clue_responses`]?.[0]
    if (found === undefined) throw new Error('a line without an answer')
    return found
  }

  pes(assignment: string, algorithm: string): Promise<Picks> {
    return this.#picks('assignment_pes', 'pe', 'assignment', { assignment_uuid: assignment, algorithm_name: algorithm })
  }

  spes(assignment: string, algorithm: string): Promise<Picks> {
    return this.#picks('assignment_spes', 'spe', 'assignment', {
      assignment_uuid: assignment,
      algorithm_name: algorithm,
    })
  }

  worstAreas(student: string, algorithm: string): Promise<Picks> {
    return this.#picks('practice_worst_areas_exercises', 'worst_areas', 'student', {
      student_uuid: student,
      algorithm_name: algorithm,
    })
  }

  async #picks(endpoint: string, key: string, subject: string, line: object): Promise<Picks> {
    type Line = Readonly<Record<string, unknown>>
    const answer = await this.application.post<Record<string, Line[]>>(`/fetch_${endpoint}`, {
      [`${key}_requests`]: [{ request_uuid: randomUUID(), ...line }],
    })
    const found = answer[`${key}_responses`]?.[0]
    return {
      status: String(found?.[`${subject}_status`]),
      calculation: found?.['calculation_uuid'] as string | null,
      exercises: found?.['exercise_uuids'] as string[],
      spyInfo: found?.['spy_info'] as Picks['spyInfo'],
    }
  }

  /** Orders as `fetch_algorithm_exercise_calculations` gives them back; `undefined` without an entry. */
  async readBack(request: object): Promise<readonly Record<string, unknown>[] | undefined> {
    const answer = await this.application.post<Record<string, { calculations: Record<string, unknown>[] }[]>>(
      '/fetch_algorithm_exercise_calculations',
      { algorithm_exercise_calculation_requests: [{ request_uuid: randomUUID(), ...request }] },
    )
    return answer['algorithm_exercise_calculations']?.[0]?.calculations
  }
}
