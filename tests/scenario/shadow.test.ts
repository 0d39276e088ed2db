import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { silentProgress } from '#cli/demo/progress.ts'
import { parseAlgorithms } from '#cli/serve/options.ts'
import { parseShadowAlgorithm } from '#cli/shadow/algorithms.ts'
import { runShadow, type ShadowFlags } from '#cli/shadow/command.ts'
import { shadowPlot } from '#cli/shadow/plot.ts'
import { reportOf } from '#cli/shadow/report.ts'
import { reportLines, reportText, sampleLine } from '#cli/shadow/report-text.ts'
import { toUuid } from '#domain/ids.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { fitOnce, startApplicationOn, type TestApplication } from '../support/application.ts'
import { Classroom, type ClassroomStudent } from '../support/classroom.ts'

/*
 * A shadow run against what servers really answered: while a small course goes on, both algorithms are asked over HTTP
 * before each answer and after each assignment; the replay must find the very same answers, and change nothing.
 */
interface LiveClue {
  readonly student: string
  readonly isCorrect: boolean
  readonly answers: readonly { readonly minimum: number; readonly most_likely: number; readonly maximum: number }[]
}
interface LivePicks {
  readonly subject: string
  readonly answers: readonly (readonly string[])[]
}

const names = ['local_query', 'biglearn_sparfa'] as const
const classroom = new Classroom({ seed: 31, pages: 3, exercisesPerPage: 10, courses: 1, studentsPerCourse: 4 })
const live = { student_clue: [] as LiveClue[], pe: [] as LivePicks[], spe: [] as LivePicks[], worst: [] as LivePicks[] }
const flags: ShadowFlags = {
  ...{ algorithm: parseShadowAlgorithm('local_query'), against: parseShadowAlgorithm('biglearn_sparfa') },
  ...{ kind: ['student_clue', 'teacher_clue', 'pe', 'spe', 'worst_areas'], courses: 10, sample: 1000, seed: 's' },
}
let database: TestDatabase
let application: TestApplication
/** One for each algorithm, which answers there alone: spaced exercises keep clear of what any other would give. */
let servers: TestApplication[]

before(async () => {
  database = await createMigratedDatabase()
  application = await startApplicationOn(database.url, 'api,learning', parseAlgorithms(names.join(',')))
  await classroom.create((path, body) => application.post(path, body))
  await fitOnce(application)
  servers = await Promise.all(names.map((name) => startApplicationOn(database.url, 'api', parseAlgorithms(name))))
  for (let turn = 0; turn < 15; turn += 1) {
    for (const student of classroom.students) await answerOnce(student, turn)
    const one = classroom.students[turn % 4]
    if (turn % 3 === 2 && one !== undefined) await assignOnce(one)
  }
  for (const server of [...servers, application]) await server.stop()
})
after(() => database.drop())

async function ask<Line>(endpoint: string, key: string, line: object, prefix = ''): Promise<Line[]> {
  const asked = servers.map(async (server, place) => {
    const one = { request_uuid: classroom.uuid(), algorithm_name: `${prefix}${names[place]}`, ...line }
    const answer = await server.post<Record<string, Line[]>>(`/fetch_${endpoint}`, { [`${key}_requests`]: [one] })
    return answer[`${key}_responses`] ?? []
  })
  return (await Promise.all(asked)).flat()
}

type Pick = { readonly exercise_uuids: readonly string[] }
const exercisesOf = (lines: readonly Pick[]) => lines.map((line) => line.exercise_uuids)

async function answerOnce(student: ClassroomStudent, turn: number): Promise<void> {
  const page = (turn + student.index) % 3
  const isCorrect = (turn * 7 + student.index * 3) % 5 < 3 - (student.index % 2)
  type Line = { readonly clue_data: LiveClue['answers'][number] }
  const line = { student_uuid: student.student, book_container_uuid: classroom.pages[page] }
  const clues = await ask<Line>('student_clues', 'student_clue', line)
  live.student_clue.push({ student: student.student, isCorrect, answers: clues.map(({ clue_data: clue }) => clue) })
  const practice = { student_uuid: student.student }
  const worst = await ask<Pick>('practice_worst_areas_exercises', 'worst_areas', practice)
  live.worst.push({ subject: student.student, answers: exercisesOf(worst) })
  const responses = [classroom.response(student, page, Math.floor(turn / 3), isCorrect)]
  await application.post('/record_responses', { responses })
}

