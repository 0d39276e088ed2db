import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { noticeNotRun } from '#platform/test-notice.ts'
import { AlgorithmWorld } from '../contract/algorithm-world.ts'

/*
 * examples/remote-algorithm against the whole server: two processes of the same algorithm follow a class through a day;
 * one of them is killed half-way. In the end every calculation is answered, once.
 */
const name = 'beta_binomial'
const hasPython = spawnSync('python3', ['--version']).status === 0
if (!hasPython) noticeNotRun('tests/scenario/remote-algorithm.test.ts: there is no python3')

let world: AlgorithmWorld
const processes: ChildProcess[] = []
before(async () => {
  if (hasPython) world = await AlgorithmWorld.start(47, 6)
})
after(async () => {
  for (const process of processes) process.kill('SIGKILL')
  await world?.application.stop()
})

function startAlgorithm(): ChildProcess {
  const words = ['examples/remote-algorithm/algorithm.py', '--url', world.application.url, '--pause', '0.05']
  const child = spawn('python3', words, { stdio: ['ignore', 'ignore', 'pipe'] })
  processes.push(child)
  return child
}

function exitOf(child: ChildProcess): Promise<number | string> {
  return new Promise((done) => child.on('exit', (code, signal) => done(code ?? signal ?? '')))
}

/** Students answer in turn, page after page; each hour brings two answers of everybody. */
async function hour(hours: number): Promise<void> {
  const page = hours % 3
  const first = Math.floor(hours / 3) * 2
  for (const student of world.classroom.students) {
    await world.answer(student, page, [
      [first, (student.index + hours) % 3 !== 0],
      [first + 1, student.index % 2 === 0],
    ])
  }
}

async function untilAnswered(): Promise<void> {
  const deadline = Date.now() + 30_000
  while (Date.now() < deadline) {
    const work = await Promise.all([world.exercises(name), world.clues(name), world.matrices(name)])
    if (work.flat().length === 0) return
    await sleep(50)
  }
  assert.fail('work is left after thirty seconds')
}

test('a class through a day, with one of two processes killed half-way', { skip: !hasPython }, async () => {
  const killed = startAlgorithm()
  const survivor = startAlgorithm()
  const [killedExit, survivorExit] = [exitOf(killed), exitOf(survivor)]
  const students = world.classroom.students
  const assignments = await Promise.all(
    students.map((student) =>
      world.assign(student, 2, {
        ...{ goal_num_tutor_assigned_pes: 3, pes_are_assigned: false, goal_num_tutor_assigned_spes: 3 },
        ...{ spes_are_assigned: false, assigned_exercises: [] },
      }),
    ),
  )
  for (let hours = 0; hours < 6; hours += 1) {
    if (hours === 3) killed.kill('SIGKILL')
    await hour(hours)
  }
  assert.equal(await killedExit, 'SIGKILL')
  await untilAnswered()
  await checkResults(assignments)
  await checkRows()
  survivor.kill('SIGTERM')
  assert.equal(await survivorExit, 0, 'it stops when it is told to')
})

/** The share of right answers of a page with Beta(1, 1), computed apart from the algorithm. */
function expectedShare(student: number, page: number): number {
  const given = [0, 1, 2, 3, 4, 5].filter((hours) => hours % 3 === page)
  const right = given.reduce((sum, hours) => {
    return sum + ((student + hours) % 3 !== 0 ? 1 : 0) + (student % 2 === 0 ? 1 : 0)
  }, 0)
  return (right + 1) / (given.length * 2 + 2)
}

async function checkResults(assignments: readonly string[]): Promise<void> {
  for (const { student, index } of world.classroom.students) {
    for (const [page, container] of world.classroom.pages.entries()) {
      const clue = await world.clue('student', student, container, name)
      assert.equal(clue.clue_status, 'clue_ready')
      assert.ok(Math.abs(clue.clue_data.most_likely - expectedShare(index, page)) < 1e-9, `student ${index}, ${page}`)
    }
    const pes = await world.pes(assignments[index] ?? '', name)
    assert.deepEqual([pes.status, pes.exercises.length], ['assignment_ready', 3])
    const spes = await world.spes(assignments[index] ?? '', `student_driven_${name}`)
    assert.equal(spes.status, 'assignment_ready')
    const practice = await world.worstAreas(student, name)
    assert.deepEqual([practice.status, practice.exercises.length], ['student_ready', 5])
    const [line, ...others] = (await world.readBack({ student_uuid: student, algorithm_name: name })) ?? []
    assert.equal(others.length, 0)
    assert.equal(line?.['calculation_uuid'], pes.calculation)
  }
  const period = world.classroom.period(world.student(0).course)
  const teacher = await world.clue('teacher', period, world.classroom.pages[0] ?? randomUUID(), name)
  assert.equal(teacher.clue_status, 'clue_ready')
}

/** One result per calculation: 6 students and the class on 3 pages and the book, 6 orders in use and the default. */
async function checkRows(): Promise<void> {
  const { pool } = world.application
  const clues = await pool.query('select kind, count(*)::int as n from submitted_clue group by kind order by kind')
  assert.deepEqual(clues.rows, [
    { kind: 'student_clues', n: 24 },
    { kind: 'teacher_clues', n: 4 },
  ])
  const orders = await pool.query(
    `select count(*)::int as n, count(distinct calculation)::int as calculations,
       count(*) filter (where superseded_at is null)::int as in_use
     from submitted_ordering`,
  )
  const { n, calculations, in_use: inUse } = orders.rows[0]
  assert.equal(calculations, n, 'no calculation has two results')
  assert.equal(inUse, 7)
}
