import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Classroom, type ClassroomStudent } from '../tests/support/classroom.ts'
import { loadAverage, percentile, printLine, round } from './support/figures.ts'
import { runLoad } from './support/http-load.ts'
import { type OpenLoopResult, runOpenLoop } from './support/open-loop.ts'
import { type Post, poster } from './support/post.ts'
import { type BenchDatabase, cpuSecondsOf, type Product, startBenchDatabase, startProduct } from './support/product.ts'

/*
 * What a student's forecast costs (CLUEs of 20 pages for a student with 300 answers), and how soon an answer shows in
 * it while answers come in at a fixed rate. Every sample of freshness is another student, and counts only when the CLUE
 * has changed; the run counts only when all answers that were sent at that rate were acknowledged and learnt.
 */
export interface CluesOptions {
  readonly seconds: number
  /** Answers a second while freshness is measured. */
  readonly rate: number
  readonly seed: number
}

const pages = 20
const answersPerPage = 15
const exercisesPerPage = 20
const answersPerRequest = 10
/** The measured rate may be this much below the one asked for. */
const rateTolerance = 0.03

interface Forecast {
  readonly student_clue_responses: readonly {
    readonly clue_status: string
    readonly calculation_uuid: string | null
    readonly clue_data: { minimum: number; most_likely: number; maximum: number }
  }[]
}

export async function clues(options: CluesOptions): Promise<void> {
  const database = await startBenchDatabase()
  try {
    const product = await startProduct(database.url, 'api,learning,due,trainer')
    try {
      const bench = new CluesBench(product, database, options)
      await bench.prepare()
      const reading = await bench.reading()
      print('fetch_student_clues', { ...reading, seed: options.seed }, database)
      const freshness = await bench.freshness()
      print('freshness', { ...freshness, seed: options.seed }, database)
    } finally {
      await product.stop()
    }
  } finally {
    await database.stop()
  }
}

function print(shape: string, figures: object, database: BenchDatabase): void {
  printLine({ bench: 'clues', shape, ...figures, ...database.settings })
}

class CluesBench {
  readonly #port: number
  readonly #post: Post
  readonly #product: Product
  readonly #database: BenchDatabase
  readonly #options: CluesOptions
  readonly #class: Classroom
  #sent = 0

  constructor(product: Product, database: BenchDatabase, options: CluesOptions) {
    this.#port = product.port
    this.#post = poster(product.port)
    this.#product = product
    this.#database = database
    this.#options = options
    const size = { courses: 20, studentsPerCourse: 30 }
    this.#class = new Classroom({ seed: options.seed, pages, exercisesPerPage, ...size })
  }

