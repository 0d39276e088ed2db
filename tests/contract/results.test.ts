import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { assignment, type ContractServer, course, onEveryBackend, time } from './contract-server.ts'

/* api.md §6.16–6.25: uploaded results, statuses, and what a fetch always holds. */
let server: ContractServer
const contractTest = onEveryBackend((started) => {
  server = started
})

const clue = { minimum: 0.2, most_likely: 0.5, maximum: 0.9, is_real: true }
const unknownClue = { minimum: 0, most_likely: 0.5, maximum: 1, is_real: false }

interface Pair {
  readonly fetch: string
  readonly update: string
  readonly subject: string
  readonly fetchKey: string
  readonly updateKey: string
  readonly status: string
}
const picks: readonly Pair[] = [
  {
    fetch: 'fetch_assignment_pes',
    update: 'update_assignment_pes',
    subject: 'assignment_uuid',
    fetchKey: 'pe',
    updateKey: 'pe',
    status: 'assignment',
  },
  {
    fetch: 'fetch_assignment_spes',
    update: 'update_assignment_spes',
    subject: 'assignment_uuid',
    fetchKey: 'spe',
    updateKey: 'spe',
    status: 'assignment',
  },
  {
    fetch: 'fetch_practice_worst_areas_exercises',
    update: 'update_practice_worst_areas_exercises',
    subject: 'student_uuid',
    fetchKey: 'worst_areas',
    updateKey: 'practice_worst_areas',
    status: 'student',
  },
]

for (const pair of picks) {
  const fetch = async (lines: object[]) => {
    const { json } = await server.post(pair.fetch, { [`${pair.fetchKey}_requests`]: lines })
    return json[`${pair.fetchKey}_responses`]
  }
  const update = (lines: object[]) => server.post(pair.update, { [`${pair.updateKey}_updates`]: lines })
  const result = (subject: string, changes: object = {}) => ({
    request_uuid: randomUUID(),
    [pair.subject]: subject,
    algorithm_name: 'Local_Query',
    calculation_uuid: randomUUID(),
    ecosystem_matrix_uuid: randomUUID(),
    exercise_uuids: [randomUUID(), randomUUID(), randomUUID()],
    spy_info: { exercises: { x: { y: 1 } } },
    ...changes,
  })
  const line = (subject: string, changes: object = {}) => ({
    request_uuid: randomUUID(),
    [pair.subject]: subject,
    algorithm_name: 'local_query',
    ...changes,
  })

  contractTest(`${pair.fetch}: an uploaded result is ready, even for an unknown subject`, async () => {
    const subject = randomUUID()
    const uploaded = result(subject)
    const answer = await update([uploaded])
    assert.deepEqual(answer.json, {
      [`${pair.updateKey}_update_responses`]: [{ request_uuid: uploaded.request_uuid, update_status: 'accepted' }],
    })
    const asked = line(subject.toUpperCase(), { request_uuid: randomUUID().toUpperCase() })
    assert.deepEqual(await fetch([asked]), [
      {
        request_uuid: asked.request_uuid,
        [pair.subject]: subject.toUpperCase(),
        calculation_uuid: uploaded.calculation_uuid,
        ecosystem_matrix_uuid: uploaded.ecosystem_matrix_uuid,
        exercise_uuids: uploaded.exercise_uuids,
        [`${pair.status}_status`]: `${pair.status}_ready`,
        spy_info: uploaded.spy_info,
      },
    ])
  })

  contractTest(`${pair.fetch}: duplicates are removed first, then the list is cut`, async () => {
    const subject = randomUUID()
    const [a, b, c] = [randomUUID(), randomUUID(), randomUUID()]
    await update([result(subject, { exercise_uuids: [a, a, b, a, c] })])
    const cut = async (max: number) => (await fetch([line(subject, { max_num_exercises: max })]))[0].exercise_uuids
    assert.deepEqual(await cut(2), [a, b])
    assert.deepEqual(await cut(0), [])
    assert.deepEqual(await cut(9), [a, b, c])
  })

  contractTest(`${pair.fetch}: [M9] [M28] each algorithm has its own row, whatever its case`, async () => {
    const subject = randomUUID()
    const one = result(subject, { algorithm_name: 'ONE', exercise_uuids: [] })
    const two = result(subject, { algorithm_name: 'two' })
    await update([one, two])
    const answers = await fetch(['one', 'TWO', 'three'].map((name) => line(subject, { algorithm_name: name })))
    assert.deepEqual(
      answers.map((answer: Record<string, unknown>) => [answer['calculation_uuid'], answer[`${pair.status}_status`]]),
      [
        [one.calculation_uuid, `${pair.status}_ready`],
        [two.calculation_uuid, `${pair.status}_ready`],
        [null, `${pair.status}_unknown`],
      ],
    )
  })

  contractTest(
    `${pair.fetch}: [M29] the last write wins, also within a request; absent spy_info is empty`,
    async () => {
      const subject = randomUUID()
      const request = randomUUID()
      const first = result(subject, { request_uuid: request })
      const last = result(subject, { request_uuid: request, spy_info: undefined })
      assert.equal((await update([first, last])).status, 200)
      const [answer] = await fetch([line(subject)])
      assert.deepEqual([answer.calculation_uuid, answer.spy_info], [last.calculation_uuid, {}])
      assert.equal((await update([result(randomUUID(), { request_uuid: request })])).status, 200)
    },
  )

  contractTest(`${pair.fetch}: [M27] [M39] unknown, and lines without an algorithm, are answered in full`, async () => {
    const subject = randomUUID()
    const asked = [line(subject), line(subject, { algorithm_name: undefined }), line(subject, { algorithm_name: null })]
    const answers = await fetch(asked)
    assert.equal(answers.length, 3)
    for (const [index, answer] of answers.entries()) {
      assert.deepEqual(answer, {
        request_uuid: asked[index]?.request_uuid,
        [pair.subject]: subject,
        calculation_uuid: null,
        ecosystem_matrix_uuid: null,
        exercise_uuids: [],
        [`${pair.status}_status`]: `${pair.status}_unknown`,
        spy_info: {},
      })
    }
    const odd = ['', 'x'.repeat(5000), 'nul \0']
    const names = await fetch(odd.map((name) => line(subject, { algorithm_name: name })))
    assert.equal(names.length, 3)
    assert.equal((await update([result(subject, { algorithm_name: undefined })])).status, 400)
    assert.equal((await update([result(subject, { calculation_uuid: undefined })])).status, 400)
  })
}

