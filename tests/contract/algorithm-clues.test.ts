import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { AlgorithmWorld, type ClueCalculation } from './algorithm-world.ts'
import { startMemoryServer } from './contract-server.ts'

/* CLUEs and matrix updates of remote algorithms: scheduler.md §4, §5 and the worked examples of §10, by number. */
let world: AlgorithmWorld
before(async () => {
  world = await AlgorithmWorld.start(43, 3)
})
after(() => world.application.stop())

const pageOf = (page: number): string => world.classroom.pages[page] ?? ''

/** The work on one page, for one student or for the whole class. */
async function item(algorithm: string, page: number, students: number): Promise<ClueCalculation> {
  const exercises = [...(world.classroom.exercises[page] ?? [])].sort().join()
  const found = (await world.clues(algorithm)).filter((one) => {
    return one.student_uuids.length === students && [...one.exercise_uuids].sort().join() === exercises
  })
  assert.equal(found.length, 1)
  assert.ok(found[0] !== undefined)
  return found[0]
}

const uuids = (items: readonly ClueCalculation[]): string[] => items.map((one) => one.calculation_uuid).sort()

test('an answer makes the CLUEs of its page due, the student’s and the class’s, with the responses that count', async () => {
  const student = world.student(0)
  await world.answer(student, 0, [
    [0, true],
    [1, false],
  ])
  const own = await item('first', 0, 1)
  assert.deepEqual(own.student_uuids, [student.student])
  assert.deepEqual(own.responses.map((response) => response.is_correct).sort(), [false, true])
  const trials = [0, 1].map((exercise) => world.classroom.trial(student.index, 0, exercise))
  assert.deepEqual(own.responses.map((response) => response.trial_uuid).sort(), trials.sort())
  assert.equal((await item('first', 0, 3)).responses.length, 2)
  // The page and the book around it, each for the student and for the class.
  assert.equal((await world.clues('first')).length, 4)
})

test('24, 25: the same set until it is answered; each algorithm answers for itself, whatever its case', async () => {
  const before = await world.clues('row24')
  assert.deepEqual(uuids(await world.clues('ROW24')), uuids(before))
  const own = await item('row24', 0, 1)
  assert.equal(await world.estimate('Row24', own.calculation_uuid, 0.4), 'calculation_accepted')
  assert.equal(await world.estimate('row24', own.calculation_uuid, 0.4), 'calculation_accepted', 'a repeat')
  const left = uuids(before).filter((uuid) => uuid !== own.calculation_uuid)
  assert.deepEqual(uuids(await world.clues('row24')), left)
  assert.equal(uuids(await world.clues('row24b')).includes(own.calculation_uuid), true)
})

test('38: a CLUE shows under its name with the uuid of the result, and practice follows it', async () => {
  const student = world.student(0)
  await world.answer(student, 1, [
    [0, true],
    [1, true],
  ])
  await world.orderAll('row38')
  assert.deepEqual((await world.worstAreas(student.student, 'row38')).exercises, [], '67: no CLUE, nothing to practise')
  const first = await item('row38', 0, 1)
  const second = await item('row38', 1, 1)
  await world.estimate('row38', first.calculation_uuid, 0.2)
  await world.estimate('row38', second.calculation_uuid, 0.9)
  const seen = await world.clue('student', student.student, pageOf(0), 'Row38')
  assert.deepEqual([seen.clue_status, seen.clue_data.most_likely, seen.clue_data.is_real], ['clue_ready', 0.2, true])
  assert.notEqual(seen.calculation_uuid, first.calculation_uuid)
  const areas = async (): Promise<number[]> => {
    const { exercises } = await world.worstAreas(student.student, 'row38')
    return [0, 1].map((page) => exercises.filter((one) => world.classroom.exercises[page]?.includes(one)).length)
  }
  assert.deepEqual(await areas(), [3, 2], 'the worse page gets more')
  await world.estimate('row38', second.calculation_uuid, 0.1)
  assert.deepEqual(await areas(), [2, 3])
})

test('a late CLUE for an outdated calculation is unknown; the one before stays until the next one', async () => {
  const student = world.student(1)
  await world.answer(student, 2, [[0, false]])
  const old = await item('late', 2, 1)
  await world.estimate('late', old.calculation_uuid, 0.3)
  await world.answer(student, 2, [[1, true]])
  assert.equal(await world.estimate('late', old.calculation_uuid, 0.8), 'calculation_unknown')
  const kept = await world.clue('student', student.student, pageOf(2), 'late')
  assert.deepEqual([kept.clue_status, kept.clue_data.most_likely], ['clue_ready', 0.3])
  const current = await item('late', 2, 1)
  assert.notEqual(current.calculation_uuid, old.calculation_uuid)
  assert.equal(await world.estimate('late', current.calculation_uuid, 0.8), 'calculation_accepted')
  assert.equal((await world.clue('student', student.student, pageOf(2), 'late')).clue_data.most_likely, 0.8)
  assert.equal(await world.estimate('late', randomUUID(), 0.5), 'calculation_unknown')
})

