import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Classroom } from '../tests/support/classroom.ts'
import type { PicksOptions } from './picks.ts'
import { loadAverage, percentile, round } from './support/figures.ts'
import { roles, sendClass } from './support/learnt-class.ts'
import { type Post, poster } from './support/post.ts'
import { type BenchDatabase, cpuSecondsOf, type Product, startBenchDatabase, startProduct } from './support/product.ts'

/*
 * CLUEs of a whole class: 40 pages for 300 students in one request. Cold: every student has answered since the last
 * time, or the process has just started. Warm: nothing happened in between.
 */
const pages = 40
const students = 300
const answersPerStudent = 300
const coldRounds = 8
const warmReads = 50

interface ClueLines {
  readonly teacher_clue_responses: readonly {
    readonly clue_status: string
    readonly calculation_uuid: string | null
    readonly clue_data: { minimum: number; most_likely: number; maximum: number; is_real: boolean }
  }[]
}

export async function classClues(options: PicksOptions): Promise<readonly object[]> {
  const database = await startBenchDatabase()
  const size = { pages, exercisesPerPage: 20, assignedPerPage: 9, courses: 1, studentsPerCourse: students }
  const classroom = new Classroom({ seed: options.seed, ...size })
  try {
    await sendClass(database.url, classroom, answersPerStudent)
    const product = await startProduct(database.url, roles)
    process.stderr.write('picks: reading CLUEs of the class\n')
    try {
      const figures = await measure(product, database, classroom)
      return [{ bench: 'picks', shape: 'class_clues', ...figures, seed: options.seed, ...database.settings }]
    } finally {
      await product.stop()
    }
  } finally {
    await database.stop()
  }
}

async function measure(product: Product, database: BenchDatabase, classroom: Classroom): Promise<object> {
  const post = poster(product.port)
  const cpuMs = async (): Promise<number> => ((await cpuSecondsOf(product.pid)) + (await database.cpuSeconds())) * 1000
  const first = await timedClues(post, classroom)
  const cold: number[] = []
  const warm: number[] = []
  const cpu = { cold: 0, warm: 0 }
  let before = first.calculations
  for (let turn = 0; turn < coldRounds; turn += 1) {
    await answerAll(post, classroom, turn)
    const atFirst = await cpuMs()
    const changed = await timedClues(post, classroom)
    const between = await cpuMs()
    cpu.cold += between - atFirst
    assert.ok(
      changed.calculations.every((calculation, page) => calculation !== before[page]),
      'not computed anew',
    )
    before = changed.calculations
    cold.push(changed.ms)
    for (let read = 0; read < warmReads / coldRounds; read += 1) {
      const again = await timedClues(post, classroom)
      assert.deepEqual(again.calculations, before)
      warm.push(again.ms)
    }
    cpu.warm += (await cpuMs()) - between
  }
  const ms = (values: readonly number[], share: number): number => round(percentile(values, share), 1)
  return {
    containers: pages,
    students,
    answers_per_student: answersPerStudent,
    after_start_ms: round(first.ms, 1),
    cold_rounds: cold.length,
    made_cold_by: 'an answer of each student; every calculation_uuid was new',
    cold_p50_ms: ms(cold, 0.5),
    cold_max_ms: ms(cold, 1),
    cold_ms_budget: 300,
    cold_cpu_ms: round(cpu.cold / cold.length, 1),
    warm_reads: warm.length,
    warm_p50_ms: ms(warm, 0.5),
    warm_max_ms: ms(warm, 1),
    warm_ms_budget: 20,
    warm_cpu_ms: round(cpu.warm / warm.length, 1),
    load_average: loadAverage(),
  }
}

/** One answer of each student, and time for learning to take them in: the wait for that is what `clues` measures. */
async function answerAll(post: Post, classroom: Classroom, turn: number): Promise<void> {
  const responses = classroom.students.map((student) =>
    classroom.response(student, (student.index + turn) % pages, 8, (student.index + turn) % 3 > 0),
  )
  await post('/record_responses', { responses })
  await sleep(500)
}

async function timedClues(post: Post, classroom: Classroom): Promise<{ ms: number; calculations: (string | null)[] }> {
  const period = classroom.period(classroom.courses()[0] ?? '')
  const body = {
    teacher_clue_requests: classroom.pages.map((page) => ({
      request_uuid: page,
      course_container_uuid: period,
      book_container_uuid: page,
      algorithm_name: 'biglearn_sparfa',
    })),
  }
  const asked = performance.now()
  const { teacher_clue_responses: lines } = await post<ClueLines>('/fetch_teacher_clues', body)
  const ms = performance.now() - asked
  assert.equal(lines.length, pages)
  for (const { clue_status: status, clue_data: clue } of lines) {
    assert.equal(status, 'clue_ready')
    assert.ok(clue.is_real, 'a CLUE without an estimate')
    assert.ok(clue.minimum <= clue.most_likely && clue.most_likely <= clue.maximum, 'an interval out of order')
  }
  return { ms, calculations: lines.map(({ calculation_uuid: calculation }) => calculation) }
}