contractTest('an announced assignment without result is unready, also when it is deleted', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const given = assignment(uuid, 1, { is_deleted: true }) as { assignment_uuid: string }
  await server.post('create_update_assignments', { assignments: [given] })
  const { json } = await server.post('fetch_assignment_pes', {
    pe_requests: [{ request_uuid: randomUUID(), assignment_uuid: given.assignment_uuid, algorithm_name: 'remote' }],
  })
  assert.equal(json.pe_responses[0].assignment_status, 'assignment_unready')
})

contractTest('an assignment that waits behind a gap is known all the same, and stays so', async () => {
  const uuid = randomUUID()
  const given = assignment(uuid, 1) as { assignment_uuid: string }
  await server.post('create_update_assignments', { assignments: [given] })
  const statusOf = async () => {
    const line = { request_uuid: randomUUID(), assignment_uuid: given.assignment_uuid, algorithm_name: 'remote' }
    const { json } = await server.post('fetch_assignment_pes', { pe_requests: [line] })
    return json.pe_responses[0].assignment_status
  }
  assert.equal(await statusOf(), 'assignment_unready')
  await server.post('create_course', course(uuid))
  assert.equal(await statusOf(), 'assignment_unready')
})

const clues = [
  { fetch: 'fetch_student_clues', update: 'update_student_clues', subject: 'student', key: 'student_clue' },
  { fetch: 'fetch_teacher_clues', update: 'update_teacher_clues', subject: 'course_container', key: 'teacher_clue' },
] as const

