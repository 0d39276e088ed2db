import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parseAlgorithms } from '#cli/serve/options.ts'
import { startTestApplication, type TestApplication } from '../support/application.ts'
import { Classroom } from '../support/classroom.ts'

/* `--algorithms biglearn_sparfa,local_query`: a second algorithm in the same process, through the same port. */
let application: TestApplication
const classroom = new Classroom({ seed: 11, pages: 2, exercisesPerPage: 8, courses: 1, studentsPerCourse: 2 })
const [student] = classroom.students

before(async () => {
  application = await startTestApplication('api,learning', parseAlgorithms('Local_Query'))
  await classroom.create((path, body) => application.post(path, body))
})
after(() => application.stop())

async function picks(endpoint: string, key: string, line: object): Promise<Record<string, unknown>> {
  const lines = [{ request_uuid: classroom.uuid(), ...line }]
  const body = await application.post<Record<string, Record<string, unknown>[]>>(endpoint, {
    [`${key}_requests`]: lines,
  })
  return body[`${key}_responses`]?.[0] ?? {}
}

test('worked example 27 through HTTP: one of three right', async () => {
  assert.ok(student !== undefined)
  const responses = [false, true, false].map((isCorrect, index) => classroom.response(student, 0, index, isCorrect))
  await application.post('/record_responses', { responses })
  const line = await picks('/fetch_student_clues', 'student_clue', {
    student_uuid: student.student,
    book_container_uuid: classroom.pages[0],
    algorithm_name: 'LOCAL_query',
  })
  assert.equal(line['clue_status'], 'clue_ready')
  const clue = line['clue_data'] as Record<string, number>
  const expected = { minimum: 0.0729, most_likely: 0.3556, maximum: 0.6383 }
  for (const [key, value] of Object.entries(expected)) assert.ok(Math.abs((clue[key] ?? 0) - value) < 1e-4, key)
})

test('worst areas come from its own CLUEs, spaced names carry its name', async () => {
  assert.ok(student !== undefined)
  const practice = await picks('/fetch_practice_worst_areas_exercises', 'worst_areas', {
    student_uuid: student.student,
    algorithm_name: 'local_query',
  })
  const exercises = practice['exercise_uuids'] as string[]
  assert.equal(practice['student_status'], 'student_ready')
  assert.equal(exercises.length, 5)
  assert.ok(exercises.every((exercise) => classroom.exercises[0]?.includes(exercise)))
  const open = { ...classroom.assignmentOf(student, 1, classroom.uuid()), goal_num_tutor_assigned_spes: 2 }
  const assignment = { ...open, spes_are_assigned: false, pes_are_assigned: true, assigned_exercises: [] }
  await application.post('/create_update_assignments', { assignments: [assignment] })
  const statuses = ['instructor_driven_local_query', 'student_driven_local_query', 'local_query', 'x_local_query']
  const asked = await Promise.all(
    statuses.map((name) =>
      picks('/fetch_assignment_spes', 'spe', { assignment_uuid: assignment.assignment_uuid, algorithm_name: name }),
    ),
  )
  assert.deepEqual(
    asked.map((line) => line['assignment_status']),
    ['assignment_ready', 'assignment_ready', 'assignment_unready', 'assignment_unready'],
  )
})

test('an exercise that an assignment holds twice is given back once', async () => {
  assert.ok(student !== undefined)
  const plain = classroom.assignmentOf(student, 1, classroom.uuid())
  const twice = plain.assigned_exercises.slice(0, 1).flatMap((exercise) => [
    { ...exercise, trial_uuid: classroom.uuid(), is_pe: true },
    { ...exercise, trial_uuid: classroom.uuid(), is_pe: true },
  ])
  await application.post('/create_update_assignments', {
    assignments: [{ ...plain, goal_num_tutor_assigned_pes: 2, assigned_exercises: twice }],
  })
  const line = await picks('/fetch_assignment_pes', 'pe', {
    assignment_uuid: plain.assignment_uuid,
    algorithm_name: 'local_query',
  })
  assert.equal(line['assignment_status'], 'assignment_ready')
  assert.deepEqual(line['exercise_uuids'], [plain.assigned_exercises[0]?.exercise_uuid])
})

test('an algorithm that is not switched on is unready', async () => {
  const line = await picks('/fetch_student_clues', 'student_clue', {
    student_uuid: student?.student,
    book_container_uuid: classroom.pages[0],
    algorithm_name: 'biglearn_sparfa',
  })
  assert.equal(line['clue_status'], 'clue_unready')
})
