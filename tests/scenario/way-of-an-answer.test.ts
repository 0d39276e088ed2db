import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pauseSubscription, resumeSubscription } from '#crew/control.ts'
import { fitOnce, startTestApplication, type TestApplication } from '../support/application.ts'
import { Classroom, type ClassroomStudent } from '../support/classroom.ts'

/*
 * The way of an answer through the whole server: HTTP, log, read models, estimate, HTTP. A CLUE that were a plain share
 * of right answers would fail here.
 */
interface ClueLine {
  readonly clue_status: string
  readonly calculation_uuid: string | null
  readonly clue_data: {
    minimum: number
    most_likely: number
    maximum: number
    is_real: boolean
    ecosystem_uuid?: string
  }
}

let application: TestApplication
const classroom = new Classroom({ seed: 7, pages: 4, exercisesPerPage: 12, courses: 1, studentsPerCourse: 6 })

before(async () => {
  application = await startTestApplication('api,learning,due')
  await classroom.create((path, body) => application.post(path, body))
  await fitOnce(application)
})
after(() => application.stop())

function student(index: number): ClassroomStudent {
  const found = classroom.students[index]
  assert.ok(found !== undefined)
  return found
}

async function record(who: ClassroomStudent, page: number, answers: readonly boolean[], from = 0): Promise<void> {
  const responses = answers.map((isCorrect, index) => classroom.response(who, page, from + index, isCorrect))
  await application.post('/record_responses', { responses })
}

function clueLine(who: ClassroomStudent, page: number, algorithm = 'biglearn_sparfa') {
  return {
    request_uuid: who.student,
    student_uuid: who.student,
    book_container_uuid: classroom.pages[page],
    algorithm_name: algorithm,
  }
}

async function clue(who: ClassroomStudent, page: number, algorithm?: string): Promise<ClueLine> {
  const { student_clue_responses: lines } = await application.post<{ student_clue_responses: ClueLine[] }>(
    '/fetch_student_clues',
    { student_clue_requests: [clueLine(who, page, algorithm)] },
  )
  const found = lines[0]
  assert.ok(found !== undefined)
  return found
}

describe('an answer changes estimates', () => {
  test('right answers on one page raise another page of the same student, and only theirs', async () => {
    const [who, other] = [student(0), student(1)]
    await record(who, 0, [true, false, true])
    await record(who, 1, [false, false])
    await record(other, 1, [false, true, false])
    const before = await clue(who, 1)
    const otherBefore = await clue(other, 1)
    assert.equal(before.clue_status, 'clue_ready')
    assert.equal(before.clue_data.is_real, true)
    await record(who, 0, [true, true, true, true], 3)
    const after = await clue(who, 1)
    assert.ok(after.clue_data.most_likely > before.clue_data.most_likely + 0.005, 'the other page did not rise')
    assert.notEqual(after.calculation_uuid, before.calculation_uuid)
    assert.deepEqual(await clue(other, 1), otherBefore)
  })

  test('wrong answers on one page lower another page of the same student', async () => {
    const who = student(2)
    await record(who, 0, [true, false])
    await record(who, 1, [true, true, false])
    const before = await clue(who, 1)
    await record(who, 0, [false, false, false, false], 2)
    assert.ok((await clue(who, 1)).clue_data.most_likely < before.clue_data.most_likely - 0.005)
  })

  test('the interval narrows as answers come, and holds the estimate', async () => {
    const who = student(3)
    const widths: number[] = []
    for (let round = 0; round < 3; round += 1) {
      await record(who, 2, [true, false, true, false], round * 4)
      const { minimum, most_likely: mostLikely, maximum } = (await clue(who, 2)).clue_data
      assert.ok(0 <= minimum && minimum < mostLikely && mostLikely < maximum && maximum <= 1)
      widths.push(maximum - minimum)
    }
    assert.ok(widths[0]! > widths[1]! && widths[1]! > widths[2]!, `widths ${widths.join(', ')}`)
  })

  test('the same question again gives the same answer, byte for byte', async () => {
    const who = student(3)
    assert.deepEqual(await clue(who, 2), await clue(who, 2))
  })
})

describe('what is not known', () => {
  const unknown = { minimum: 0, most_likely: 0.5, maximum: 1, is_real: false }

  test('a page without answers is unready with the default', async () => {
    const { clue_status: status, clue_data: data, calculation_uuid: calculation } = await clue(student(4), 3)
    assert.equal(status, 'clue_unready')
    assert.equal(calculation, null)
    assert.deepEqual(data, { ...unknown, ecosystem_uuid: classroom.ecosystem })
  })

  test('two answers are too few for an estimate, though the CLUE is ready', async () => {
    await record(student(4), 0, [true, true])
    const line = await clue(student(4), 0)
    assert.equal(line.clue_status, 'clue_ready')
    assert.equal(line.clue_data.is_real, false)
    assert.equal(line.clue_data.most_likely, 0.5)
  })

  test('an algorithm without results is unready; its name may be written in any case', async () => {
    assert.equal((await clue(student(0), 0, 'local_query')).clue_status, 'clue_unready')
    assert.equal((await clue(student(0), 0, 'BigLearn_SPARFA')).clue_status, 'clue_ready')
  })

  test('an unknown page goes before an unknown student', async () => {
    const nobody = { ...student(0), student: classroom.uuid() }
    assert.equal((await clue(nobody, 0)).clue_status, 'student_unknown')
    const line = {
      request_uuid: classroom.uuid(),
      student_uuid: nobody.student,
      book_container_uuid: classroom.uuid(),
      algorithm_name: 'biglearn_sparfa',
    }
    const { student_clue_responses: lines } = await application.post<{ student_clue_responses: ClueLine[] }>(
      '/fetch_student_clues',
      { student_clue_requests: [line] },
    )
    assert.equal(lines[0]?.clue_status, 'book_container_unknown')
    assert.deepEqual(lines[0]?.clue_data, unknown)
  })
})

