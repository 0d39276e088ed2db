import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import { toUuid } from '#domain/ids.ts'
import type { ConsoleData, ListQuery, StudentQuery } from './console-data.ts'
import { consolePlugin } from './console-plugin.ts'

const course = toUuid('0b0e7c1e-5b0f-4b53-9b0a-0d6c3c1f2a10')
const student = toUuid('f5f5c1de-0c3c-4f0c-8a43-9a3b8a1f7b22')
const authorization = 'Bearer operator'

/** What the routes asked their port for. */
const asked: unknown[] = []
const data: ConsoleData = {
  overview: () => Promise.reject(new Error('the database is gone')),
  courses: async (query: ListQuery) => {
    asked.push(query)
    return { lines: [], total: 0 }
  },
  course: async () => undefined,
  students: async (_course, query: StudentQuery) => {
    asked.push(query)
    return { lines: [], total: 0 }
  },
  forecast: async (_course, subject) => {
    asked.push(subject)
    return { answers: 4, students: { used: 2, total: 2 }, matrix: null, clues: [] }
  },
  operations: async () => ({
    subscriptions: [],
    experiments: [],
    lanes: [],
    lanesTotal: 0,
    blocked: { total: 0, streams: [] },
  }),
  act: async (deed) => {
    asked.push(deed)
    return deed.deed === 'skip' ? { kind: 'refused', why: 'it moved on' } : { kind: 'done' }
  },
  matrix: async () => undefined,
  clueBasis: async (...uuids) => {
    asked.push(uuids)
    return undefined
  },
  assignments: async (...uuids) => {
    asked.push(uuids)
    return []
  },
  practice: async (...uuids) => {
    asked.push(uuids)
    return undefined
  },
  picks: async (...uuids) => {
    asked.push(uuids)
    return undefined
  },
}

