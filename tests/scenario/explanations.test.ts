import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { AssignmentLine, AssignmentPicks, ClueBasis, PickChoice } from '#api/console/explanation-data.ts'
import { fitOnce, startTestApplication, type TestApplication } from '../support/application.ts'
import { Classroom, type ClassroomStudent } from '../support/classroom.ts'

/*
 * What an estimate rests on and what would be given, as the console explains it, beside what the wire answers: each
 * answer has its verdict, and the explained number is the number.
 */
let application: TestApplication
const classroom = new Classroom({
  seed: 23,
  pages: 3,
  exercisesPerPage: 10,
  assignedPerPage: 5,
  courses: 1,
  studentsPerCourse: 3,
})

before(async () => {
  application = await startTestApplication('api,learning,due,console')
  await classroom.create((path, body) => application.post(path, body))
  await fitOnce(application)
})
after(() => application.stop())

function studentAt(index: number): ClassroomStudent {
  const found = classroom.students[index]
  assert.ok(found !== undefined)
  return found
}

async function record(who: ClassroomStudent, page: number, answers: readonly boolean[], from = 0): Promise<void> {
  const responses = answers.map((isCorrect, index) => classroom.response(who, page, from + index, isCorrect))
  await application.post('/record_responses', { responses })
}

async function explain<View>(who: ClassroomStudent, path: string): Promise<View> {
  const url = `${application.url}/console/api/courses/${who.course}/students/${who.student}/${path}`
  const answer = await fetch(url)
  assert.equal(answer.status, 200, url)
  return (await answer.json()) as View
}

/** The wire waits for what was acknowledged before; after it, the console sees the same. */
async function clueOf(who: ClassroomStudent, page: number): Promise<{ most_likely: number; is_real: boolean }> {
  const line = {
    request_uuid: who.student,
    student_uuid: who.student,
    book_container_uuid: classroom.pages[page],
    algorithm_name: 'biglearn_sparfa',
  }
  const { student_clue_responses: lines } = await application.post<{
    student_clue_responses: readonly { clue_data: { most_likely: number; is_real: boolean } }[]
  }>('/fetch_student_clues', { student_clue_requests: [line] })
  assert.ok(lines[0] !== undefined)
  return lines[0].clue_data
}

async function assign(who: ClassroomStudent, page: number, change: object): Promise<string> {
  const uuid = classroom.uuid()
  await application.post('/create_update_assignments', {
    assignments: [{ ...classroom.assignmentOf(who, page, uuid), ...change }],
  })
  return uuid
}

