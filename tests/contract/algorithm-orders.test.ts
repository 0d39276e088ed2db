import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { AlgorithmWorld, defaultStudent, type ExerciseCalculation } from './algorithm-world.ts'

/*
 * Orders of exercises from remote algorithms: worked examples of scheduler.md §10 (as amended by design D29), by
 * number.
 */
let world: AlgorithmWorld
before(async () => {
  world = await AlgorithmWorld.start(41, 4)
})
after(() => world.application.stop())

/** An assignment that waits for its exercises. */
const open = {
  goal_num_tutor_assigned_pes: 2,
  pes_are_assigned: false,
  goal_num_tutor_assigned_spes: 2,
  spes_are_assigned: false,
  assigned_exercises: [],
}
const nothingOpen = { assigned_exercises: [] }

const uuidsOf = (items: readonly ExerciseCalculation[]): string[] => items.map((item) => item.calculation_uuid).sort()

async function itemOf(algorithm: string, student: string): Promise<ExerciseCalculation> {
  const found = (await world.exercises(algorithm)).find((item) => item.student_uuid === student)
  assert.ok(found !== undefined, 'the calculation is handed out')
  return found
}

test('20: a default calculation with the uuid of the ecosystem is handed out', async () => {
  const item = await itemOf('row 20', defaultStudent)
  assert.equal(item.calculation_uuid, world.classroom.ecosystem)
  assert.equal(item.ecosystem_uuid, world.classroom.ecosystem)
  assert.deepEqual([...item.exercise_uuids].sort(), world.classroom.exercises.flat().sort())
})

test('24, 75: without an update the same set comes again; every student of the roster is in it', async () => {
  const first = await world.exercises('row 24')
  assert.deepEqual(uuidsOf(await world.exercises('row 24')), uuidsOf(first))
  const students = world.classroom.students.map(({ student }) => student)
  assert.deepEqual(first.map((item) => item.student_uuid).sort(), [defaultStudent, ...students].sort())
})

test('25: what "Foo" finished is still handed out to "bar", and no more to "foo"', async () => {
  const student = world.student(0).student
  const item = await itemOf('Row25Foo', student)
  assert.equal(await world.order('Row25Foo', item), 'calculation_accepted')
  const isIn = (items: readonly ExerciseCalculation[]) => uuidsOf(items).includes(item.calculation_uuid)
  assert.equal(isIn(await world.exercises('row25foo')), false)
  assert.equal(isIn(await world.exercises('row25bar')), true)
})

test('61, 72, 73: a new assignment is filled from the default order, under the names of the algorithm', async () => {
  const student = world.student(1)
  const assignment = await world.assign(student, 0, open)
  assert.equal((await world.pes(assignment, 'row72')).status, 'assignment_unready')
  const wanted = world.classroom.exercises[0]?.slice(5, 7) ?? []
  await world.order('Row72', await itemOf('row72', defaultStudent), wanted)
  const pes = await world.pes(assignment, 'row72')
  assert.deepEqual([pes.status, [...pes.exercises].sort()], ['assignment_ready', [...wanted].sort()])
  for (const history of ['student_driven', 'instructor_driven']) {
    const spes = await world.spes(assignment, `${history}_row72`)
    assert.equal(spes.status, 'assignment_ready')
    assert.equal(spes.exercises.length, 2)
    assert.ok(
      spes.exercises.every((exercise) => !pes.exercises.includes(exercise)),
      'disjoint from the PEs',
    )
    assert.equal(spes.spyInfo['exercise_algorithm_name'], 'Row72')
  }
  assert.equal((await world.spes(assignment, 'row72')).status, 'assignment_unready')
  assert.equal((await world.worstAreas(student.student, 'row72')).status, 'student_ready')
  await world.assign(student, 0, { ...nothingOpen, assignment_uuid: assignment, is_deleted: true })
})

