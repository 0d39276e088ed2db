import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Command } from 'commander'
import { parse } from 'csv-parse/sync'
import { experimentsCommand } from '#cli/experiments/command.ts'
import { receiptText } from '#cli/receipt-text.ts'
import { parseAlgorithms } from '#cli/serve/options.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { fitOnce, startApplicationOn, type TestApplication } from '../support/application.ts'
import { Classroom, type ClassroomStudent } from '../support/classroom.ts'
import { untilReceipt } from '../support/receipts.ts'

/*
 * Experiments, from the command line to the answers and back: clients that ask for `assigned` get their unit's arm from
 * two servers at once, and the export says who got what.
 */
interface Line {
  readonly request_uuid: string
  readonly calculation_uuid: string | null
  readonly algorithm_name?: string
  readonly experiment?: { readonly name: string; readonly version: number }
  readonly explanation?: { readonly as_of: string }
  readonly spy_info?: { readonly exercise_algorithm_name?: string }
}
interface Row {
  readonly experiment: string
  readonly version: string
  readonly unit: string
  readonly unit_uuid: string
  readonly algorithm_name: string
  readonly assigned_at: string
}

const both = parseAlgorithms('biglearn_sparfa,local_query')
const classroom = new Classroom({ seed: 23, pages: 2, exercisesPerPage: 12, courses: 12, studentsPerCourse: 3 })
const assignments = new Map<string, string>()
let database: TestDatabase
let application: TestApplication
let second: TestApplication
const notes: string[] = []

before(async () => {
  database = await createMigratedDatabase()
  application = await startApplicationOn(database.url, 'api,learning,due', both)
  second = await startApplicationOn(database.url, 'api', both)
  await classroom.create((path, body) => application.post(path, body))
  const responses = classroom.students.flatMap((student) =>
    [0, 1, 2, 3].map((exercise) => classroom.response(student, 0, exercise, (student.index + exercise) % 3 !== 0)),
  )
  await application.post('/record_responses', { responses })
  const open = classroom.students.map((student) => {
    const assignment = classroom.assignmentOf(student, 1, classroom.uuid())
    assignments.set(student.student, assignment.assignment_uuid)
    const goals = { goal_num_tutor_assigned_pes: 3, pes_are_assigned: false, goal_num_tutor_assigned_spes: 2 }
    return { ...assignment, ...goals, spes_are_assigned: false, assigned_exercises: [] }
  })
  await application.post('/create_update_assignments', { assignments: open })
  await fitOnce(application)
})
after(async () => {
  await second.stop()
  await application.stop()
  await database.drop()
})

/** `biglearn experiments …`; servers follow what it changes within a second. */
async function experiments(...words: readonly string[]): Promise<string> {
  const printed: string[] = []
  const command = experimentsCommand({
    databaseUrl: () => database.url,
    write: async (text) => void printed.push(text),
    note: (text) => void notes.push(text),
  })
  for (const one of [command, ...command.commands]) one.exitOverride().configureOutput({ writeErr: () => undefined })
  await new Command('biglearn').addCommand(command).parseAsync(['experiments', ...words], { from: 'user' })
  await sleep(1100)
  return printed.join('')
}

async function exportOf(name: string): Promise<Row[]> {
  return parse(await experiments('export', name), { columns: true })
}

const keys = { student_clue: 'fetch_student_clues', teacher_clue: 'fetch_teacher_clues', pe: 'fetch_assignment_pes' }
const paths = { ...keys, spe: 'fetch_assignment_spes', worst_areas: 'fetch_practice_worst_areas_exercises' }
type Kind = keyof typeof paths

function lineOf(kind: Kind, student: ClassroomStudent, algorithm: string): object {
  const head = { request_uuid: classroom.uuid(), algorithm_name: algorithm }
  if (kind === 'worst_areas') return { ...head, student_uuid: student.student }
  if (kind === 'pe' || kind === 'spe') return { ...head, assignment_uuid: assignments.get(student.student) }
  const page = { ...head, book_container_uuid: classroom.pages[0] }
  if (kind === 'student_clue') return { ...page, student_uuid: student.student }
  return { ...page, course_container_uuid: classroom.period(student.course) }
}

interface Asking {
  readonly query?: string
  readonly of?: TestApplication
  readonly students?: readonly ClassroomStudent[]
}

async function ask(kind: Kind, algorithm: string, asking: Asking = {}): Promise<Line[]> {
  const { query = '', of = application, students = classroom.students } = asking
  const lines = students.map((student) => lineOf(kind, student, algorithm))
  const body = { [`${kind}_requests`]: lines }
  const answer = await of.post<Record<string, Line[]>>(`/${paths[kind]}${query}`, body)
  return answer[`${kind}_responses`] ?? []
}

