import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client } from '#client/client.ts'
import {
  algorithm_name,
  assignment,
  course,
  courseWith,
  dates,
  ecosystem,
  refusal,
  statusOf,
  time,
  uuid,
} from './client-world.ts'

/* Second half of `client-suite.ts`: repairs, moves between ecosystems, results. */
export function repairContract(connect: () => Client): void {
  test('stream statuses tell what is missing', async () => {
    const client = connect()
    const id = await courseWith(client, [0, 1, 4, 6])
    const status = await statusOf(client, id)
    assert.deepEqual(
      { ...status, request_uuid: '', oldest_blocked_at: typeof status.oldest_blocked_at },
      {
        request_uuid: '',
        is_known: true,
        is_created: true,
        next_sequence_number: 7,
        contiguous_sequence_number: 2,
        gaps: [
          { from: 2, to: 3 },
          { from: 5, to: 5 },
        ],
        oldest_blocked_at: 'string',
      },
    )
    const unknown = await statusOf(client, uuid())
    assert.deepEqual(
      [unknown.is_known, unknown.is_created, unknown.next_sequence_number, unknown.contiguous_sequence_number],
      [false, false, 0, 0],
    )
    assert.deepEqual([unknown.gaps, unknown.oldest_blocked_at], [[], null])
  })

  test('no_ops close a gap, leave other events alone, and may be repeated', async () => {
    const client = connect()
    const id = await courseWith(client, [0, 1, 3])
    const noOp = (sequence_number: number) => ({
      request_uuid: uuid(),
      course_uuid: id,
      sequence_number,
      reason: 'test',
    })
    const filling = [noOp(2), noOp(1)]
    const expected = [
      { request_uuid: filling[0]!.request_uuid, status: 'accepted' },
      { request_uuid: filling[1]!.request_uuid, status: 'already_filled' },
    ]
    assert.deepEqual(await client.recordNoOps(filling), expected)
    assert.deepEqual(await client.recordNoOps(filling), expected)
    assert.equal((await statusOf(client, id)).contiguous_sequence_number, 4)
    const late = await refusal(client.updateCourseActiveDates(dates(id, 2)))
    const [conflict] = late.reply['conflicts'] as { [key: string]: unknown }[]
    assert.equal(conflict!['existing_event_type'], 'no_op')
    assert.equal((await refusal(client.recordNoOps([noOp(0)]))).status, 400)
  })
}

export function moveContract(connect: () => Client): void {
  test('a course moves to a prepared ecosystem, and only to that', async () => {
    const client = connect()
    const [id, from, to, preparation] = [uuid(), uuid(), uuid(), uuid()]
    await client.createEcosystem(ecosystem(to, uuid()))
    await client.createCourse(course(id, from))
    const move = {
      request_uuid: uuid(),
      course_uuid: id,
      sequence_number: 2,
      preparation_uuid: preparation,
      updated_at: time,
    }
    const unknown = await client.updateCourseEcosystems([move])
    assert.deepEqual(unknown, [{ request_uuid: move.request_uuid, update_status: 'preparation_unknown' }])
    assert.equal((await statusOf(client, id)).next_sequence_number, 1)
    const prepared = await client.prepareCourseEcosystem({
      preparation_uuid: preparation,
      course_uuid: id,
      sequence_number: 1,
      next_ecosystem_uuid: to,
      ecosystem_map: {
        from_ecosystem_uuid: from,
        to_ecosystem_uuid: to,
        book_container_mappings: [],
        exercise_mappings: [],
      },
      prepared_at: time,
    })
    assert.deepEqual(prepared, { status: 'accepted' })
    const status = async () => {
      const { course_statuses } = await client.fetchCourseEcosystemStatuses({
        request_uuid: uuid(),
        course_uuids: [id],
      })
      return course_statuses[0]!
    }
    const pending = await status()
    assert.equal(pending.current_ecosystem_preparation_uuid, preparation)
    assert.deepEqual(
      [pending.current_ecosystem_status.ecosystem_uuid, pending.next_ecosystem_status.ecosystem_uuid],
      [from, to],
    )
    assert.deepEqual(await client.recordEcosystemPreparationsReady([preparation]), [preparation])
    const [moved] = await client.updateCourseEcosystems([move])
    assert.equal(moved!.update_status, 'updated_and_ready')
    const arrived = await status()
    assert.equal(arrived.current_ecosystem_preparation_uuid, null)
    assert.deepEqual(arrived.current_ecosystem_status, {
      ecosystem_uuid: to,
      ecosystem_is_known: true,
      ecosystem_is_prepared: true,
      precompute_is_complete: true,
    })
    assert.equal(arrived.next_ecosystem_status.ecosystem_uuid, null)
  })

  test('an unknown course has a status of nothing', async () => {
    const id = uuid()
    const { course_statuses } = await connect().fetchCourseEcosystemStatuses({
      request_uuid: uuid(),
      course_uuids: [id],
    })
    const nothing = {
      ecosystem_uuid: null,
      ecosystem_is_known: false,
      ecosystem_is_prepared: false,
      precompute_is_complete: false,
    }
    assert.deepEqual(course_statuses, [
      {
        course_uuid: id,
        course_is_known: false,
        current_ecosystem_preparation_uuid: null,
        current_ecosystem_status: nothing,
        next_ecosystem_status: nothing,
      },
    ])
  })
}