test('62: spaced exercises of one algorithm avoid the personalised ones of another', async () => {
  const assignment = await world.assign(world.student(2), 1, open)
  const page = world.classroom.exercises[1] ?? []
  await world.orderAll('row62a', page.slice(0, 2))
  await world.orderAll('row62b', page.slice(2, 4))
  const [ofA, ofB] = [await world.pes(assignment, 'row62a'), await world.pes(assignment, 'row62b')]
  assert.deepEqual(
    [[...ofA.exercises].sort(), [...ofB.exercises].sort()],
    [page.slice(0, 2).sort(), page.slice(2, 4).sort()],
  )
  const spes = await world.spes(assignment, 'instructor_driven_row62b')
  assert.equal(spes.exercises.length, 2)
  assert.ok(spes.exercises.every((exercise) => !page.slice(0, 4).includes(exercise)))
  await world.assign(world.student(2), 1, { ...nothingOpen, assignment_uuid: assignment, is_deleted: true })
})

test('spaced exercises keep clear of personalised ones that were uploaded', async () => {
  const assignment = await world.assign(world.student(3), 1, open)
  const page = world.classroom.exercises[1] ?? []
  await world.orderAll('uploads', page)
  const spaced = () => world.spes(assignment, 'instructor_driven_uploads')
  const before = await spaced()
  const upload = (exercises: readonly (string | undefined)[]) =>
    world.application.post('/update_assignment_pes', {
      pe_updates: [
        {
          request_uuid: randomUUID(),
          assignment_uuid: assignment,
          algorithm_name: 'somebody_else',
          calculation_uuid: randomUUID(),
          ecosystem_matrix_uuid: randomUUID(),
          exercise_uuids: exercises,
        },
      ],
    })
  await upload(before.exercises)
  const after = await spaced()
  assert.equal(after.exercises.length, 2)
  assert.ok(after.exercises.every((exercise) => !before.exercises.includes(exercise)))
  await upload([])
  assert.deepEqual((await spaced()).exercises, before.exercises)
  await world.assign(world.student(3), 1, { ...nothingOpen, assignment_uuid: assignment, is_deleted: true })
})

test('63: an exercise that comes into open homework leaves the personalised ones of other assignments', async () => {
  const student = world.student(2)
  const page = world.classroom.exercises[2] ?? []
  const assignment = await world.assign(student, 2, open)
  await world.orderAll('row63', page)
  const before = await world.pes(assignment, 'row63')
  assert.deepEqual([...before.exercises].sort(), page.slice(0, 2).sort())
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
  const trial = { trial_uuid: randomUUID(), exercise_uuid: page[0], is_spe: false, is_pe: false }
  const homework = await world.assign(student, 2, {
    exclusion_info: { opens_at: tomorrow, due_at: tomorrow, feedback_at: tomorrow },
    assigned_exercises: [trial],
  })
  const after = await world.pes(assignment, 'row63')
  assert.deepEqual([...after.exercises].sort(), page.slice(1, 3).sort())
  for (const uuid of [assignment, homework]) {
    await world.assign(student, 2, { ...nothingOpen, assignment_uuid: uuid, is_deleted: true })
  }
})

test('69, 70: an answer supersedes the calculation; its late result is accepted and not used after a newer one', async () => {
  const student = world.student(3)
  const assignment = await world.assign(student, 1, { ...open, goal_num_tutor_assigned_pes: 1 })
  const page = world.classroom.exercises[1] ?? []
  const first = await itemOf('row69', student.student)
  await world.answer(student, 0, [[0, true]])
  const second = await itemOf('row69', student.student)
  assert.notEqual(second.calculation_uuid, first.calculation_uuid)
  assert.equal(uuidsOf(await world.exercises('row69')).includes(first.calculation_uuid), false)
  const pes = async (): Promise<readonly string[]> => (await world.pes(assignment, 'row69')).exercises
  assert.equal(await world.order('row69', first, page.slice(0, 1)), 'calculation_accepted')
  assert.deepEqual(await pes(), page.slice(0, 1), 'better an old order than none')
  assert.equal(await world.order('row69', second, page.slice(1, 2)), 'calculation_accepted')
  assert.deepEqual(await pes(), page.slice(1, 2))
  assert.equal(await world.order('row69', first, page.slice(2, 3)), 'calculation_accepted')
  assert.deepEqual(await pes(), page.slice(1, 2), 'the newer answer stays')
})

