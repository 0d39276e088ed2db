import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { noticeNotRun } from '#platform/test-notice.ts'
import { AlgorithmWorld } from '../contract/algorithm-world.ts'
import { RecordingProxy } from './recording-proxy.ts'

/*
 * examples/remote-algorithm against the whole server, for the 24 hours of a simulated day: two processes of one
 * algorithm and one of another follow a class, hour by hour. At noon one of the two is killed while it sends results.
 * In the end every calculation is answered, once for each algorithm.
 */
const [name, otherName] = ['beta_binomial', 'beta_of_others'] as const
const hasPython = spawnSync('python3', ['--version']).status === 0
if (!hasPython) noticeNotRun('tests/scenario/remote-algorithm.test.ts: there is no python3')

let world: AlgorithmWorld
/** One for the process that is killed, one for all others. */
let proxies: readonly [RecordingProxy, RecordingProxy]
const processes: ChildProcess[] = []
before(async () => {
  if (!hasPython) return
  world = await AlgorithmWorld.start(47, 6)
  proxies = [new RecordingProxy(world.application.url), new RecordingProxy(world.application.url)]
})
after(async () => {
  for (const process of processes) process.kill('SIGKILL')
  for (const proxy of proxies ?? []) proxy.close()
  await world?.application.stop()
})

function startAlgorithm(url: string, algorithm: string): ChildProcess {
  const words = ['examples/remote-algorithm/algorithm.py', '--url', url, '--name', algorithm, '--pause', '0.05']
  const child = spawn('python3', words, { stdio: ['ignore', 'ignore', 'pipe'] })
  processes.push(child)
  return child
}

function exitOf(child: ChildProcess): Promise<number | string> {
  return new Promise((done) => child.on('exit', (code, signal) => done(code ?? signal ?? '')))
}

const midnight = Date.parse('2026-09-14T00:00:00Z')
const hoursOfDay = Array.from({ length: 24 }, (_, hour) => hour)
const isRight = (student: number, hour: number): boolean => (student + hour) % 3 !== 0 && (student * hour) % 5 !== 1

/** Page after page; each hour everybody answers one exercise that is new to them. */
async function live(hour: number): Promise<void> {
  for (const student of world.classroom.students) {
    const respondedAt = new Date(midnight + hour * 3_600_000 + student.index * 60_000)
    await world.answer(student, hour % 3, [[Math.floor(hour / 3), isRight(student.index, hour)]], respondedAt)
  }
}

async function untilAnswered(algorithm: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while (Date.now() < deadline) {
    const work = await Promise.all([world.exercises(algorithm), world.clues(algorithm), world.matrices(algorithm)])
    if (work.flat().length === 0) return
    await sleep(50)
  }
  assert.fail('work is left after thirty seconds')
}

function assignAll(): Promise<string[]> {
  const goals = { goal_num_tutor_assigned_pes: 3, pes_are_assigned: false, goal_num_tutor_assigned_spes: 3 }
  const changes = { ...goals, spes_are_assigned: false, assigned_exercises: [] }
  return Promise.all(world.classroom.students.map((student) => world.assign(student, 2, changes)))
}

test('a class through a day, with one of two processes killed half-way', {
  skip: !hasPython,
  timeout: 240_000,
}, async () => {
  const [ofKilled, ofOthers] = [await proxies[0].listen(), await proxies[1].listen()]
  const killed = startAlgorithm(ofKilled, name)
  const others = [startAlgorithm(ofOthers, name), startAlgorithm(ofOthers, otherName)]
  const [killedExit, ...otherExits] = [killed, ...others].map(exitOf)
  const assignments = await assignAll()
  let lost: readonly string[] = []
  for (const hour of hoursOfDay) {
    if (hour === 12) {
      const swallowed = proxies[0].swallowNext()
      await Promise.all([live(hour), swallowed])
      lost = await swallowed
      killed.kill('SIGKILL')
      // The same work is not old yet: somebody else has to do it.
      await untilAnswered(name)
    } else await live(hour)
  }
  assert.equal(await killedExit, 'SIGKILL')
  assert.ok(lost.length > 0, 'it died with work in its hands')
  for (const algorithm of [name, otherName]) {
    await untilAnswered(algorithm)
    await checkResults(algorithm, assignments)
    await checkRows(algorithm)
    checkAnswers(algorithm, algorithm === name ? lost : [])
  }
  for (const process of others) process.kill('SIGTERM')
  assert.deepEqual(await Promise.all(otherExits), [0, 0], 'they stop when they are told to')
})

