import assert from 'node:assert/strict'
import { Classroom, type ClassroomStudent } from '../tests/support/classroom.ts'
import type { PicksOptions } from './picks.ts'
import { loadAverage, percentile, round } from './support/figures.ts'
import { roles, sendClass } from './support/learnt-class.ts'
import { runOpenLoop } from './support/open-loop.ts'
import { type Post, poster } from './support/post.ts'
import { type BenchDatabase, cpuSecondsOf, type Product, startBenchDatabase, startProduct } from './support/product.ts'

/*
 * Personalised and spaced exercises of one assignment a request, at a fixed rate, each for another student, who has
 * answered something a hundred requests before. So nothing kept of the student is of use; that each answer was computed
 * anew shows in its calculation_uuid.
 */
const pages = 20
const exercisesPerPage = 84
const answersPerStudent = 300
const containers = 6
const goalPes = 6
const goalSpes = 4
const answersPerRequest = 10
/** An answer is sent this many requests before the fetch that it makes cold. */
const answersAhead = 100

interface Pick {
  readonly calculation_uuid: string | null
  readonly ecosystem_matrix_uuid: string | null
  readonly assignment_uuid: string
  readonly exercise_uuids: readonly string[]
  readonly assignment_status: string
}

type Kind = 'pe' | 'spe'

/** Which processes there are; the first one answers. */
interface Layout {
  readonly roles: readonly string[]
  readonly settings?: Readonly<Record<string, string>>
}

const layouts: Readonly<Record<string, Layout>> = {
  one_process: { roles: [roles] },
  two_processes: { roles: ['api', 'learning,due,trainer'] },
  // What keeping records of students is worth.
  without_kept_records: { roles: [roles], settings: { BIGLEARN_STUDENTS_KEPT: '0' } },
}

export const picksLayouts: readonly string[] = Object.keys(layouts)

export async function assignmentPicks(options: PicksOptions): Promise<readonly object[]> {
  const names = options.layout === undefined ? picksLayouts : [options.layout]
  const database = await startBenchDatabase()
  const size = { pages, exercisesPerPage, assignedPerPage: 20, courses: 5, studentsPerCourse: 30 }
  const classroom = new Classroom({ seed: options.seed, ...size })
  try {
    await sendClass(database.url, classroom, answersPerStudent)
    const lines: object[] = []
    for (const name of names) {
      const layout = layouts[name]
      if (layout === undefined) throw new Error(`there is no layout ${name}; there are ${picksLayouts.join(', ')}`)
      process.stderr.write(`picks: ${name}\n`)
      const figures = await measureOn(layout, { database, classroom, options }).catch((error: Error) => {
        // At rates that only kept records can serve it answers too late to be counted, and says so.
        if (layout.settings === undefined) throw error
        return { refused: error.message }
      })
      const isRecommended = name === picksLayouts[0]
      const described = { bench: 'picks', shape: 'assignments', layout: name, roles: layout.roles }
      const budget = isRecommended ? { p99_ms_budget: 10 } : {}
      lines.push({ ...described, ...figures, ...budget, seed: options.seed, ...database.settings })
    }
    return lines
  } finally {
    await database.stop()
  }
}

interface PicksWorld {
  readonly database: BenchDatabase
  readonly classroom: Classroom
  readonly options: PicksOptions
}

async function measureOn({ roles: all, settings }: Layout, world: PicksWorld): Promise<object> {
  const products: Product[] = []
  try {
    for (const one of all) products.push(await startProduct(world.database.url, one, settings))
    const bench = new PicksBench(products, world)
    await bench.prepare()
    return await bench.measure()
  } finally {
    for (const product of products) await product.stop()
  }
}

/** Counters so far. */
interface Used {
  readonly server: number
  readonly postgres: number
  /** That ended. */
  readonly fits: number
  readonly isFitting: boolean
  /** How records of students were found. */
  readonly records: ReadonlyMap<string, number>
}

class PicksBench {
  readonly #products: readonly Product[]
  readonly #port: number
  readonly #database: BenchDatabase
  readonly #options: PicksOptions
  readonly #post: Post
  readonly #class: Classroom
  readonly #assignments = new Map<ClassroomStudent, { uuid: string; pages: readonly number[] }>()
  /** The newest calculation of each kind and assignment. */
  readonly #calculations = new Map<string, string>()
  readonly #underWay = new Map<string, number>()
  /** Fetches whose answer was sent while the fetch before was under way: that one may have contained it already. */
  readonly #blurred = new Set<number>()
  readonly #sending: Promise<unknown>[] = []
  /** By which the measured fetches were answered: a fit in that time shows. */
  readonly #matrices = new Set<string | null>()
  #answersSent = 0
  /** Requests of answers that are acknowledged, from the first one on without a hole. */
  #acknowledged = 0
  #prefix: Promise<unknown> = Promise.resolve()
  #late = 0
  #candidates = 0

