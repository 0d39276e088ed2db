import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createMetrics } from '#api/metrics.ts'
import { buildManagementServer, buildServer } from '#api/server.ts'
import { createMemoryPorts, testConfig } from '#api/testing/memory-ports.ts'
import { LogOverloaded } from '#log/log.ts'
import { type MemoryServer, response, startMemoryServer } from './contract-server.ts'

/* operations.md OP-P1, OP-P2, OP-P5: the paths of supervisors, and what happens when the server can not serve. */
let server: MemoryServer
before(async () => {
  server = await startMemoryServer()
})
after(() => server.stop())

const get = (path: string) => server.send(path, { method: 'GET' })
const course = 'c0000000-0000-4000-8000-000000000009'

test('/livez, /readyz, /version answer JSON without a token', async () => {
  assert.deepEqual((await get('/livez')).json, { ok: true })
  assert.deepEqual((await get('/readyz')).json, { ready: true, failing: [] })
  const version = await get('/version')
  const keys = ['build', 'commit', 'group', 'schema_max', 'schema_min', 'schema_seen', 'started_at']
  assert.deepEqual(Object.keys(version.json).toSorted(), keys)
})

test('/metrics counts by route and status and holds no ids', async () => {
  await server.post('record_responses', { responses: [response(course, 0)] })
  await server.post('record_responses', {})
  const { text, headers } = await get('/metrics')
  assert.match(headers.get('content-type') ?? '', /^text\/plain/)
  assert.match(text, /^biglearn_http_requests_total\{route="record_responses",status="200"\} 1$/m)
  assert.match(text, /^biglearn_http_requests_total\{route="record_responses",status="400"\} 1$/m)
  assert.match(text, /^biglearn_http_request_duration_seconds_count\{route="record_responses"\} 2$/m)
  assert.equal(text.includes(course), false)
})

test('/openapi.json and the page that shows it', async () => {
  const document = await get('/openapi.json')
  assert.equal(document.json.openapi, '3.1.0')
  const page = await get('/docs')
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
})

test('with a management port the operational paths are there and only there', async () => {
  const ports = createMemoryPorts()
  const metrics = createMetrics()
  const wire = await buildServer(ports, testConfig({ operationalPaths: 'elsewhere' }), metrics)
  const management = buildManagementServer(ports, testConfig(), metrics)
  try {
    for (const url of ['/livez', '/readyz', '/version', '/metrics']) {
      assert.equal((await wire.inject({ method: 'GET', url })).statusCode, 404, url)
      assert.equal((await management.inject({ method: 'GET', url })).statusCode, 200, url)
    }
    assert.equal((await management.inject({ method: 'POST', url: '/record_responses' })).statusCode, 404)
  } finally {
    await wire.close()
    await management.close()
  }
})

test('not ready is 503 with the names of what fails, and the details only when asked for', async () => {
  const failing = await startMemoryServer()
  const checks = { database: { ok: false, ms: 500, detail: 'no answer within 500 ms' } }
  Object.assign(failing.ports.readiness, { check: async () => ({ ready: false, checks }) })
  try {
    const short = await failing.send('/readyz', { method: 'GET' })
    assert.deepEqual([short.status, short.json], [503, { ready: false, failing: ['database'] }])
    const long = await failing.send('/readyz?verbose', { method: 'GET' })
    assert.deepEqual([long.status, long.json], [503, checks])
  } finally {
    await failing.stop()
  }
})

test('while the database is away the wire answers 503 at once, after token and schema', async () => {
  const failing = await startMemoryServer({
    tokens: { api: ['x'], scheduler: [], sparfa: [], operator: [] },
  })
  Object.assign(failing.ports.readiness, { isFailing: () => true })
  try {
    const answer = await failing.post('record_responses', { responses: [] }, { 'biglearn-api-token': 'x' })
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('retry-after'), '1')
    assert.equal(answer.headers.get('biglearn-error-code'), 'database_unavailable')
    assert.equal((await failing.post('record_responses', { responses: [] })).status, 400)
    assert.equal((await failing.post('record_responses', {}, { 'biglearn-api-token': 'x' })).status, 400)
  } finally {
    await failing.stop()
  }
})

const body = { responses: [response(course, 1)] }

test('a full queue is 503 with the time to wait', async () => {
  const failing = await startMemoryServer()
  failing.ports.log.append = () => Promise.reject(new LogOverloaded(3, 'a test'))
  try {
    const answer = await failing.post('record_responses', body)
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('retry-after'), '3')
    assert.equal(answer.headers.get('biglearn-error-code'), 'overloaded')
  } finally {
    await failing.stop()
  }
})

