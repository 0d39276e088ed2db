import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { MatrixView } from '#api/console/operations-data.ts'
import { startTestApplication, type TestApplication, untilMatrix } from '../support/application.ts'
import { Classroom } from '../support/classroom.ts'

/*
 * What the console tells of a matrix that a running trainer fitted: how good it is, and the pictures of its fit.
 */
let application: TestApplication
const classroom = new Classroom({ seed: 31, pages: 3, exercisesPerPage: 20, courses: 1, studentsPerCourse: 12 })

before(async () => {
  application = await startTestApplication('api,learning,due,trainer,console')
  await classroom.create((path, body) => application.post(path, body))
})
after(() => application.stop())

async function view(): Promise<MatrixView> {
  const matrix = await untilMatrix(application)
  const answer = await fetch(`${application.url}/console/api/matrices/${matrix}`)
  assert.equal(answer.status, 200)
  return (await answer.json()) as MatrixView
}

async function untilLearnt(answers: number): Promise<void> {
  for (let turn = 0; turn < 600; turn += 1) {
    const { rows } = await application.pool.query('select sum(answers)::int as learnt from learning_activity')
    if (rows[0].learnt === answers) return
    await sleep(50)
  }
  throw new Error(`${answers} answers are not learnt after half a minute`)
}

async function viewWhen(holds: (seen: MatrixView) => boolean): Promise<MatrixView> {
  for (let turn = 0; turn < 200; turn += 1) {
    const seen = await view()
    if (holds(seen)) return seen
    await sleep(100)
  }
  throw new Error('no such matrix within twenty seconds')
}

test('a matrix from nothing has nothing to show; one from answers shows how good it is', async () => {
  const empty = await viewWhen(() => true)
  assert.deepEqual([empty.heldOut, empty.pictures], [null, []])
  for (const [index, who] of classroom.students.entries()) {
    const responses = classroom.exercises.flatMap((exercises, page) =>
      exercises.map((_, exercise) => classroom.response(who, page, exercise, (index + exercise) % 3 > 0)),
    )
    await application.post('/record_responses', { responses })
  }
  // A fit of most of them would make none due for the rest.
  await untilLearnt(720)
  // At most one fit a minute: this one is made to be longer ago.
  await application.pool.query(`update training set fitted_at = now() - interval '2 minutes'`)
  const fitted = await viewWhen(({ madeBy }) => madeBy.answers >= 720)
  assert.ok(fitted.heldOut !== null)
  assert.ok(fitted.heldOut.answers > 40 && fitted.heldOut.answers < 110, `${fitted.heldOut.answers} kept back`)
  assert.ok(fitted.heldOut.logLoss < Math.LN2)
  assert.deepEqual(
    fitted.pictures.map(({ name }) => name),
    ['epochs', 'reliability', 'clues'],
  )
  const text = fitted.pictures.map(({ svg }) => svg).join()
  assert.ok(text.includes('CLUE of learner 4'))
  for (const { student } of classroom.students) assert.ok(!text.includes(student.slice(0, 8)), 'nobody is named')
})
