import assert from 'node:assert/strict'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type ClientOptions, createClient } from './client.ts'
import { ReplyUnexpected, RequestGivenUp, RequestRefused } from './errors.ts'
import type { Retry } from './transport.ts'

interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly text: string
}
interface Answer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body: unknown
  /** Cuts the connection instead of answering. */
  readonly isCut?: boolean
}

/** A server on the loopback interface that answers from a script, and a client of it that never waits for real. */
async function serve(
  context: TestContext,
  answer: (received: Received, index: number) => Answer | Promise<Answer>,
  options: Partial<ClientOptions> = {},
) {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', async () => {
      const { method = '', url = '', headers } = request
      const entry = { method, path: url, headers, text: Buffer.concat(chunks).toString() }
      received.push(entry)
      const { status = 200, headers: replyHeaders = {}, body, isCut } = await answer(entry, received.length - 1)
      if (isCut === true) return request.socket.destroy()
      response.writeHead(status, { 'content-type': 'application/json', ...replyHeaders })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const slept: number[] = []
  const retries: Retry[] = []
  let now = 1_000_000
  const client = createClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clock: {
      now: () => now,
      sleep: async (ms) => {
        slept.push(ms)
        now += ms
      },
    },
    random: () => 1,
    onRetry: (retry) => retries.push(retry),
    ...options,
  })
  return { client, received, slept, retries }
}

const course = {
  course_uuid: 'c',
  ecosystem_uuid: 'e',
  is_real_course: true,
  starts_at: '2026-01-01T00:00:00Z',
  ends_at: '2026-06-01T00:00:00Z',
  created_at: '2026-01-01T00:00:00Z',
}
const created = { body: { created_course_uuid: 'c' } }
const noOp = (number: number) => ({ request_uuid: `n${number}`, course_uuid: 'c', sequence_number: number })
const acceptNoOps = ({ text }: Received): Answer => ({
  body: {
    no_op_responses: JSON.parse(text).no_ops.map((item: { request_uuid: string }) => ({
      request_uuid: item.request_uuid,
      status: 'accepted',
    })),
  },
})

test('each audience has its own token header', async (context) => {
  const tokens = { api: 'one', scheduler: 'two', sparfa: 'three', operator: 'four' }
  const answer = () => ({ body: { ecosystem_matrix_responses: [], ecosystem_matrix_updates: [], ecosystems: [] } })
  const { client, received } = await serve(context, answer, { tokens })
  await client.createCourse(course)
  await client.fetchEcosystemMatrixUpdates({ algorithm_name: 'mine' })
  await client.fetchEcosystemMatrices([{ request_uuid: 'r', ecosystem_uuid: 'e' }])
  await client.fetchStatus()
  assert.deepEqual(
    received.map(({ method, path, headers }) => [
      `${method} ${path}`,
      headers['biglearn-api-token'] ??
        headers['biglearn-scheduler-token'] ??
        headers['biglearn-sparfa-token'] ??
        headers['authorization'],
    ]),
    [
      ['POST /create_course', 'one'],
      ['POST /fetch_ecosystem_matrix_updates', 'two'],
      ['POST /fetch_ecosystem_matrices', 'three'],
      ['GET /status', 'Bearer four'],
    ],
  )
  assert.equal(received[0]!.headers['content-type'], 'application/json')
  assert.deepEqual(JSON.parse(received[0]!.text), course)
})

test('every transient failure is retried with the same bytes', async (context) => {
  const failures: Answer[] = [
    { status: 503, body: { errors: ['full'] } },
    { status: 429, body: {} },
    { status: 408, body: {} },
    { status: 425, body: {} },
    { status: 500, body: '<html>error</html>' },
    { body: '<html>please log in</html>' },
    { body: [] },
    { status: 404, body: '<html>no backend</html>' },
    { body: '', isCut: true },
  ]
  const { client, received, slept } = await serve(context, (_, index) => failures[index] ?? created)
  assert.deepEqual(await client.createCourse(course), created.body)
  assert.equal(received.length, failures.length + 1)
  assert.equal(new Set(received.map(({ text }) => text)).size, 1)
  assert.deepEqual(slept, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000])
})