test('while the storage is full writes are 503 and reads are served', async () => {
  const full = await startMemoryServer()
  const noRoom = Object.assign(new Error('could not extend file'), { code: '53100' })
  const read = { metadata_sequence_number_offset: 0, max_num_metadatas: 1 }
  let isFull = true
  Object.assign(full.ports, { storage: { isFull: () => isFull, tellsFull: (error: unknown) => error === noRoom } })
  const append = full.ports.log.append
  try {
    for (const tell of ['the volume', 'the database']) {
      const answer = await full.post('record_responses', body)
      assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '5'], tell)
      assert.equal(answer.headers.get('biglearn-error-code'), 'storage_full', tell)
      assert.equal((await full.post('fetch_course_metadatas', read)).status, 200, tell)
      isFull = false
      full.ports.log.append = () => Promise.reject(noRoom)
    }
    full.ports.log.append = append
    assert.equal((await full.post('record_responses', body)).status, 200)
  } finally {
    await full.stop()
  }
})

test('numbers too far ahead are 503 and name what is missing', async () => {
  const answer = await server.post('record_responses', { responses: [response(course, 2 ** 31 - 1)] })
  assert.equal(answer.status, 503)
  assert.equal(answer.headers.get('biglearn-error-code'), 'too_far_ahead')
  assert.match(answer.json.errors[1], new RegExp(`^${course} lacks numbers 1 to `))
})

test('no-ops too far ahead are 503 and name what is missing too, each range once', async () => {
  const other = 'c0000000-0000-4000-8000-00000000000a'
  const noOp = (uuid: string, number: number) => ({ request_uuid: uuid, course_uuid: uuid, sequence_number: number })
  const lines = [noOp(course, 2 ** 31 - 1), noOp(other, 2 ** 31 - 2), noOp(course, 2 ** 31 - 2), noOp(course, 1)]
  const answer = await server.post('record_no_ops', { no_ops: lines })
  assert.equal(answer.status, 503)
  assert.equal(answer.headers.get('biglearn-error-code'), 'too_far_ahead')
  const [, ...missing]: string[] = answer.json.errors
  assert.equal(missing.length, 2)
  assert.match(missing[0] ?? '', new RegExp(`^${course} lacks numbers [12] to ${2 ** 31 - 3}$`))
  assert.equal(missing[1], `${other} lacks numbers 0 to ${2 ** 31 - 3}`)
})

test('a failover is waited for, and 503 when it takes too long', async () => {
  const broken = () => Object.assign(new Error('the server is shutting down'), { code: '57P01' })
  const patient = await startMemoryServer({ failoverWaitMs: 5000 })
  const append = patient.ports.log.append
  let failures = 2
  patient.ports.log.append = (events) => (failures-- > 0 ? Promise.reject(broken()) : append(events))
  try {
    assert.equal((await patient.post('record_responses', body)).status, 200)
  } finally {
    await patient.stop()
  }
  const impatient = await startMemoryServer({ failoverWaitMs: 50 })
  impatient.ports.log.append = () => Promise.reject(broken())
  try {
    const answer = await impatient.post('record_responses', body)
    assert.equal(answer.status, 503)
    assert.equal(answer.headers.get('biglearn-error-code'), 'database_unavailable')
  } finally {
    await impatient.stop()
  }
})

test('a statement that timed out is 503 at once, and not tried again', async () => {
  const slow = await startMemoryServer({ failoverWaitMs: 5000 })
  let attempts = 0
  slow.ports.log.append = () => {
    attempts += 1
    return Promise.reject(Object.assign(new Error('canceling statement due to statement timeout'), { code: '57014' }))
  }
  try {
    const answer = await slow.post('record_responses', body)
    assert.deepEqual([answer.status, attempts], [503, 1])
  } finally {
    await slow.stop()
  }
})

test('a failure beside the wire is the JSON 500 as well', async () => {
  const ports = createMemoryPorts()
  const beside = await buildServer(ports, testConfig())
  beside.get('/beside', async () => {
    throw new Error('secret detail')
  })
  try {
    const answer = await beside.inject({ method: 'GET', url: '/beside' })
    assert.equal(answer.statusCode, 500)
    assert.deepEqual(Object.keys(answer.json()).toSorted(), ['error_id', 'errors'])
    assert.equal(answer.body.includes('secret detail'), false)
    assert.equal(ports.logged.length, 1)
  } finally {
    await beside.close()
  }
})

test('closing lets a request in flight finish and closes its connection', async () => {
  const closing = await startMemoryServer()
  const append = closing.ports.log.append
  const reached = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  closing.ports.log.append = async (events) => {
    reached.resolve()
    await release.promise
    return append(events)
  }
  const answer = closing.post('record_responses', body)
  await reached.promise
  const stopped = closing.stop()
  release.resolve()
  assert.equal((await answer).status, 200)
  await stopped
  await assert.rejects(closing.post('record_responses', body))
})