describe('what a student must not see yet', () => {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
  const yesterday = new Date(Date.now() - 86_400_000).toISOString()

  async function assignment(who: ClassroomStudent, feedbackAt: string, exercise: number): Promise<string> {
    const trial = classroom.uuid()
    await application.post('/create_update_assignments', {
      assignments: [
        {
          ...classroom.assignmentOf(who, 0, classroom.uuid()),
          exclusion_info: { opens_at: yesterday, due_at: feedbackAt, feedback_at: feedbackAt },
          assigned_exercises: [
            { trial_uuid: trial, exercise_uuid: classroom.exercises[0]?.[exercise], is_spe: false, is_pe: false },
          ],
        },
      ],
    })
    return trial
  }

  test("answers of open work change the teacher's CLUE and not the student's", async () => {
    const who = student(5)
    await record(who, 0, [true, true, false])
    const before = await clue(who, 0)
    const teacherBefore = await teacherClue(0)
    const trial = await assignment(who, tomorrow, 9)
    const response = { ...classroom.response(who, 0, 9, false), trial_uuid: trial }
    await application.post('/record_responses', { responses: [response] })
    assert.deepEqual((await clue(who, 0)).clue_data, before.clue_data)
    assert.ok((await teacherClue(0)) < teacherBefore, 'the teacher sees the wrong answer')
  })

  test('answers whose feedback is out count', async () => {
    const who = student(5)
    const before = await clue(who, 0)
    const trial = await assignment(who, yesterday, 10)
    const response = { ...classroom.response(who, 0, 10, false), trial_uuid: trial }
    await application.post('/record_responses', { responses: [response] })
    assert.ok((await clue(who, 0)).clue_data.most_likely < before.clue_data.most_likely)
  })

  async function teacherClue(page: number): Promise<number> {
    const line = {
      request_uuid: classroom.uuid(),
      course_container_uuid: classroom.period(student(5).course),
      book_container_uuid: classroom.pages[page],
      algorithm_name: 'biglearn_sparfa',
    }
    const { teacher_clue_responses: lines } = await application.post<{ teacher_clue_responses: ClueLine[] }>(
      '/fetch_teacher_clues',
      { teacher_clue_requests: [line] },
    )
    assert.equal(lines[0]?.clue_status, 'clue_ready')
    return lines[0]?.clue_data.most_likely ?? Number.NaN
  }
})

describe('while learning is behind', () => {
  const deed = { subscription: 'learning', actor: 'test', reason: 'to be behind' }
  const asked = async (who: ClassroomStudent) => {
    const answer = await fetch(`${application.url}/fetch_student_clues`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ student_clue_requests: [clueLine(who, 3)] }),
    })
    return { behind: answer.headers.get('biglearn-behind'), body: await answer.text() }
  }
  const untilSlots = async (isPaused: boolean): Promise<void> => {
    for (let turn = 0; turn < 600; turn += 1) {
      const status = application.services.learning?.status()
      if (status?.isPaused === isPaused && status.ownedSlots > 0 !== isPaused) return
      await sleep(50)
    }
    assert.fail(`learning is not ${isPaused ? 'paused' : 'resumed'} after half a minute`)
  }
  const answersBehind = async (): Promise<number> => {
    const text = await (await fetch(`${application.url}/metrics`)).text()
    return Number(/^biglearn_answers_behind_total\{route="fetch_student_clues"\} (\d+)$/m.exec(text)?.[1] ?? 0)
  }

  test('a CLUE without what was acknowledged before says so, and the next one that has it does not', async () => {
    const who = student(4)
    await record(who, 3, [true, true, true])
    const before = await asked(who)
    assert.equal(before.behind, null)
    assert.equal(await answersBehind(), 0)
    await pauseSubscription(application.services.pool, deed)
    await untilSlots(true)
    await record(who, 3, [false, false, false], 3)
    assert.deepEqual(await asked(who), { behind: '1', body: before.body })
    assert.equal(await answersBehind(), 1)
    await resumeSubscription(application.services.pool, deed)
    await untilSlots(false)
    let after = await asked(who)
    for (let turn = 0; turn < 20 && after.behind !== null; turn += 1) after = await asked(who)
    assert.equal(after.behind, null)
    assert.notEqual(after.body, before.body)
  })
})
