import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Recomputed } from '#answers/receipts.ts'
import { checkReceipt } from '#cli/receipt.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { startApplicationOn, type TestApplication, untilMatrix } from '../support/application.ts'
import { Classroom, type ClassroomStudent } from '../support/classroom.ts'
import { untilReceipt } from '../support/receipts.ts'

/*
 * Exercises that were handed out can be computed again: after a restart, another matrix and ten thousand answers. The
 * requests run beside each other without pause, so that some choices are of the same millisecond as an answer.
 */
interface Pick {
  readonly calculation_uuid: string | null
  readonly exercise_uuids: readonly string[]
  readonly explanation?: {
    readonly as_of: string
    readonly goal: number
    readonly seed: string
    readonly candidates_in_all: number
    readonly candidates: readonly { readonly exercise_uuid: string; readonly rank: number | null }[]
    readonly excluded_by_reason: Readonly<Record<string, number>>
    readonly picks: readonly { readonly exercise_uuid: string; readonly k_ago?: number; readonly area?: number }[]
  }
}

const laterAnswers = 10_000
const classroom = new Classroom({ seed: 17, pages: 4, exercisesPerPage: 30, courses: 2, studentsPerCourse: 20 })
let database: TestDatabase
let application: TestApplication
let state = 4711
/** What was handed out, by calculation; the first time. */
const given = new Map<Uuid, { readonly path: string; readonly body: object; readonly exercises: readonly string[] }>()

before(async () => {
  database = await createMigratedDatabase()
  application = await startApplicationOn(database.url)
  await classroom.create((path, body) => application.post(path, body))
  await untilMatrix(application)
})
after(async () => {
  await application.stop()
  await database.drop()
})

function random(below: number): number {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return Math.floor((state / 0x100000000) * below)
}

function student(index: number): ClassroomStudent {
  const found = classroom.students[index]
  assert.ok(found !== undefined)
  return found
}

function responses(count: number) {
  const one = () => classroom.response(student(random(40)), random(4), random(30), random(3) > 0)
  return { responses: Array.from({ length: count }, one) }
}

/** An assignment that waits for exercises, some of them still open when others are chosen. */
function waitingAssignment(who: ClassroomStudent, page: number) {
  const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
  const own = { exercise_uuid: classroom.exercises[page]?.[random(30)], is_spe: false, is_pe: false }
  return {
    ...classroom.assignmentOf(who, page, classroom.uuid()),
    exclusion_info: { opens_at: day(-1), due_at: day(random(2) === 0 ? 1 : -0.5), feedback_at: day(1) },
    goal_num_tutor_assigned_spes: 4,
    spes_are_assigned: false,
    goal_num_tutor_assigned_pes: 3,
    pes_are_assigned: false,
    assigned_exercises: [{ trial_uuid: classroom.uuid(), ...own }],
    created_at: new Date().toISOString(),
  }
}

function questions(who: ClassroomStudent, assignment: string, max: number | null) {
  const line = { request_uuid: who.student, assignment_uuid: assignment, max_num_exercises: max }
  const pe = { ...line, algorithm_name: 'Biglearn_SPARFA' }
  const spes = ['student', 'instructor'].map((type) => ({ ...line, algorithm_name: `${type}_driven_biglearn_sparfa` }))
  const worst = { request_uuid: who.student, student_uuid: who.student, algorithm_name: 'biglearn_sparfa' }
  return [
    { path: '/fetch_assignment_pes', body: { pe_requests: [pe] } },
    { path: '/fetch_assignment_spes', body: { spe_requests: spes } },
    { path: '/fetch_practice_worst_areas_exercises', body: { worst_areas_requests: [worst] } },
  ]
}

async function ask(path: string, body: object): Promise<Pick[]> {
  const answer = await application.post<Record<string, Pick[]>>(path, body)
  return Object.values(answer)[0] ?? []
}

async function handOut(path: string, body: object): Promise<void> {
  for (const { calculation_uuid: calculation, exercise_uuids: exercises } of await ask(path, body)) {
    assert.ok(calculation !== null)
    const uuid = toUuid(calculation)
    if (!given.has(uuid)) given.set(uuid, { path, body, exercises })
  }
}

type PickRecomputed = Exclude<Recomputed, { readonly receipt: { readonly clue: unknown } }>

async function check(calculation: Uuid): Promise<PickRecomputed> {
  const checked = await checkReceipt(database.url, calculation)
  assert.ok(checked !== undefined, `no receipt ${calculation}`)
  assert.ok(!('clue' in checked.receipt))
  return checked as PickRecomputed
}