/** A book container of a new ecosystem, and a student and a course container of a new roster with this number. */
async function announced(rosterNumber: number) {
  const ecosystem = randomUUID()
  const container = randomUUID()
  const known = { student: randomUUID(), course_container: randomUUID() }
  const courseUuid = randomUUID()
  await server.post('create_ecosystem', {
    ecosystem_uuid: ecosystem,
    book: {
      cnx_identity: null,
      contents: [{ container_uuid: container, container_parent_uuid: ecosystem, pools: [] }],
    },
    exercises: [],
    imported_at: time,
  })
  const student = {
    student_uuid: known.student,
    container_uuid: known.course_container,
    enrolled_at: time,
    last_course_container_change_at: time,
  }
  const period = { container_uuid: known.course_container, parent_container_uuid: courseUuid, created_at: time }
  const roster = { request_uuid: randomUUID(), course_uuid: courseUuid, sequence_number: rosterNumber }
  await server.post('update_rosters', {
    rosters: [{ ...roster, course_containers: [period], students: [student] }],
  })
  return { ecosystem, container, known }
}

for (const { fetch, update, subject, key } of clues) {
  const line = (uuid: string, container: string, changes: object = {}) => ({
    request_uuid: randomUUID(),
    [`${subject}_uuid`]: uuid,
    book_container_uuid: container,
    algorithm_name: 'Sparfa',
    ...changes,
  })
  const ask = async (...lines: object[]) =>
    (await server.post(fetch, { [`${key}_requests`]: lines })).json[`${key}_responses`]

  contractTest(`${fetch}: [M37] statuses in their order, always with clue_data`, async () => {
    await assertStatuses(0)
  })

  contractTest(`${fetch}: a roster that waits behind a gap makes known all the same`, async () => {
    await assertStatuses(3)
  })

  async function assertStatuses(rosterNumber: number): Promise<void> {
    const { ecosystem, container, known } = await announced(rosterNumber)
    const answers = await ask(
      line(randomUUID(), randomUUID()),
      line(known[subject], randomUUID()),
      line(randomUUID(), container),
      line(known[subject], container),
    )
    const facts = answers.map((answer: Record<string, unknown>) => [answer['clue_status'], answer['clue_data']])
    const placed = { ...unknownClue, ecosystem_uuid: ecosystem }
    assert.deepEqual(facts, [
      ['book_container_unknown', unknownClue],
      ['book_container_unknown', unknownClue],
      [`${subject}_unknown`, placed],
      ['clue_unready', placed],
    ])
    for (const answer of answers) assert.equal(answer.calculation_uuid, null)
  }

  contractTest(`${fetch}: an uploaded CLUE wins and comes back as it was stored`, async () => {
    const uuid = randomUUID()
    const container = randomUUID()
    const calculation = randomUUID()
    const uploaded = line(uuid, container, { calculation_uuid: calculation, clue_data: clue })
    const answer = await server.post(update, { [`${key}_updates`]: [uploaded] })
    assert.deepEqual(answer.json, {
      [`${key}_update_responses`]: [{ request_uuid: uploaded.request_uuid, update_status: 'accepted' }],
    })
    const asked = line(uuid.toUpperCase(), container, { algorithm_name: 'SPARFA' })
    assert.deepEqual(await ask(asked), [
      { request_uuid: asked.request_uuid, calculation_uuid: calculation, clue_data: clue, clue_status: 'clue_ready' },
    ])
  })

  contractTest(`${fetch}: clue_data admits no unknown key and no number outside 0…1`, async () => {
    const send = (clueData: object) =>
      server.post(update, {
        [`${key}_updates`]: [line(randomUUID(), randomUUID(), { calculation_uuid: randomUUID(), clue_data: clueData })],
      })
    assert.equal((await send({ ...clue, ecosystem_uuid: randomUUID() })).status, 200)
    for (const bad of [{ ...clue, x: 1 }, { ...clue, minimum: -0.1 }, { ...clue, maximum: 1.1 }, {}]) {
      assert.equal((await send(bad)).status, 400, JSON.stringify(bad))
    }
  })
}