/** Without what says who decided, and without the uuid of the request. */
function plain({ request_uuid: _, algorithm_name: __, experiment: ___, ...line }: Line): object {
  return line
}

test('without an experiment, assigned is the default algorithm', async () => {
  for (const kind of ['student_clue', 'teacher_clue', 'pe', 'worst_areas'] as const) {
    const [assigned, named] = [await ask(kind, 'Assigned'), await ask(kind, 'biglearn_sparfa')]
    assert.deepEqual(assigned.map(plain), named.map(plain))
    for (const line of assigned)
      assert.deepEqual([line.algorithm_name, line.experiment], ['biglearn_sparfa', undefined])
    for (const line of named) assert.ok(!('algorithm_name' in line || 'experiment' in line))
  }
  const spes = await ask('spe', 'instructor_driven_assigned')
  assert.deepEqual(spes.map(plain), (await ask('spe', 'instructor_driven_biglearn_sparfa')).map(plain))
  assert.equal(spes[0]?.algorithm_name, 'instructor_driven_biglearn_sparfa')
})

test('each course has one arm, whoever asks and for whatever kind, and it is exported', async () => {
  const kinds = 'student_clue,teacher_clue,pe,spe,worst_areas'
  const halves = ['--arm', 'biglearn_sparfa', '--arm', 'local_query=1', '--arm', 'remote one=0']
  const created = await experiments('create', 'halves', '--unit', 'course', '--kind', kinds, ...halves, '--seed', 'x')
  assert.match(
    created,
    /^halves \(running\), by course, decides about student_clue, teacher_clue, pe, spe, worst_areas\n/,
  )
  assert.match(notes.join(''), /local_query answers where servers run with --algorithms biglearn_sparfa,local_query\n/)
  assert.match(notes.join(''), /remote one is no algorithm of this program/)
  const asked = (['student_clue', 'teacher_clue', 'pe', 'worst_areas'] as const).flatMap((kind) => [
    ask(kind, 'assigned'),
    ask(kind, 'assigned', { of: second }),
  ])
  const [first, ...others] = await Promise.all(asked)
  const armOf = (index: number): string => first?.[index]?.algorithm_name ?? ''
  for (const lines of others)
    assert.deepEqual(
      lines.map((line) => line.algorithm_name),
      first?.map((_, index) => armOf(index)),
    )
  const arms = new Map(classroom.students.map(({ course, index }) => [course, armOf(index)]))
  assert.deepEqual([...new Set(arms.values())].sort(), ['biglearn_sparfa', 'local_query'])

  for (const kind of ['student_clue', 'pe', 'worst_areas'] as const) {
    const [sparfa, local] = [await ask(kind, 'biglearn_sparfa'), await ask(kind, 'local_query')]
    for (const [index, line] of (await ask(kind, 'assigned')).entries()) {
      const named = armOf(index) === 'local_query' ? local[index] : sparfa[index]
      assert.deepEqual(plain(line), named && plain(named))
      assert.deepEqual(line.experiment, { name: 'halves', version: 1 })
    }
  }
  const spes = await ask('spe', 'assigned')
  assert.ok(spes.every((line, index) => line.algorithm_name === `student_driven_${armOf(index)}`))
  assert.ok(spes.every((line, index) => line.spy_info?.exercise_algorithm_name === armOf(index)))

  const rows = await exportOf('halves')
  assert.deepEqual(new Map(rows.map((row) => [row.unit_uuid, row.algorithm_name])), new Map([...arms].sort()))
  assert.deepEqual(
    new Set(rows.map(({ experiment, version, unit }) => `${experiment} ${version} ${unit}`)),
    new Set(['halves 1 course']),
  )
  assert.ok(rows.every((row) => Math.abs(Date.parse(row.assigned_at) - Date.now()) < 60_000))
})

test('a subject that is not known is answered by the default algorithm and is not recorded', async () => {
  const nobody = { index: 0, student: classroom.uuid(), course: classroom.uuid() }
  const [line] = await ask('student_clue', 'assigned', { students: [nobody] })
  assert.equal(line?.algorithm_name, 'biglearn_sparfa')
  assert.equal((await exportOf('halves')).length, 12)
})

test('receipts of assigned exercises name experiment and arm, and compute equal', async () => {
  const local = (await ask('pe', 'assigned')).find((line) => line.algorithm_name === 'local_query')
  assert.ok(local?.calculation_uuid)
  const checked = await untilReceipt(database.url, local.calculation_uuid)
  assert.deepEqual(checked.receipt.experiment, { name: 'halves', version: 1 })
  assert.equal(checked.receipt.algorithm, 'local_query')
  assert.deepEqual(checked.differences, [])
  assert.match(receiptText(checked), /experiment halves, version 1; the algorithm is the arm\n/)
})