let folder: string
let server: FastifyInstance
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'biglearn-console-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>console</title>')
  await writeFile(join(folder, 'assets', 'main-1.js'), 'void 0')
  server = Fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false } } })
  await server.register(consolePlugin({ data, folder, isOperator: (given) => given.authorization === authorization }))
  await server.ready()
})
after(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

const get = (url: string, headers: { [name: string]: string } = { authorization }): Promise<LightMyRequestResponse> =>
  server.inject({ method: 'GET', url, headers })

test('data needs the operator token, the application does not', async () => {
  for (const headers of [{}, { authorization: 'Bearer other' }]) {
    const refused = await server.inject({ method: 'GET', url: '/console/api/courses', headers })
    assert.equal(refused.statusCode, 401)
    assert.equal(refused.headers['www-authenticate'], 'Bearer')
    assert.deepEqual(refused.json(), { errors: ['the console needs the operator token'] })
  }
  assert.equal((await get('/console/api/courses')).statusCode, 200)
  assert.equal((await get('/console', {})).statusCode, 200)
  assert.equal((await get('/console/assets/main-1.js', {})).statusCode, 200)
})

test('each page of the application answers with it, under a policy that lets nothing in from elsewhere', async () => {
  const pages = ['/', '/console', '/console/operations', `/console/matrices/${student}`, `/console/courses/${course}`]
  const ofStudent = `/console/courses/${course}/students/${student}`
  for (const url of [...pages, `/console/courses/${course}/stream`, ofStudent, `${ofStudent}/assignments`]) {
    const page = await get(url, {})
    assert.equal(page.statusCode, 200, url)
    assert.match(page.body, /<title>console/)
    assert.match(String(page.headers['content-security-policy']), /^default-src 'none'; script-src 'self';/)
    assert.equal(page.headers['cache-control'], 'public, max-age=0')
  }
  const asset = await get('/console/assets/main-1.js', {})
  assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
})

test('everything else is not found', async () => {
  const urls = [
    '/console/nonsense',
    '/console/api/nonsense',
    '/console/assets/other.js',
    '/console/assets/../index.html',
  ]
  for (const url of [...urls, '/index.html']) assert.equal((await get(url)).statusCode, 404, url)
  const unknown = await get(`/console/api/courses/${course}`)
  assert.equal(unknown.statusCode, 404)
})

test('an unchanged view is a 304 without a body', async () => {
  const url = `/console/api/courses/${course}/forecast`
  const first = await get(url)
  assert.deepEqual(first.json(), { answers: 4, students: { used: 2, total: 2 }, matrix: null, clues: [] })
  assert.equal(first.headers['cache-control'], 'private, no-cache')
  const etag = String(first.headers['etag'])
  const second = await get(url, { authorization, 'if-none-match': etag })
  assert.deepEqual([second.statusCode, second.body], [304, ''])
  const other = await get(url, { authorization, 'if-none-match': '"other"' })
  assert.equal(other.statusCode, 200)
})

test('query strings become queries and subjects', async () => {
  asked.length = 0
  await get(`/console/api/courses?starts_with=0B0E&after=${student.toUpperCase()}`)
  await get(`/console/api/courses/${course}/students?container=${student}`)
  await get(`/console/api/courses/${course}/forecast?student=${student}`)
  await get(`/console/api/courses/${course}/forecast?container=${student}`)
  assert.deepEqual(asked, [
    { startsWith: '0b0e', after: student, max: 50 },
    { startsWith: '', after: undefined, max: 50, container: student },
    { kind: 'student', student },
    { kind: 'container', container: student },
  ])
})

test('a deed needs the operator token, a reason and a name, and is refused with words', async () => {
  asked.length = 0
  const by = { actor: 'ada', reason: 'a test' }
  const ofCourse = { subscription: 'learning', kind: 'course', stream: course }
  const post = (payload: object | string, headers = { authorization, 'content-type': 'application/json' }) =>
    server.inject({ method: 'POST', url: '/console/api/deeds', headers, payload })
  const retry = { deed: 'retry', ...ofCourse, ...by }
  assert.equal((await post(retry, { authorization: '', 'content-type': 'application/json' })).statusCode, 401)
  for (const wrong of [
    { ...retry, reason: ' ' },
    { ...retry, actor: '' },
    { ...retry, deed: 'delete' },
    { ...retry, stream: '7' },
    { deed: 'skip', ...ofCourse, ...by },
    { deed: 'lane', kind: 'course', stream: course, policy: 'mine', ...by },
    { deed: 'lane', kind: 'course', stream: course, policy: 'dedicated:1', ...by },
  ]) {
    assert.equal((await post(wrong)).statusCode, 400, JSON.stringify(wrong))
  }
  // What a form on another site could send without being asked first.
  const plain = { authorization, 'content-type': 'text/plain' }
  assert.equal((await post(JSON.stringify(retry), plain)).statusCode, 400)
  assert.deepEqual(asked, [])

  assert.deepEqual((await post(retry)).json(), { status: 'done' })
  const lane = { deed: 'lane', kind: 'course', stream: course, policy: 'dedicated:4', ...by }
  assert.equal((await post(lane)).statusCode, 200)
  const refused = await post({ deed: 'skip', ...ofCourse, number: 3, ...by })
  assert.deepEqual([refused.statusCode, refused.json()], [409, { errors: ['it moved on'] }])
  assert.deepEqual(asked, [retry, lane, { deed: 'skip', ...ofCourse, number: 3, ...by }])
})

test('explanations are asked for by course, student and what is explained', async () => {
  asked.length = 0
  const container = toUuid('aaaaaaaa-0c3c-4f0c-8a43-9a3b8a1f7b22')
  const base = `/console/api/courses/${course}/students/${student}`
  assert.equal((await get(`${base}/basis/${container}`)).statusCode, 404)
  assert.deepEqual((await get(`${base}/assignments`)).json(), [])
  assert.equal((await get(`${base}/assignments/${container}`)).statusCode, 404)
  assert.equal((await get(`${base}/practice`)).statusCode, 404)
  assert.deepEqual(asked, [
    [course, student, container],
    [course, student],
    [course, student, container],
    [course, student],
  ])
  assert.equal((await get('/console/api/operations')).statusCode, 200)
  assert.equal((await get(`/console/api/matrices/${container}`)).statusCode, 404)
  assert.equal((await get(`${base}/basis/7`)).statusCode, 400)
})

test('malformed input is refused before anything is read', async () => {
  asked.length = 0
  const urls = [
    '/courses?starts_with=xyz',
    '/courses?after=7',
    '/courses/7',
    `/courses/${course}/students?container=`,
    `/courses/${course}/forecast?student=7`,
    `/courses/${course}/forecast?student=${student}&container=${student}`,
  ]
  for (const url of urls) assert.equal((await get(`/console/api${url}`)).statusCode, 400, url)
  assert.deepEqual(asked, [])
})

test('a view that cannot be read is a 500, and the instance is named on every answer', async () => {
  const failed = await get('/console/api/overview')
  assert.equal(failed.statusCode, 500)
  const other = await get('/console/api/courses')
  assert.match(String(failed.headers['biglearn-instance']), /^[0-9a-f-]{36}$/)
  assert.equal(failed.headers['biglearn-instance'], other.headers['biglearn-instance'])
})