  async prepare(): Promise<void> {
    process.stderr.write('clues: sending a book, 600 students and 180,000 answers\n')
    await this.#class.create(this.#post)
    for (const course of this.#class.courses()) {
      const responses = this.#class.students
        .filter((student) => student.course === course)
        .flatMap((student) => this.#answersOf(student))
      for (let from = 0; from < responses.length; from += 1000) {
        await this.#post('/record_responses', { responses: responses.slice(from, from + 1000) })
      }
      this.#sent += responses.length
    }
    await this.#untilReady()
  }

  #answersOf(student: ClassroomStudent) {
    const responses = []
    for (let page = 0; page < pages; page += 1) {
      for (let exercise = 0; exercise < answersPerPage; exercise += 1) {
        const isCorrect = (student.index * 7 + page * 5 + exercise * 3) % 10 < 6
        responses.push(this.#class.response(student, page, exercise, isCorrect))
      }
    }
    return responses
  }

  forecastRequest(student: ClassroomStudent) {
    const line = { student_uuid: student.student, algorithm_name: 'biglearn_sparfa' }
    return {
      student_clue_requests: this.#class.pages.map((page) => ({
        request_uuid: page,
        book_container_uuid: page,
        ...line,
      })),
    }
  }

  /** All answers are learnt from and no fit is under way, so that the figures are of one matrix. */
  async #untilReady(): Promise<void> {
    process.stderr.write('clues: waiting for the first fit\n')
    const deadline = performance.now() + 600_000
    while (performance.now() < deadline) {
      const status = await fetch(`http://127.0.0.1:${this.#port}/status`)
      const { ecosystems } = (await status.json()) as { ecosystems: { fit_due: boolean; fit_running: boolean }[] }
      const forecast = await this.#post<Forecast>('/fetch_student_clues', this.forecastRequest(this.#last()))
      const isKnown = forecast.student_clue_responses.every((line) => line.clue_status === 'clue_ready')
      if (isKnown && ecosystems.every(({ fit_due, fit_running }) => !fit_due && !fit_running)) return
      await sleep(500)
    }
    throw new Error('the matrix was not learnt within ten minutes')
  }

  #last(): ClassroomStudent {
    const last = this.#class.students.at(-1)
    assert.ok(last !== undefined)
    return last
  }

  async reading() {
    process.stderr.write('clues: reading forecasts\n')
    const until = performance.now() + this.#options.seconds * 1000
    let turn = 0
    const result = await runLoad({
      host: '127.0.0.1',
      port: this.#port,
      connections: 8,
      next: () => {
        if (performance.now() >= until) return undefined
        const student = this.#class.students[turn % this.#class.students.length] ?? this.#last()
        turn += 1
        const body = Buffer.from(JSON.stringify(this.forecastRequest(student)))
        return { path: '/fetch_student_clues', body, answered: (status, answer) => checkForecast(status, answer) }
      },
    })
    return {
      answers_per_student: pages * answersPerPage,
      pages,
      connections: 8,
      requests_per_second: Math.round(result.requests / result.seconds),
      clues_per_second: Math.round((result.requests * pages) / result.seconds),
      p50_ms: round(percentile(result.latencies, 0.5), 2),
      p99_ms: round(percentile(result.latencies, 0.99), 2),
      generator_cpu_share: round(result.generatorCpuSeconds / result.seconds, 2),
    }
  }

  /** From the acknowledgement of an answer to the first fetch that shows another CLUE of its page. */
  async freshness() {
    const { rate } = this.#options
    process.stderr.write(`clues: freshness at ${rate} answers/s\n`)
    const learntBefore = await this.#learnt()
    const cpuBefore = (await cpuSecondsOf(this.#product.pid)) + (await this.#database.cpuSeconds())
    const background = this.#background()
    let isOver = false
    const over = background.then(
      () => {
        isOver = true
      },
      () => {
        isOver = true
      },
    )
    const samples: number[] = []
    for (let index = 0; !isOver && index < this.#class.students.length / 2; index += 1) {
      const student = this.#class.students[index]
      if (student === undefined) break
      samples.push(await this.#freshnessOf(student))
    }
    await over
    const { seconds, latencies } = await background
    const cpuSeconds = (await cpuSecondsOf(this.#product.pid)) + (await this.#database.cpuSeconds()) - cpuBefore
    const sent = latencies.length * answersPerRequest
    const perSecond = sent / seconds
    assert.ok(perSecond >= rate * (1 - rateTolerance), `only ${Math.round(perSecond)} answers/s were acknowledged`)
    await this.#untilLearnt(learntBefore + sent + samples.length)
    const values = Float64Array.from(samples)
    return {
      samples: samples.length,
      answers_per_second: Math.round(perSecond),
      answers_learnt: sent + samples.length,
      p50_ms: round(percentile(values, 0.5), 1),
      p99_ms: round(percentile(values, 0.99), 1),
      p99_ms_budget: 1000,
      max_ms: round(percentile(values, 1), 1),
      acknowledged_p99_ms: round(percentile(latencies, 0.99), 1),
      server_and_postgres_cpu_share: round(cpuSeconds / seconds, 2),
      load_average: loadAverage(),
    }
  }

  async #learnt(): Promise<number> {
    const { rows } = await this.#database.pool.query('select sum(answers)::float8 as answers from learning_activity')
    return rows[0]?.answers ?? 0
  }

  async #untilLearnt(wanted: number): Promise<void> {
    const deadline = performance.now() + 30_000
    while ((await this.#learnt()) !== wanted) {
      assert.ok(performance.now() < deadline, `${await this.#learnt()} answers were learnt instead of ${wanted}`)
      await sleep(100)
    }
  }

  async #freshnessOf(student: ClassroomStudent): Promise<number> {
    const page = student.index % pages
    const before = await this.#clueOf(student, page)
    // Two wrong answers to exercises that were right, or right ones that were wrong: either way the estimate must move.
    const response = this.#class.response(student, page, answersPerPage, before < 0.5)
    await this.#post('/record_responses', { responses: [response] })
    const acknowledged = performance.now()
    for (;;) {
      if ((await this.#clueOf(student, page)) !== before) return performance.now() - acknowledged
      if (performance.now() - acknowledged > 30_000) throw new Error('an answer did not show within 30 s')
    }
  }

  async #clueOf(student: ClassroomStudent, page: number): Promise<number> {
    const all = this.forecastRequest(student).student_clue_requests
    const lines = all.slice(page, page + 1)
    const forecast = await this.#post<Forecast>('/fetch_student_clues', { student_clue_requests: lines })
    return forecast.student_clue_responses[0]?.clue_data.most_likely ?? Number.NaN
  }

  /** Open loop, by students who are not sampled. */
  #background(): Promise<OpenLoopResult> {
    const { rate, seconds } = this.#options
    const students = this.#class.students.slice(this.#class.students.length / 2)
    const perSecond = rate / answersPerRequest
    return runOpenLoop({
      port: this.#port,
      perSecond,
      count: Math.round(Math.max(seconds, 10) * perSecond),
      make: (index) => {
        const responses = Array.from({ length: answersPerRequest }, (_, offset) => {
          const number = index * answersPerRequest + offset
          const student = students[number % students.length] ?? this.#last()
          const page = Math.floor(number / students.length) % pages
          return this.#class.response(student, page, answersPerPage + 1, number % 2 === 0)
        })
        return {
          path: '/record_responses',
          body: { responses },
          answered: (status, body) => assert.equal(status, 200, body.toString().slice(0, 300)),
        }
      },
    })
  }
}

function checkForecast(status: number, body: Buffer): void {
  if (status !== 200) throw new Error(`fetch_student_clues answered ${status}: ${body.toString().slice(0, 300)}`)
  const forecast = JSON.parse(body.toString()) as Forecast
  assert.equal(forecast.student_clue_responses.length, pages)
  for (const line of forecast.student_clue_responses) {
    assert.equal(line.clue_status, 'clue_ready')
    assert.ok(line.clue_data.minimum <= line.clue_data.most_likely, 'minimum above most_likely')
    assert.ok(line.clue_data.most_likely <= line.clue_data.maximum, 'most_likely above maximum')
  }
}