test('the furthest position of the writes is kept, and goes with the reads that name it, retries included', async (context) => {
  const positions = ['0/9', '0/10', '0/F', 'A/0', '9/FFFFFFFF']
  const { client, received } = await serve(context, ({ path }, index) => {
    if (path !== '/fetch_course_metadatas')
      return { ...created, headers: { 'biglearn-position': positions[index] ?? '' } }
    return index === positions.length ? { status: 503, body: {} } : { body: { course_responses: [] } }
  })
  const asked = { metadata_sequence_number_offset: 0, max_num_metadatas: 1 }
  assert.equal(client.position(), undefined)
  const kept = []
  for (const _ of positions) {
    await client.createCourse(course)
    kept.push(client.position())
  }
  assert.deepEqual(kept, ['0/9', '0/10', '0/10', 'A/0', 'A/0'])
  await client.fetchCourseMetadatas(asked, { position: client.position() })
  await client.fetchCourseMetadatas(asked)
  const sent = received.slice(positions.length).map(({ headers }) => headers['biglearn-position'])
  assert.deepEqual(sent, ['A/0', 'A/0', undefined])
})

test('the caller is told of answers that were behind', async (context) => {
  const behind: string[] = []
  const line = { request_uuid: 'r', student_uuid: 's', book_container_uuid: 'b', algorithm_name: 'biglearn_sparfa' }
  const body = { student_clue_responses: [{ request_uuid: 'r' }] }
  const answer = (_: Received, index: number) =>
    index === 0 ? { headers: { 'biglearn-behind': '1' }, body } : { body }
  const { client } = await serve(context, answer, { onBehind: (endpoint) => behind.push(endpoint) })
  await client.fetchStudentClues([line])
  await client.fetchStudentClues([line])
  assert.deepEqual(behind, ['fetch_student_clues'])
})

test('Retry-After is honoured', async (context) => {
  const busy = { status: 503, headers: { 'retry-after': '90' }, body: { errors: [] } }
  const { client, slept, retries } = await serve(context, (_, index) => (index === 0 ? busy : created))
  await client.createCourse(course)
  assert.deepEqual(slept, [90_200])
  assert.deepEqual(
    retries.map(({ endpoint, attempts, delayMs }) => ({ endpoint, attempts, delayMs })),
    [{ endpoint: 'create_course', attempts: 1, delayMs: 90_200 }],
  )
})

test('a refusal is not retried and carries status, code and reply', async (context) => {
  const reply = { exception: 'Conflict', errors: ['slot taken'], conflicts: [{ sequence_number: 3 }] }
  const refused = { status: 422, headers: { 'biglearn-error-code': 'SEQUENCE_NUMBER_TAKEN' }, body: reply }
  const { client, received } = await serve(context, () => refused)
  await assert.rejects(client.createCourse(course), (error: unknown) => {
    assert.ok(error instanceof RequestRefused)
    assert.deepEqual([error.status, error.code, error.reply], [422, 'SEQUENCE_NUMBER_TAKEN', reply])
    assert.match(error.message, /create_course was refused with 422: slot taken/)
    return true
  })
  assert.equal(received.length, 1)
})

test('"too large" is final even when a proxy says it', async (context) => {
  const { client, received } = await serve(context, () => ({ status: 413, body: '<html>too large</html>' }))
  await assert.rejects(client.createCourse(course), RequestRefused)
  assert.equal(received.length, 1)
})

