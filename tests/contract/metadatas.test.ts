import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type ContractServer, course, onEveryBackend, response, time } from './contract-server.ts'

/* api.md §5: how consumers discover streams. */
let server: ContractServer
const contractTest = onEveryBackend((started) => {
  server = started
})

interface Row {
  readonly uuid: string
  readonly initial_ecosystem_uuid?: string
  readonly metadata_sequence_number: number
}

/** From the offset to the end, as a consumer reads: page by page, each from the highest number + 1. */
async function readAll(kind: 'course' | 'ecosystem', from: number, page: number): Promise<Row[]> {
  const rows: Row[] = []
  for (let offset = from; ; ) {
    const body = { metadata_sequence_number_offset: offset, max_num_metadatas: page }
    const { json } = await server.post(`fetch_${kind}_metadatas`, body)
    const more: Row[] = json[`${kind}_responses`]
    rows.push(...more)
    offset = (more.at(-1)?.metadata_sequence_number ?? offset) + 1
    if (more.length < page) return rows
  }
}

contractTest('courses are numbered from 0, gapless, and carry their first ecosystem', async () => {
  const before = await readAll('course', 0, 100)
  const ecosystem = randomUUID()
  const uuids = Array.from({ length: 5 }, () => randomUUID())
  for (const uuid of uuids) await server.post('create_course', course(uuid, { ecosystem_uuid: ecosystem }))
  const rows = await readAll('course', before.length, 2)
  assert.deepEqual(
    rows,
    uuids.map((uuid, index) => ({
      uuid,
      initial_ecosystem_uuid: ecosystem,
      metadata_sequence_number: before.length + index,
    })),
  )
})

contractTest(
  '[M21] a course whose other events came first is listed only when created, and not below others',
  async () => {
    const early = randomUUID()
    const late = randomUUID()
    await server.post('record_responses', { responses: [response(late, 1)] })
    const before = await readAll('course', 0, 1000)
    assert.ok(before.every(({ uuid }) => uuid !== late))
    await server.post('create_course', course(early))
    await server.post('create_course', course(late))
    const rows = await readAll('course', before.length, 1000)
    assert.deepEqual(
      rows.map(({ uuid }) => uuid),
      [early, late],
    )
  },
)

contractTest('[M14] a repeated create gets no second number', async () => {
  const uuid = randomUUID()
  await server.post('create_course', course(uuid))
  await server.post('create_course', course(uuid))
  const rows = await readAll('course', 0, 1000)
  assert.equal(rows.filter((row) => row.uuid === uuid).length, 1)
})

contractTest('concurrent creates leave no hole in the numbers', async () => {
  const before = await readAll('course', 0, 1000)
  await Promise.all(Array.from({ length: 20 }, () => server.post('create_course', course(randomUUID()))))
  const rows = await readAll('course', before.length, 7)
  assert.deepEqual(
    rows.map((row) => row.metadata_sequence_number),
    Array.from({ length: 20 }, (_, index) => before.length + index),
  )
})

contractTest('ecosystems have numbers of their own', async () => {
  const before = await readAll('ecosystem', 0, 1000)
  const uuid = randomUUID()
  const body = { ecosystem_uuid: uuid, book: { cnx_identity: null, contents: [] }, exercises: [], imported_at: time }
  await server.post('create_ecosystem', body)
  assert.deepEqual(await readAll('ecosystem', before.length, 10), [{ uuid, metadata_sequence_number: before.length }])
})