function runReceipt(id: string) {
  return spawnSync(process.execPath, ['src/cli/main.ts', 'receipt', id], {
    env: { ...process.env, DATABASE_URL: database.url },
    encoding: 'utf8',
  })
}

test('receipts recompute equal after a restart, another matrix and 10,000 later answers', async () => {
  await application.post('/record_responses', responses(600))
  for (let turn = 0; turn < 12; turn += 1) {
    const who = student(turn % 3)
    const assignment = waitingAssignment(who, random(4))
    await application.post('/create_update_assignments', { assignments: [assignment] })
    const asked = questions(who, assignment.assignment_uuid, turn % 4 === 0 ? 2 : null)
    const writing = application.post('/record_responses', responses(20))
    await Promise.all([writing, ...asked.map(({ path, body }) => handOut(path, body))])
    // Polling does not add receipts.
    for (const { path, body } of asked) await handOut(path, body)
  }
  assert.ok(given.size >= 40)
  await application.stop()
  application = await startApplicationOn(database.url)
  const { rows } = await application.pool.query('select count(*)::int as receipts from pick_receipt')
  assert.deepEqual(rows, [{ receipts: given.size }], 'all are written when the application has stopped')

  const first = await untilMatrix(application)
  for (let sent = 0; sent < laterAnswers; sent += 1000) await application.post('/record_responses', responses(1000))
  await application.pool.query(`update training set fitted_at = now() - interval '2 minutes'`)
  await untilMatrix(application, (matrix) => matrix !== first)
  for (const [calculation, { exercises }] of given) {
    const { receipt, again, differences } = await check(calculation)
    assert.deepEqual(receipt.exercises, exercises)
    assert.deepEqual(differences, [])
    assert.equal(again?.explanation?.picks.slice(0, exercises.length).length, exercises.length)
  }
  let changed = 0
  for (const { path, body, exercises } of given.values()) {
    const now = await ask(path, body)
    if (now.every((pick) => pick.exercise_uuids.join() !== exercises.join())) changed += 1
  }
  assert.ok(changed > given.size / 2, 'asked today, most choices are others')
})

test('the command says equal, NOT equal with the difference, and that there is none', async () => {
  const [calculation, other] = [...given].filter(([, { exercises }]) => exercises.length > 2).map(([uuid]) => uuid)
  assert.ok(calculation !== undefined && other !== undefined)
  const equal = runReceipt(calculation.toUpperCase())
  assert.equal(equal.status, 0, equal.stderr)
  assert.match(equal.stdout, /\nequal\n$/)
  assert.match(equal.stdout, /seed +biglearn_sparfa/)

  const exercises = (await check(other)).receipt.exercises
  const before = exercises[1]
  const exchanged = classroom.exercises.flat().find((exercise) => !exercises.some((one) => one === exercise))
  await application.pool.query('update pick_receipt set exercise_uuids[2] = $2 where calculation_uuid = $1', [
    other,
    exchanged,
  ])
  const tampered = runReceipt(other)
  assert.equal(tampered.status, 1, tampered.stderr)
  assert.ok(tampered.stdout.endsWith(`NOT equal\n  exercise 2: ${exchanged} then, ${before} again\n`), tampered.stdout)

  const unknown = runReceipt('00000000-0000-4000-8000-000000000000')
  assert.equal(unknown.status, 2)
  assert.match(unknown.stderr, /there is no receipt 00000000/)
  assert.equal(unknown.stdout, '')
})