test('a call with a deadline gives up, and says what it met last', async (context) => {
  const { client, received } = await serve(context, () => ({ status: 503, body: { errors: ['asleep'] } }))
  await assert.rejects(client.createCourse(course, { giveUpAfterMs: 1500 }), (error: unknown) => {
    assert.ok(error instanceof RequestGivenUp)
    assert.equal(error.attempts, received.length)
    assert.match(error.message, /gave up after 4 attempts: 503 .*asleep/)
    return true
  })
})

test('a read gives up after a minute unless it is told otherwise, a write does not', async (context) => {
  const answer = ({ path }: Received, index: number): Answer =>
    path === '/create_course' && index > 30 ? created : { status: 503, body: {} }
  const { client, slept } = await serve(context, answer)
  const line = { request_uuid: 'r', assignment_uuid: 'a', algorithm_name: 'biglearn_sparfa' }
  const waited = () => slept.splice(0).reduce((sum, ms) => sum + ms, 0)
  await assert.rejects(client.fetchAssignmentPes([line]), RequestGivenUp)
  assert.ok(waited() < 60_000)
  await assert.rejects(client.fetchAssignmentPes([line], { giveUpAfterMs: 1000 }), RequestGivenUp)
  assert.ok(waited() < 1000)
  assert.deepEqual(await client.createCourse(course), created.body)
  assert.ok(waited() > 60_000)
})

test('a silent server is given up per attempt, not waited for', async (context) => {
  const answer = (_: Received, index: number) => (index === 0 ? new Promise<Answer>(() => {}) : created)
  const { client, received } = await serve(context, answer, { attemptMsMax: 50 })
  assert.deepEqual(await client.createCourse(course), created.body)
  assert.equal(received.length, 2)
})

test('an aborted call stops and throws the reason', async (context) => {
  const controller = new AbortController()
  const answer = () => {
    controller.abort(new Error('shutting down'))
    return { status: 503, body: {} }
  }
  const { client, received } = await serve(context, answer)
  await assert.rejects(client.createCourse(course, { signal: controller.signal }), /shutting down/)
  assert.equal(received.length, 1)
})

test('long lists travel in slices of 1000, one after the other, and answers keep their order', async (context) => {
  const { client, received } = await serve(context, acceptNoOps)
  const lines = await client.recordNoOps(Array.from({ length: 2500 }, (_, number) => noOp(number)))
  assert.deepEqual(
    received.map(({ text }) => JSON.parse(text).no_ops.length),
    [1000, 1000, 500],
  )
  assert.deepEqual(
    lines.map(({ request_uuid }) => request_uuid),
    Array.from({ length: 2500 }, (_, n) => `n${n}`),
  )
})

test('rosters travel in slices of 100, and every list respects the byte limit', async (context) => {
  const answerRosters = ({ text }: Received) => ({ body: { updated_rosters: JSON.parse(text).rosters } })
  const { client, received } = await serve(context, answerRosters, { requestBytesMax: 20_000 })
  const roster = (number: number, size: number) => ({
    ...noOp(number),
    course_containers: [],
    students: [],
    padding: 'x'.repeat(size),
  })
  await client.updateRosters(Array.from({ length: 101 }, (_, number) => roster(number, 10)))
  await client.updateRosters([roster(0, 15_000), roster(1, 15_000), roster(2, 50_000)])
  assert.deepEqual(
    received.map(({ text }) => JSON.parse(text).rosters.length),
    [100, 1, 1, 1, 1],
  )
})

test('recorded responses are distinct over all slices', async (context) => {
  const { client } = await serve(context, () => ({ body: { recorded_response_uuids: ['a', 'b'] } }), {
    requestBytesMax: 1,
  })
  const response = {
    ...noOp(1),
    response_uuid: 'a',
    ecosystem_uuid: 'e',
    trial_uuid: 't',
    student_uuid: 's',
    exercise_uuid: 'x',
    is_correct: true,
    is_real_response: true,
    responded_at: '2026-01-01T00:00:00Z',
  }
  assert.deepEqual(await client.recordResponses([response, response]), ['a', 'b'])
})