test('explained answers are given again as of then, also after the experiment has ended', async () => {
  const explained = await ask('pe', 'assigned', { query: '?explain=1' })
  const asOf = explained[0]?.explanation?.as_of ?? ''
  await sleep(5)
  assert.match(await experiments('end', 'halves'), /^halves \(ended\)/)
  const now = await ask('pe', 'assigned')
  assert.ok(now.every((line) => line.algorithm_name === 'biglearn_sparfa' && line.experiment === undefined))
  for (const server of [application, second]) {
    const then = await ask('pe', 'assigned', { query: `?explain=1&as_of=${asOf}`, of: server })
    const timeless = ({ request_uuid: _, ...line }: Line): object => line
    assert.deepEqual(then.map(timeless), explained.map(timeless))
  }
  const before = await ask('pe', 'assigned', { query: '?as_of=2020-01-01T00:00:00Z' })
  assert.ok(before.every((line) => line.experiment === undefined))
})

test('students are units too; other weights are another version, and a name is honoured all along', async () => {
  const arms = ['--arm', 'biglearn_sparfa=1', '--arm', 'local_query=1']
  await experiments('create', 'students', '--unit', 'student', '--kind', 'worst_areas', ...arms)
  const back = await ask('worst_areas', 'assigned', { query: `?as_of=${new Date().toISOString()}` })
  assert.ok(back.every((line) => line.experiment?.name === 'students'))
  assert.deepEqual(await exportOf('students'), [], 'looking back records nobody')
  const first = (await ask('worst_areas', 'assigned')).map((line) => line.algorithm_name)
  assert.deepEqual(
    first,
    back.map((line) => line.algorithm_name),
  )
  const classes = classroom.courses().map((_, at) => new Set(first.slice(3 * at, 3 * at + 3)).size)
  assert.ok(Math.max(...classes) === 2, 'classmates may have different arms')
  assert.ok(
    (await ask('student_clue', 'assigned')).every((line) => line.experiment === undefined),
    'another kind',
  )
  await experiments('reweigh', 'students', '--arm', 'biglearn_sparfa=1', '--arm', 'local_query=3')
  const then = await ask('worst_areas', 'assigned', { of: second })
  assert.ok(then.every((line) => line.experiment?.version === 2))
  assert.ok(then.every(({ algorithm_name: arm }, index) => arm === first[index] || arm === 'local_query'))
  assert.ok(then.some(({ algorithm_name: arm }, index) => arm !== first[index]))
  assert.ok((await ask('worst_areas', 'local_query')).every((line) => !('experiment' in line)))
  const shown = JSON.parse(await experiments('show', 'students', '--json'))
  const units = shown.counts.reduce((sum: number, count: { units: number }) => sum + count.units, 0)
  assert.equal(units, 2 * classroom.students.length)
  assert.match(
    await experiments('show', 'STUDENTS'),
    /version 2, since .*\narm +weight +expected +units +share\nbiglearn_sparfa +1 +0\.250 +\d+ +0\.\d{3} +█*/,
  )
  const lines = (await experiments('export', 'students', '--format', 'jsonl')).trimEnd().split('\n')
  assert.equal(lines.length, units)
  assert.deepEqual(Object.keys(JSON.parse(lines[0] ?? '')), Object.keys((await exportOf('students'))[0] ?? {}))
})

test('what can not be is refused with the reason', async () => {
  const create = (...words: readonly string[]) => experiments('create', ...words)
  const arms = ['--arm', 'a', '--arm', 'b']
  await assert.rejects(
    create('x', '--unit', 'student', '--kind', 'worst_areas', ...arms),
    /students decides about worst_areas from/,
  )
  await assert.rejects(
    create('students', '--unit', 'course', '--kind', 'pe', ...arms),
    /an experiment students already/,
  )
  await assert.rejects(create('x', '--unit', 'course', '--kind', 'pe', '--arm', 'a'), /at least two arms/)
  await assert.rejects(
    create('x', '--unit', 'course', '--kind', 'pe', '--arm', 'a=-1', '--arm', 'b'),
    /weight of a must be/,
  )
  await assert.rejects(create('x', '--unit', 'class', '--kind', 'pe', ...arms), /must be course or student/)
  await assert.rejects(
    create('x', '--unit', 'course', '--kind', 'clues', ...arms),
    /no kind "clues"; there are student_clue/,
  )
  await assert.rejects(create('x', '--unit', 'course', '--kind', 'pe', '--arm', 'a=b=c', ...arms), /NAME=WEIGHT/)
  await assert.rejects(
    create('x', '--unit', 'course', '--kind', 'pe', '--ends', '2026-12-20', ...arms),
    /with its zone/,
  )
  await assert.rejects(experiments('show', 'nothing'), /there is no experiment nothing/)
  assert.equal((await experiments('list', '--all')).split('\n').length, 4)
})