test('a teacher’s CLUE comes from all answers of the class, an uploaded one goes before it', async () => {
  const period = world.classroom.period(world.student(0).course)
  const work = await item('teacher', 0, 3)
  await world.estimate('teacher', work.calculation_uuid, 0.6)
  const seen = await world.clue('teacher', period, pageOf(0), 'teacher')
  assert.deepEqual([seen.clue_status, seen.clue_data.most_likely], ['clue_ready', 0.6])
  const clue = { minimum: 0, most_likely: 0.7, maximum: 1, is_real: true }
  await world.application.post('/update_teacher_clues', {
    teacher_clue_updates: [
      {
        ...{ request_uuid: randomUUID(), course_container_uuid: period, book_container_uuid: pageOf(0) },
        ...{ algorithm_name: 'TEACHER', calculation_uuid: randomUUID(), clue_data: clue },
      },
    ],
  })
  assert.equal((await world.clue('teacher', period, pageOf(0), 'teacher')).clue_data.most_likely, 0.7)
})

test('29, 32: a withheld answer is in the teacher’s work and comes into the student’s when its time has come', async () => {
  const student = world.student(2)
  const soon = new Date(Date.now() + 3000).toISOString()
  const exercise = world.classroom.exercises[1]?.[3]
  const trial = randomUUID()
  await world.assign(student, 1, {
    exclusion_info: { opens_at: null, due_at: null, feedback_at: soon },
    assigned_exercises: [{ trial_uuid: trial, exercise_uuid: exercise, is_spe: false, is_pe: false }],
  })
  const response = { ...world.classroom.response(student, 1, 3, true), trial_uuid: trial }
  await world.application.post('/record_responses', { responses: [response] })
  await world.settle()
  const work = (await world.clues('hidden')).filter((one) => one.student_uuids.join() === student.student)
  assert.ok(work.length > 0 && work.every((one) => one.responses.length === 0), 'due, and without the answer')
  assert.ok((await item('hidden', 1, 3)).responses.some((one) => one.trial_uuid === trial))
  for (const one of await world.clues('hidden')) await world.estimate('hidden', one.calculation_uuid, 0.5)
  assert.deepEqual(await world.clues('hidden'), [])
  await new Promise((done) => setTimeout(done, Math.max(0, Date.parse(soon) - Date.now() + 50)))
  const shown = await world.clues('hidden')
  assert.ok(shown.some((one) => one.responses.some((answer) => answer.trial_uuid === trial)))
  assert.ok(shown.every((one) => one.student_uuids.join() === student.student))
})

test('exclusions leave exercises and their responses out, and make the CLUE due', async () => {
  const student = world.student(0)
  const excluded = world.classroom.exercises[0]?.[0]
  await world.application.post('/update_course_excluded_exercises', {
    request_uuid: randomUUID(),
    course_uuid: student.course,
    sequence_number: world.classroom.number(student.course),
    exclusions: [{ exercise_uuid: excluded }],
    updated_at: new Date().toISOString(),
  })
  await world.settle()
  const work = (await world.clues('excluded')).filter((one) => one.student_uuids.join() === student.student)
  const ofPage = work.find((one) => one.exercise_uuids.length === 7)
  assert.equal(ofPage?.exercise_uuids.includes(excluded ?? ''), false)
  assert.equal(ofPage?.responses.length, 1)
})

test('20, 25: a new ecosystem is due for every algorithm without any response', async () => {
  const ecosystem = await bookLike([randomUUID()])
  const isDue = async (algorithm: string) =>
    (await world.matrices(algorithm)).find((one) => one.ecosystem_uuid === ecosystem)
  const due = await isDue('row20')
  assert.ok(due !== undefined)
  assert.deepEqual(await isDue('ROW20'), due)
  assert.equal(await world.matrixDone('Row20', due.calculation_uuid), 'calculation_accepted')
  assert.equal(await isDue('row20'), undefined)
  assert.deepEqual(await isDue('row20b'), due)
  assert.equal(await world.matrixDone('row20', randomUUID()), 'calculation_unknown')
})