async function assignOnce(student: ClassroomStudent): Promise<void> {
  const plain = classroom.assignmentOf(student, 2, classroom.uuid())
  const goals = { goal_num_tutor_assigned_pes: 4, pes_are_assigned: false, goal_num_tutor_assigned_spes: 3 }
  const assignment = { ...plain, ...goals, spes_are_assigned: false, assigned_exercises: [] }
  await application.post('/create_update_assignments', { assignments: [assignment] })
  const line = { assignment_uuid: assignment.assignment_uuid }
  live.pe.push({ subject: line.assignment_uuid, answers: exercisesOf(await ask('assignment_pes', 'pe', line)) })
  const spes = await ask<Pick>('assignment_spes', 'spe', line, 'instructor_driven_')
  live.spe.push({ subject: line.assignment_uuid, answers: exercisesOf(spes) })
}

async function digest(): Promise<string[]> {
  const pool = openPool(database.url, { name: 'digest', connectionsMax: 1 })
  try {
    const tables = await pool.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name
       from pg_tables
       where schemaname not in ('pg_catalog', 'information_schema')
       order by 1`,
    )
    const lines: string[] = []
    for (const { name } of tables.rows) {
      const { rows } = await pool.query(
        `select md5(coalesce(string_agg(t::text, ',' order by t::text), '')) from ${name} t`,
      )
      lines.push(`${name} ${rows[0].md5}`)
    }
    return lines
  } finally {
    await pool.end()
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
const near = (found: number | undefined, wanted: number, what: string): void =>
  assert.ok(Math.abs((found ?? Number.NaN) - wanted) < 1e-12, `${what}: ${found} is not ${wanted}`)

test('the replay finds what both algorithms answered live, and changes no table', async () => {
  const before = await digest()
  assert.ok(before.length > 20)
  const compared = await runShadow(database.url, flags, silentProgress)
  assert.deepEqual(await digest(), before)

  const clues = compared.flatMap((one) => (one.kind === 'student_clue' ? [one] : []))
  assert.equal(clues.length, 60)
  clues.forEach(({ position, answers }, at) => {
    const then = live.student_clue[at]
    assert.deepEqual([position.student, position.isCorrect], [then?.student, then?.isCorrect])
    const found = answers.map(({ clue }) => [clue.minimum, clue.mostLikely, clue.maximum])
    const wanted = then?.answers.map((clue) => [clue.minimum, clue.most_likely, clue.maximum])
    assert.deepEqual(found, wanted, `answer ${at}`)
  })
  const picksOf = (kind: string) =>
    compared.flatMap((one) =>
      one.kind === kind ? [one as { answers: readonly { exercises: readonly string[] }[] }] : [],
    )
  for (const [kind, wanted] of [
    ['pe', live.pe],
    ['spe_instructor_driven', live.spe],
    ['worst_areas', live.worst],
  ] as const) {
    const found = picksOf(kind).map(({ answers }) => answers.map(({ exercises }) => exercises))
    assert.deepEqual(
      found,
      wanted.map(({ answers }) => answers),
      kind,
    )
  }
  assert.ok(live.pe.length === 5 && live.worst.some(({ answers: [one, other] }) => one?.join() !== other?.join()))
})

test('the report is what the answers given live say', async () => {
  const report = reportOf(await runShadow(database.url, flags, silentProgress))
  const row = report.clues.find(({ kind }) => kind === 'student_clue')
  const sides = [0, 1].map((side) => live.student_clue.map(({ answers }) => answers[side]?.most_likely ?? Number.NaN))
  const [local, sparfa] = [sides[0] ?? [], sides[1] ?? []]
  const right = live.student_clue.map(({ isCorrect }) => (isCorrect ? 1 : 0))
  const apart = local.map((value, at) => Math.abs(value - (sparfa[at] ?? 0)))
  const sorted = apart.toSorted((a, b) => a - b)
  assert.equal(row?.positions, 60)
  near(row.difference.mean, mean(apart), 'mean difference')
  near(row.difference.median, sorted[29] ?? 0, 'median')
  near(row.difference.p90, sorted[53] ?? 0, '90 %')
  near(row.difference.most, sorted[59] ?? 0, 'most')
  assert.ok(row.difference.mean > 0.01, 'these algorithms differ')
  near(row.right, mean(right), 'right')
  sides.forEach((likely, side) => {
    const wide = live.student_clue.map(({ answers }) => (answers[side]?.maximum ?? 0) - (answers[side]?.minimum ?? 0))
    near(row.width[side], mean(wide), 'width')
    near(row.logLoss[side], mean(likely.map((p, at) => -Math.log(right[at] ? p : 1 - p))), 'log-loss')
    // The probability that a right answer was given the higher value, pair by pair.
    const pairs = likely.flatMap((p, at) =>
      likely.flatMap((q, other) => (right[at] === 1 && right[other] === 0 ? [p > q ? 1 : p === q ? 0.5 : 0] : [])),
    )
    near(row.auc[side], mean(pairs), 'AUC')
  })
  const [m, n] = [mean(local), mean(sparfa)]
  const sum = (of: (at: number) => number): number => local.reduce((total, _, at) => total + of(at), 0)
  const [a, b] = [(at: number) => (local[at] ?? 0) - m, (at: number) => (sparfa[at] ?? 0) - n]
  near(
    row.correlation,
    sum((at) => a(at) * b(at)) / Math.sqrt(sum((at) => a(at) ** 2) * sum((at) => b(at) ** 2)),
    'correlation',
  )

  const picks = report.picks.find(({ kind }) => kind === 'worst_areas')
  const jaccard = live.worst.map(({ answers: [one = [], other = []] }) => {
    const common = one.filter((exercise) => other.includes(exercise)).length
    const either = one.length + other.length - common
    return either === 0 ? 1 : common / either
  })
  near(picks?.overlap, mean(jaccard), 'overlap')
  near(
    picks?.sameOrder,
    mean(live.worst.map(({ answers: [one, other] }) => (one?.join() === other?.join() ? 1 : 0))),
    'same order',
  )
  near(picks?.given[1], mean(live.worst.map(({ answers }) => answers[1]?.length ?? 0)), 'given')
  near(picks?.unfilled[1], mean(live.worst.map(({ answers }) => 5 - (answers[1]?.length ?? 0))), 'unfilled')
  assert.deepEqual(
    report.picks.map(({ kind, positions }) => `${kind} ${positions}`),
    ['pe 5', 'spe_student_driven 5', 'spe_instructor_driven 5', 'worst_areas 60'],
  )
})

test('an algorithm against itself differs in nothing', async () => {
  for (const name of ['biglearn_sparfa', 'local_query']) {
    const itself = parseShadowAlgorithm(name)
    const report = reportOf(
      await runShadow(database.url, { ...flags, algorithm: itself, against: itself }, silentProgress),
    )
    assert.deepEqual(
      report.clues.map(({ kind }) => kind),
      ['student_clue', 'teacher_clue'],
    )
    for (const row of report.clues) {
      assert.deepEqual(row.difference, { mean: 0, median: 0, p90: 0, most: 0 })
      near(row.correlation, 1, 'correlation')
      assert.equal(row.auc[0], row.auc[1])
      assert.ok(row.estimated[0] > 0)
    }
    assert.equal(report.picks.length, 4)
    for (const row of report.picks) assert.deepEqual([row.overlap, row.sameExercises, row.sameOrder], [1, 1, 1])
  }
})

test('a sample is drawn by its seed, a larger one holds it, and courses and times narrow it', async () => {
  const drawn = async (changes: Partial<ShadowFlags>): Promise<string[]> => {
    const kind = ['student_clue'] as const
    const compared = await runShadow(database.url, { ...flags, kind, ...changes }, silentProgress)
    return compared.map(({ position }) => `${position.course} ${position.position}`)
  }
  const [ten, again, other, twenty] = [
    await drawn({ sample: 10 }),
    await drawn({ sample: 10 }),
    await drawn({ sample: 10, seed: 't' }),
    await drawn({ sample: 20 }),
  ]
  assert.equal(ten.length, 10)
  assert.deepEqual(again, ten)
  assert.notDeepEqual(other, ten)
  assert.ok(ten.every((one) => twenty.includes(one)))
  assert.deepEqual(await drawn({ course: [toUuid(classroom.uuid())] }), [])
  assert.equal((await drawn({ course: classroom.courses().map(toUuid) })).length, 60)
  assert.deepEqual(await drawn({ to: 0 }), [])
  assert.deepEqual(await drawn({ from: Date.now() }), [])
})

test('the newest matrix may stand in for the one of then', async () => {
  const compared = await runShadow(
    database.url,
    { ...flags, algorithm: parseShadowAlgorithm('biglearn_sparfa@newest') },
    silentProgress,
  )
  const report = reportOf(compared)
  assert.equal(report.clues[0]?.difference.most, 0, 'there has been one matrix only')
  const unknown = parseShadowAlgorithm(`biglearn_sparfa@${classroom.uuid()}`)
  const none = reportOf(await runShadow(database.url, { ...flags, algorithm: unknown }, silentProgress))
  assert.equal(none.clues[0]?.estimated[0], 0)
  assert.throws(() => parseShadowAlgorithm('beta_binomial'), /no algorithm of this program/)
  assert.throws(() => parseShadowAlgorithm('local_query@newest'), /biglearn_sparfa@newest/)
})

test('it prints tables, lines of JSON and a picture', async () => {
  const compared = await runShadow(database.url, flags, silentProgress)
  const report = reportOf(compared)
  const text = reportText(report, names)
  assert.match(text, /^student_clue, at 60 answers\n +estimated +width +AUC +log-loss\nlocal_query +\d\.\d{4} /)
  assert.match(text, /\npe, at 5 positions\n/)
  const lines = reportLines(report, names)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ kind }) => kind),
    ['student_clue', 'teacher_clue', 'pe', 'spe_student_driven', 'spe_instructor_driven', 'worst_areas'],
  )
  assert.deepEqual([lines[0].algorithm, lines[0].against], names)
  const samples = compared.map((one) => JSON.parse(sampleLine(one)))
  assert.ok(samples.every((sample) => sample.answers.length === 2 && sample.course_uuid === classroom.courses()[0]))
  const plot = shadowPlot(compared, names)
  assert.equal(plot.match(/<circle/g)?.length, 120)
  assert.match(plot, /Exercises of both, pe, at 5 positions/)
  assert.equal(reportText(reportOf([]), names), 'nothing to compare in these courses and this period\n')
})

test('the command does all of that', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'biglearn-shadow-'))
  const biglearn = (...words: readonly string[]) =>
    spawnSync(process.execPath, ['src/cli/main.ts', 'shadow', ...words], {
      env: { ...process.env, DATABASE_URL: database.url },
      encoding: 'utf8',
    })
  const files = ['--samples', join(folder, 'samples.jsonl'), '--plot', join(folder, 'shadow.svg')]
  const ran = biglearn('--algorithm', 'Local_Query', '--seed', 's', '--json', ...files)
  assert.equal(ran.status, 0, ran.stderr)
  const kinds = ran.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).kind)
  assert.deepEqual(kinds, ['student_clue', 'pe', 'spe_student_driven', 'spe_instructor_driven', 'worst_areas'])
  const samples = (await readFile(join(folder, 'samples.jsonl'), 'utf8')).trimEnd().split('\n')
  assert.equal(samples.length, 60 + 60 + 5 * 3)
  assert.match(await readFile(join(folder, 'shadow.svg'), 'utf8'), /^<svg /)
  assert.match(ran.stderr, /1 courses, 60 answers and 5 assignments with exercises to choose/)
  const wrong = biglearn('--algorithm', 'beta_binomial')
  assert.equal(wrong.status, 1)
  assert.match(wrong.stderr, /is no algorithm of this program/)
  await rm(folder, { recursive: true })
})