  constructor(products: readonly Product[], { database, classroom, options }: PicksWorld) {
    this.#products = products
    this.#port = products[0]?.port ?? 0
    this.#database = database
    this.#options = options
    this.#post = poster(this.#port)
    this.#class = classroom
  }

  async prepare(): Promise<void> {
    const { students } = this.#class
    const assignments = students.map((student) => this.#openAssignment(student))
    await this.#post('/create_update_assignments', { assignments })
    for (const student of students) for (const kind of ['pe', 'spe'] as const) await this.#warm(student, kind)
  }

  /** Six pages in a row, open, with everything still to choose. */
  #openAssignment(student: ClassroomStudent) {
    const uuid = this.#class.uuid()
    const chosen = Array.from({ length: containers }, (_, index) => (student.index + index) % pages)
    this.#assignments.set(student, { uuid, pages: chosen })
    this.#candidates = containers * exercisesPerPage
    return {
      ...this.#class.assignmentOf(student, 0, uuid),
      exclusion_info: {},
      assigned_book_container_uuids: chosen.map((page) => this.#class.pages[page]),
      goal_num_tutor_assigned_pes: goalPes,
      pes_are_assigned: false,
      goal_num_tutor_assigned_spes: goalSpes,
      spes_are_assigned: false,
      assigned_exercises: [],
      created_at: '2026-09-02T08:00:00.000Z',
    }
  }

  #request(student: ClassroomStudent, kind: Kind) {
    const assignment = this.#assignments.get(student)?.uuid
    const algorithm = kind === 'pe' ? 'biglearn_sparfa' : 'student_driven_biglearn_sparfa'
    const line = { request_uuid: assignment, assignment_uuid: assignment, algorithm_name: algorithm }
    return { path: `/fetch_assignment_${kind}s`, body: { [`${kind}_requests`]: [line] } }
  }