test('exercises explained are given again byte for byte as of then, and leave no second receipt', async () => {
  const who = student(5)
  const assignment = waitingAssignment(who, 1)
  await application.post('/create_update_assignments', { assignments: [assignment] })
  await sleep(2)
  const texts: { readonly path: string; readonly body: object; readonly lines: Pick[]; readonly asOf: string }[] = []
  for (const { path, body } of questions(who, assignment.assignment_uuid, null)) {
    const lines = await ask(`${path}?explain=1`, body)
    texts.push({ path, body, lines, asOf: lines[0]?.explanation?.as_of ?? '' })
  }
  await sleep(2)
  await application.post('/record_responses', responses(200))
  for (const { path, body, lines, asOf } of texts) {
    assert.deepEqual(await ask(`${path}?explain=1&as_of=${asOf}`, body), lines)
    const plain = await ask(`${path}?as_of=${asOf}`, body)
    assert.deepEqual(
      plain,
      lines.map(({ explanation: _, ...line }) => line),
    )
    assert.deepEqual(await ask(`${path}?as_of=2026-01-01T00:00:00Z`, body).then((all) => all[0]?.exercise_uuids), [])
  }
  const [pes, spes, practice] = texts.map(({ lines }) => lines[0])
  assert.equal(pes?.explanation?.goal, 3)
  assert.equal(pes.explanation.excluded_by_reason['own_assignment'], 1)
  assert.equal(pes.explanation.candidates_in_all + 1, 30)
  const ranks = pes.explanation.candidates.map(({ rank }) => rank ?? Number.POSITIVE_INFINITY)
  assert.deepEqual(
    ranks,
    ranks.toSorted((a, b) => a - b),
  )
  assert.deepEqual(
    pes.explanation.picks.map(({ exercise_uuid: uuid }) => uuid),
    pes.exercise_uuids,
  )
  assert.equal(spes?.explanation?.excluded_by_reason['already_picked'], 3)
  assert.equal(spes.explanation.picks[0]?.k_ago, 1)
  assert.equal(practice?.explanation?.picks[0]?.area, 0)
})

interface ClueLine {
  readonly calculation_uuid: string | null
  readonly clue_data: { readonly most_likely: number }
  readonly clue_status: string
}

test('CLUEs leave a receipt when they are explained, and it recomputes equal after later answers', async () => {
  const page = classroom.pages[1]
  const period = classroom.period(classroom.courses()[0] ?? '')
  const line = { request_uuid: page, book_container_uuid: page, algorithm_name: 'biglearn_sparfa' }
  const clues = async (query: string): Promise<ClueLine[]> => {
    const ofStudent = { student_clue_requests: [{ ...line, student_uuid: student(2).student }] }
    const ofClass = { teacher_clue_requests: [{ ...line, course_container_uuid: period }] }
    const answers = await Promise.all([
      application.post<Record<string, ClueLine[]>>(`/fetch_student_clues${query}`, ofStudent),
      application.post<Record<string, ClueLine[]>>(`/fetch_teacher_clues${query}`, ofClass),
    ])
    return answers.flatMap((answer) => Object.values(answer)[0] ?? [])
  }
  await clues('')
  const explained = await clues('?explain=1')
  assert.equal(explained.length, 2)
  for (const { calculation_uuid: calculation } of explained) await untilReceipt(database.url, calculation)
  const counted = await application.pool.query('select count(*)::int as receipts from clue_receipt')
  assert.deepEqual(counted.rows, [{ receipts: 2 }], 'the one that nobody explained left none')
  await application.post('/record_responses', responses(400))
  for (const { calculation_uuid: calculation, clue_data: clue, clue_status: status } of explained) {
    assert.equal(status, 'clue_ready')
    const checked = await untilReceipt(database.url, calculation)
    assert.ok('clue' in checked.receipt)
    assert.deepEqual(checked.differences, [])
    assert.equal(checked.receipt.clue.mostLikely, clue.most_likely)
  }
  const [first] = explained
  const equal = runReceipt(first?.calculation_uuid ?? '')
  assert.equal(equal.status, 0, equal.stderr)
  assert.match(equal.stdout, /CLUE of student .*\nequal\n$/s)
  await application.pool.query('update clue_receipt set maximum = maximum + 1e-9')
  const tampered = runReceipt(first?.calculation_uuid ?? '')
  assert.equal(tampered.status, 1, tampered.stderr)
  assert.match(tampered.stdout, /NOT equal\n {2}maximum: [\d.]+ then, [\d.]+ again\n$/)
  const now = await clues('')
  assert.notDeepEqual(
    now.map(({ calculation_uuid: calculation }) => calculation),
    explained.map(({ calculation_uuid: calculation }) => calculation),
  )
})

test('without the parameters a line is the original one', async () => {
  const asked = questions(student(5), classroom.uuid(), null)
  const own = ['assignment_status assignment_uuid', 'assignment_status assignment_uuid', 'student_status student_uuid']
  const all = 'calculation_uuid ecosystem_matrix_uuid exercise_uuids request_uuid spy_info'
  for (const [index, { path, body }] of asked.entries()) {
    const keys = `${own[index]} ${all}`.split(' ')
    for (const line of await ask(path, body)) assert.deepEqual(Object.keys(line).sort(), keys.sort())
  }
})