/** The share of right answers of a page with Beta(1, 1), computed apart from the algorithm. */
function expectedShare(student: number, page: number): number {
  const given = hoursOfDay.filter((hour) => hour % 3 === page)
  return (given.filter((hour) => isRight(student, hour)).length + 1) / (given.length + 2)
}

/** Whatever was handed out was answered, if it was not replaced while its holder died; and both processes worked. */
function checkAnswers(algorithm: string, lost: readonly string[]): void {
  const exchanges = proxies.flatMap((proxy) => proxy.exchanges.filter((one) => one.algorithm === algorithm))
  const handedOut = new Set(exchanges.flatMap((one) => (one.statuses.length === 0 ? one.calculations : [])))
  const answered = new Map(exchanges.flatMap((one) => one.statuses.map((status, at) => [one.calculations[at], status])))
  const isLeft = (calculation: string): boolean => !answered.has(calculation) && !lost.includes(calculation)
  assert.deepEqual([...handedOut].filter(isLeft), [])
  assert.ok(handedOut.size > 24, `${handedOut.size} calculations in a day`)
  if (algorithm === name) assert.ok(proxies[0].exchanges.some(({ statuses }) => statuses.length > 0))
  const statuses = new Set(answered.values())
  assert.ok(statuses.has('calculation_accepted'))
  assert.ok([...statuses].every((status) => status === 'calculation_accepted' || status === 'calculation_unknown'))
}

async function checkResults(algorithm: string, assignments: readonly string[]): Promise<void> {
  for (const { student, index } of world.classroom.students) {
    for (const [page, container] of world.classroom.pages.entries()) {
      const clue = await world.clue('student', student, container, algorithm)
      assert.equal(clue.clue_status, 'clue_ready')
      assert.ok(Math.abs(clue.clue_data.most_likely - expectedShare(index, page)) < 1e-9, `student ${index}, ${page}`)
    }
    const pes = await world.pes(assignments[index] ?? '', algorithm)
    assert.deepEqual([pes.status, pes.exercises.length], ['assignment_ready', 3])
    const spes = await world.spes(assignments[index] ?? '', `student_driven_${algorithm}`)
    assert.equal(spes.status, 'assignment_ready')
    const practice = await world.worstAreas(student, algorithm)
    assert.deepEqual([practice.status, practice.exercises.length], ['student_ready', 5])
    const [line, ...others] = (await world.readBack({ student_uuid: student, algorithm_name: algorithm })) ?? []
    assert.equal(others.length, 0)
    assert.equal(line?.['calculation_uuid'], pes.calculation)
  }
  const period = world.classroom.period(world.student(0).course)
  const teacher = await world.clue('teacher', period, world.classroom.pages[0] ?? randomUUID(), algorithm)
  assert.equal(teacher.clue_status, 'clue_ready')
}

/** One result per calculation: 6 students and the class on 3 pages and the book, 6 orders in use and the default. */
async function checkRows(algorithm: string): Promise<void> {
  const { pool } = world.application
  const clues = await pool.query(
    `select kind, count(*)::int as n, count(distinct calculation)::int as calculations
     from submitted_clue
     where algorithm = $1
     group by kind
     order by kind`,
    [algorithm],
  )
  assert.deepEqual(clues.rows, [
    { kind: 'student_clues', n: 24, calculations: 24 },
    { kind: 'teacher_clues', n: 4, calculations: 4 },
  ])
  const orders = await pool.query(
    `select count(*)::int as n, count(distinct calculation)::int as calculations,
       count(*) filter (where superseded_at is null)::int as in_use
     from submitted_ordering
     where algorithm = $1`,
    [algorithm],
  )
  const { n, calculations, in_use: inUse } = orders.rows[0]
  assert.equal(calculations, n, 'no calculation has two results')
  assert.equal(inUse, 7)
}
