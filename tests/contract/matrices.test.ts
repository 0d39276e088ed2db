import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { toUuid } from '#domain/ids.ts'
import type { MatrixReads } from '#due/matrix-reads.ts'
import { course, type MemoryServer, startMemoryServer, time } from './contract-server.ts'

/* Design D27 and D31: matrices as researchers read them, and as what makes a preparation ready. */
const ecosystem = toUuid(randomUUID())
const matrix = toUuid(randomUUID())
const fields = { Q_ids: [], C_ids: [], d_data: [0.5], W_data: [], W_row: [], W_col: [], made_by: { program: 'test' } }

const matrices: MatrixReads = {
  ecosystemsWithMatrix: async (wanted) => new Set(wanted.filter((uuid) => uuid === ecosystem)),
  read: async (lines) =>
    lines.map((line) =>
      line.ecosystem === ecosystem || line.matrix === matrix ? { ecosystem, matrix, fields } : undefined,
    ),
}

let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
  Object.assign(server.ports, { matrices })
})
after(() => server.stop())

const fetchMatrices = (...lines: object[]) =>
  server.post('fetch_ecosystem_matrices', {
    ecosystem_matrix_requests: lines.map((line) => ({ request_uuid: randomUUID(), ...line })),
  })

test('by ecosystem or by matrix, spelt as asked; unknown ones are absent', async () => {
  const { json } = await fetchMatrices(
    { ecosystem_uuid: ecosystem.toUpperCase() },
    { ecosystem_uuid: randomUUID() },
    { ecosystem_matrix_uuid: matrix, ecosystem_uuid: null },
  )
  const answers = json.ecosystem_matrix_responses.map(
    ({ request_uuid: _, ...answer }: { request_uuid: string }) => answer,
  )
  assert.deepEqual(answers, [
    { ecosystem_uuid: ecosystem.toUpperCase(), ecosystem_matrix_uuid: matrix, ...fields },
    { ecosystem_uuid: ecosystem, ecosystem_matrix_uuid: matrix, ...fields },
  ])
})

test('both, neither, or more than ten lines are refused', async () => {
  assert.equal((await fetchMatrices({})).status, 400)
  assert.equal((await fetchMatrices({ ecosystem_uuid: ecosystem, ecosystem_matrix_uuid: matrix })).status, 400)
  const many = Array.from({ length: 11 }, () => ({ ecosystem_uuid: ecosystem }))
  assert.equal((await fetchMatrices(...many)).status, 400)
  assert.equal((await fetchMatrices(...many.slice(1))).status, 200)
})

test('a preparation for an ecosystem with a matrix is ready by itself', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  const preparation = randomUUID()
  await server.post('prepare_course_ecosystem', {
    preparation_uuid: preparation,
    course_uuid: uuid,
    sequence_number: 1,
    next_ecosystem_uuid: ecosystem,
    ecosystem_map: {
      from_ecosystem_uuid: randomUUID(),
      to_ecosystem_uuid: ecosystem,
      book_container_mappings: [],
      exercise_mappings: [],
    },
    prepared_at: time,
  })
  const update = { request_uuid: randomUUID(), course_uuid: uuid, sequence_number: 2, preparation_uuid: preparation }
  const { json } = await server.post('update_course_ecosystems', { update_requests: [{ ...update, updated_at: time }] })
  assert.equal(json.update_responses[0].update_status, 'updated_and_ready')
  const statuses = await server.post('fetch_course_ecosystem_statuses', {
    request_uuid: randomUUID(),
    course_uuids: [uuid],
  })
  assert.equal(statuses.json.course_statuses[0].current_ecosystem_status.precompute_is_complete, true)
})