test('74, 80: results are read back by the uuid that clients were given, unknown ones are absent', async () => {
  const student = world.student(3)
  const assignment = await world.assign(student, 1, open)
  await world.orderAll('row80')
  const { calculation } = await world.pes(assignment, 'row80')
  const byUuid = await world.readBack({ calculation_uuids: [calculation, randomUUID()] })
  assert.equal(byUuid?.length, 1)
  assert.deepEqual([byUuid?.[0]?.['student_uuid'], byUuid?.[0]?.['algorithm_name']], [student.student, 'row80'])
  assert.match(String(byUuid?.[0]?.['calculated_at']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const byStudent = { student_uuid: student.student, algorithm_name: 'ROW80' }
  assert.deepEqual(await world.readBack(byStudent), byUuid)
  assert.equal(await world.readBack({ calculation_uuids: [randomUUID()] }), undefined)
  assert.equal(await world.readBack({ calculation_uuids: [] }), undefined)
  assert.equal(await world.readBack({ calculation_uuids: [calculation], algorithm_name: 'other' }), undefined)
  await world.answer(student, 0, [[1, false]])
  assert.equal(await world.readBack(byStudent), undefined, 'its calculation is superseded')
  assert.equal((await world.readBack({ calculation_uuids: [calculation] }))?.length, 1)
})

test('the same order again keeps its uuid, another one gets another', async () => {
  const student = world.student(0)
  const item = await itemOf('again', student.student)
  const matrix = randomUUID()
  const send = async (exercises: readonly string[]): Promise<unknown> => {
    const update = { calculation_uuid: item.calculation_uuid, algorithm_name: 'again', ecosystem_matrix_uuid: matrix }
    await world.application.post('/update_exercise_calculations', {
      exercise_calculation_updates: [
        { ...update, exercise_uuids: [] },
        { ...update, exercise_uuids: exercises },
      ],
    })
    const [line] = (await world.readBack({ student_uuid: student.student, algorithm_name: 'again' })) ?? []
    assert.deepEqual(line?.['exercise_uuids'], exercises, 'the last of a request wins')
    return line?.['calculation_uuid']
  }
  const order = [...item.exercise_uuids]
  const first = await send(order)
  assert.equal(await send(order), first)
  assert.notEqual(await send(order.toReversed()), first)
})

test('an order for a calculation that was never handed out is unknown', async () => {
  const item = { ...(await itemOf('unknown', defaultStudent)), calculation_uuid: randomUUID() }
  assert.equal(await world.order('unknown', item), 'calculation_unknown')
})

test('68, 76: calculations for the ecosystems of open assignments and of the course, used where they belong', async () => {
  const student = world.student(0)
  const [second, third] = [await world.addBook(), await world.addBook()]
  const before = await ecosystemsOf('row76a', student.student)
  assert.deepEqual(before, [world.classroom.ecosystem])
  await world.assign(student, 0, { ...open, ecosystem_uuid: second, assigned_book_container_uuids: [] })
  await world.assign(student, 0, { ecosystem_uuid: third, assigned_book_container_uuids: [], assigned_exercises: [] })
  assert.deepEqual(await ecosystemsOf('row76b', student.student), [world.classroom.ecosystem, second].sort())
  const item = (await world.exercises('row76b')).find((one) => {
    return one.student_uuid === student.student && one.ecosystem_uuid === second
  })
  assert.ok(item !== undefined)
  await world.order('row76b', item)
  const practice = await world.worstAreas(student.student, 'row76b')
  assert.equal(practice.status, 'student_unready', 'an order of another book says nothing about this one')
})

async function ecosystemsOf(algorithm: string, student: string): Promise<string[]> {
  const items = await world.exercises(algorithm)
  return items
    .filter((item) => item.student_uuid === student)
    .map((item) => item.ecosystem_uuid)
    .sort()
}
