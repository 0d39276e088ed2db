import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { PassThrough } from 'node:stream'
import { after, before, test } from 'node:test'
import { errorList } from '#api/errors.ts'
import { buildServer } from '#api/server.ts'
import { createMemoryPorts, testConfig } from '#api/testing/memory-ports.ts'
import { type ContractServer, response, startMemoryServer } from './contract-server.ts'

/* api.md §1: paths, tokens, content type, parsing, error shapes. */
let server: ContractServer
const secret = 'a secret'
const token = { 'biglearn-api-token': secret }
const bodyBytesMax = 100_000

before(async () => {
  const tokens = { api: ['an old secret', secret], scheduler: [], sparfa: ['sparfa secret'], operator: [] }
  server = await startMemoryServer({ tokens, bodyBytesMax, pathPrefix: '/biglearn/v1' })
})
after(() => server.stop())

const empty = { responses: [] }

test('everything but POST on a known path is the JSON 404', async () => {
  const wanted = { status: 404, error: 'Not Found' }
  for (const [method, path] of [
    ['GET', '/record_responses'],
    ['PUT', '/record_responses'],
    ['DELETE', '/record_responses'],
    ['POST', '/record_response'],
    ['POST', '/'],
    ['POST', '/livez'],
    ['GET', '/%zz'],
    ['GET', '/record_responses/..%2f'],
  ] as const) {
    const answer = await server.send(path, { method, headers: token })
    assert.equal(answer.status, 404, `${method} ${path}`)
    assert.deepEqual(answer.json, wanted, `${method} ${path}`)
    assert.equal(answer.headers.get('content-type'), 'application/json; charset=utf-8')
  }
})

test('paths are normalised: slashes, .json, query, configured prefix', async () => {
  for (const path of [
    '/record_responses',
    '//record_responses',
    '///record_responses//',
    '/record_responses/',
    '/record_responses.json',
    '//record_responses.json?x=1',
    '/biglearn/v1/record_responses',
    '//biglearn//v1//record_responses/',
  ]) {
    const answer = await server.send(path, {
      method: 'POST',
      headers: { ...token, 'content-type': 'application/json' },
      body: JSON.stringify(empty),
    })
    assert.equal(answer.status, 200, path)
    assert.deepEqual(answer.json, { recorded_response_uuids: [] })
  }
})

test('[M1] a missing or wrong token is 400 before anything else', async () => {
  const errors = ['request has an invalid Biglearn-Api-Token']
  for (const headers of [{}, { 'biglearn-api-token': 'wrong' }, { 'biglearn-api-token': '' }] as const) {
    const answer = await server.send('/record_responses', { method: 'POST', headers, body: 'not json' })
    assert.equal(answer.status, 400)
    assert.deepEqual(answer.json, { errors })
    assert.equal(answer.headers.get('biglearn-error-code'), 'token_invalid')
  }
})

test('[M1] every configured secret opens, each endpoint has its own audience', async () => {
  const old = await server.post('record_responses', empty, { 'biglearn-api-token': 'an old secret' })
  assert.equal(old.status, 200)
  const asked = { ecosystem_matrix_requests: [] }
  const wrong = await server.post('fetch_ecosystem_matrices', asked, token)
  assert.deepEqual(wrong.json, { errors: ['request has an invalid Biglearn-Sparfa-Token'] })
  const right = await server.post('fetch_ecosystem_matrices', asked, { 'biglearn-sparfa-token': 'sparfa secret' })
  assert.deepEqual(right.json, { ecosystem_matrix_responses: [] })
})