test('a reply of another shape is an error instead of a silent loss', async (context) => {
  const { client } = await serve(context, () => ({ body: { hello: 'world' } }))
  await assert.rejects(client.recordNoOps([noOp(1)]), ReplyUnexpected)
  const short = await serve(context, () => ({ body: { no_op_responses: [] } }))
  await assert.rejects(short.client.recordNoOps([noOp(1)]), /one line per item: 0 for 1/)
})

test('no more requests are in flight than allowed', async (context) => {
  let inFlight = 0
  let highest = 0
  const answer = async () => {
    inFlight += 1
    highest = Math.max(highest, inFlight)
    await new Promise((resolve) => setTimeout(resolve, 5))
    inFlight -= 1
    return created
  }
  const { client } = await serve(context, answer, { requestsInFlightMax: 3 })
  await Promise.all(Array.from({ length: 12 }, () => client.createCourse(course)))
  assert.equal(highest, 3)
})

test('subscriptions that wait for events do not hold up other calls', async (context) => {
  const waiting: (() => void)[] = []
  const answer = async ({ path }: Received): Promise<Answer> => {
    if (!path.endsWith('/fetch')) return created
    await new Promise<void>((done) => waiting.push(done))
    return { body: { is_paused: false, slots: [], batches: [], retries: [] } }
  }
  const { client } = await serve(context, answer, { requestsInFlightMax: 2 })
  const lease = { instance_uuid: 'i', lease_seconds: 30, wait_seconds: 20, max_num_events: 1 }
  const fetches = ['one', 'two', 'three'].map((name) => client.subscription(name).fetch(lease))
  await client.createCourse(course)
  while (waiting.length < fetches.length) await new Promise((done) => setTimeout(done, 1))
  for (const done of waiting) done()
  await Promise.all(fetches)
})

/** Every place is taken by a write that hangs until `answer`; time passes only by `context.mock.timers`. */
async function crowdedClient(context: TestContext) {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  const requests: string[] = []
  const release = Promise.withResolvers<void>()
  const client = createClient({
    url: 'http://biglearn.test',
    requestsInFlightMax: 1,
    attemptMsMax: 3_600_000,
    async fetch(address) {
      requests.push(new URL(String(address)).pathname)
      await release.promise
      return Response.json({ created_course_uuid: 'c' })
    },
  })
  const write = client.createCourse(course)
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  return { client, requests, write, release: release.resolve, turn }
}

test('a read waited behind others past its deadline, because the wait for a place was not timed', async (context) => {
  const { client, requests, write, release, turn } = await crowdedClient(context)
  const outcome = client.fetchStatus({ giveUpAfterMs: 200 }).catch((error: unknown) => error)
  await turn()
  context.mock.timers.tick(200)
  const settled = await Promise.race([outcome, turn().then(() => 'still waiting')])
  assert.ok(settled instanceof RequestGivenUp, String(settled))
  assert.equal(settled.attempts, 0)
  release()
  await write
  await client.createCourse(course)
  assert.deepEqual(requests, ['/create_course', '/create_course'])
})

test('an aborted read went on waiting for its place', async (context) => {
  const { client, requests, write, release, turn } = await crowdedClient(context)
  const stop = new AbortController()
  const outcome = client.fetchStatus({ signal: stop.signal }).catch((error: unknown) => error)
  await turn()
  stop.abort(new Error('shutting down'))
  assert.match(String(await Promise.race([outcome, turn().then(() => 'still waiting')])), /shutting down/)
  release()
  await write
  assert.deepEqual(requests, ['/create_course'])
})

test('an address or token that can never work fails at once', () => {
  assert.throws(() => createClient({ url: 'not an address' }), TypeError)
  assert.throws(() => createClient({ url: 'http://127.0.0.1:1', tokens: { api: 'a\nb' } }), TypeError)
})