export function resultContract(connect: () => Client): void {
  test('picks are unknown, then unready, then ready with what was uploaded', async () => {
    const client = connect()
    const [id, task] = [uuid(), uuid()]
    const ask = async (algorithm = algorithm_name, max?: number) => {
      const line = { request_uuid: uuid(), assignment_uuid: task, algorithm_name: algorithm }
      const [pes] = await client.fetchAssignmentPes([max === undefined ? line : { ...line, max_num_exercises: max }])
      return pes!
    }
    const unknown = await ask()
    assert.deepEqual(
      [unknown.assignment_status, unknown.calculation_uuid, unknown.ecosystem_matrix_uuid, unknown.exercise_uuids],
      ['assignment_unknown', null, null, []],
    )
    await client.createUpdateAssignments([assignment(id, 1, task)])
    assert.equal((await ask()).assignment_status, 'assignment_unready')
    const [one, two, calculation, matrix] = [uuid(), uuid(), uuid(), uuid()]
    const accepted = await client.updateAssignmentPes([
      {
        request_uuid: uuid(),
        assignment_uuid: task,
        algorithm_name,
        calculation_uuid: calculation,
        ecosystem_matrix_uuid: matrix,
        exercise_uuids: [one, two, one],
      },
    ])
    assert.equal(accepted[0]!.update_status, 'accepted')
    const ready = await ask(algorithm_name.toUpperCase())
    assert.deepEqual(
      [
        ready.assignment_status,
        ready.calculation_uuid,
        ready.ecosystem_matrix_uuid,
        ready.exercise_uuids,
        ready.spy_info,
      ],
      ['assignment_ready', calculation, matrix, [one, two], {}],
    )
    assert.equal(ready.assignment_uuid, task)
    assert.deepEqual((await ask(algorithm_name, 1)).exercise_uuids, [one])
    assert.equal((await ask('another')).assignment_status, 'assignment_unready')
    const [spes] = await client.fetchAssignmentSpes([{ request_uuid: uuid(), assignment_uuid: task, algorithm_name }])
    assert.equal(spes!.assignment_status, 'assignment_unready')
  })

  test('CLUEs say what is missing: the container first, then the subject, then the result', async () => {
    const client = connect()
    const [id, book, page, period, student] = [uuid(), uuid(), uuid(), uuid(), uuid()]
    const ask = async () => {
      const line = { book_container_uuid: page, algorithm_name }
      const [ofStudent] = await client.fetchStudentClues([{ ...line, request_uuid: uuid(), student_uuid: student }])
      const [ofClass] = await client.fetchTeacherClues([
        { ...line, request_uuid: uuid(), course_container_uuid: period },
      ])
      return [ofStudent!, ofClass!] as const
    }
    const nothing = { minimum: 0, most_likely: 0.5, maximum: 1, is_real: false }
    for (const clue of await ask()) {
      assert.deepEqual(
        [clue.clue_status, clue.calculation_uuid, clue.clue_data],
        ['book_container_unknown', null, nothing],
      )
    }
    await client.createEcosystem(ecosystem(book, page))
    const [unknownStudent, unknownClass] = await ask()
    assert.deepEqual(
      [unknownStudent.clue_status, unknownClass.clue_status],
      ['student_unknown', 'course_container_unknown'],
    )
    assert.deepEqual(unknownStudent.clue_data, { ...nothing, ecosystem_uuid: book })
    await client.updateRosters([
      {
        request_uuid: uuid(),
        course_uuid: id,
        sequence_number: 1,
        course_containers: [{ container_uuid: period, parent_container_uuid: id, created_at: time }],
        students: [
          { student_uuid: student, container_uuid: period, enrolled_at: time, last_course_container_change_at: time },
        ],
      },
    ])
    for (const clue of await ask()) assert.equal(clue.clue_status, 'clue_unready')
    const clue_data = { minimum: 0.25, most_likely: 0.5, maximum: 0.75, is_real: true }
    const calculation_uuid = uuid()
    const update = { request_uuid: uuid(), book_container_uuid: page, algorithm_name, calculation_uuid, clue_data }
    await client.updateStudentClues([{ ...update, student_uuid: student }])
    await client.updateTeacherClues([{ ...update, course_container_uuid: period }])
    for (const clue of await ask()) {
      assert.deepEqual(
        [clue.clue_status, clue.calculation_uuid, clue.clue_data],
        ['clue_ready', calculation_uuid, clue_data],
      )
    }
  })

  test('worst areas of a student are kept like other picks', async () => {
    const client = connect()
    const student = uuid()
    const ask = () =>
      client.fetchPracticeWorstAreasExercises([{ request_uuid: uuid(), student_uuid: student, algorithm_name }])
    assert.equal((await ask())[0]!.student_status, 'student_unknown')
    const exercise_uuids = [uuid()]
    const uuids = { request_uuid: uuid(), calculation_uuid: uuid(), ecosystem_matrix_uuid: uuid() }
    await client.updatePracticeWorstAreasExercises([
      { ...uuids, student_uuid: student, algorithm_name, exercise_uuids },
    ])
    const [ready] = await ask()
    assert.deepEqual([ready!.student_status, ready!.exercise_uuids], ['student_ready', exercise_uuids])
  })
}