test('21, 22: a group that has grown makes all its ecosystems due, with new uuids', async () => {
  const group = randomUUID()
  const [one, other] = [await bookLike([group]), await bookLike([group])]
  const settleAll = async (): Promise<number> => {
    const due = (await world.matrices('row22')).filter((item) => [one, other].includes(item.ecosystem_uuid))
    for (const item of due) await world.matrixDone('row22', item.calculation_uuid)
    return due.length
  }
  assert.equal(await settleAll(), 2)
  const dueAt: number[] = []
  const student = world.student(2)
  for (let trials = 1; trials <= 16; trials += 1) {
    const response = world.classroom.response(student, 0, 0, true)
    const given = { trial_uuid: randomUUID(), ecosystem_uuid: one, exercise_uuid: exerciseOf(one) }
    await world.application.post('/record_responses', { responses: [{ ...response, ...given }] })
    await world.settle()
    const due = await settleAll()
    if (due > 0) dueAt.push(trials)
    assert.ok(due === 0 || due === 2, 'both or none')
  }
  assert.deepEqual(dueAt, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16])
})

test('18, 23: an answer to a trial answered before counts no more; a replaced calculation is unknown', async () => {
  const ecosystem = await bookLike([randomUUID()])
  const isDue = async () => (await world.matrices('row23')).find((one) => one.ecosystem_uuid === ecosystem)
  const before = await isDue()
  const given = { trial_uuid: randomUUID(), ecosystem_uuid: ecosystem, exercise_uuid: exerciseOf(ecosystem) }
  const answer = async (): Promise<void> => {
    const response = world.classroom.response(world.student(1), 0, 0, true)
    await world.application.post('/record_responses', { responses: [{ ...response, ...given }] })
    await world.settle()
  }
  await answer()
  const replaced = await isDue()
  assert.notEqual(replaced?.calculation_uuid, before?.calculation_uuid)
  assert.equal(await world.matrixDone('row23', before?.calculation_uuid ?? ''), 'calculation_unknown')
  assert.deepEqual(await isDue(), replaced)
  await answer()
  assert.deepEqual(await isDue(), replaced, 'the same trial again')
})

const exerciseOf = (ecosystem: string): string => ecosystem.replace(/^.{8}/, 'eeeeeeee')

/** A book of one page without uses, whose one exercise stands for these groups. */
async function bookLike(groups: readonly string[]): Promise<string> {
  const ecosystem = randomUUID()
  await world.application.post('/create_ecosystem', {
    ecosystem_uuid: ecosystem,
    book: {
      cnx_identity: null,
      contents: [{ container_uuid: randomUUID(), container_parent_uuid: ecosystem, pools: [] }],
    },
    exercises: groups.map((group) => ({
      ...{ exercise_uuid: exerciseOf(ecosystem), group_uuid: group, version: 1, los: [] },
    })),
    imported_at: new Date().toISOString(),
  })
  await world.settle()
  return ecosystem
}

test('more than a poll hands out comes in the next ones, and all of it', async () => {
  const large = await AlgorithmWorld.start(44, 20)
  try {
    const responses = large.classroom.students.flatMap((student) =>
      [0, 1].map((page) => large.classroom.response(student, page, 0, true)),
    )
    await large.application.post('/record_responses', { responses })
    await large.settle()
    const seen = new Map<string, number>()
    for (let polls = 0; polls < 10; polls += 1) {
      const work = await large.clues('many')
      if (work.length === 0) break
      assert.ok(work.filter((one) => one.student_uuids.length === 1).length <= 50)
      for (const one of work) {
        seen.set(one.student_uuids.join(), (seen.get(one.student_uuids.join()) ?? 0) + 1)
        await large.estimate('many', one.calculation_uuid, 0.5)
      }
    }
    // Two pages and the book around them, each once, for 20 students and for the class.
    assert.deepEqual([...seen.values()], new Array(21).fill(3))
  } finally {
    await large.application.stop()
  }
})

test('79: without the scheduler’s token 400 with errors; the API’s token does not open', async () => {
  const tokens = { api: ['api'], scheduler: ['secret'], sparfa: [], operator: [] }
  const server = await startMemoryServer({ tokens })
  try {
    const names = ['fetch_ecosystem_matrix_updates', 'fetch_exercise_calculations', 'fetch_clue_calculations']
    for (const name of names) {
      for (const headers of [{}, { 'biglearn-api-token': 'api' }, { 'biglearn-scheduler-token': 'api' }] as const) {
        const answer = await server.post(name, { algorithm_name: 'x' }, headers)
        assert.equal(answer.status, 400)
        assert.deepEqual(answer.json, { errors: ['request has an invalid Biglearn-Scheduler-Token'] })
      }
      const right = await server.post(name, { algorithm_name: 'x' }, { 'biglearn-scheduler-token': 'secret' })
      assert.equal(right.status, 200)
    }
    const headers = { 'biglearn-scheduler-token': 'secret' }
    const bad = await server.post('update_clue_calculations', { clue_calculation_updates: [{}] }, headers)
    assert.equal(bad.status, 400)
    assert.equal(bad.json.request, '{"clue_calculation_updates":[{}]}')
    assert.match(bad.json.errors[0], /^\$\.clue_calculation_updates\[0\]/)
  } finally {
    await server.stop()
  }
})