test('the content type must be JSON; parameters and the old alias are fine', async () => {
  const errors = ['request must have Content-Type = application/json']
  for (const type of ['text/plain', 'application/jsonp', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const answer = await server.post('record_responses', '{"responses":[]}', { ...token, 'content-type': type })
    assert.equal(answer.status, 400, type)
    assert.deepEqual(answer.json, { errors, request: '{"responses":[]}' })
  }
  for (const type of ['application/json; charset=utf-8', 'Application/JSON;charset=x', 'text/x-json']) {
    const answer = await server.post('record_responses', empty, { ...token, 'content-type': type })
    assert.equal(answer.status, 200, type)
  }
})

test('a request without body or content type is refused for its content type', async () => {
  const answer = await server.send('/record_responses', { method: 'POST', headers: token })
  assert.equal(answer.status, 400)
  assert.deepEqual(answer.json, { errors: ['request must have Content-Type = application/json'], request: '' })
})

test('the body must be a JSON object', async () => {
  for (const body of ['', 'null', '[]', '"text"', '3', '{', '{"responses":[],}', 'NaN', '\u{feff}[]']) {
    const answer = await server.post('record_responses', body, token)
    assert.equal(answer.status, 400, JSON.stringify(body))
    assert.equal(answer.json.errors[0], 'could not parse request json payload')
    assert.equal(answer.json.request, body)
    assert.equal(answer.headers.get('biglearn-error-code'), 'body_not_json')
  }
})

test('bytes that are not UTF-8 are refused', async () => {
  const answer = await server.send('/record_responses', {
    method: 'POST',
    headers: { ...token, 'content-type': 'application/json' },
    body: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  })
  assert.equal(answer.status, 400)
  assert.deepEqual(answer.json.errors, ['could not parse request json payload', 'the body is not UTF-8'])
})

test('duplicate keys: the last one counts; __proto__ is a key like any other', async () => {
  const twice = await server.post('record_responses', '{"responses":3,"responses":[]}', token)
  assert.equal(twice.status, 200)
  const poisoned = await server.post('record_responses', '{"responses":[],"__proto__":{"x":1},"constructor":1}', token)
  assert.equal(poisoned.status, 200)
  const missing = await server.post('record_responses', '{"__proto__":{"responses":[]}}', token)
  assert.equal(missing.status, 400)
})

test('[M2] a refused body is repeated up to 2 KiB', async () => {
  const body = JSON.stringify({ responses: 'x'.repeat(10_000) })
  const answer = await server.post('record_responses', body, token)
  assert.equal(answer.status, 400)
  assert.equal(answer.json.request, body.slice(0, 2048))
})

test('a body beyond the limit is 413', async () => {
  const answer = await server.post('record_responses', { responses: [], x: 'x'.repeat(bodyBytesMax) }, token)
  assert.equal(answer.status, 413)
  assert.deepEqual(answer.json, { errors: [errorList.body_too_large.message] })
})

test('a body beyond the limit is 413 without Content-Length as well', async () => {
  const url = new URL('/record_responses', server.url)
  const status = await new Promise<number>((done, fail) => {
    const headers = { ...token, 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
    const sent = request(url, { method: 'POST', headers }, (answer) => {
      answer.resume()
      done(answer.statusCode ?? 0)
    })
    sent.on('error', fail)
    sent.write(`{"x":"${'x'.repeat(bodyBytesMax)}`)
    sent.end('"}')
  })
  assert.equal(status, 413)
})

test('[M4] a failure is a JSON 500 with an id that is in the log, and names nothing else', async () => {
  const failing = await startMemoryServer()
  const logged: string[] = []
  failing.ports.logger.error = (fields) => void logged.push(JSON.stringify(fields))
  try {
    failing.ports.log.append = () => Promise.reject(new Error('secret detail'))
    const answer = await failing.post('record_responses', { responses: [response(randomUUID(), 1)] })
    assert.equal(answer.status, 500)
    assert.deepEqual(Object.keys(answer.json).sort(), ['error_id', 'errors'])
    assert.equal(answer.text.includes('secret detail'), false)
    assert.equal(logged.length, 1)
    assert.ok(logged[0]?.includes(answer.json.error_id))
  } finally {
    await failing.stop()
  }
})

test('more large bodies at once than memory allows are 503, and room comes back', async () => {
  const small = await startMemoryServer()
  const megabytes = 60
  const body = JSON.stringify({ responses: [], x: 'x'.repeat(megabytes * 1024 * 1024) })
  try {
    const answers = await Promise.all(Array.from({ length: 6 }, () => small.post('record_responses', body)))
    const statuses = answers.map(({ status }) => status).toSorted()
    assert.deepEqual([statuses[0], statuses.at(-1)], [200, 503])
    const refused = answers.find(({ status }) => status === 503)
    assert.equal(refused?.headers.get('biglearn-error-code'), 'overloaded')
    assert.equal((await small.post('record_responses', body)).status, 200)
  } finally {
    await small.stop()
  }
})

test('large bodies are counted without Content-Length as well, and room comes back', { timeout: 120_000 }, async () => {
  const server = await buildServer(createMemoryPorts(), testConfig())
  const piece = Buffer.alloc(14 * 1024 * 1024, ' ')
  /** All but the end of bodies that are together larger than memory allows. */
  const begin = () =>
    Array.from({ length: 5 }, () => {
      const body = new PassThrough()
      for (let pieces = 0; pieces < 4; pieces += 1) body.write(piece)
      const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' }
      return { body, answer: server.inject({ method: 'POST', url: '/record_responses', headers, payload: body }) }
    })
  try {
    for (const _ of ['at first', 'again']) {
      const begun = begin()
      const refused = await Promise.race(begun.map(({ answer }) => answer))
      assert.deepEqual([refused.statusCode, refused.headers['biglearn-error-code']], [503, 'overloaded'])
      for (const { body } of begun) body.end('{')
      const statuses = (await Promise.all(begun.map(({ answer }) => answer))).map(({ statusCode }) => statusCode)
      assert.deepEqual(statuses.toSorted(), [400, 400, 400, 400, 503])
    }
  } finally {
    await server.close()
  }
})