describe('explanations', () => {
  test('each answer to a page has its verdict, and the explained CLUE is the one of the wire', async () => {
    const who = studentAt(0)
    await record(who, 0, [true, false, true, true])
    await record(who, 0, [false])
    await application.post('/update_course_excluded_exercises', {
      request_uuid: classroom.uuid(),
      course_uuid: who.course,
      sequence_number: classroom.number(who.course),
      exclusions: [{ exercise_uuid: classroom.exercises[0]?.[3] }],
      updated_at: '2026-09-01T08:00:00.000Z',
    })
    const clue = await clueOf(who, 0)
    const basis = await explain<ClueBasis>(who, `basis/${classroom.pages[0]}`)
    const verdicts = basis.answers.map(({ exercise, isCorrect, verdict }) => ({ exercise, isCorrect, verdict }))
    const exercise = (index: number) => classroom.exercises[0]?.[index]
    assert.deepEqual(verdicts, [
      { exercise: exercise(0), isCorrect: false, verdict: 'counted' },
      { exercise: exercise(3), isCorrect: true, verdict: 'excluded' },
      { exercise: exercise(2), isCorrect: true, verdict: 'counted' },
      { exercise: exercise(1), isCorrect: false, verdict: 'counted' },
      { exercise: exercise(0), isCorrect: true, verdict: 'superseded' },
    ])
    assert.equal(basis.poolGroups, 9, 'the excluded exercise is not asked about')
    assert.equal(basis.countedAnswers, 3)
    assert.deepEqual([basis.clue.mostLikely, basis.clue.isReal], [clue.most_likely, clue.is_real])
    assert.equal(clue.is_real, true)
  })

  test('answers whose feedback is not out are shown as withheld, with the time', async () => {
    const who = studentAt(1)
    const feedbackAt = new Date(Date.now() + 86_400_000)
    const at = feedbackAt.toISOString()
    await assign(who, 1, { exclusion_info: { opens_at: '2026-09-01T08:00:00.000Z', due_at: at, feedback_at: at } })
    await record(who, 1, [true, true, true, false])
    assert.equal((await clueOf(who, 1)).is_real, false)
    const basis = await explain<ClueBasis>(who, `basis/${classroom.pages[1]}`)
    assert.equal(basis.answers.length, 4)
    for (const { verdict, visibleAt } of basis.answers) {
      assert.deepEqual([verdict, visibleAt], ['withheld', feedbackAt.getTime()])
    }
    assert.deepEqual([basis.clue.isReal, basis.countedAnswers], [false, 0])
  })

  test('a page whose only answers are withheld is no area to practise', async () => {
    const practice = await explain<PickChoice>(studentAt(1), 'practice')
    assert.deepEqual(practice.exercises, [])
  })

  test('what would be given in an assignment is what the wire gives, with its reasons', async () => {
    const who = studentAt(2)
    await record(who, 2, [true, false, true])
    const open = await assign(who, 2, {
      goal_num_tutor_assigned_pes: 2,
      pes_are_assigned: false,
      assigned_exercises: [],
      exclusion_info: { opens_at: '2026-09-01T08:00:00.000Z', due_at: new Date(Date.now() + 1e8).toISOString() },
    })
    const { pe_responses: [wire] = [] } = await application.post<{
      pe_responses: readonly { exercise_uuids: readonly string[] }[]
    }>('/fetch_assignment_pes', {
      pe_requests: [{ request_uuid: open, assignment_uuid: open, algorithm_name: 'biglearn_sparfa' }],
    })
    const assignments = await explain<readonly AssignmentLine[]>(who, 'assignments')
    assert.deepEqual(
      assignments.map(({ assignment, isWaiting, answered }) => [assignment === open, isWaiting, answered]),
      [
        [true, true, 0],
        [false, false, 3],
        [false, false, 0],
        [false, false, 0],
      ],
    )
    const { choices } = await explain<AssignmentPicks>(who, `assignments/${open}`)
    const personalised = choices.find(({ kind }) => kind === 'personalised')
    assert.equal(personalised?.isAssigned, false)
    assert.deepEqual(
      personalised?.exercises.map((pick) => pick.exercise),
      wire?.exercise_uuids,
    )
    assert.equal(personalised?.exercises.length, 2)
    for (const pick of personalised?.exercises ?? []) {
      assert.deepEqual(pick.bookContainers, [classroom.pages[2]])
      assert.ok(pick.expected !== null && pick.expected > 0 && pick.expected < 1)
    }
    const fixed = choices.filter(({ kind }) => kind === 'spaced')
    assert.deepEqual(
      fixed.map(({ isAssigned, exercises }) => [isAssigned, exercises.length]),
      [
        [true, 0],
        [true, 0],
      ],
    )
    const practice = await explain<PickChoice>(who, 'practice')
    assert.deepEqual([practice.kind, practice.status], ['practice', 'ready'])
    assert.ok(practice.exercises.length > 0)
  })

  test('34: an answer that counts nowhere in this book is reported, to the page and on the wire', async () => {
    const who = studentAt(2)
    const elsewhere = { ecosystem_uuid: classroom.uuid(), exercise_uuid: classroom.uuid() }
    await application.post('/record_responses', {
      responses: [{ ...classroom.response(who, 1, 0, true), ...elsewhere }, classroom.response(who, 1, 1, true)],
    })
    await clueOf(who, 1)
    const basis = await explain<ClueBasis>(who, `basis/${classroom.pages[1]}`)
    assert.equal(basis.orphanedAnswers, 1)
    const line = { request_uuid: who.student, student_uuid: who.student, book_container_uuid: classroom.pages[1] }
    const { student_clue_responses: lines } = await application.post<{
      student_clue_responses: readonly { explanation: { counted_answers: number; orphaned_answers: number } }[]
    }>('/fetch_student_clues?explain=1', { student_clue_requests: [{ ...line, algorithm_name: 'biglearn_sparfa' }] })
    const { counted_answers, orphaned_answers } = lines[0]?.explanation ?? {}
    assert.deepEqual([counted_answers, orphaned_answers], [basis.countedAnswers, 1])
  })

  test('nothing is explained to those who ask for another course, student or assignment', async () => {
    const [who, other] = [studentAt(0), studentAt(1)]
    const base = `${application.url}/console/api/courses`
    const paths = [
      `${who.student}/students/${who.student}/basis/${classroom.pages[0]}`,
      `${who.course}/students/${who.course}/basis/${classroom.pages[0]}`,
      `${who.course}/students/${who.student}/basis/${who.student}`,
      `${who.course}/students/${who.course}/assignments`,
    ]
    for (const path of paths) assert.equal((await fetch(`${base}/${path}`)).status, 404, path)
    const own = await explain<readonly AssignmentLine[]>(other, 'assignments')
    const foreign = `${who.course}/students/${who.student}/assignments/${own[0]?.assignment}`
    assert.equal((await fetch(`${base}/${foreign}`)).status, 404)
  })
})
