import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createClient } from './client.ts'
import { createFakeServer, type FakeServerOptions } from './fake/server.ts'
import { coalesced, fetchPicks, type PicksOptions } from './reads.ts'
import { instantClock } from './test-outbox.ts'

const algorithm_name = 'biglearn_sparfa'

function setUp(intercept?: FakeServerOptions['intercept']) {
  const fake = createFakeServer(intercept === undefined ? {} : { intercept })
  const clock = instantClock()
  const client = createClient({ url: 'http://biglearn.test', fetch: fake.fetch, clock, random: () => 1 })
  const options: PicksOptions = {
    client,
    kind: 'pes',
    attemptsMax: 3,
    pauseMs: 1000,
    deadlineMs: 10_000,
    fallback: (line) => [`fallback of ${line.assignment_uuid}`],
    clock,
  }
  const upload = (assignment_uuid: string, exercise_uuids: string[]) =>
    client.updateAssignmentPes([
      {
        request_uuid: randomUUID(),
        assignment_uuid,
        algorithm_name,
        calculation_uuid: calculation,
        ecosystem_matrix_uuid: matrix,
        exercise_uuids,
      },
    ])
  return { fake, clock, client, options, upload }
}

const [calculation, matrix] = [randomUUID(), randomUUID()]
const lineFor = (assignment_uuid: string) => ({ request_uuid: randomUUID(), assignment_uuid, algorithm_name })

test('ready picks name the calculation and the matrix, the others fall back after the last attempt', async () => {
  const { fake, options, upload } = setUp()
  const [ready, late] = [randomUUID(), randomUUID()]
  const exercises = [randomUUID(), randomUUID()]
  await upload(ready, exercises)
  const lines = [lineFor(late), lineFor(ready)]
  const picks = await fetchPicks(lines, options)
  assert.deepEqual(picks, [
    { source: 'fallback', exercise_uuids: [`fallback of ${late}`] },
    { source: 'biglearn', exercise_uuids: exercises, calculation_uuid: calculation, ecosystem_matrix_uuid: matrix },
  ])
  const asked = fake.requests
    .filter(({ endpoint }) => endpoint === 'fetch_assignment_pes')
    .map(({ text }) => JSON.parse(text).pe_requests.map((line: { request_uuid: string }) => line.request_uuid))
  const [lateLine, readyLine] = lines.map((line) => line.request_uuid)
  assert.deepEqual(asked, [[lateLine, readyLine], [lateLine], [lateLine]])
})

test('picks that become ready in between are used, also when there are none', async () => {
  const late = randomUUID()
  let attempts = 0
  const setup = setUp(async ({ endpoint }, next) => {
    if (endpoint === 'fetch_assignment_pes') attempts += 1
    if (attempts === 2) {
      attempts += 1
      await setup.upload(late, [])
    }
    return await next()
  })
  const [picks] = await fetchPicks([lineFor(late)], setup.options)
  assert.deepEqual(picks, {
    source: 'biglearn',
    exercise_uuids: [],
    calculation_uuid: calculation,
    ecosystem_matrix_uuid: matrix,
  })
})

test('a server that is away costs the deadline and no more', async () => {
  const { clock, options } = setUp(async () => new Response('{}', { status: 503 }))
  const before = clock.now()
  const [picks] = await fetchPicks([lineFor(randomUUID())], { ...options, attemptsMax: 100 })
  assert.equal(picks!.source, 'fallback')
  assert.ok(clock.now() - before <= options.deadlineMs)
})

test('questions of the same moment travel in one request, each with its own answer', async () => {
  const { fake, client } = setUp()
  const [student, page] = [randomUUID(), randomUUID()]
  await client.updateStudentClues([
    {
      request_uuid: randomUUID(),
      student_uuid: student,
      book_container_uuid: page,
      algorithm_name,
      calculation_uuid: calculation,
      clue_data: { minimum: 0.2, most_likely: 0.4, maximum: 0.6, is_real: true },
    },
  ])
  const clue = coalesced(client.fetchStudentClues)
  const ask = (student_uuid: string) =>
    clue({ request_uuid: randomUUID(), student_uuid, book_container_uuid: page, algorithm_name })
  const [known, unknown] = await Promise.all([ask(student), ask(randomUUID())])
  assert.equal(known!.clue_data.most_likely, 0.4)
  assert.equal(unknown!.clue_status, 'book_container_unknown')
  assert.equal(fake.requests.filter(({ endpoint }) => endpoint === 'fetch_student_clues').length, 1)
})

test('a failed bulk call fails each of its questions', async () => {
  const ask = coalesced(async () => {
    throw new Error('refused')
  })
  const outcomes = await Promise.allSettled([ask(1), ask(2)])
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})