  async #warm(student: ClassroomStudent, kind: Kind): Promise<void> {
    const { path, body } = this.#request(student, kind)
    this.#check(student, kind, await this.#post(path, body))
  }

  /** `isDue`: the answer came after the fetch before and was acknowledged before this one, so it has to show. */
  #check(student: ClassroomStudent, kind: Kind, answer: unknown, isDue = true): Pick {
    const [pick] = (answer as Record<string, readonly Pick[]>)[`${kind}_responses`] ?? []
    const assignment = this.#assignments.get(student)
    assert.ok(pick !== undefined && assignment !== undefined)
    assert.equal(pick.assignment_uuid, assignment.uuid)
    assert.equal(pick.assignment_status, 'assignment_ready')
    assert.ok(pick.ecosystem_matrix_uuid !== null && pick.calculation_uuid !== null)
    const known = kind === 'pe' ? assignment.pages : [...this.#class.pages.keys()]
    const offered = new Set(known.flatMap((page) => this.#class.exercises[page] ?? []))
    assert.equal(pick.exercise_uuids.length, kind === 'pe' ? goalPes : goalSpes)
    assert.equal(new Set(pick.exercise_uuids).size, pick.exercise_uuids.length, 'an exercise twice')
    for (const exercise of pick.exercise_uuids) assert.ok(offered.has(exercise), `${exercise} is not of the pools`)
    const key = this.#keyOf(student, kind)
    if (isDue) {
      assert.notEqual(pick.calculation_uuid, this.#calculations.get(key), 'the same calculation as before the answer')
    }
    this.#calculations.set(key, pick.calculation_uuid)
    return pick
  }

  #keyOf(student: ClassroomStudent, kind: Kind): string {
    return `${kind} ${this.#assignments.get(student)?.uuid}`
  }

  #underWayOf(key: string): number {
    return this.#underWay.get(key) ?? 0
  }

  /** Students take turns, and each of them gets the other kind the next time. */
  #turn(index: number): { student: ClassroomStudent; kind: Kind } {
    const { students } = this.#class
    const student = students[index % students.length]
    assert.ok(student !== undefined)
    const round = Math.floor(index / students.length)
    return { student, kind: (index + round) % 2 === 0 ? 'pe' : 'spe' }
  }

  /** Answers of the students whose turns come up to `index`. */
  #answer(index: number): void {
    while (this.#answersSent + answersPerRequest <= index) {
      const from = this.#answersSent
      this.#answersSent += answersPerRequest
      const responses = Array.from({ length: answersPerRequest }, (_, offset) => {
        const { student, kind } = this.#turn(from + offset)
        if (this.#underWayOf(this.#keyOf(student, kind)) > 0) this.#blurred.add(from + offset)
        const turn = Math.floor((from + offset) / this.#class.students.length)
        return this.#class.response(student, turn % pages, 19, (from + offset) % 3 === 0)
      })
      const request = this.#post('/record_responses', { responses })
      // Failures are seen by whoever waits for all of them in the end.
      request.catch(() => undefined)
      this.#sending.push(request)
      this.#prefix = Promise.all([this.#prefix, request]).then(() => {
        this.#acknowledged = from + answersPerRequest
      })
      this.#prefix.catch(() => undefined)
    }
  }

  async #used(): Promise<Used> {
    const seconds = await Promise.all(this.#products.map(({ pid }) => cpuSecondsOf(pid)))
    const { rows } = await this.#database.pool.query<{ fits: number; isFitting: boolean }>(
      'select sum(fits)::int as fits, bool_or(claimed_until > now()) is true as "isFitting" from training',
    )
    const text = await (await fetch(`http://127.0.0.1:${this.#port}/metrics`)).text()
    const records = text.matchAll(/^biglearn_student_records_total\{outcome="(\w+)"\} (\d+)$/gm)
    return {
      server: seconds.reduce((sum, one) => sum + one, 0),
      postgres: await this.#database.cpuSeconds(),
      fits: rows[0]?.fits ?? 0,
      isFitting: rows[0]?.isFitting ?? false,
      records: new Map([...records].map(([, outcome = '', count]) => [outcome, Number(count)])),
    }
  }

  async measure(): Promise<object> {
    const perSecond = this.#options.rate
    process.stderr.write(`picks: ${perSecond} requests/s\n`)
    const warmUp = Math.round(this.#options.warmUp * perSecond)
    const count = warmUp + Math.round(this.#options.seconds * perSecond)
    this.#answer(answersAhead + answersPerRequest)
    await Promise.all(this.#sending)
    let atFirst: Promise<Used> | undefined
    const result = await runOpenLoop({
      port: this.#port,
      perSecond,
      count,
      make: (index) => {
        if (index === warmUp) atFirst = this.#used()
        this.#answer(index + answersAhead + answersPerRequest)
        const { student, kind } = this.#turn(index)
        const isDue = index < this.#acknowledged && !this.#blurred.has(index)
        if (!isDue) this.#late += 1
        const key = this.#keyOf(student, kind)
        this.#underWay.set(key, this.#underWayOf(key) + 1)
        return {
          ...this.#request(student, kind),
          answered: (status, body) => {
            assert.equal(status, 200, `fetch_assignment_${kind}s answered ${status}: ${body.subarray(0, 300)}`)
            const pick = this.#check(student, kind, JSON.parse(body.toString()), isDue)
            if (index >= warmUp) this.#matrices.add(pick.ecosystem_matrix_uuid)
            this.#underWay.set(key, this.#underWayOf(key) - 1)
          },
        }
      },
    })
    await Promise.all(this.#sending)
    if (this.#late > 0)
      throw new Error(`${this.#late} fetches were due before their answers, or the fetch before, were done: too slow`)
    const before = await (atFirst ?? this.#used())
    const after = await this.#used()
    const counted = count - warmUp
    const share = (outcome: string): number =>
      round(((after.records.get(outcome) ?? 0) - (before.records.get(outcome) ?? 0)) / counted, 3)
    const measured = (wanted?: Kind): Float64Array =>
      result.latencies.filter(
        (_, index) => index >= warmUp && (wanted ?? this.#turn(index).kind) === this.#turn(index).kind,
      )
    const ms = (share: number, kind?: Kind): number => round(percentile(measured(kind), share), 2)
    return {
      containers,
      candidates: this.#candidates,
      answers_per_student: answersPerStudent,
      students: this.#class.students.length,
      requests_per_second: perSecond,
      answers_per_second: perSecond,
      warm_up_seconds: this.#options.warmUp,
      fetches: measured().length,
      made_cold_by: 'an answer of the student, sent 100 fetches before each fetch; every calculation_uuid was new',
      p50_ms: ms(0.5),
      p99_ms: ms(0.99),
      max_ms: ms(1),
      pes_p50_ms: ms(0.5, 'pe'),
      pes_p99_ms: ms(0.99, 'pe'),
      spes_p50_ms: ms(0.5, 'spe'),
      spes_p99_ms: ms(0.99, 'spe'),
      server_cpu_ms_per_fetch_and_answer: round(((after.server - before.server) * 1000) / counted, 2),
      postgres_cpu_ms_per_fetch_and_answer: round(((after.postgres - before.postgres) * 1000) / counted, 2),
      records: { current: share('current'), continued: share('continued'), read: share('read') },
      fits_ended: after.fits - before.fits,
      fit_under_way_at_the_ends: [before.isFitting, after.isFitting],
      matrices_used: this.#matrices.size,
      in_flight_max: result.inFlightMax,
      load_average: loadAverage(),
    }
  }
}
